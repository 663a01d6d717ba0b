//! How far the journal was read. Kept over restarts; told apart by row of files and numbering, never by time.

use serde::{Deserialize, Serialize};

use super::file::{Entry, Header};
use super::folder::Kept;

/// Numberings remembered; a row begins a new one only when its files were lost or put aside.
const PLACES_MAX: usize = 256;

/// Entries of one moment that are told apart when they move from memory to the disk.
const MOMENT_MAX: usize = 256;

/// A row of files that follow each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Series {
    /// Where.
    pub kept: Kept,
    /// `system`, or `user-` and a number.
    pub name: String,
}

/// How far one numbering of one row was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    series: Series,
    /// The numbering.
    #[serde(with = "hex")]
    pub numbering: u128,
    /// The last number that was read; the largest there is: all of it was before us.
    pub number: u64,
    /// When that was written, microseconds.
    pub at: u64,
    /// Whether it was the last of a file that its writer had closed.
    pub done: bool,
}

/// The last moment of what was read in memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Moment {
    #[serde(with = "hex")]
    boot: u128,
    monotonic: u64,
    contents: Vec<u64>,
}

/// How far all was read.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Places {
    /// Whether there ever was a reading; what stands before the first one is passed over.
    pub begun: bool,
    places: Vec<Place>,
    in_memory: Option<Moment>,
}

impl Places {
    /// How far a numbering of a row was read; `None`: it is new.
    #[must_use]
    pub fn number(&self, series: &Series, numbering: u128) -> Option<u64> {
        self.find(series, numbering).map(|place| place.number)
    }

    /// The newest place of a row.
    #[must_use]
    pub fn current(&self, series: &Series) -> Option<Place> {
        let of_series = self.places.iter().filter(|place| place.series == *series);

        of_series.filter(|place| place.number != u64::MAX).max_by_key(|place| place.at).cloned()
    }

    /// When the newest entry of a row that was read had been written.
    #[must_use]
    pub fn last_at(&self, series: &Series) -> Option<u64> {
        self.current(series).map(|place| place.at).filter(|at| *at > 0)
    }

    fn find(&self, series: &Series, numbering: u128) -> Option<&Place> {
        self.places.iter().find(|place| place.numbering == numbering && place.series == *series)
    }

    fn find_mut(&mut self, series: &Series, numbering: u128) -> &mut Place {
        let at = self
            .places
            .iter()
            .position(|place| place.numbering == numbering && place.series == *series)
            .unwrap_or_else(|| {
                if self.places.len() >= PLACES_MAX {
                    let oldest = (0..self.places.len()).min_by_key(|at| self.places[*at].at);
                    self.places.remove(oldest.unwrap_or(0));
                }
                let series = series.clone();
                self.places.push(Place { series, numbering, number: 0, at: 0, done: false });
                self.places.len() - 1
            });

        &mut self.places[at]
    }

    /// Everything of a numbering up to `number` was before us.
    pub fn pass(&mut self, series: &Series, numbering: u128, number: u64) {
        self.find_mut(series, numbering).number = number;
    }

    /// Begins at the end of the file that is written to.
    pub fn start(&mut self, series: &Series, header: &Header) {
        let place = self.find_mut(series, header.numbering);
        let number = if place.number == u64::MAX { 0 } else { place.number };
        place.number = number.max(header.tail);
        place.at = place.at.max(header.tail_at);
    }

    /// The file in which this numbering was read is closed and read.
    pub fn finish(&mut self, series: &Series, numbering: u128) {
        self.find_mut(series, numbering).done = true;
    }

    /// Moves on to an entry. Says whether it is new, not one that was read in memory before it moved to the disk.
    pub fn advance(&mut self, series: &Series, header: &Header, entry: &Entry) -> bool {
        let place = self.find_mut(series, header.numbering);
        place.number = entry.number;
        place.at = entry.realtime;
        place.done = false;

        match series.kept {
            Kept::InMemory => {
                self.remember(entry);
                true
            }
            Kept::OnDisk => !self.in_memory.as_ref().is_some_and(|moment| moment.covers(entry)),
        }
    }

    fn remember(&mut self, entry: &Entry) {
        match &mut self.in_memory {
            Some(moment) if moment.boot == entry.boot && moment.monotonic == entry.monotonic => {
                if moment.contents.len() < MOMENT_MAX {
                    moment.contents.push(entry.content);
                }
            }
            moment => {
                let (boot, monotonic) = (entry.boot, entry.monotonic);
                *moment = Some(Moment { boot, monotonic, contents: vec![entry.content] });
            }
        }
    }
}

impl Moment {
    /// Whether an entry of the disk had been read in memory already.
    fn covers(&self, entry: &Entry) -> bool {
        self.boot == entry.boot
            && (entry.monotonic < self.monotonic
                || (entry.monotonic == self.monotonic && self.contents.contains(&entry.content)))
    }
}

/// 128 bits as text: JSON has no such numbers.
mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;

        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
