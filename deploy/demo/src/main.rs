//! The first look: a collector, its console and a real agent of this very machine, with one command.
//!
//! | module | subject |
//! |---|---|
//! | [`story`] | what happens, from top to bottom |
//! | [`programs`] | the two real programs: this executable, run again as one of them |
//! | [`words`] | what is printed, in the reader's language |

mod programs;
mod story;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::words::Words;

/// Xem thử Vọng Gác trên máy này. / A first look at Vọng Gác on this machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Thư mục duy nhất được ghi. / The only folder written to.
    #[arg(long, default_value = "vonggac-demo")]
    folder: PathBuf,
    /// Dừng khi sự cố đầu tiên đã có; dòng cuối là JSON. / Stop at the first incident; the last line is JSON.
    #[arg(long)]
    once: bool,
    /// vi | en
    #[arg(long, env = "VONGGAC_LANG", default_value = "vi")]
    lang: String,
}

fn main() -> ExitCode {
    if let Some(code) = programs::become_program() {
        return code;
    }
    let cli = Cli::parse();
    let words = Words::new(&cli.lang);

    match story::tell(&cli.folder, cli.once, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            words.fail(&error);
            ExitCode::FAILURE
        }
    }
}
