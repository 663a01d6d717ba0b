//! What is told of one machine: what a newer version mends, what nothing mends yet, what could not be judged.

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_advisory::book::Said;
use vonggac_advisory::fleet::{self, Finding, Installed, Standing, State};
use vonggac_advisory::origin::Origin;
use vonggac_protocol::host::HostDescribed;
use vonggac_protocol::id::HostId;
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::time::Timestamp;

use super::Vulnerabilities;
use super::accepted::Acceptance;
use super::windows::{self, Sources, WindowsReport};
use crate::feeds::age;
use crate::support::Support;

/// How a machine stands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Report {
    /// Whose packages it has, as OSV spells it; `null`: no feed can speak for such a system.
    pub ecosystem: Option<String>,
    /// Until when its system gets fixes, by which source; `null`: not known.
    pub support: Option<Support>,
    /// Whether any feed speaks for it: if not, empty lists say nothing.
    pub covered: bool,
    /// Whether its inventory is known.
    pub has_inventory: bool,
    /// The feeds that speak for it, with their age.
    pub feeds: Vec<FeedAge>,
    /// Mended by a newer version, or mended on disk and the old kernel still runs; the most urgent first.
    pub with_fix: Vec<Line>,
    /// No fix is known, or there will be none.
    pub without_fix: Vec<Line>,
    /// Findings that a person accepted, until a day; they are in neither of the lists above.
    pub accepted: Vec<Line>,
    /// Packages that were not judged, and why.
    pub unknown: Vec<Unknown>,
    /// Of a Windows host, what it was judged as and where its sources differ.
    pub windows: Option<WindowsReport>,
}

/// A feed and its age.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FeedAge {
    /// Its name.
    pub name: String,
    /// The date of its data.
    #[schema(value_type = String, format = DateTime)]
    pub dated: Timestamp,
    /// Days since then.
    pub age_days: i64,
    /// Whether that is more than the configuration allows.
    pub too_old: bool,
    /// Whether a trusted key signed it.
    pub signed: bool,
}

/// One advisory that touches this machine.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Line {
    /// The advisory.
    pub advisory: String,
    /// The CVEs it answers.
    pub cves: Vec<String>,
    /// What it is about, in the publisher's words.
    pub summary: String,
    /// When it was published; `null` if the feed does not say.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub published: Option<Timestamp>,
    /// How bad, in the publisher's word.
    pub severity: Option<String>,
    /// The package as the advisory names it.
    pub package: String,
    /// What is installed: name and version.
    pub installed: Vec<String>,
    /// The version that mends it.
    pub fixed: Option<String>,
    /// Number of the update that brings it, where it has one.
    pub update: Option<String>,
    /// `fixable`, `fixable_in_pro`, `reboot_pending`, `not_running`, `no_fix`, `will_not_fix`, `end_of_life`,
    /// `stream_untold`, `component_untold`, `untold`.
    pub state: &'static str,
    /// The publisher's remark.
    pub note: String,
    /// The feed that says so.
    pub feed: String,
    /// The date of its data.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub feed_dated: Option<Timestamp>,
    /// The feed that says the contrary, if one does.
    pub contradicted_by: Option<String>,
    /// What other feeds say of the same: one weakness of one package is one finding, however many feeds tell of it.
    pub also: Vec<Also>,
    /// Whether one of its CVEs is known to be exploited.
    pub exploited: bool,
    /// The highest probability of exploitation of its CVEs, in millionths; 0 if none has a score.
    pub epss_millionths: u32,
    /// Of Windows, what each of three sources says.
    pub sources: Option<Sources>,
    /// What a person accepted of it: in an open finding, some of its CVEs only.
    pub accepted: Vec<Acceptance>,
}

