//! How many of SigmaHQ's active rules our engine compiles, and whether their regression samples match as stated.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Map, Value};
use vonggac_rules::foreign::{ForeignSet, windows};

use super::folder::{self, Sample};
use crate::measure::progress;

pub(in crate::measure) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = folder::named()?;
    let sources = folder::active_rules(&folder)?;
    let (set, refused) = ForeignSet::load(&sources);
    for refused in &refused {
        progress(&format!("not taken: {}: {}", refused.path, refused.reason));
    }
    let samples = folder::samples(&folder)?;
    if samples.is_empty() || set.read() == 0 {
        bail!("{} holds no rules or no samples", folder.display());
    }
    let mut figures = Figures::default();
    for sample in &samples {
        figures.add(&set, sample)?;
    }

    let mut map = Map::new();
    for (name, count) in [
        ("files", sources.len()),
        ("rules", set.read()),
        ("compiled", set.compiled()),
        ("log_sources", set.log_sources()),
        ("samples", samples.len()),
        ("records", figures.records),
        ("matched", figures.matched),
        ("stated_counts", figures.stated),
        ("counts_exact", figures.exact),
        ("exceptions", refused.len() + figures.exceptions),
        ("other_rules_that_matched", figures.others.len()),
    ] {
        map.insert(name.to_owned(), count.into());
    }

    Ok(map)
}

#[derive(Default)]
struct Figures {
    records: usize,
    matched: usize,
    stated: usize,
    exact: usize,
    exceptions: usize,
    others: BTreeMap<String, u64>,
}

impl Figures {
    fn add(&mut self, set: &ForeignSet, sample: &Sample) -> anyhow::Result<()> {
        let shown = sample.path.display();
        let mut exception = |text: String| {
            progress(&text);
            self.exceptions += 1;
        };
        let mut matches: u64 = 0;
        for record in folder::records(&sample.path)? {
            self.records += 1;
            let Some((origin, flat)) = windows::read(&record) else {
                exception(format!("no record of Windows: {shown}"));
                continue;
            };
            for matched in set.matches(&origin, &flat) {
                if sample.rules.contains(&matched.id) {
                    matches += 1;
                } else {
                    *self.others.entry(matched.id).or_default() += 1;
                }
            }
        }
        match matches {
            0 => exception(format!("no match: {shown}")),
            _ => self.matched += 1,
        }
        if let Some(stated) = sample.stated {
            self.stated += 1;
            match matches == stated {
                true => self.exact += 1,
                false => exception(format!("stated {stated} records, matched {matches}: {shown}")),
            }
        }

        Ok(())
    }
}
