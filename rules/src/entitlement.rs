//! The right of an agency to use so many copies of a product, and when it stands.
//!
//! Days are those of Vietnam (UTC+7): a contract ends with the day that is written in it.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};
use vonggac_protocol::time::Timestamp;

/// Vietnam is seven hours ahead of UTC, all year.
const VIETNAM: Offset = Offset::constant(7);

/// What one unit of an entitlement covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// One machine.
    Device,
    /// One person. Persons are not counted on machines: one unit is held against one machine.
    User,
    /// One processor core of a machine.
    Core,
    /// The whole agency, however many machines; the quantity does not limit.
    Site,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Device, Self::User, Self::Core, Self::Site];

    /// The word in files and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::User => "user",
            Self::Core => "core",
            Self::Site => "site",
        }
    }

    /// The metric of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.word() == word)
    }
}

/// One line of an agency's ledger.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entitlement {
    /// The product's id in the catalogue.
    pub product: String,
    /// Words that the name of the installed product must have, such as `Professional Plus 2019`; `None`: any edition.
    pub edition: Option<String>,
    /// The newest version that may be used, in its first parts: `16` covers `16.0.5`; `None`: any version.
    pub version_max: Option<String>,
    /// What one unit covers.
    pub metric: Metric,
    /// Units.
    pub quantity: u64,
    /// First day.
    #[serde(with = "day")]
    pub start: Option<Date>,
    /// Last day; `None`: without end.
    #[serde(with = "day")]
    pub end: Option<Date>,
    /// Contract or invoice.
    pub contract: String,
    /// Anything else.
    pub note: String,
}

/// Whether an entitlement counts on a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Begins later.
    NotYet,
    /// Counts.
    Valid,
    /// Its last day has passed.
    Expired,
}

impl Standing {
    /// The word in files and messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotYet => "not_yet",
            Self::Valid => "valid",
            Self::Expired => "expired",
        }
    }
}

/// What makes two lines of a ledger the same right: product, edition, version, metric, contract, first day. A new
/// quantity, end or note changes it; anything else is another right.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Right<'a>(&'a str, Option<&'a str>, Option<&'a str>, Metric, &'a str, Option<Date>);

impl Entitlement {
    /// How it stands on a day.
    #[must_use]
    pub fn standing(&self, today: Date) -> Standing {
        if self.end.is_some_and(|end| end < today) {
            Standing::Expired
        } else if self.start.is_some_and(|start| start > today) {
            Standing::NotYet
        } else {
            Standing::Valid
        }
    }

    /// Which right it is.
    #[must_use]
    pub fn right(&self) -> Right<'_> {
        Right(
            &self.product,
            self.edition.as_deref(),
            self.version_max.as_deref(),
            self.metric,
            &self.contract,
            self.start,
        )
    }

    /// Whether it covers an installation of this name and version.
    #[must_use]
    pub fn covers(&self, name: &str, version: &str) -> bool {
        self.edition.as_deref().is_none_or(|edition| has_words(name, edition))
            && self.version_max.as_deref().is_none_or(|most| !is_newer(version, most))
    }
}

impl fmt::Display for Entitlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_any = |text: Option<&str>| text.unwrap_or("*").to_owned();
        let day = |day: Option<Date>| day.map_or_else(|| "–".to_owned(), |day| day.to_string());
        write!(
            f,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            self.product,
            or_any(self.edition.as_deref()),
            or_any(self.version_max.as_deref()),
            self.metric.word(),
            self.quantity,
            day(self.start),
            day(self.end),
            self.contract
        )
    }
}

/// The day in Vietnam at this moment.
#[must_use]
pub fn day_of(now: Timestamp) -> Date {
    jiff::Timestamp::from_millisecond(now.0)
        .map_or(Date::MAX, |moment| moment.to_zoned(TimeZone::fixed(VIETNAM)).date())
}

