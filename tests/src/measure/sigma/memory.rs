//! A correlation under a million distinct keys: how much memory it takes, and how fast it counts.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_protocol::id::{Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::window::{ENTRIES_MAX, Entry, GROUPS_MAX, GroupKey, Measure, Windows};

use crate::measure::rounded;
use crate::programs::instant;

const KEYS: u32 = 1_000_000;

pub(in crate::measure) fn measure() -> anyhow::Result<Map<String, Value>> {
    let before = resident()?;
    let begun = instant();
    let mut windows = Windows::default();
    let mut fired = 0_u32;
    let mut groups = 0;
    for n in 0..KEYS {
        let key = GroupKey {
            rule: "counted".to_owned(),
            agency: "so-van-hoa".to_owned(),
            values: vec![format!("/srv/du-lieu/{n}")],
        };
        // Every thirtieth key comes a second time at once, which is enough to fire.
        for turn in 0..=u64::from(n % 30 == 0) {
            let id = ObservationId {
                host: HostId([1; 16]),
                epoch: Epoch(1),
                lane: Lane::Prompt,
                seq: Seq(u64::from(n) * 2 + turn),
            };
            let entry = Entry { at: Timestamp(i64::from(n)), value: id.to_string(), id, step: 0 };
            let measure = Measure { threshold: 2, span: Duration::from_secs(86_400), ordered: false };
            fired += u32::from(windows.count(&key, measure, entry).is_some());
        }
        groups = groups.max(windows.len());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = resident()?;

    let mut map = Map::new();
    map.insert("distinct_keys".to_owned(), KEYS.into());
    map.insert("groups_kept_at_most".to_owned(), groups.into());
    map.insert("groups_limit".to_owned(), GROUPS_MAX.into());
    map.insert("entries_limit".to_owned(), ENTRIES_MAX.into());
    map.insert("memory_mib".to_owned(), rounded((after - before) / 1024.0));
    map.insert("fired".to_owned(), fired.into());
    map.insert("expected".to_owned(), KEYS.div_ceil(30).into());
    map.insert("keys_per_s".to_owned(), rounded(f64::from(KEYS) / seconds));

    Ok(map)
}

/// Kibibytes of memory that this process has.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;

    line.trim_end_matches("kB").trim().parse().context("read VmRSS")
}
