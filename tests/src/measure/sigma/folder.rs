//! A checkout of SigmaHQ's repository: its active rules and its regression samples.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;
use vonggac_rules::ruleset::RuleSource;

/// One sample: the record of an attack, and the rules that must see it.
pub(super) struct Sample {
    /// The file of its records.
    pub(super) path: PathBuf,
    /// Ids of the rules.
    pub(super) rules: Vec<String>,
    /// How many records must match, where it is stated.
    pub(super) stated: Option<u64>,
}

/// The folder that the command line names.
pub(super) fn named() -> anyhow::Result<PathBuf> {
    let folder = std::env::args().nth(2).map(PathBuf::from).context("name a checkout of SigmaHQ/sigma")?;
    if !folder.join("regression_data").is_dir() {
        bail!("{} is no checkout of SigmaHQ/sigma: it has no regression_data", folder.display());
    }

    Ok(folder)
}

/// The rules in force: those below `rules` and `rules-*`; neither deprecated nor unsupported ones.
pub(super) fn active_rules(folder: &Path) -> anyhow::Result<Vec<RuleSource>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder)? {
        let top = entry?.path();
        if top.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rules")) {
            for path in files(&top, "yml")? {
                let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                let path = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                sources.push(RuleSource { path, text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));

    Ok(sources)
}

/// The regression samples, in order of file.
pub(super) fn samples(folder: &Path) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for path in files(&folder.join("regression_data"), "yml")? {
        let info: Value = yaml_serde::from_str(&fs::read_to_string(&path)?)
            .with_context(|| format!("read {}", path.display()))?;
        let list = |key: &str| info.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let rules: Vec<String> =
            list("rule_metadata").iter().filter_map(|of| Some(of.get("id")?.as_str()?.to_owned())).collect();
        for test in list("regression_tests_info") {
            let Some(named) = test.get("path").and_then(Value::as_str) else { continue };
            samples.push(Sample {
                // The same records stand beside the binary log as JSON.
                path: folder.join(named.replace('\\', "/")).with_extension("json"),
                rules: rules.clone(),
                stated: test.get("match_count").and_then(Value::as_u64),
            });
        }
    }

    Ok(samples)
}

/// The records of a file: objects in a row, or in a list.
pub(super) fn records(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut records = Vec::new();
    for value in serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}')).into_iter::<Value>()
    {
        match value.with_context(|| format!("read {}", path.display()))? {
            Value::Array(items) => records.extend(items),
            one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                records.push(one);
            }
        }
    }

    Ok(records)
}

/// Files with this ending below a folder, in order.
fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();

    Ok(found)
}
