//! The Debian security tracker: `{source package: {CVE: {releases: {code name: ..}}}}`, read front to back.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::json::{cves, stream};
use super::reading::Reading;
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::FeedError;

/// Releases by their code names; the tracker knows no numbers. What is not here (sid, experimental) is counted.
const RELEASES: [(&str, u16); 9] = [
    ("wheezy", 7),
    ("jessie", 8),
    ("stretch", 9),
    ("buster", 10),
    ("bullseye", 11),
    ("bookworm", 12),
    ("trixie", 13),
    ("forky", 14),
    ("duke", 15),
];

/// Characters of a description that are kept.
const SUMMARY_CHARS: usize = 300;

const PASSED_OVER: [&str; 4] = ["debianbug", "scope", "repositories", "next_point_update"];

#[derive(Deserialize)]
struct Issue {
    description: Option<String>,
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

/// Reads the file.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let mut refused = None;
    let read = stream(body, Tracker { reading, refused: &mut refused });

    // What the sink refused comes out of the parser as a complaint of its own; the first is the cause.
    refused.map_or(read, Err)
}

/// The whole file.
struct Tracker<'a, 'r, 's> {
    reading: &'a mut Reading<'r, 's>,
    refused: &'a mut Option<FeedError>,
}

impl<'de> DeserializeSeed<'de> for Tracker<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tracker<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("source packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut packages: A) -> Result<(), A::Error> {
        while let Some(package) = packages.next_key::<String>()? {
            let (reading, refused) = (&mut *self.reading, &mut *self.refused);
            packages.next_value_seed(Issues { package, reading, refused })?;
        }

        Ok(())
    }
}

/// The issues of one source package.
struct Issues<'a, 'r, 's> {
    package: String,
    reading: &'a mut Reading<'r, 's>,
    refused: &'a mut Option<FeedError>,
}

impl<'de> DeserializeSeed<'de> for Issues<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Issues<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vulnerabilities of a source package")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut issues: A) -> Result<(), A::Error> {
        while let Some(name) = issues.next_key::<String>()? {
            let issue = issues.next_value_seed(OneIssue { reading: &mut *self.reading })?;
            if let Err(error) = rows(&self.package, &name, &issue, self.reading) {
                let told = A::Error::custom(&error);
                *self.refused = Some(error);
                return Err(told);
            }
        }

        Ok(())
    }
}

struct OneIssue<'a, 'r, 's> {
    reading: &'a mut Reading<'r, 's>,
}

impl<'de> DeserializeSeed<'de> for OneIssue<'_, '_, '_> {
    type Value = Issue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Issue, D::Error> {
        let mut count =
            |path: serde_ignored::Path<'_>| super::json::count_unknown(&path, &PASSED_OVER, self.reading);

        Issue::deserialize(serde_ignored::Deserializer::new(deserializer, &mut count))
    }
}

fn rows(package: &str, name: &str, issue: &Issue, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let description = issue.description.as_deref().unwrap_or_default();
    if is_rejected(description) {
        reading.skip("rejected");
        return Ok(());
    }
    reading.advisory(None, None);
    let severity = issue.releases.values().find_map(|release| release.urgency.clone());
    let advisory = Arc::new(Advisory {
        id: name.to_owned(),
        cves: cves([name]),
        summary: description.chars().take(SUMMARY_CHARS).collect(),
        severity: severity.filter(|urgency| urgency != "not yet assigned" && urgency != "end-of-life"),
        ..Advisory::default()
    });
    for (code_name, release) in &issue.releases {
        let Some((_, number)) = RELEASES.iter().find(|(known, _)| known == code_name) else {
            reading.skip(format!("release {}", code_name.chars().take(20).collect::<String>()));
            continue;
        };
        let ecosystem = Ecosystem::Debian(*number);
        reading.covers(&ecosystem);
        let Some(verdict) = verdict(release, reading) else { continue };
        reading.row(Row {
            ecosystem,
            package: package.to_owned(),
            names: Names::Source,
            module: None,
            architectures: Vec::new(),
            minor: None,
            introduced: None,
            verdict,
            update: None,
            note: note(release),
            advisory: Arc::clone(&advisory),
        })?;
    }

    Ok(())
}

/// What is said of a release; `None` if nothing is.
fn verdict(release: &Release, reading: &mut Reading<'_, '_>) -> Option<Verdict> {
    let is_ended = release.urgency.as_deref() == Some("end-of-life");
    match (release.status.as_str(), release.fixed_version.as_deref()) {
        ("resolved", Some("0")) => Some(Verdict::NotAffected),
        ("resolved", Some(version)) => Some(Verdict::Fixed(version.to_owned())),
        ("open", _) if is_ended => Some(Verdict::EndOfLife),
        ("open", _) if release.nodsa_reason.as_deref() == Some("ignored") => Some(Verdict::WillNotFix),
        ("open", _) => Some(Verdict::NoFix),
        ("resolved", None) => {
            reading.skip("resolved without a version");
            None
        }
        (status, _) => {
            reading.skip(format!("status {}", status.chars().take(20).collect::<String>()));
            None
        }
    }
}

/// The tracker's remark, as its page words it.
fn note(release: &Release) -> String {
    let urgency =
        release.urgency.as_deref().filter(|urgency| matches!(*urgency, "unimportant" | "end-of-life"));
    let advice = release.nodsa.as_ref().map(|reason| match release.nodsa_reason.as_deref() {
        Some(word) if !word.is_empty() => format!("no-dsa ({word}): {reason}"),
        Some(_) | None => format!("no-dsa: {reason}"),
    });
    let parts: Vec<String> = urgency.map(str::to_owned).into_iter().chain(advice).collect();

    parts.join("; ").chars().take(SUMMARY_CHARS).collect()
}

/// Whether a description says that the number was never given.
pub(super) fn is_rejected(description: &str) -> bool {
    let text = description.trim_start();

    text.starts_with("** REJECT") || text.starts_with("Rejected reason:") || text.starts_with("REJECTED ")
}
