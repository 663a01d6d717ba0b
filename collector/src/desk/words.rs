//! Every word a person reads, in two languages; moments and numbers as people write them.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::time::Duration;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader as _, langid};
use vonggac_protocol::time::Timestamp;

fluent_templates::static_loader! {
    static LOCALES = {
        locales: "./src/console/locales",
        fallback_language: "vi",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static VI: LanguageIdentifier = langid!("vi");
static EN: LanguageIdentifier = langid!("en");

/// Vietnam's clock: UTC+7, no summer time.
const OFFSET_HOURS: i8 = 7;

/// A count, however many references away: templates bind by reference.
pub trait Figure {
    /// The count.
    fn figure(&self) -> u64;
}

impl Figure for u64 {
    fn figure(&self) -> u64 {
        *self
    }
}

impl<T: Figure> Figure for &T {
    fn figure(&self) -> u64 {
        (*self).figure()
    }
}

/// Which language a person reads; every word comes out of one of its methods.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Language {
    /// Vietnamese, the first.
    #[default]
    Vi,
    /// English.
    En,
}

impl Language {
    /// The language of a code; Vietnamese for any that we do not speak.
    #[must_use]
    pub fn of(code: &str) -> Self {
        if code == "en" { Self::En } else { Self::Vi }
    }

    /// The first of ours that an `Accept-Language` header names.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let mut named = header.split(',').map(|part| part.trim().get(..2).unwrap_or_default());

        named.find(|code| matches!(*code, "vi" | "en")).map(Self::of).unwrap_or_default()
    }

    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    fn identifier(self) -> &'static LanguageIdentifier {
        match self {
            Self::Vi => &VI,
            Self::En => &EN,
        }
    }

    /// The words of a key.
    #[must_use]
    pub fn say(self, key: &str) -> String {
        LOCALES.try_lookup(self.identifier(), key).unwrap_or_else(|| missing(key))
    }

    /// The words of a key with names filled in.
    #[must_use]
    pub fn with(self, key: &str, names: &[(&'static str, &str)]) -> String {
        let names: HashMap<Cow<'static, str>, FluentValue<'_>> = names
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from((*value).to_owned())))
            .collect();

        LOCALES.try_lookup_with_args(self.identifier(), key, &names).unwrap_or_else(|| missing(key))
    }

    /// The words for one of a closed list: key `list-word`. A word that is not in the list is shown as it is.
    #[must_use]
    pub fn of_list(self, list: &str, word: &str) -> String {
        LOCALES.try_lookup(self.identifier(), &format!("{list}-{word}")).unwrap_or_else(|| word.to_owned())
    }

    /// `22/11/2026 11:04:09`, Vietnam's time.
    #[must_use]
    pub fn moment(self, moment: impl Borrow<Timestamp>) -> String {
        written(*moment.borrow(), "%d/%m/%Y %H:%M:%S")
    }

    /// Likewise; a dash for none.
    #[must_use]
    pub fn moment_or(self, moment: impl Borrow<Option<Timestamp>>) -> String {
        moment.borrow().map_or_else(|| "–".to_owned(), |moment| self.moment(moment))
    }

    /// `22/11/2026`, Vietnam's time.
    #[must_use]
    pub fn day(self, moment: impl Borrow<Timestamp>) -> String {
        written(*moment.borrow(), "%d/%m/%Y")
    }

    /// `22/11/2026`, Vietnam's time; a dash for none.
    #[must_use]
    pub fn day_or(self, moment: impl Borrow<Option<Timestamp>>) -> String {
        moment.borrow().map_or_else(|| "–".to_owned(), |moment| written(moment, "%d/%m/%Y"))
    }

    /// How long ago, in one unit.
    #[must_use]
    pub fn ago(self, moment: impl Borrow<Timestamp>, now: impl Borrow<Timestamp>) -> String {
        let (count, unit) = unit_of(now.borrow().since(*moment.borrow()));
        if count == 0 {
            return self.say("ago-now");
        }

        self.with(&format!("ago-{unit}"), &[("n", &count.to_string())])
    }

    /// A span, in one unit.
    #[must_use]
    pub fn span(self, seconds: impl Figure) -> String {
        let (count, unit) = unit_of(Duration::from_secs(seconds.figure()));

        self.with(&format!("span-{unit}"), &[("n", &count.to_string())])
    }

    /// A whole number: `1.234.567` in Vietnamese, `1,234,567` in English.
    #[must_use]
    pub fn number(self, number: impl Figure) -> String {
        let digits = number.figure().to_string();
        let mut written = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                written.push(if self == Self::Vi { '.' } else { ',' });
            }
            written.push(digit);
        }

        written
    }

    /// `part` of `whole` in percent with one decimal: `45,2 %` in Vietnamese; a dash for a share of nothing.
    #[must_use]
    pub fn percent(self, part: impl Figure, whole: impl Figure) -> String {
        let (part, whole) = (part.figure(), whole.figure());
        if whole == 0 {
            return "–".to_owned();
        }
        let tenths = (part.saturating_mul(2_000) / whole).div_ceil(2);
        let mark = if self == Self::Vi { ',' } else { '.' };

        format!("{}{mark}{} %", tenths / 10, tenths % 10)
    }

    /// Bytes in the largest unit that leaves a whole part: `1,5 GiB`.
    #[must_use]
    pub fn bytes(self, bytes: impl Figure) -> String {
        let (mut whole, mut tenth, mut unit) = (bytes.figure(), 0, 0);
        while whole >= 1_024 && unit < 4 {
            (tenth, whole, unit) = (whole % 1_024 * 10 / 1_024, whole / 1_024, unit + 1);
        }
        let unit_name = ["B", "KiB", "MiB", "GiB", "TiB"][unit];
        let mark = if self == Self::Vi { ',' } else { '.' };
        let whole = self.number(whole);

        if unit == 0 { format!("{whole} {unit_name}") } else { format!("{whole}{mark}{tenth} {unit_name}") }
    }

    /// Yes, no, or not known.
    #[must_use]
    pub fn yes(self, answer: impl Borrow<Option<bool>>) -> String {
        self.say(match answer.borrow() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not-known",
        })
    }
}

