//! What documents and rule files must say.

use std::path::Path;

use anyhow::Context as _;

use super::tree;

/// `docs/wire.md` names every frame and every kind of observation.
///
/// # Errors
/// If a file cannot be read.
pub fn wire_page(root: &Path) -> anyhow::Result<Vec<String>> {
    let page = tree::text(root, "docs/wire.md")?;
    let kinds = words_of_kinds(&tree::text(root, "protocol/src/observation.rs")?)?;
    let frames = variants(&tree::text(root, "protocol/src/frame/mod.rs")?, "Frame")?;
    let missing = |names: &[String], what: &str| -> Vec<String> {
        names
            .iter()
            .filter(|name| !page.contains(&format!("`{name}`")))
            .map(|name| format!("docs/wire.md does not name the {what} {name}"))
            .collect()
    };
    let mut faults = missing(&kinds, "kind");
    faults.extend(missing(&frames, "frame"));

    Ok(faults)
}

/// The words that `Kind::word` gives.
fn words_of_kinds(source: &str) -> anyhow::Result<Vec<String>> {
    let (_, body) = source.split_once("pub fn word(&self)").context("Kind has no word()")?;
    let body = body.split("\n    }").next().unwrap_or_default();
    let words: Vec<String> = body.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    anyhow::ensure!(words.len() > 10, "Kind::word is not read as it stands");

    Ok(words)
}

/// The variants of an enum whose variants have one field.
fn variants(source: &str, name: &str) -> anyhow::Result<Vec<String>> {
    let (_, body) = source.split_once(&format!("pub enum {name} {{")).context("no such enum")?;
    let body = body.split("\n}").next().unwrap_or_default();
    let names: Vec<String> = body
        .lines()
        .filter_map(|line| line.trim().split_once('('))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with(|letter: char| letter.is_ascii_uppercase()))
        .collect();
    anyhow::ensure!(names.len() > 5, "enum {name} is not read as it stands");

    Ok(names)
}

/// Every rule of `rules/packs` carries an observation that must make it fire and one that must not.
///
/// # Errors
/// If a file cannot be read.
pub fn rules_with_trials(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in tree::files(root, "rules/packs", ".yml")? {
        // A document without our block is only counted by others.
        for (at, rule) in tree::text(root, &path)?.split("\n---").enumerate() {
            let says = |line: &str| {
                rule.lines().any(|found| found.trim().trim_start_matches("- ").starts_with(line))
            };
            if !says("vonggac:") {
                continue;
            }
            for wanted in ["fires: true", "fires: false", "clauses:"] {
                if !says(wanted) {
                    faults.push(format!("{path}: rule {} has no `{wanted}`", at + 1));
                }
            }
        }
    }

    Ok(faults)
}
