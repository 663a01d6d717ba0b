//! Pins: how an administrator prefers some versions, as `apt_preferences(5)` has it.

use std::path::Path;

use super::archive::Archive;
use super::lists::{fragments, small_text};
use crate::sensor::deb822::{Paragraph, Reader};

/// Bytes of one file of preferences.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Priorities of archives and versions.
#[derive(Debug, Default)]
pub(super) struct Preferences {
    /// About all packages, in order; the first that matches an archive counts.
    general: Vec<(Pin, i32)>,
    /// About named packages, in order; the first that matches a version counts.
    specific: Vec<Specific>,
    /// Pins that we do not understand, such as those with regular expressions.
    pub(super) ignored: u32,
}

#[derive(Debug)]
struct Specific {
    packages: Vec<String>,
    pin: Pin,
    priority: i32,
}

#[derive(Debug, PartialEq, Eq)]
enum Pin {
    Version(String),
    Site(String),
    /// Letters of `release a=…, n=…` with their patterns.
    Release(Vec<(char, String)>),
}

/// A version that could be installed, for pins to look at.
pub(super) struct Version<'v> {
    pub(super) name: &'v str,
    pub(super) architecture: &'v str,
    pub(super) source: Option<&'v str>,
    pub(super) version: &'v str,
    /// The archives that offer it.
    pub(super) archives: Vec<&'v Archive>,
}

impl Preferences {
    pub(super) fn read(root: &Path, default_release: Option<&str>) -> Self {
        let mut preferences = Self::default();
        if let Some(release) = default_release.filter(|release| !release.is_empty()) {
            preferences.general.push((release_pin(release), 990));
        }
        let mut paths = vec![root.join("etc/apt/preferences")];
        paths.extend(fragments(&root.join("etc/apt/preferences.d"), "pref"));
        for path in paths {
            if let Some(text) = small_text(&path, FILE_BYTES_MAX) {
                preferences.take(&text);
            }
        }

        preferences
    }

    fn take(&mut self, text: &str) {
        let mut each = |paragraph: &Paragraph<3>| {
            let Some(packages) = paragraph.text(0) else {
                return;
            };
            let pin = paragraph.text(1).and_then(pin);
            let priority = paragraph.text(2).and_then(|text| text.parse::<i32>().ok()).filter(|p| *p != 0);
            let packages: Vec<String> = packages.split_whitespace().map(str::to_owned).collect();
            let (Some(pin), Some(priority)) = (pin, priority) else {
                self.ignored += 1;
                return;
            };
            if packages.iter().any(|package| package.starts_with('/')) {
                self.ignored += 1;
            } else if packages == ["*"] {
                self.general.push((pin, priority));
            } else {
                self.specific.push(Specific { packages, pin, priority });
            }
        };
        let mut reader = Reader::new(["Package", "Pin", "Pin-Priority"]);
        reader.feed(text.as_bytes(), &mut each);
        reader.finish(&mut each);
    }

    /// The priority of an archive.
    pub(super) fn of_archive(&self, archive: &Archive) -> i32 {
        let pinned = self.general.iter().find(|(pin, _)| pin.matches_archive(archive));

        pinned.map_or_else(
            || match (archive.release.not_automatic, archive.release.but_automatic_upgrades) {
                (false, _) => 500,
                (true, true) => 100,
                (true, false) => 1,
            },
            |(_, priority)| *priority,
        )
    }

    /// The priority that a pin gives to this very version, if one does.
    pub(super) fn of_version(&self, version: &Version<'_>) -> Option<i32> {
        let names = |specific: &&Specific| specific.packages.iter().any(|pattern| version.is_named(pattern));
        let matches = |specific: &&Specific| match &specific.pin {
            Pin::Version(pattern) => glob(pattern, version.version),
            pin @ (Pin::Site(_) | Pin::Release(_)) => version.archives.iter().any(|a| pin.matches_archive(a)),
        };

        self.specific.iter().filter(names).find(matches).map(|specific| specific.priority)
    }
}

impl Version<'_> {
    fn is_named(&self, pattern: &str) -> bool {
        if let Some(source) = pattern.strip_prefix("src:") {
            return glob(source, self.source.unwrap_or(self.name));
        }
        match pattern.rsplit_once(':') {
            Some((name, architecture)) => {
                glob(name, self.name) && (architecture == "any" || architecture == self.architecture)
            }
            None => glob(pattern, self.name),
        }
    }
}

impl Pin {
    fn matches_archive(&self, archive: &Archive) -> bool {
        match self {
            Self::Version(_) => false,
            Self::Site(site) => glob(site, &archive.site),
            Self::Release(parts) => {
                let release = &archive.release;
                !parts.is_empty()
                    && parts.iter().all(|(letter, pattern)| match letter {
                        'a' => glob(pattern, &release.suite),
                        'n' => glob(pattern, &release.codename),
                        'o' => glob(pattern, &release.origin),
                        'l' => glob(pattern, &release.label),
                        'c' => glob(pattern, &archive.component),
                        'v' => glob(pattern, &release.version),
                        'b' => glob(pattern, &archive.architecture),
                        '*' => glob(pattern, &release.suite) || glob(pattern, &release.codename),
                        _ => false,
                    })
            }
        }
    }
}

fn pin(text: &str) -> Option<Pin> {
    let (kind, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    if rest.contains('/') && rest.trim_start_matches(|c: char| c != '/').len() > 1 && rest.ends_with('/') {
        return None;
    }

    Some(match kind.to_ascii_lowercase().as_str() {
        "version" => Pin::Version(rest.to_owned()),
        "origin" => Pin::Site(rest.trim_matches('"').to_owned()),
        "release" => release_pin(rest),
        _ => return None,
    })
}

fn release_pin(text: &str) -> Pin {
    let part = |part: &str| {
        let part = part.trim();
        match part.split_once('=') {
            Some((letter, value)) => {
                (letter.trim().chars().next().unwrap_or('?'), value.trim().trim_matches('"').to_owned())
            }
            None if part.starts_with(|c: char| c.is_ascii_digit()) => ('v', part.to_owned()),
            None => ('*', part.to_owned()),
        }
    };

    Pin::Release(text.split(',').filter(|part| !part.trim().is_empty()).map(part).collect())
}

/// Whether a pattern with `*` and `?` matches the whole text; linear in both but for the last `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }

    pattern[p..].iter().all(|byte| *byte == b'*')
}