fn missing(key: &str) -> String {
    format!("⟦{key}⟧")
}

fn unit_of(span: Duration) -> (u64, &'static str) {
    match span.as_secs() {
        seconds @ 0..60 => (seconds, "seconds"),
        seconds @ 60..3_600 => (seconds / 60, "minutes"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hours"),
        seconds => (seconds / 86_400, "days"),
    }
}

fn written(moment: Timestamp, form: &str) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(OFFSET_HOURS));

    match jiff::Timestamp::from_millisecond(moment.0) {
        Ok(moment) => moment.to_zoned(zone).strftime(form).to_string(),
        Err(_) => moment.0.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_numbers_are_written_as_in_vietnam() {
        let moment = Timestamp(1_795_312_345_678);

        assert_eq!(Language::Vi.moment(moment), "22/11/2026 08:52:25");
        assert_eq!(Language::Vi.number(1_234_567), "1.234.567");
        assert_eq!(Language::En.number(999), "999");
        assert_eq!(Language::Vi.percent(1, 3), "33,3 %");
        assert_eq!(Language::Vi.percent(0, 0), "–");
        assert_eq!(Language::Vi.bytes(1_610_612_736), "1,5 GiB");
        assert_eq!(Language::accepted("fr-FR, en;q=0.8"), Language::En);
    }

    #[test]
    fn a_time_span_is_told_in_one_unit() {
        let now = Timestamp(10_000_000);

        assert_eq!(Language::Vi.ago(Timestamp(10_000_000 - 180_000), now), "3 phút trước");
        assert_eq!(Language::En.span(7_200), "2 hours");
    }
}
