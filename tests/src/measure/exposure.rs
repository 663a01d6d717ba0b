//! What `systemd-analyze security` says of our units.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::rounded;

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    let mut map = Map::new();
    for (name, limit) in [("agent", 3.0), ("collector", 2.0)] {
        let unit = units.join(format!("vonggac-{name}.service"));
        let output = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(unit)
            .output()
            .context("run systemd-analyze (package systemd)")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let verdict = text.lines().rfind(|line| line.contains("exposure level")).context("a verdict")?;
        let score: f64 = verdict.split_whitespace().find_map(|word| word.parse().ok()).context("a score")?;
        map.insert(format!("{name}_exposure"), rounded(score));
        map.insert(format!("{name}_ratio_to_limit"), rounded(score / limit));
    }
    map.insert("ratio_to".to_owned(), "our own limits: agent 3.0, collector 2.0".into());

    Ok(map)
}
