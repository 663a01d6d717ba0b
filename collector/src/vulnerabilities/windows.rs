//! What is told of a Windows host: what is open, by which of three sources, and where those differ.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::windows::release::key;
use vonggac_advisory::windows::{
    Basis, Finding, Judged, NotJudged, Opinions, Says, Silence, State, UnknownSystem,
};
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::WindowsState;

use super::held::Held;
use super::report::Line;

/// Windows beside the lists of weaknesses: what it was judged as, and where its sources differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WindowsReport {
    /// What Microsoft's advisories call it; `null` if that cannot be told.
    pub product: Option<String>,
    /// Build and revision, `19045.4291`; the build alone if the revision is not told.
    pub build: String,
    /// Why nothing was judged: `unknown_build`, `unknown_sort`, `unknown_architecture`, `no_feed`; `null` if it was.
    pub not_judged: Option<&'static str>,
    /// Weaknesses that are mended.
    pub mended: usize,
    /// Weaknesses of parts that the host does not have.
    pub absent: usize,
    /// The newest updates that hold all that is missing: `KB5034122`.
    pub missing: Vec<String>,
    /// How many installed updates the host records; `null` if it does not tell.
    pub recorded: Option<usize>,
    /// When Windows Update was asked last; `null` if it never answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub searched_at: Option<Timestamp>,
    /// How many updates it said were missing.
    pub searched_missing: Option<usize>,
    /// Where the three sources say different things.
    pub disagreements: Vec<Disagreement>,
}

/// What the three sources say of a weakness.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Sources {
    /// Build and revision against the build that mends: `open`, `mended`, or why it says nothing.
    pub build: &'static str,
    /// The updates recorded as installed, and what they took the place of; likewise.
    pub record: &'static str,
    /// The answer of Windows Update; likewise.
    pub system: &'static str,
    /// Which of them decided: `build`, `record`, `system`; `null` if none could.
    pub decided_by: Option<&'static str>,
}

/// Two sources that say different things.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Disagreement {
    /// What each says; `nothing` without the reason.
    pub sources: Sources,
    /// The advisories of which they say that.
    pub advisories: Vec<String>,
    /// The updates that mend those.
    pub updates: Vec<String>,
}

/// What is judged of a Windows host.
pub(super) struct Told {
    pub(super) report: WindowsReport,
    pub(super) ecosystem: Option<Ecosystem>,
    pub(super) with_fix: Vec<Line>,
    pub(super) without_fix: Vec<Line>,
}

/// Judges a host by what it told; `None` if it told nothing of Windows.
pub(super) fn told(held: &Held, patches: Option<&PatchState>) -> Option<Told> {
    let patches = patches?;
    let state = patches.windows.as_deref()?;
    let mut told =
        Told { report: report(state), ecosystem: None, with_fix: Vec::new(), without_fix: Vec::new() };
    match held.shelves.judge(&held.book, state, patches.reboot_needed) {
        Err(why) => {
            told.report.not_judged = Some(why_word(&why));
            if let NotJudged::NoFeed(product) = why {
                told.report.product = Some(product);
            }
        }
        Ok(judged) => {
            told.ecosystem = Some(Ecosystem::Windows(judged.product.clone()));
            for finding in &judged.findings {
                let line = line(held, &judged, finding, &told.report.build);
                let mendable = line.fixed.is_some() || !finding.updates.is_empty();
                if mendable { told.with_fix.push(line) } else { told.without_fix.push(line) }
            }
            fill(&mut told.report, judged);
        }
    }

    Some(told)
}

/// Whether a feed speaks for what this host is.
pub(super) fn speaks_for(covers: &BTreeSet<Ecosystem>, ecosystem: &Ecosystem) -> bool {
    let Ecosystem::Windows(product) = ecosystem else { return covers.contains(ecosystem) };
    // Advisories do not always spell a product in one way.
    let of = key(product);

    covers.iter().any(|it| matches!(it, Ecosystem::Windows(name) if key(name) == of))
}

