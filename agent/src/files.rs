//! `vonggac-agent files`: one folder recorded or compared, in words.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Error};
use clap::Subcommand;
use vonggac_protocol::file::{FileAction, FileKind, FileState};

use crate::config::Config;
use crate::print::{self, Lang, Message};
use crate::sensor::files::kept_differences;
use crate::sensor::files::once::{self, Depth, Difference, Folder, FolderError, Part};
use crate::status::local;

/// The folder differs from its baseline.
const EXIT_DIFFERENCES: u8 = 1;

/// The question could not be answered.
const EXIT_ERROR: u8 = 2;

/// Characters of a digest that a person compares by eye.
const DIGEST_SHOWN: usize = 16;

#[derive(Subcommand, Debug)]
pub(crate) enum FilesCommand {
    /// Ghi đường cơ sở của một thư mục / record the baseline of a folder
    Create(Arguments),
    /// So một thư mục với đường cơ sở: mã 0 không khác, 1 có khác, 2 lỗi / compare: exit 0 same, 1 differs, 2 error
    Check {
        #[command(flatten)]
        arguments: Arguments,
        /// Đọc lại mọi nội dung / read all content again
        #[arg(long)]
        full: bool,
    },
    /// Các khác biệt đã giữ của một tệp khai là văn bản / the kept differences of a file declared as text
    Difference {
        /// Tệp / the file
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
}

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Thư mục / the folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Tệp giữ đường cơ sở / the file that holds the baseline
    #[arg(long, value_name = "FILE")]
    baseline: PathBuf,
    /// Số bộ xử lý được dùng / processors to use
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    processors: u16,
}

/// Does it; every error is said here, because its exit code differs from those of other commands.
pub(crate) fn obey(command: &FilesCommand, config: &Config, lang: Lang) -> ExitCode {
    let result = match command {
        FilesCommand::Create(arguments) => create(arguments, config, lang),
        FilesCommand::Check { arguments, full } => {
            let depth = if *full { Depth::Content } else { Depth::Metadata };
            check(arguments, depth, config, lang)
        }
        FilesCommand::Difference { path } => difference(path, config, lang),
    };

    result.unwrap_or_else(|error| {
        print::complain(print::chain(in_words(error).as_ref(), lang));
        ExitCode::from(EXIT_ERROR)
    })
}

fn create(arguments: &Arguments, config: &Config, lang: Lang) -> Result<ExitCode, Error> {
    let summary = once::create(&folder(arguments, config)?)?;
    let message = Message::new("files-created")
        .with("paths", summary.paths)
        .with("bytes", print::bytes(summary.bytes))
        .with("unreadable", summary.unreadable)
        .with("seconds", seconds(summary.took))
        .with("digest", summary.digest);
    print::tell(lang, &message);

    Ok(ExitCode::SUCCESS)
}

fn check(arguments: &Arguments, depth: Depth, config: &Config, lang: Lang) -> Result<ExitCode, Error> {
    let mut tell = |difference: Difference| print::line(say(&difference, lang));
    let checked = once::check(&folder(arguments, config)?, depth, &mut tell)?;
    let id = if checked.differences == 0 { "files-same" } else { "files-differ" };
    let message = Message::new(id)
        .with("paths", checked.paths)
        .with("differences", checked.differences)
        .with("unreadable", checked.unreachable)
        .with("seconds", seconds(checked.took));
    print::tell(lang, &message);

    Ok(if checked.differences == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DIFFERENCES) })
}

/// What of a declared text is kept on this machine, the oldest first.
fn difference(path: &Path, config: &Config, lang: Lang) -> Result<ExitCode, Error> {
    let path = std::path::absolute(path).context("find where we are")?;
    let kept = kept_differences(&config.state_dir, &path).context("read the kept differences")?;
    if kept.is_empty() {
        print::tell(lang, &Message::new("files-no-difference"));
    }
    for one in kept {
        let head = Message::new("files-difference").with("at", local(one.at)).with("digest", one.digest);
        print::tell(lang, &head);
        for line in one.text.lines() {
            print::line(quiet(line));
        }
    }

    Ok(ExitCode::SUCCESS)
}

