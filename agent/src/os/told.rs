//! What a system's own management interfaces answer, in the words of neither system.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use vonggac_protocol::posture::{Unknown, Why};
use vonggac_protocol::time::Timestamp;

/// One value of an instance.
#[derive(Clone, PartialEq, Debug)]
pub enum Datum {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// One instance of a class of management data: its properties that have a value of a plain kind.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Instance(pub BTreeMap<String, Datum>);

impl Instance {
    /// A property that is yes or no.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Datum::Flag(flag) => Some(*flag),
            Datum::Number(_) | Datum::Text(_) => None,
        }
    }

    /// A property that is a number; 64-bit ones come as texts.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Datum::Number(number) => Some(*number),
            Datum::Text(text) => text.parse().ok(),
            Datum::Flag(_) => None,
        }
    }

    /// A property that is a text with something in it.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Datum::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Datum::Flag(_) | Datum::Number(_) => None,
        }
    }
}

/// An update that the system would install.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OfferedUpdate {
    /// Its id.
    pub id: String,
    /// Its title, in the language of the system.
    pub title: String,
    /// Its numbers, as the publisher writes them: digits, sometimes with `KB` before.
    pub numbers: Vec<String>,
    /// Ids of the categories it is in.
    pub categories: Vec<String>,
    /// How severe its publisher calls what it mends; empty if it mends no weakness.
    pub severity: String,
    /// Ids of the updates that it takes the place of.
    pub supersedes: Vec<String>,
}

/// What the system's updater once did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastUpdate {
    /// Title of the update, in the language of the system at that time.
    pub title: String,
    /// When.
    pub at: Timestamp,
    /// Whether it was installed; else it was taken away.
    pub installed: bool,
    /// Whether that succeeded, be it with a remark.
    pub succeeded: bool,
}

/// When the system's updater last succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UpdaterResults {
    /// In searching.
    pub searched_at: Option<Timestamp>,
    /// In installing.
    pub installed_at: Option<Timestamp>,
}

/// Whom the updater is to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AskWhom {
    /// Its own store, which holds what its last search found: nothing goes over the line.
    Store,
    /// The server that the machine is set up for.
    Server,
    /// A file that was carried in.
    File(PathBuf),
}

/// What the updater offers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UpdaterAnswer {
    /// All of it.
    pub offered: Vec<OfferedUpdate>,
    /// Date of the file that was asked, where it was one.
    pub data_at: Option<Timestamp>,
}

/// A question that this system has no answer to.
#[must_use]
pub fn not_available() -> Unknown {
    Unknown { why: Why::NotAvailable, detail: None }
}

/// A number of days since 30 December 1899, UTC, as a moment; `None` for moments before 1970.
#[must_use]
pub fn moment_of_days(days: f64) -> Option<Timestamp> {
    const DAYS_TO_1970: f64 = 25_569.0;

    let since = Duration::try_from_secs_f64((days - DAYS_TO_1970) * 86_400.0).ok()?;

    i64::try_from(since.as_millis()).ok().filter(|millis| *millis > 0).map(Timestamp)
}

/// A moment of management data: `20261103081500.000000+420`, local time and minutes ahead of UTC; `None` if any of it is
/// not told.
#[must_use]
pub fn moment_of_management(text: &str) -> Option<Timestamp> {
    let digits = |from: usize, until: usize| {
        let part = text.get(from..until).filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?;
        part.parse::<i16>().ok()
    };
    let small = |from: usize, until: usize| i8::try_from(digits(from, until)?).ok();
    let local = jiff::civil::DateTime::new(
        digits(0, 4)?,
        small(4, 6)?,
        small(6, 8)?,
        small(8, 10)?,
        small(10, 12)?,
        small(12, 14)?,
        0,
    )
    .ok()?;
    let minutes = i64::from(digits(22, 25)?);
    let ahead = match text.as_bytes().get(21)? {
        b'+' => minutes,
        b'-' => -minutes,
        _ => return None,
    };
    let millis = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();

    Some(Timestamp(millis.checked_sub(ahead.checked_mul(60_000)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_since_1899_are_moments() {
        assert_eq!(moment_of_days(25_569.5), Some(Timestamp(43_200_000)));
        assert_eq!(moment_of_days(45_000.0), Some(Timestamp(1_678_838_400_000)));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(moment_of_days(wrong), None);
        }
    }

    #[test]
    fn a_moment_of_management_data_is_taken_with_its_offset() {
        let utc: jiff::Timestamp = "2026-11-03T01:15:00Z".parse().unwrap();
        let wanted = Some(Timestamp(utc.as_millisecond()));

        assert_eq!(moment_of_management("20261103081500.000000+420"), wanted);
        assert_eq!(moment_of_management("20261103011500.123000+000"), wanted);
        assert_eq!(moment_of_management("20261102181500.000000-420"), wanted);
        for wrong in [
            "",
            "2026",
            "20261303081500.000000+420",
            "20261103081500.000000*420",
            "20261103******.******+420",
        ] {
            assert_eq!(moment_of_management(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9+.*é-]{0,30}") {
            let _any = moment_of_management(&text);
        }
    }
}