fn report(state: &WindowsState) -> WindowsReport {
    let search = state.search.as_ref();

    WindowsReport {
        product: None,
        build: match state.revision {
            Some(revision) => format!("{}.{revision}", state.build),
            None => state.build.to_string(),
        },
        not_judged: None,
        mended: 0,
        absent: 0,
        missing: Vec::new(),
        recorded: state.installed.as_ref().map(Vec::len),
        searched_at: search.map(|search| search.at),
        searched_missing: search.map(|search| search.missing.len()),
        disagreements: Vec::new(),
    }
}

fn fill(report: &mut WindowsReport, judged: Judged<'_>) {
    let numbers = |updates: &BTreeSet<u32>| updates.iter().map(|update| format!("KB{update}")).collect();
    report.mended = judged.mended;
    report.absent = judged.absent;
    report.missing = numbers(&judged.missing);
    report.disagreements = judged
        .disagreements
        .iter()
        .map(|it| Disagreement {
            sources: short(&it.opinions),
            advisories: it.advisories.iter().map(|id| (*id).to_owned()).collect(),
            updates: numbers(&it.updates),
        })
        .collect();
    report.product = Some(judged.product);
}

fn line(held: &Held, judged: &Judged<'_>, finding: &Finding<'_>, build: &str) -> Line {
    let advisory = finding.advisory;
    let priority = held.priorities.of(advisory);
    let updates: Vec<String> = finding.updates.iter().map(|update| format!("KB{update}")).collect();

    Line {
        advisory: advisory.id.clone(),
        cves: advisory.cves.clone(),
        summary: advisory.summary.clone(),
        published: advisory.published,
        severity: advisory.severity.clone(),
        package: finding.component.unwrap_or(&judged.product).to_owned(),
        installed: vec![format!("Windows {build}")],
        fixed: finding.fixed.map(str::to_owned),
        update: (!updates.is_empty()).then(|| updates.join(" ")),
        state: state_word(finding.state),
        note: finding.note.to_owned(),
        feed: finding.feed.name.clone(),
        feed_dated: finding.feed.dated,
        contradicted_by: None,
        also: Vec::new(),
        exploited: priority.exploited,
        epss_millionths: priority.epss_millionths,
        sources: Some(sources(&finding.opinions)),
        accepted: Vec::new(),
    }
}

fn sources(opinions: &Opinions) -> Sources {
    Sources {
        build: word(opinions.build),
        record: word(opinions.record),
        system: word(opinions.system),
        decided_by: opinions.decided().map(|(basis, _)| match basis {
            Basis::Build => "build",
            Basis::Record => "record",
            Basis::System => "system",
        }),
    }
}

/// Without the reasons of those that say nothing.
fn short(opinions: &Opinions) -> Sources {
    let plain = |says: Says| if matches!(says, Says::Nothing(_)) { "nothing" } else { word(says) };

    Sources {
        build: plain(opinions.build),
        record: plain(opinions.record),
        system: plain(opinions.system),
        ..sources(opinions)
    }
}

fn word(says: Says) -> &'static str {
    match says {
        Says::Mended => "mended",
        Says::Open => "open",
        Says::Nothing(silence) => match silence {
            Silence::NoBuild => "no_build",
            Silence::OtherRelease => "other_release",
            Silence::RevisionUntold => "revision_untold",
            Silence::Between => "between",
            Silence::NoNumber => "no_number",
            Silence::UpdatesUntold => "updates_untold",
            Silence::NotAsked => "not_asked",
            Silence::AskedBefore => "asked_before",
            Silence::Held => "held",
            Silence::UnknownUpdates => "unknown_updates",
        },
    }
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::Fixable => "fixable",
        State::RebootPending => "reboot_pending",
        State::NoFix => "no_fix",
        State::ComponentUntold => "component_untold",
        State::Untold => "untold",
    }
}

const fn why_word(why: &NotJudged) -> &'static str {
    match why {
        NotJudged::Unknown(UnknownSystem::Build(_)) => "unknown_build",
        NotJudged::Unknown(UnknownSystem::Sort { .. }) => "unknown_sort",
        NotJudged::Unknown(UnknownSystem::Architecture(_)) => "unknown_architecture",
        NotJudged::NoFeed(_) => "no_feed",
    }
}
