//! What a file is, from its first bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::{Fault, FeedError, Place};

/// What a feed's file may be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// OSV, one advisory a document.
    Osv,
    /// The Debian security tracker's JSON.
    DebianTracker,
    /// Ubuntu's OVAL.
    OvalUbuntu,
    /// Red Hat's OVAL.
    OvalRedHat,
    /// AlmaLinux's OVAL.
    OvalAlmaLinux,
    /// Red Hat's CSAF advisories and VEX documents.
    CsafRedHat,
    /// Microsoft's CSAF advisories.
    CsafMicrosoft,
    /// Microsoft's month, as CVRF.
    CvrfMicrosoft,
    /// Microsoft's updates as wesng's tables.
    Wesng,
    /// CISA's list of exploited vulnerabilities.
    Kev,
    /// Scores of EPSS.
    Epss,
    /// Ends of support, as endoflife.date gives them.
    Support,
}

/// What a refusal says of a file of no known kind.
pub(super) const EXPECTED: &str = "OSV (JSON, zip, tar.gz), the Debian tracker's JSON, OVAL of Ubuntu, Red Hat or AlmaLinux, \
    CSAF of Red Hat or Microsoft, CVRF of Microsoft, wesng's definitions, the KEV list's JSON, EPSS scores as CSV, or endoflife.date's JSON";

impl Kind {
    /// The word for it, as in file names.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Osv => "osv",
            Self::DebianTracker => "debian-tracker",
            Self::OvalUbuntu => "oval-ubuntu",
            Self::OvalRedHat => "oval-redhat",
            Self::OvalAlmaLinux => "oval-almalinux",
            Self::CsafRedHat => "csaf-redhat",
            Self::CsafMicrosoft => "csaf-microsoft",
            Self::CvrfMicrosoft => "cvrf-microsoft",
            Self::Wesng => "wesng",
            Self::Kev => "kev",
            Self::Epss => "epss",
            Self::Support => "support",
        }
    }

    /// Whether one document is one advisory of many.
    #[must_use]
    pub const fn is_piecewise(self) -> bool {
        matches!(self, Self::Osv | Self::CsafRedHat | Self::CsafMicrosoft)
    }

    /// Whether it orders work and detects nothing.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        matches!(self, Self::Kev | Self::Epss)
    }

    /// What this is the beginning of.
    pub(super) fn of(head: &[u8]) -> Result<Self, FeedError> {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let found = match text.first() {
            Some(b'{') => of_json(text),
            Some(b'<') => of_xml(text),
            Some(b'"') if text.starts_with(super::wesng::BEGINNING) => Some(Self::Wesng),
            Some(b'#' | b'c') if text.starts_with(b"#model_version") || text.starts_with(b"cve,epss") => {
                Some(Self::Epss)
            }
            Some(_) | None => None,
        };

        found.ok_or_else(|| {
            let beginning =
                String::from_utf8_lossy(text.get(..text.len().min(60)).unwrap_or_default()).into_owned();
            let beginning: String = beginning.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let shown = if text.is_empty() { "nothing".to_owned() } else { beginning };
            FeedError::new(Place::Whole, EXPECTED, shown).of(Fault::Kind)
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

fn of_xml(text: &[u8]) -> Option<Kind> {
    let has = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    if has(b"<oval_definitions") || has(b":oval_definitions") {
        // Which system's: by the namespace of its ids, which stand in every definition.
        return [
            (b"oval:com.ubuntu.".as_slice(), Kind::OvalUbuntu),
            (b"oval:com.redhat.", Kind::OvalRedHat),
            (b"oval:org.almalinux.", Kind::OvalAlmaLinux),
        ]
        .into_iter()
        .find_map(|(mark, kind)| has(mark).then_some(kind));
    }

    (has(b"cvrfdoc") && has(b"microsoft.com")).then_some(Kind::CvrfMicrosoft)
}

fn of_json(text: &[u8]) -> Option<Kind> {
    let keys = keys(text);
    let at = |depth: usize, key: &str| keys.iter().any(|(found, name)| *found == depth && name == key);
    let osv =
        ["modified", "affected", "published", "schema_version", "details", "summary", "aliases", "withdrawn"];
    if at(1, "document") && at(2, "csaf_version") {
        let has = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
        if has(b"msrc.microsoft.com") {
            return Some(Kind::CsafMicrosoft);
        }
        return (has(b"redhat.com") || has(b"Red Hat Product Security")).then_some(Kind::CsafRedHat);
    }
    if at(1, "catalogVersion") {
        return Some(Kind::Kev);
    }
    if at(1, "id") && osv.iter().any(|key| at(1, key)) {
        return Some(Kind::Osv);
    }
    if at(1, "result") && at(1, "schema_version") {
        return Some(Kind::Support);
    }
    let is_tracked = |key: &str| key.starts_with("CVE-") || key.starts_with("TEMP-");

    keys.iter().any(|(depth, key)| *depth == 2 && is_tracked(key)).then_some(Kind::DebianTracker)
}

/// Keys of the three upper levels of the objects in a piece of JSON, with their depth from 1; what is in lists is left out.
fn keys(text: &[u8]) -> Vec<(usize, String)> {
    /// Enough to tell kinds apart.
    const KEYS_MAX: usize = 512;
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => open.push(*byte),
            b'}' | b']' => {
                open.pop();
            }
            b'"' => {
                let start = at;
                while let Some(byte) = text.get(at) {
                    at += if *byte == b'\\' { 2 } else { 1 };
                    if *byte == b'"' {
                        break;
                    }
                }
                let is_key = text.get(at..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"));
                let in_objects = !open.contains(&b'[');
                if is_key && in_objects && open.len() <= 3 {
                    let name = text.get(start..at.saturating_sub(1)).unwrap_or_default();
                    found.push((open.len(), String::from_utf8_lossy(name).into_owned()));
                    if found.len() >= KEYS_MAX {
                        break;
                    }
                }
            }
            _ => {}
        }
    }

    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_seen_from_the_content() {
        for (text, kind) in [
            (r#"{"id":"X-1","modified":"2026-01-01T00:00:00Z"}"#, Kind::Osv),
            (r#"{"openssl":{"CVE-2023-0286":{"releases":{}}}}"#, Kind::DebianTracker),
            (r#"{"title":"x","catalogVersion":"2026.01.01"}"#, Kind::Kev),
            (
                r#"{"document":{"publisher":{"namespace":"https://www.redhat.com"},"csaf_version":"2.0"}}"#,
                Kind::CsafRedHat,
            ),
            (
                r#"{"document":{"csaf_version":"2.0","publisher":{"namespace":"https://msrc.microsoft.com"}}}"#,
                Kind::CsafMicrosoft,
            ),
            (r#"{"schema_version":"1.2.0","result":[]}"#, Kind::Support),
            ("#model_version:v1,score_date:2026-01-01\ncve,epss,percentile\n", Kind::Epss),
            ("\u{feff}cve,epss\n", Kind::Epss),
            (
                "<?xml version='1.0'?><oval_definitions><definition id='oval:com.ubuntu.jammy:def:1'>",
                Kind::OvalUbuntu,
            ),
        ] {
            assert_eq!(Kind::of(text.as_bytes()).unwrap(), kind, "{text}");
        }
    }

    #[test]
    fn what_is_of_no_known_kind_is_refused_with_what_was_expected() {
        for text in
            ["", "{}", "[]", "hello", "<html>", r#"{"a":{"b":1}}"#, r#"{"document":{"csaf_version":"2.0"}}"#]
        {
            let error = Kind::of(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("expected OSV"), "{error}");
        }
    }
}