fn folder(arguments: &Arguments, config: &Config) -> Result<Folder, Error> {
    let absolute = |path: &Path| std::path::absolute(path).context("find where we are");

    Ok(Folder {
        dir: absolute(&arguments.dir)?,
        baseline_path: absolute(&arguments.baseline)?,
        excluded: config.exclude.0.clone(),
        hash_bytes_max: config.file_bytes_max,
        processors: usize::from(arguments.processors),
    })
}

fn in_words(error: Error) -> Box<dyn std::error::Error + Send + Sync> {
    let message = match error.downcast_ref::<FolderError>() {
        Some(FolderError::NoFolder) => Message::new("files-no-folder"),
        Some(FolderError::Excluded) => Message::new("files-excluded"),
        Some(FolderError::Taken) => Message::new("files-taken"),
        Some(FolderError::NoBaseline) => Message::new("files-no-baseline"),
        Some(FolderError::OtherFolder) => Message::new("files-other-folder"),
        Some(FolderError::Damaged(aside)) => {
            Message::new("files-damaged").with("path", quiet(&aside.display().to_string()))
        }
        None => {
            Message::new("files-failed").because(error.reallocate_into_boxed_dyn_error_without_backtrace())
        }
    };

    message.into()
}

/// One difference as a line.
fn say(difference: &Difference, lang: Lang) -> String {
    let id = match difference.action {
        FileAction::Created => "files-line-created",
        FileAction::Modified => "files-line-modified",
        FileAction::MetadataChanged => "files-line-metadata",
        FileAction::Deleted => "files-line-deleted",
    };
    let line = Message::new(id).with("path", quiet(difference.path.as_str())).say(lang);
    let (Some(before), Some(after)) = (&difference.before, &difference.after) else { return line };
    let parts: Vec<String> =
        difference.parts().into_iter().map(|part| say_part(part, before, after, lang)).collect();
    if parts.is_empty() {
        return line;
    }

    format!("{line}: {}", parts.join("; "))
}

fn say_part(part: Part, before: &FileState, after: &FileState, lang: Lang) -> String {
    let (id, value): (_, &dyn Fn(&FileState) -> String) = match part {
        Part::Kind => ("files-part-kind", &|state| kind(state.kind).say(lang)),
        Part::Size => ("files-part-size", &|state| state.size.to_string()),
        Part::Content => ("files-part-content", &|state| match &state.digest {
            Some(digest) => digest.to_string().chars().take(DIGEST_SHOWN).collect(),
            None => Message::new("files-unknown").say(lang),
        }),
        Part::Target => ("files-part-target", &|state| match &state.link_target {
            Some(target) => quiet(target.as_str()),
            None => Message::new("files-unknown").say(lang),
        }),
        Part::Mode => ("files-part-mode", &|state| format!("{:04o}", state.mode)),
        Part::Owner => ("files-part-owner", &|state| quiet(&state.owner)),
        Part::Group => ("files-part-group", &|state| quiet(&state.group)),
        Part::Attributes => ("files-part-attributes", &|state| match &state.attributes {
            Some(digest) => digest.to_string().chars().take(DIGEST_SHOWN).collect(),
            None => Message::new("files-none").say(lang),
        }),
        Part::Modified => ("files-part-modified", &|state| local(state.modified)),
    };

    Message::new(id).with("before", value(before)).with("after", value(after)).say(lang)
}

fn kind(kind: FileKind) -> Message {
    Message::new(match kind {
        FileKind::File => "files-kind-file",
        FileKind::Directory => "files-kind-directory",
        FileKind::Link => "files-kind-link",
        FileKind::Other => "files-kind-other",
    })
}

/// A name without what a terminal would obey: whoever makes a file must not write on the reader's screen.
fn quiet(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_control() { text.extend(char.escape_default()) } else { text.push(char) }
    }

    text
}

fn seconds(took: std::time::Duration) -> String {
    let tenths = took.as_millis() / 100;

    format!("{},{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_write_on_the_readers_screen() {
        assert_eq!(quiet("/a\u{1b}[2J\nb/Hoà"), "/a\\u{1b}[2J\\nb/Hoà");
    }
}
