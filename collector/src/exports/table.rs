//! A list as rows of cells, whatever the format: what is written where is decided once.

use jiff::civil::Date;
use vonggac_protocol::time::Timestamp;

use crate::desk::words::Language;

/// What stands in one cell.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// Nothing: not known, or does not apply.
    Empty,
    /// A text, as it is.
    Text(String),
    /// One of a closed list of words, in the reader's language where it has words for it: the list, the word.
    Word(&'static str, String),
    /// A whole number.
    Number(i64),
    /// A share between 0 and 1.
    Share(f64),
    /// A moment.
    Moment(Timestamp),
    /// A day.
    Day(Date),
    /// Yes or no.
    Yes(bool),
}

impl Cell {
    /// A word of a list.
    pub fn word(list: &'static str, word: impl Into<String>) -> Self {
        Self::Word(list, word.into())
    }

    /// A count.
    #[must_use]
    pub fn count(count: u64) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A part of a whole; empty for a share of nothing.
    #[must_use]
    pub fn share(part: u64, whole: u64) -> Self {
        // A share needs four digits; counts up to billions keep them.
        let ten_thousandths = part.saturating_mul(10_000).checked_div(whole);
        match ten_thousandths.and_then(|share| u32::try_from(share).ok()) {
            Some(share) => Self::Share(f64::from(share) / 10_000.0),
            None => Self::Empty,
        }
    }

    /// Several texts in one cell.
    pub fn joined<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<T> = texts.into_iter().collect();

        texts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ").into()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<Timestamp> for Cell {
    fn from(moment: Timestamp) -> Self {
        Self::Moment(moment)
    }
}

impl From<Date> for Cell {
    fn from(day: Date) -> Self {
        Self::Day(day)
    }
}

impl From<bool> for Cell {
    fn from(yes: bool) -> Self {
        Self::Yes(yes)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::count(count)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// What takes rows.
pub trait Sink {
    /// Takes one; as many cells as the list has heads.
    ///
    /// # Errors
    /// If it cannot be written.
    fn row(&mut self, cells: &[Cell]) -> anyhow::Result<()>;
}

/// Words of a closed list in the reader's language: those of the list, else what it is.
pub(super) fn in_words(t: Language, list: &str, word: &str) -> String {
    t.of_list(list, word)
}