/// What another feed says of the same weakness of the same package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Also {
    /// Its advisory.
    pub advisory: String,
    /// The CVEs that it answers.
    pub cves: Vec<String>,
    /// The feed.
    pub feed: String,
    /// The date of its data.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub feed_dated: Option<Timestamp>,
    /// When it was published; `null` if the feed does not say.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub published: Option<Timestamp>,
    /// The version that mends it by this feed.
    pub fixed: Option<String>,
    /// `fixable`, `no_fix`, `will_not_fix`, `end_of_life`.
    pub state: &'static str,
    /// Whether it says the same of the fix; if not, what the finding says is that of the distribution's own feed.
    pub agrees: bool,
}

impl Also {
    /// Advisory, feed, and what differs.
    #[must_use]
    pub fn in_short(&self) -> String {
        let differs = match (self.agrees, &self.fixed) {
            (true, _) => String::new(),
            (false, Some(fixed)) => format!(", {fixed}"),
            (false, None) => format!(", {}", self.state),
        };

        format!("{} ({}{differs})", self.advisory, self.feed)
    }
}

impl Line {
    /// Whether it goes by this name: its advisory, a CVE, or another feed's advisory; case does not matter.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let names = std::iter::once(&self.advisory)
            .chain(&self.cves)
            .chain(self.also.iter().map(|also| &also.advisory));

        names.into_iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// When the fix was published, by which advisory of which feed: its own, or if that does not say, the earliest that
    /// another feed has of a fix.
    #[must_use]
    pub fn fix_published(&self) -> Option<(Timestamp, &str, &str)> {
        let own = self.published.map(|at| (at, self.advisory.as_str(), self.feed.as_str()));
        let others = self.also.iter().filter(|also| also.state == "fixable");

        own.or_else(|| {
            others.filter_map(|it| Some((it.published?, it.advisory.as_str(), it.feed.as_str()))).min()
        })
    }

    /// What other feeds tell of the same, in a line; empty if none does.
    #[must_use]
    pub fn also_told(&self) -> String {
        self.also.iter().map(Also::in_short).collect::<Vec<_>>().join("; ")
    }

    /// The probability of exploitation in per cent, for people; empty if there is none.
    #[must_use]
    pub fn epss_percent(&self) -> String {
        if self.epss_millionths == 0 {
            return String::new();
        }
        let hundredths = self.epss_millionths / 100;

        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    }
}

/// A package that was not judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Unknown {
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// `no_feed`, `backports`, `foreign`, `unlisted`, `local`, `bad_version`.
    pub why: &'static str,
}

impl Report {
    /// Whether a feed that speaks for the machine is older than allowed.
    #[must_use]
    pub fn is_old(&self) -> bool {
        self.feeds.iter().any(|feed| feed.too_old)
    }

    /// The same with the end of support of what the machine says it is.
    #[must_use]
    pub fn supported(
        self,
        shared: &Vulnerabilities,
        described: Option<&HostDescribed>,
        now: Timestamp,
    ) -> Self {
        let table = shared.support();
        let end = described.and_then(|described| table.of_host(described));

        Self { support: end.map(|end| Support::of(end, now)), ..self }
    }

    /// The report of a machine by what it last told of its updates, with nothing accepted yet ([`Report::accepting`]); the
    /// caller has the right to it.
    #[must_use]
    pub fn of(shared: &Vulnerabilities, host: HostId, patches: Option<&PatchState>, now: Timestamp) -> Self {
        let held = shared.read();
        let machine = held.hosts.get(&host).map(|known| &known.machine);
        let told = windows::told(&held, patches);
        let ecosystem = match &told {
            Some(told) => told.ecosystem.as_ref(),
            None => machine.and_then(|machine| machine.ecosystem.as_ref()),
        };
        let feeds = held
            .feeds
            .values()
            .filter(|kept| ecosystem.is_some_and(|it| windows::speaks_for(&kept.part.covers, it)));
        let feeds: Vec<FeedAge> = feeds
            .map(|kept| {
                let age = age::Aged::of(kept, shared.days_max, now);
                FeedAge {
                    name: kept.part.name.clone(),
                    dated: kept.part.dated,
                    age_days: age.age_days,
                    too_old: age.too_old,
                    signed: kept.signed_by.is_some(),
                }
            })
            .collect();
        let (mut with_fix, mut without_fix) = (Vec::new(), Vec::new());
        for finding in held.fleet.findings(&host, &held.book, &held.priorities) {
            let line = line(&finding);
            if finding.fixed.is_some() { with_fix.push(line) } else { without_fix.push(line) }
        }
        let (ecosystem, has_inventory) =
            (ecosystem.map(ToString::to_string), told.is_some() || machine.is_some());
        let windows = told.map(|told| {
            with_fix.extend(told.with_fix);
            without_fix.extend(told.without_fix);
            told.report
        });
        for lines in [&mut with_fix, &mut without_fix] {
            lines.sort_by_key(|line| {
                (std::cmp::Reverse((line.exploited, line.epss_millionths)), rank(line.state))
            });
        }

        Self {
            ecosystem,
            support: None,
            covered: !feeds.is_empty(),
            has_inventory,
            feeds,
            with_fix,
            without_fix,
            accepted: Vec::new(),
            unknown: held
                .fleet
                .unknown(&host)
                .map(|(installed, standing)| unknown(&installed, standing))
                .collect(),
            windows,
        }
    }
}

