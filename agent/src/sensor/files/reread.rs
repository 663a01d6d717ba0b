//! Which content is read again today although nothing about it changed. Pure but for the baseline it asks.

use anyhow::Result;
use vonggac_protocol::time::Timestamp;

use super::baseline::Baseline;
use super::key::Key;
use super::scan::Portion;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A portion being read, root by root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reread {
    pub(super) portion: Portion,
    /// Roots still to read.
    pub(super) roots: Vec<Key>,
    /// The content was as recorded at this moment.
    pub(super) last_read: Option<Timestamp>,
    /// The scan under way is for this.
    pub(super) is_under_way: bool,
}

/// The portion that is due; `None`: none today. `last` is the one read last, and when.
pub(super) fn due(days: u32, last: Option<(u32, Timestamp)>, now: Timestamp) -> Option<Portion> {
    let (number, at) = last.filter(|_| days > 0)?;
    // A clock set back must not put it off for ever.
    let is_due = (now.0 - at.0).abs() >= DAY_MS;

    is_due.then(|| Portion { of: days, number: (number + 1) % days })
}

impl Reread {
    /// What is to be read now. The first time nothing is: a first scan has just read everything, or will.
    pub(super) fn of(
        baseline: &Baseline,
        days: u32,
        roots: Vec<Key>,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let last = baseline.rehash_state()?;
        if last.is_none() && days > 0 {
            baseline.set_rehash_state(days - 1, now)?;
        }
        let Some(portion) = due(days, last, now) else { return Ok(None) };
        let last_read = baseline.reread_at(portion.of, portion.number)?;

        Ok(Some(Self { portion, roots, last_read, is_under_way: false }))
    }

    /// All of it was read, beginning at `from`.
    pub(super) fn finish(&self, baseline: &Baseline, from: Timestamp) -> Result<()> {
        baseline.set_rehash_state(self.portion.number, from)?;

        baseline.set_reread_at(self.portion.of, self.portion.number, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_portion_comes_once_in_as_many_days_as_there_are_portions() {
        let day = |number: i64| Timestamp(number * DAY_MS);
        let mut last = Some((6, day(0)));
        let mut read = Vec::new();
        for number in 1..=14 {
            let portion = due(7, last, day(number)).unwrap();
            assert_eq!(due(7, Some((portion.number, day(number))), Timestamp(day(number).0 + 1)), None);
            last = Some((portion.number, day(number)));
            read.push(portion.number);
        }

        assert_eq!(read, [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(due(0, last, day(99)), None);
    }

    #[test]
    fn every_path_is_in_one_portion() {
        for path in ["/a", "/usr/bin/ls", "/etc/passwd"] {
            let holding = (0..7).filter(|&number| Portion { of: 7, number }.holds(path.as_bytes())).count();
            assert_eq!(holding, 1);
        }
    }
}
