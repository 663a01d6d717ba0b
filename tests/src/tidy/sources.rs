//! One system's code in one place, lengths, tables of contents, nothing unfinished.

use std::collections::BTreeSet;
use std::path::Path;

use super::tree;

/// Lines of one file: what a person can still hold in mind.
const LINES_MAX: usize = 700;

/// The only file that may ask which system it is built for.
const CHOOSERS: [&str; 2] = ["agent/src/os/mod.rs", "carrier/src/os.rs"];

/// Parts of the agent and of the collector that only `run.rs`, the tests and the part itself may name.
const PARTS: [(&str, &[&str]); 2] =
    [("agent", &["spool", "sensor", "link"]), ("collector", &["listen", "console"])];

/// The exceptions, each with its reason: what the link sends lies in the spool, and is read when the wire has room.
const MAY_REACH: [(&str, &str); 1] = [("link", "spool")];

/// Who may name a part besides the part itself: the life of the process, and what people start by hand.
const JOINERS: [&str; 6] = ["run", "cli", "lib", "main", "doctor", "status"];

/// `agent/src/os/linux` and `agent/src/os/windows` answer the same questions in the same files.
///
/// # Errors
/// If a folder cannot be read.
pub fn same_files_for_both_systems(root: &Path) -> anyhow::Result<Vec<String>> {
    let names = |system: &str| -> anyhow::Result<BTreeSet<String>> {
        let dir = format!("agent/src/os/{system}/");
        let files = tree::files(root, &dir, ".rs")?;

        Ok(files.into_iter().filter_map(|path| path.strip_prefix(&dir).map(str::to_owned)).collect())
    };
    let (linux, windows) = (names("linux")?, names("windows")?);
    if linux.is_empty() {
        return Ok(vec!["agent/src/os/linux is empty".to_owned()]);
    }

    Ok(linux
        .symmetric_difference(&windows)
        .map(|name| format!("agent/src/os: only one system has {name}"))
        .collect())
}

/// `cfg` of a system stands in one file of the agent, and in one of what agent and collector share.
///
/// # Errors
/// If a file cannot be read.
pub fn system_chosen_once(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in tree::rust_files(root)? {
        if CHOOSERS.contains(&path.as_str())
            || path.ends_with("build.rs")
            || path.contains("/tidy")
            || is_test(&path)
        {
            continue;
        }
        for (number, line) in tree::text(root, &path)?.lines().enumerate() {
            if conditions(line).any(names_a_system) {
                faults.push(format!("{path}:{}: asks which system it is built for", number + 1));
            }
        }
    }

    Ok(faults)
}

/// A test may need what only one system has, such as a link; the program it tests may not.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// What stands in the brackets of each `cfg(…)`, `cfg!(…)` and `cfg_attr(…)` of a line.
fn conditions(line: &str) -> impl Iterator<Item = &str> {
    ["cfg(", "cfg!(", "cfg_attr("].into_iter().filter_map(move |opener| {
        let code = line.split("//").next().unwrap_or_default();

        code.split_once(opener).map(|(_, rest)| rest)
    })
}

fn names_a_system(condition: &str) -> bool {
    condition
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .any(|word| matches!(word, "unix" | "windows" | "target_os" | "target_family"))
}

/// No file is longer than a person can hold in mind.
///
/// # Errors
/// If a file cannot be read.
pub fn short_files(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in tree::rust_files(root)? {
        let lines = tree::text(root, &path)?.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{path} has {lines} lines, at most {LINES_MAX} are read by anybody"));
        }
    }

    Ok(faults)
}

/// A folder is opened at its `mod.rs` or `lib.rs`, which begins by saying what is in it.
///
/// # Errors
/// If a file cannot be read.
pub fn tables_of_contents(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in tree::rust_files(root)? {
        let opens = path.ends_with("/mod.rs") || path.ends_with("/lib.rs");
        if opens && !tree::text(root, &path)?.starts_with("//!") {
            faults.push(format!("{path} does not begin by saying what it is about"));
        }
    }

    Ok(faults)
}

/// No macro that panics where a program should be.
///
/// # Errors
/// If a file cannot be read.
pub fn nothing_unfinished(root: &Path) -> anyhow::Result<Vec<String>> {
    let words =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut faults = Vec::new();
    for path in tree::rust_files(root)? {
        for (number, line) in tree::text(root, &path)?.lines().enumerate() {
            faults.extend(
                words
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{path}:{}: {word}", number + 1)),
            );
        }
    }

    Ok(faults)
}

/// Parts of a crate meet in `run.rs`; they do not reach into each other.
///
/// # Errors
/// If a file cannot be read.
pub fn parts_keep_apart(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (member, parts) in PARTS {
        let source = format!("{member}/src/");
        for path in tree::files(root, &source, ".rs")? {
            let own = path
                .strip_prefix(&source)
                .and_then(|rest| rest.split(['/', '.']).next())
                .unwrap_or_default()
                .to_owned();
            if JOINERS.contains(&own.as_str()) || !parts.contains(&own.as_str()) {
                continue;
            }
            let text = tree::text(root, &path)?;
            for part in parts.iter().filter(|part| **part != own && !MAY_REACH.contains(&(&own, part))) {
                if text.contains(&format!("crate::{part}::")) || text.contains(&format!("use crate::{part};"))
                {
                    faults.push(format!("{path} reaches into {part}"));
                }
            }
        }
    }

    Ok(faults)
}
