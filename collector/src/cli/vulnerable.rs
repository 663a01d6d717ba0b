//! `host vulnerabilities`: what the held feeds say of one host.

use std::fmt::Display;

use super::Setting;
use crate::clock;
use crate::print::{line, plain};
use crate::store::{Store, hosts};
use crate::vulnerabilities::report::{Line, Report};
use crate::vulnerabilities::{Vulnerabilities, step};

/// Prints the report of a host.
pub(super) async fn show(setting: &Setting, store: &Store, text: &str) -> anyhow::Result<()> {
    let (named, days) = (text.to_owned(), setting.config.feeds_days_max);
    let now = clock::now();
    let (name, report) = store
        .read(move |db| {
            let host = hosts::named(db, &named)?;
            let shared = Vulnerabilities::new(days);
            step::only(&shared, db, host.id)?;
            Ok((host.name, Report::of(&shared, host.id, now)))
        })
        .await?;
    if setting.json {
        line(serde_json::to_string(&report)?);
        return Ok(());
    }
    tell(setting, &name, &report);

    Ok(())
}

fn tell(setting: &Setting, name: &str, report: &Report) {
    let system = report.ecosystem.as_deref().unwrap_or("-");
    setting.tell("vuln-head", &[("name", &plain(name)), ("system", &system)]);
    if !report.has_inventory {
        setting.tell("vuln-no-inventory", &[]);
    } else if !report.covered {
        setting.tell("vuln-not-covered", &[]);
    }
    for feed in &report.feeds {
        let values: [(&'static str, &dyn Display); 3] =
            [("name", &feed.name), ("dated", &feed.dated), ("days", &feed.age_days)];
        setting.tell(if feed.too_old { "vuln-feed-old" } else { "vuln-feed" }, &values);
    }
    setting.tell("vuln-with-fix", &[("count", &report.with_fix.len())]);
    lines(setting, &report.with_fix);
    setting.tell("vuln-without-fix", &[("count", &report.without_fix.len())]);
    lines(setting, &report.without_fix);
    setting.tell("vuln-unknown", &[("count", &report.unknown.len())]);
    for it in &report.unknown {
        line(format!("  {}\t{}\t{}", plain(&it.package), plain(&it.version), it.why));
    }
}

fn lines(setting: &Setting, lines: &[Line]) {
    for it in lines {
        let state = setting.say(&format!("vuln-state-{}", it.state), &[]);
        let exploited = if it.exploited { setting.say("vuln-exploited", &[]) } else { String::new() };
        line(format!(
            "  {}\t{}\t{}\t{}\t{state}\t{exploited}{}\t{} {}",
            plain(&it.advisory),
            plain(&it.cves.join(" ")),
            plain(&it.installed.join(", ")),
            plain(it.fixed.as_deref().unwrap_or("-")),
            it.epss_percent(),
            it.feed,
            it.feed_dated.map(|at| at.to_string()).unwrap_or_default()
        ));
    }
}
