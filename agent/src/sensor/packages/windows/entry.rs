//! One program as one place of the registry tells of it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vonggac_protocol::time::Timestamp;

use crate::registry::{Branch, text, value};
use crate::sensor::packages::database::{organisation, plain};

/// Bytes of one text of an entry that are told.
const TEXT_BYTES_MAX: usize = 500;

/// How long after the writing of its key a program may say that it was installed: clocks and zones differ by so much.
const AHEAD_MILLIS_MAX: i64 = 2 * DAY_MILLIS;

const DAY_MILLIS: i64 = 86_400_000;

/// A program, as one place of the registry tells of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The name of its key; of products of Windows Installer their code in capitals.
    pub(super) key: String,
    /// The user in whose hive it stands, or for whom Windows Installer keeps it; `None` is the machine.
    pub(super) user: Option<String>,
    /// `x64`, `x86`, `arm64`, or nothing where the place does not tell.
    pub(super) architecture: String,
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) vendor: Option<String>,
    pub(super) installed_at: Option<Timestamp>,
    pub(super) source: Option<String>,
    /// Where it lies; compared, never told.
    pub(super) place: Option<String>,
    /// Whether the list of programs hides it.
    pub(super) is_hidden: bool,
}

impl Entry {
    /// Reads the values that both kinds of keys have.
    pub(super) fn read(branch: &dyn Branch, key: &str, user: Option<&str>, architecture: &str) -> Self {
        let told = |name| text(branch, name).and_then(|text| clean(&text));
        let number = |name| crate::registry::number(branch, name);
        let numbered = || Some(format!("{}.{}", number("VersionMajor")?, number("VersionMinor")?));
        let key = if value::is_product_code(key) { key.to_uppercase() } else { key.to_owned() };

        Self {
            key,
            user: user.map(str::to_owned),
            architecture: architecture.to_owned(),
            name: told("DisplayName"),
            version: told("DisplayVersion").or_else(numbered),
            vendor: told("Publisher").and_then(|text| organisation(&text)),
            installed_at: installed_at(branch),
            source: told("InstallSource").and_then(|text| source(&text)),
            place: told("InstallLocation").map(|text| folder(&text)),
            is_hidden: number("SystemComponent") == Some(1),
        }
    }

    /// What Windows Installer knows of the very product fills in what the entry does not say.
    pub(super) fn complete(&mut self, product: &Self) {
        let fill = |here: &mut Option<String>, there: &Option<String>| {
            if here.is_none() {
                here.clone_from(there);
            }
        };
        fill(&mut self.name, &product.name);
        fill(&mut self.version, &product.version);
        fill(&mut self.vendor, &product.vendor);
        fill(&mut self.source, &product.source);
        fill(&mut self.place, &product.place);
        self.installed_at = self.installed_at.or(product.installed_at);
    }
}

/// Control characters as spaces, spaces in rows as one, of bounded length; `None` if nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut joined = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.truncate(joined.floor_char_boundary(TEXT_BYTES_MAX));

    plain(&joined)
}

/// The day that the installer wrote, if it is sound, else when the key was written last: no earlier than that it stood so.
fn installed_at(branch: &dyn Branch) -> Option<Timestamp> {
    let written = branch.written_at().ok().and_then(crate::sensor::moment).filter(|at| at.0 > 0);
    let latest = written.map(|at| at.0.saturating_add(AHEAD_MILLIS_MAX));
    let told = text(branch, "InstallDate").and_then(|text| value::day(&text)).and_then(midnight);

    told.filter(|told| latest.is_none_or(|latest| told.0 <= latest)).or(written)
}

fn midnight(day: Date) -> Option<Timestamp> {
    let moment = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();

    Some(Timestamp(moment.as_millisecond()))
}

/// A folder to compare with others.
fn folder(text: &str) -> String {
    text.trim_matches('"').trim_end_matches(['\\', '/']).to_lowercase()
}

/// Where it was installed from, without who did it: the folder of a user loses its name, an address all but its host.
pub(super) fn source(text: &str) -> Option<String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        return plain(&format!("{scheme}://{host}"));
    }
    let mut parts: Vec<&str> = text.trim_matches('"').split(['\\', '/']).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    let is_homes =
        |part: &str| ["users", "documents and settings", "profiles"].contains(&part.to_lowercase().as_str());
    let is_shared = |part: &str| ["public", "default", "all users"].contains(&part.to_lowercase().as_str());
    for at in 1..parts.len() {
        if is_homes(parts[at - 1]) && !is_shared(parts[at]) {
            parts[at] = "*";
        }
    }

    plain(&parts.join("\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_does_not_name_who_installed() {
        for (text, told) in [
            ("C:\\Users\\nguyen.van.a\\Downloads\\", Some("C:\\Users\\*\\Downloads")),
            ("d:\\documents and settings\\Bình\\x", Some("d:\\documents and settings\\*\\x")),
            ("C:\\Users\\Public\\x\\", Some("C:\\Users\\Public\\x")),
            ("\\\\may-chu\\phan-mem\\office\\", Some("\\\\may-chu\\phan-mem\\office")),
            ("https://a:secret@example.vn/x?token=1", Some("https://example.vn")),
            ("C:\\", Some("C:")),
            ("", None),
        ] {
            assert_eq!(source(text).as_deref(), told, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_told_in_one_line_is_cleaned_and_cut() {
        assert_eq!(clean("a\u{0}b \t c\r\n").as_deref(), Some("a b c"));
        assert_eq!(clean(&"ệ".repeat(300)).unwrap().len(), 498);
        assert_eq!(clean(" \n"), None);
    }
}
