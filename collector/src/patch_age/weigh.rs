//! The answer for one host, from what its package manager and the advisories say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::time::Timestamp;

use crate::vulnerabilities::report::{Line, Report};

/// How a host stands to the policy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
// Incidents have a state as well; the API's description has one name for each.
#[schema(as = PatchAgeState)]
pub enum State {
    /// A security patch has waited for too long.
    Broken,
    /// Nothing can tell that none has.
    Unknown,
    /// None has.
    Kept,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Kept => "kept",
        }
    }
}

/// A package whose patch has waited for too long.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
pub struct Breaking {
    /// Its name.
    pub package: String,
    /// The version installed.
    pub installed: String,
    /// The version that mends it.
    pub candidate: String,
    /// Since when that has been there.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Whole days since then.
    pub days: u64,
    /// `offered`: the machine's package manager offers it since then. `advisory`: it was published then.
    pub basis: &'static str,
    /// The archive that offers it, or the advisory.
    pub by: String,
    /// The feed of the advisory; `null` for an archive.
    pub feed: Option<String>,
    /// Whether a person accepted the risk: then it does not break the policy, and stays listed.
    pub accepted: bool,
}

/// How a host stands, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weighed {
    /// How.
    pub state: State,
    /// Why nothing can tell: `not_told`, `no_lists`, `lists_old`, `not_all_told`, `watched_too_short`.
    pub why: Option<&'static str>,
    /// What has waited for too long, the longest first.
    pub breaking: Vec<Breaking>,
}

/// What is known of one host.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What it told of its patches.
    pub patches: Option<&'a PatchState>,
    /// What the advisories say, accepted risks apart.
    pub report: &'a Report,
    /// Since when it is watched.
    pub enrolled_at: Timestamp,
}

/// Weighs one host: may a security patch wait for `days` and no longer?
#[must_use]
pub fn weigh(known: Known<'_>, days: u32, now: Timestamp) -> Weighed {
    let most = Duration::from_secs(u64::from(days) * 86_400);
    let mut waiting: BTreeMap<String, Breaking> = BTreeMap::new();
    let mut wait = |breaking: Breaking| {
        let kept = waiting.entry(breaking.package.clone()).or_insert_with(|| breaking.clone());
        if breaking.since < kept.since {
            *kept = breaking;
        }
    };
    let pending = known.patches.map(|it| it.pending.as_slice()).unwrap_or_default();
    for update in pending.iter().filter(|update| update.security) {
        wait(Breaking {
            package: update.name.clone(),
            installed: update.installed.clone(),
            candidate: update.candidate.clone(),
            since: update.first_seen,
            days: 0,
            basis: "offered",
            by: update.origin.clone(),
            feed: None,
            accepted: false,
        });
    }
    let open = advised(&known.report.with_fix);
    let accepted = advised(&known.report.accepted);
    let open_names: BTreeSet<String> = open.iter().map(|it| it.package.clone()).collect();
    let accepted_names: BTreeSet<String> = accepted.iter().map(|it| it.package.clone()).collect();
    open.into_iter().chain(accepted).for_each(&mut wait);

    let mut breaking: Vec<Breaking> = waiting.into_values().filter(|it| now.since(it.since) > most).collect();
    for it in &mut breaking {
        it.days = now.since(it.since).as_secs() / 86_400;
        it.accepted = accepted_names.contains(&it.package) && !open_names.contains(&it.package);
    }
    breaking.sort_by(|a, b| (a.since, &a.package).cmp(&(b.since, &b.package)));
    let state = if breaking.iter().any(|it| !it.accepted) {
        State::Broken
    } else if is_told_by_feeds(known.report) {
        State::Kept
    } else if let Some(why) = untold_by_lists(known, most, now) {
        return Weighed { state: State::Unknown, why: Some(why), breaking };
    } else {
        State::Kept
    };

    Weighed { state, why: None, breaking }
}

/// Fixes that can be had now and whose publication has a date, package by package as they are installed.
fn advised(lines: &[Line]) -> Vec<Breaking> {
    let lines = lines.iter().filter(|line| line.state == "fixable");
    lines
        .filter_map(|line| Some((line, line.fixed.as_ref()?, line.fix_published()?)))
        .flat_map(|(line, fixed, (published, advisory, feed))| {
            line.installed.iter().map(move |installed| {
                let (package, version) = installed.split_once(' ').unwrap_or((installed, ""));
                Breaking {
                    package: package.to_owned(),
                    installed: version.to_owned(),
                    candidate: fixed.clone(),
                    since: published,
                    days: 0,
                    basis: "advisory",
                    by: advisory.to_owned(),
                    feed: Some(feed.to_owned()),
                    accepted: false,
                }
            })
        })
        .collect()
}

/// Whether advisories alone can tell: a feed speaks for the machine, none is too old, and every fix has its day.
fn is_told_by_feeds(report: &Report) -> bool {
    let fixable = |line: &&Line| line.state == "fixable";
    report.covered
        && report.has_inventory
        && !report.is_old()
        && report.with_fix.iter().filter(fixable).all(|line| line.fix_published().is_some())
}

