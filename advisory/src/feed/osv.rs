//! OSV: one advisory a document, of any distribution or registry. Schema 1, <https://ossf.github.io/osv-schema/>.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;

use serde::Deserialize;

use super::json::{cves, moment, parse, whole};
use super::reading::Reading;
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::{Fault, FeedError, Place};

/// The only major version of the schema that there is.
const SCHEMA: &str = "1";

/// Fields of the schema that say nothing about versions.
const PASSED_OVER: [&str; 13] = [
    "details",
    "references",
    "credits",
    "purl",
    "versions",
    "database_specific",
    "ecosystem_specific",
    "limit",
    "repo",
    "source",
    "extensions",
    "type",
    "commit",
];

#[derive(Deserialize)]
struct Osv<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    schema_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    published: Option<Cow<'a, str>>,
    #[serde(borrow)]
    withdrawn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    aliases: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    related: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    upstream: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    severity: Option<Vec<Severity<'a>>>,
    #[serde(borrow)]
    affected: Option<Vec<Affected<'a>>>,
    #[serde(borrow)]
    database_specific: Option<Worded<'a>>,
}

#[derive(Deserialize)]
struct Severity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    score: Cow<'a, str>,
}

/// What publishers add of their own; only the word for how bad it is.
#[derive(Deserialize)]
struct Worded<'a> {
    #[serde(borrow, default)]
    severity: Option<MaybeText<'a>>,
    #[serde(borrow, default)]
    ubuntu_priority: Option<MaybeText<'a>>,
}

/// Text where there is text; publishers put other things there too.
#[derive(Deserialize)]
#[serde(untagged)]
enum MaybeText<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Affected<'a> {
    #[serde(borrow)]
    package: Option<Package<'a>>,
    #[serde(borrow)]
    ranges: Option<Vec<Range<'a>>>,
    #[serde(borrow)]
    severity: Option<Vec<Severity<'a>>>,
    #[serde(borrow)]
    ecosystem_specific: Option<Worded<'a>>,
    versions: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    ecosystem: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Range<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    introduced: Option<Cow<'a, str>>,
    #[serde(borrow)]
    fixed: Option<Cow<'a, str>>,
    #[serde(borrow)]
    last_affected: Option<Cow<'a, str>>,
}

/// Reads one advisory.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let bytes = whole(body, reading)?;
    let osv: Osv<'_> = parse(&bytes, &PASSED_OVER, reading)?;
    if let Some(version) = osv.schema_version.as_deref()
        && version.split('.').next() != Some(SCHEMA)
    {
        let place = Place::Path("schema_version".to_owned());
        return Err(FeedError::new(place, "OSV schema 1.x", version).of(Fault::Form));
    }
    if osv.id.is_empty() {
        return Err(FeedError::new(Place::Path("id".to_owned()), "the advisory's name", "nothing"));
    }
    let changed = osv.modified.as_deref().and_then(moment);
    if osv.withdrawn.is_some() {
        reading.dated(changed);
        reading.skip("withdrawn");
        return Ok(());
    }
    reading.advisory(osv.published.as_deref().and_then(moment), changed);
    let advisory = Arc::new(advisory(&osv));
    let stream = osv.summary.as_deref().and_then(module_of);
    for affected in osv.affected.iter().flatten() {
        affected_rows(affected, &advisory, stream.as_deref(), reading)?;
    }

    Ok(())
}

fn advisory(osv: &Osv<'_>) -> Advisory {
    // A distribution's notice names what it mends under `related` or `upstream`; for a vulnerability of a registry
    // `related` are others.
    let is_notice = osv
        .affected
        .iter()
        .flatten()
        .any(|affected| affected.package.as_ref().is_some_and(|package| package.ecosystem.contains(':')));
    let others = osv.related.iter().flatten().filter(|_| is_notice);
    let names =
        std::iter::once(&osv.id).chain(osv.aliases.iter().flatten()).chain(osv.upstream.iter().flatten());
    let severities = || {
        osv.severity
            .iter()
            .flatten()
            .chain(osv.affected.iter().flatten().flat_map(|a| a.severity.iter().flatten()))
    };
    let worded = |words: &Worded<'_>| match (&words.severity, &words.ubuntu_priority) {
        (Some(MaybeText::Text(text)), _) | (_, Some(MaybeText::Text(text))) => {
            Some(text.clone().into_owned())
        }
        (_, _) => None,
    };

    Advisory {
        id: osv.id.clone().into_owned(),
        cves: cves(names.chain(others).map(|name| &**name)),
        summary: osv.summary.as_deref().unwrap_or_default().to_owned(),
        severity: severities()
            .find(|severity| !severity.kind.starts_with("CVSS"))
            .map(|severity| severity.score.clone().into_owned())
            .or_else(|| osv.database_specific.as_ref().and_then(worded))
            .or_else(|| {
                osv.affected.iter().flatten().filter_map(|a| a.ecosystem_specific.as_ref()).find_map(worded)
            }),
        cvss: severities()
            .find(|severity| severity.kind.starts_with("CVSS"))
            .map(|it| it.score.clone().into_owned()),
        published: osv.published.as_deref().and_then(moment),
        modified: osv.modified.as_deref().and_then(moment),
    }
}

