//! `host vulnerabilities`: what the held feeds say of one host.

use std::fmt::Display;

use super::Setting;
use crate::clock;
use crate::print::{line, plain};
use crate::store::view::host::newest_states;
use crate::store::{Store, hosts, risks};
use crate::support::Support;
use crate::vulnerabilities::report::{Line, Report};
use crate::vulnerabilities::windows::WindowsReport;
use crate::vulnerabilities::{Vulnerabilities, step};

/// Updates named of one disagreement; the API names all.
const UPDATES_SHOWN: usize = 12;

/// Prints the report of a host.
pub(super) async fn show(setting: &Setting, store: &Store, text: &str) -> anyhow::Result<()> {
    let (named, days) = (text.to_owned(), setting.config.feeds_days_max);
    let now = clock::now();
    let (name, report) = store
        .read(move |db| {
            let host = hosts::named(db, &named)?;
            let shared = Vulnerabilities::new(days);
            step::only(&shared, db, host.id)?;
            let (described, patches) = newest_states(db, host.id)?;
            let risks = risks::of_host(db, host.id, now)?;
            let report = Report::of(&shared, host.id, patches.as_ref(), now).accepting(&risks);
            let report = report.supported(&shared, described.as_ref(), now);
            Ok((host.name, report))
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
    support(setting, report.support.as_ref());
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
    if let Some(windows) = &report.windows {
        tell_windows(setting, windows);
    }
    setting.tell("vuln-with-fix", &[("count", &report.with_fix.len())]);
    lines(setting, &report.with_fix);
    setting.tell("vuln-without-fix", &[("count", &report.without_fix.len())]);
    lines(setting, &report.without_fix);
    setting.tell("vuln-accepted", &[("count", &report.accepted.len())]);
    lines(setting, &report.accepted);
    setting.tell("vuln-unknown", &[("count", &report.unknown.len())]);
    for it in &report.unknown {
        line(format!("  {}\t{}\t{}", plain(&it.package), plain(&it.version), it.why));
    }
}

fn tell_windows(setting: &Setting, windows: &WindowsReport) {
    let product = windows.product.as_deref().unwrap_or("-");
    setting.tell("vuln-windows", &[("product", &product), ("build", &windows.build)]);
    if let Some(why) = windows.not_judged {
        setting.tell(&format!("vuln-windows-{why}"), &[]);
        return;
    }
    let counts: [(&'static str, &dyn Display); 3] =
        [("mended", &windows.mended), ("absent", &windows.absent), ("missing", &windows.missing.join(" "))];
    setting.tell("vuln-windows-counts", &counts);
    if windows.recorded.is_none() {
        setting.tell("vuln-windows-no-record", &[]);
    }
    match (windows.searched_at, windows.searched_missing) {
        (Some(at), Some(count)) => setting.tell("vuln-windows-searched", &[("at", &at), ("count", &count)]),
        (_, _) => setting.tell("vuln-windows-not-searched", &[]),
    }
    for it in &windows.disagreements {
        let says = |word: &str| setting.say(&format!("vuln-says-{word}"), &[]);
        let (build, record, system) =
            (says(it.sources.build), says(it.sources.record), says(it.sources.system));
        let updates: Vec<&str> = it.updates.iter().take(UPDATES_SHOWN).map(String::as_str).collect();
        let values: [(&'static str, &dyn Display); 5] = [
            ("build", &build),
            ("record", &record),
            ("system", &system),
            ("count", &it.advisories.len()),
            ("updates", &updates.join(" ")),
        ];
        setting.tell("vuln-windows-differ", &values);
    }
}

/// The version that mends it, and the update that brings it.
fn fixed(line: &Line) -> String {
    match (&line.fixed, &line.update) {
        (Some(fixed), Some(update)) => format!("{fixed} ({update})"),
        (Some(text), None) | (None, Some(text)) => text.clone(),
        (None, None) => "-".to_owned(),
    }
}

fn support(setting: &Setting, support: Option<&Support>) {
    let Some(it) = support else {
        setting.tell("vuln-support-unknown", &[]);
        return;
    };
    let source = plain(&it.source);
    let values: [(&'static str, &dyn Display); 5] = [
        ("until", &it.free_until),
        ("standard", &it.standard),
        ("days", &it.days),
        ("source", &source),
        ("checked", &it.checked),
    ];
    setting.tell(&format!("vuln-support-{}", it.state), &values);
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
            plain(&fixed(it)),
            it.epss_percent(),
            it.feed,
            it.feed_dated.map(|at| at.to_string()).unwrap_or_default()
        ));
        if !it.also.is_empty() {
            line(format!("    {}", setting.say("vuln-also", &[("others", &plain(&it.also_told()))])));
        }
        for accepted in &it.accepted {
            let (name, by, reason) = (plain(&accepted.name), plain(&accepted.by), plain(&accepted.reason));
            let values: [(&'static str, &dyn Display); 4] =
                [("name", &name), ("day", &accepted.last_day), ("by", &by), ("reason", &reason)];
            line(format!("    {}", setting.say("vuln-accepted-until", &values)));
        }
    }
}