/// Why the package manager's lists cannot tell that nothing waits for too long; `None` if they can.
fn untold_by_lists(known: Known<'_>, most: Duration, now: Timestamp) -> Option<&'static str> {
    let Some(patches) = known.patches else { return Some("not_told") };
    let Some(lists_at) = patches.lists_at.max(patches.refreshed_at) else { return Some("no_lists") };
    let Some(security) = patches.security_count else { return Some("no_lists") };
    // Older lists miss patches that are too old by now.
    if now.since(lists_at) > most {
        return Some("lists_old");
    }
    let told = patches.pending.iter().filter(|update| update.security).count();
    if u64::try_from(told).unwrap_or(u64::MAX) < security {
        return Some("not_all_told");
    }
    // What was offered before the first look bears the day of that look.
    (security > 0 && now.since(known.enrolled_at) <= most).then_some("watched_too_short")
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::patch::PendingUpdate;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_312_345_678);

    fn ago(days: u64) -> Timestamp {
        NOW.minus(Duration::from_secs(days * 86_400 + 60))
    }

    fn offered(name: &str, security: bool, days: u64) -> PendingUpdate {
        PendingUpdate {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            installed: "1".to_owned(),
            candidate: "2".to_owned(),
            security,
            origin: "Debian-Security bookworm-security".to_owned(),
            first_seen: ago(days),
        }
    }

    fn patches(pending: Vec<PendingUpdate>) -> PatchState {
        let security = pending.iter().filter(|update| update.security).count();
        PatchState {
            lists_at: Some(ago(1)),
            last_update: None,
            pending_count: u64::try_from(pending.len()).unwrap(),
            security_count: u64::try_from(security).ok(),
            pending,
            reboot_needed: None,
            kernel_running: String::new(),
            kernel_installed: None,
            automatic: None,
            refreshed_at: None,
            upgraded_at: None,
            pro: None,
            kernel_build: None,
            stale: None,
            windows: None,
        }
    }

    fn line(package: &str, published: Option<Timestamp>) -> Line {
        Line {
            advisory: format!("ALSA-{package}"),
            package: package.to_owned(),
            installed: vec![format!("{package} 1.0")],
            fixed: Some("1.1".to_owned()),
            state: "fixable",
            published,
            feed: "alma".to_owned(),
            ..Line::default()
        }
    }

    fn covered(with_fix: Vec<Line>) -> Report {
        Report { covered: true, has_inventory: true, with_fix, ..Report::default() }
    }

    fn weighed(patches: Option<&PatchState>, report: &Report) -> (State, Option<&'static str>, Vec<String>) {
        let weighed = weigh(Known { patches, report, enrolled_at: ago(400) }, 30, NOW);
        let names = weighed.breaking.iter().map(|it| format!("{} {} {}", it.package, it.days, it.basis));

        (weighed.state, weighed.why, names.collect())
    }

    #[test]
    fn the_packages_that_break_the_policy_are_named_and_no_others() {
        let nothing = Report::default();
        let late =
            patches(vec![offered("vim", true, 29), offered("nginx", true, 31), offered("less", false, 90)]);

        assert_eq!(
            weighed(Some(&late), &nothing),
            (State::Broken, None, vec!["nginx 31 offered".to_owned()])
        );
        let in_time = patches(vec![offered("vim", true, 29)]);
        assert_eq!(weighed(Some(&in_time), &nothing), (State::Kept, None, vec![]));
    }

    #[test]
    fn an_advisory_knows_of_a_patch_before_the_agent_first_saw_it() {
        let seen_late = patches(vec![offered("nginx", true, 2)]);
        let report = covered(vec![line("nginx", Some(ago(45))), line("vim", Some(ago(3)))]);

        let (state, _, names) = weighed(Some(&seen_late), &report);

        assert_eq!((state, names), (State::Broken, vec!["nginx 45 advisory".to_owned()]));
        assert_eq!(weighed(None, &report).0, State::Broken, "and where no lists are read");
    }

    #[test]
    fn what_nothing_can_tell_is_unknown_and_says_why() {
        let nothing = Report::default();
        let none = patches(vec![]);
        let kept = |change: fn(&mut PatchState)| {
            let mut patches = none.clone();
            change(&mut patches);
            weighed(Some(&patches), &nothing)
        };

        assert_eq!(weighed(None, &nothing).1, Some("not_told"));
        assert_eq!(kept(|it| it.lists_at = None).1, Some("no_lists"));
        assert_eq!(kept(|it| it.security_count = None).1, Some("no_lists"));
        assert_eq!(kept(|it| it.lists_at = Some(ago(31))).1, Some("lists_old"));
        assert_eq!(kept(|it| it.security_count = Some(1)).1, Some("not_all_told"));
        assert_eq!(kept(|it| it.lists_at = Some(ago(29))), (State::Kept, None, vec![]));
        let new = Known {
            patches: Some(&patches(vec![offered("vim", true, 2)])),
            report: &nothing,
            enrolled_at: ago(3),
        };
        assert_eq!(weigh(new, 30, NOW).why, Some("watched_too_short"));
        assert_eq!(
            weighed(None, &covered(vec![line("vim", None)])).1,
            Some("not_told"),
            "a fix without a day"
        );
        assert_eq!(weighed(None, &covered(vec![])), (State::Kept, None, vec![]), "a feed can tell alone");
    }

    #[test]
    fn an_accepted_risk_does_not_break_the_policy_and_stays_listed() {
        let late = patches(vec![offered("nginx", true, 40)]);
        let mut report = covered(vec![]);
        report.accepted = vec![line("nginx", Some(ago(60)))];

        let accepted = weigh(Known { patches: Some(&late), report: &report, enrolled_at: ago(400) }, 30, NOW);
        assert_eq!((accepted.state, accepted.breaking[0].accepted), (State::Kept, true));

        report.with_fix = vec![line("nginx", Some(ago(35)))];
        assert_eq!(weighed(Some(&late), &report).0, State::Broken, "another weakness of it is open");
    }
}