/// What can be acted on now comes before what has to wait.
fn rank(state: &str) -> usize {
    const ORDER: [&str; 4] = ["fixable", "reboot_pending", "no_fix", "fixable_in_pro"];

    ORDER.iter().position(|known| *known == state).unwrap_or(ORDER.len())
}

fn line(finding: &Finding<'_>) -> Line {
    let installed = |it: &Installed<'_>| format!("{} {}", it.name, it.version);

    Line {
        advisory: finding.advisory.id.clone(),
        cves: finding.advisory.cves.clone(),
        summary: finding.advisory.summary.clone(),
        published: finding.advisory.published,
        severity: finding.advisory.severity.clone(),
        package: finding.package.to_owned(),
        installed: finding.installed.iter().map(installed).collect(),
        fixed: finding.fixed.map(str::to_owned),
        update: finding.update.map(str::to_owned),
        state: state_word(finding.state),
        note: finding.note.to_owned(),
        feed: finding.feed.name.clone(),
        feed_dated: finding.feed.dated,
        contradicted_by: finding.contradicted_by.map(|feed| feed.name.clone()),
        also: finding.also.iter().map(also).collect(),
        exploited: finding.priority.exploited,
        epss_millionths: finding.priority.epss_millionths,
        sources: None,
        accepted: Vec::new(),
    }
}

fn also(other: &fleet::Also<'_>) -> Also {
    Also {
        advisory: other.advisory.id.clone(),
        cves: other.advisory.cves.clone(),
        feed: other.feed.name.clone(),
        feed_dated: other.feed.dated,
        published: other.advisory.published,
        fixed: other.fixed.map(str::to_owned),
        state: match other.said {
            Said::Fixed | Said::ByUpdate => "fixable",
            Said::LastAffected | Said::NoFix | Said::NotAffected => "no_fix",
            Said::WillNotFix => "will_not_fix",
            Said::EndOfLife => "end_of_life",
        },
        agrees: other.agrees,
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Fixable => "fixable",
        State::FixableInPro => "fixable_in_pro",
        State::RebootPending => "reboot_pending",
        State::NoFix => "no_fix",
        State::WillNotFix => "will_not_fix",
        State::EndOfLife => "end_of_life",
        State::StreamUntold => "stream_untold",
        State::NotRunning => "not_running",
    }
}

fn unknown(installed: &Installed<'_>, standing: Standing) -> Unknown {
    let why = match standing {
        Standing::NoFeed | Standing::Foreign(Origin::Elsewhere) => "no_feed",
        Standing::Foreign(Origin::Backports) => "backports",
        Standing::Foreign(Origin::Unlisted) => "unlisted",
        Standing::Foreign(Origin::Local) => "local",
        Standing::Foreign(Origin::Other | Origin::Distribution) => "foreign",
        Standing::BadVersion => "bad_version",
        Standing::Judged | Standing::KernelCompanion => "judged",
    };

    Unknown { package: installed.name.to_owned(), version: installed.version.to_owned(), why }
}