/// Whether every word of `wanted` is a word of `name`; capitals do not matter.
fn has_words(name: &str, wanted: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let here = split(name);

    split(wanted).iter().all(|word| word.is_empty() || here.contains(word))
}

/// Whether a version is beyond `most` in the parts that `most` has. A version that cannot be compared is taken as
/// newer: a right that cannot be shown is not counted.
fn is_newer(version: &str, most: &str) -> bool {
    let parts = |text: &str| -> Vec<Option<u64>> {
        text.split(['.', '-', '+', '~', ' ']).map(|part| part.parse().ok()).collect()
    };
    let (version, most) = (parts(version), parts(most));
    for (at, limit) in most.iter().enumerate() {
        match (version.get(at).copied().flatten(), limit) {
            (Some(part), Some(limit)) if part == *limit => {}
            (Some(part), Some(limit)) => return part > *limit,
            // `16.0` is not newer than `16.0.3`.
            (None, Some(_)) if at > 0 && at >= version.len() => return false,
            (None, _) | (_, None) => return true,
        }
    }

    false
}

/// Days as ISO text in files.
mod day {
    use jiff::civil::Date;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        day.map(|day| day.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a day"))))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(edition: Option<&str>, version_max: Option<&str>) -> Entitlement {
        Entitlement {
            product: "microsoft.office".to_owned(),
            edition: edition.map(str::to_owned),
            version_max: version_max.map(str::to_owned),
            metric: Metric::Device,
            quantity: 1,
            start: Some("2026-01-01".parse().unwrap()),
            end: Some("2026-12-31".parse().unwrap()),
            contract: "HD-01".to_owned(),
            note: String::new(),
        }
    }

    #[test]
    fn a_right_stands_from_its_first_day_to_the_end_of_its_last() {
        let right = office(None, None);
        let on = |day: &str| right.standing(day.parse().unwrap());

        assert_eq!(on("2025-12-31"), Standing::NotYet);
        assert_eq!(on("2026-01-01"), Standing::Valid);
        assert_eq!(on("2026-12-31"), Standing::Valid);
        assert_eq!(on("2027-01-01"), Standing::Expired);
    }

    #[test]
    fn a_day_begins_at_midnight_in_vietnam() {
        // 2026-12-31T17:00:00Z is midnight in Hanoi.
        assert_eq!(day_of(Timestamp(1_798_736_400_000 - 1)).to_string(), "2026-12-31");
        assert_eq!(day_of(Timestamp(1_798_736_400_000)).to_string(), "2027-01-01");
    }

    #[test]
    fn an_edition_is_told_by_whole_words_of_the_installed_name() {
        let plus = office(Some("Professional Plus"), None);

        assert!(plus.covers("Microsoft Office Professional Plus 2016", "16.0"));
        assert!(plus.covers("microsoft office PROFESSIONAL plus 2019 - vi-vn", "16.0"));
        assert!(!plus.covers("Microsoft Office Professional 2016", "16.0"));
        assert!(!office(Some("Pro"), None).covers("Microsoft Office Professional Plus 2016", "16.0"));
    }

    #[test]
    fn a_version_is_covered_up_to_the_newest_that_may_be_used() {
        let most = office(None, Some("16"));

        assert!(most.covers("x", "16.0.4266.1001") && most.covers("x", "15.9"));
        assert!(!most.covers("x", "17.0") && !most.covers("x", "latest") && !most.covers("x", ""));
        assert!(office(None, Some("16.0.3")).covers("x", "16.0"));
        assert!(!office(None, Some("2019a")).covers("x", "2018"), "what cannot be compared is not counted");
    }

    #[test]
    fn a_line_of_a_file_is_read_as_it_was_written() {
        let right = office(Some("Standard"), None);
        let text = serde_json::to_string(&right).unwrap();

        assert_eq!(serde_json::from_str::<Entitlement>(&text).unwrap(), right);
        assert!(text.contains("\"2026-12-31\""));
    }
}