fn affected_rows(
    affected: &Affected<'_>,
    advisory: &Arc<Advisory>,
    stream: Option<&str>,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let Some(package) = &affected.package else {
        reading.skip("affected without a package");
        return Ok(());
    };
    let Ok(ecosystem) = package.ecosystem.parse::<Ecosystem>() else {
        reading.skip(format!("ecosystem {}", package.ecosystem.chars().take(60).collect::<String>()));
        return Ok(());
    };
    let ranges = affected.ranges.as_deref().unwrap_or_default();
    if ranges.is_empty() {
        let what = if affected.versions.is_some() {
            "versions listed one by one"
        } else {
            "affected without a range"
        };
        reading.skip(what);
        return Ok(());
    }
    for range in ranges {
        if !matches!(&*range.kind, "ECOSYSTEM" | "SEMVER") {
            reading.skip(format!("range of type {}", range.kind.chars().take(20).collect::<String>()));
            continue;
        }
        for (introduced, verdict) in spans(&range.events) {
            let is_modular = matches!(&verdict, Verdict::Fixed(version) if is_modular(version));
            let module = is_modular.then(|| stream.unwrap_or("?").to_owned());
            reading.row(Row {
                names: names(&ecosystem),
                ecosystem: ecosystem.clone(),
                package: ecosystem.name_of(&package.name).into_owned(),
                module,
                architectures: Vec::new(),
                minor: None,
                introduced,
                verdict,
                update: None,
                note: String::new(),
                advisory: Arc::clone(advisory),
            })?;
        }
    }

    Ok(())
}

/// The spans of versions that a list of events means: each begins with `introduced` and ends with what follows it.
fn spans(events: &[Event<'_>]) -> Vec<(Option<String>, Verdict)> {
    let mut spans: Vec<(Option<String>, Verdict)> = Vec::new();
    let mut from: Option<Option<String>> = None;
    for event in events {
        if let Some(introduced) = &event.introduced {
            if let Some(open) = from.take() {
                spans.push((open, Verdict::NoFix));
            }
            from = Some((&**introduced != "0").then(|| introduced.clone().into_owned()));
        }
        let ended = match (&event.fixed, &event.last_affected) {
            (Some(fixed), _) => Some(Verdict::Fixed(fixed.clone().into_owned())),
            (None, Some(last)) => Some(Verdict::LastAffected(last.clone().into_owned())),
            (None, None) => None,
        };
        if let Some(verdict) = ended {
            // A second end without a beginning speaks of the same versions: the later one is the careful one.
            spans.push((from.take().unwrap_or_default(), verdict));
        }
    }
    if let Some(open) = from {
        spans.push((open, Verdict::NoFix));
    }

    spans
}

/// Which of a package's names OSV's files of this ecosystem use.
fn names(ecosystem: &Ecosystem) -> Names {
    match ecosystem {
        Ecosystem::Debian(_) | Ecosystem::Ubuntu(..) | Ecosystem::Alpine(..) => Names::Source,
        Ecosystem::AlmaLinux(_)
        | Ecosystem::RockyLinux(_)
        | Ecosystem::RedHat(_)
        | Ecosystem::Windows(_)
        | Ecosystem::Npm
        | Ecosystem::PyPI
        | Ecosystem::CratesIo
        | Ecosystem::Go => Names::Binary,
    }
}

/// Whether an rpm version was built for a module.
fn is_modular(version: &str) -> bool {
    version.contains(".module_el") || version.contains(".module+el")
}

/// The modules and streams that a summary speaks of, with blanks between them: `Low: virt:rhel and virt-devel:rhel
/// security update`. Which of them a package is of is not told.
fn module_of(summary: &str) -> Option<String> {
    let is_module = |word: &&str| {
        word.split_once(':').is_some_and(|(module, stream)| {
            !module.is_empty()
                && !stream.is_empty()
                && !stream.contains([':', '/'])
                && module.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'.'))
                // Some summaries begin with the advisory's own name: `ALSA-2022:5468:`.
                && !is_advisory(module)
        })
    };
    let mut found: Vec<&str> =
        summary.split_whitespace().map(|word| word.trim_end_matches([',', ':'])).filter(is_module).collect();
    found.sort_unstable();
    found.dedup();

    (!found.is_empty()).then(|| found.join(" "))
}

/// `ALSA-2022`, the first half of an advisory's name.
fn is_advisory(text: &str) -> bool {
    let mut halves = text.splitn(2, '-');
    let kind = halves.next().unwrap_or_default();
    let is_kind =
        kind.len() == 4 && (kind.starts_with("AL") || kind.starts_with("RH")) && kind.ends_with('A');

    is_kind && halves.next().is_some_and(|year| year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()))
}
