//! From a write to its finding in an incident, seen through the API.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::{quantile, rounded, this_executable};
use crate::programs::{Province, instant, rest, wait_for};

const CHANGES: usize = 200;

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let pages = folder.path().join("pages");
    std::fs::create_dir(&pages)?;
    let _collector = province.serve()?;
    province.enrol("agent", &Province::watch_only("web", &pages))?;
    let _agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;

    let mut figures = Vec::with_capacity(CHANGES);
    for number in 1..=CHANGES {
        let path = pages.join(format!("page-{number}.html"));
        let start = instant();
        std::fs::write(&path, format!("page {number}"))?;
        wait_for("the finding", Duration::from_secs(30), || {
            (findings(&province).ok()? >= number).then_some(())
        })?;
        figures.push(start.elapsed().as_secs_f64() * 1000.0);
        rest(Duration::from_millis(50));
    }
    figures.sort_by(f64::total_cmp);

    let mut map = Map::new();
    map.insert("changes".to_owned(), CHANGES.into());
    map.insert("p50_ms".to_owned(), rounded(quantile(&figures, 0.5).context("figures")?));
    map.insert("p99_ms".to_owned(), rounded(quantile(&figures, 0.99).context("figures")?));

    Ok(map)
}

/// How many findings of changed pages stand in incidents; the machine's own patch state may stand in others.
fn findings(province: &Province) -> anyhow::Result<usize> {
    let incidents = province.get("/api/v1/incidents?rule=web-page-changed")?;
    let counts =
        incidents["items"].as_array().context("items")?.iter().filter_map(|one| one["findings"].as_u64());

    Ok(usize::try_from(counts.sum::<u64>())?)
}
