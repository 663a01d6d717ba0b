//! A version that says its name and then does not work. The words at the end of its own file say which and how:
//! `…VONGGAC-BROKEN 9.0.1 crash` ends at once, `… mute` runs and does nothing, `… lie` says another version.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words = words_at_the_end().unwrap_or_default();
    let mut words = words.split_whitespace();
    let (version, how) = (words.next().unwrap_or("0"), words.next().unwrap_or("crash"));
    if std::env::args().any(|arg| arg == "--version") {
        let said = if how == "lie" { "0.0.9" } else { version };
        drop(writeln!(std::io::stdout(), "vonggac-agent {said}"));
        return ExitCode::SUCCESS;
    }
    if how == "mute" {
        loop {
            std::thread::park();
        }
    }

    ExitCode::from(101)
}

fn words_at_the_end() -> Option<String> {
    let mut file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
    file.seek(SeekFrom::End(-64)).ok()?;
    let mut last = Vec::new();
    file.read_to_end(&mut last).ok()?;
    let text = String::from_utf8_lossy(&last).into_owned();

    text.rsplit_once("VONGGAC-BROKEN ").map(|(_, words)| words.trim().to_owned())
}
