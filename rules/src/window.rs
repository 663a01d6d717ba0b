//! Counting within a time span, in bounded memory: the oldest goes first.
//!
//! Time is the observations' own. Nothing here depends on when, or how often, it is asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use vonggac_protocol::id::ObservationId;
use vonggac_protocol::time::Timestamp;

use crate::finding::EVIDENCE_MAX;

/// Groups that are counted at once; one more drops the group that has been still the longest.
pub const GROUPS_MAX: usize = 20_000;

/// Entries of all groups together; more drop the groups that have been still the longest. An entry takes a few
/// hundred bytes, as long values are kept by their digest: about a hundred megabytes at the very worst.
pub const ENTRIES_MAX: usize = 300_000;

/// The highest count that a rule may wait for; bounds a group's memory.
pub const THRESHOLD_MAX: usize = 1_000;

/// Entries of a group that waits for steps in order: any of them may begin or carry on a chain.
pub const ORDERED_MAX: usize = 256;

/// What is counted together: rule, agency, and the values of the rule's `group-by`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GroupKey {
    /// Name of the correlation rule.
    pub rule: String,
    /// Groups never reach across agencies.
    pub agency: String,
    /// Values of the fields in the order of `group-by`.
    pub values: Vec<String>,
}

/// How a rule counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measure {
    /// So many fire.
    pub threshold: usize,
    /// Within this span.
    pub span: Duration,
    /// Whether the threshold counts steps that must come one after the other.
    pub ordered: bool,
}

/// One thing to count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// What makes it distinct: the observation's id, or the value of a field.
    pub value: String,
    /// Its observation.
    pub id: ObservationId,
    /// Where steps are waited for in order: which it is, from 0.
    pub step: usize,
}

/// The threshold was reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reached {
    /// How many were counted; the threshold, as nothing beyond it is told.
    pub count: usize,
    /// When the first of them happened.
    pub first_at: Timestamp,
    /// When the last of them happened.
    pub last_at: Timestamp,
    /// The newest of them, oldest first, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<ObservationId>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    entries: VecDeque<Entry>,
    newest: Timestamp,
    quiet_until: Option<Timestamp>,
}

/// All groups of all rules.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    groups: BTreeMap<GroupKey, Group>,
    by_age: BTreeSet<(Timestamp, GroupKey)>,
    entries: usize,
}

impl Windows {
    /// Counts one entry. Having fired, a group is quiet for one span.
    pub fn count(&mut self, key: &GroupKey, measure: Measure, entry: Entry) -> Option<Reached> {
        let is_new = !self.groups.contains_key(key);
        if (is_new && self.groups.len() >= GROUPS_MAX) || self.entries >= ENTRIES_MAX {
            let (_, oldest) = self.by_age.pop_first()?;
            self.entries -= self.groups.remove(&oldest).map_or(0, |group| group.entries.len());
        }
        let group = self.groups.entry(key.clone()).or_insert_with(|| {
            self.by_age.insert((entry.at, key.clone()));
            Group { newest: entry.at, ..Group::default() }
        });
        if entry.at > group.newest {
            self.by_age.remove(&(group.newest, key.clone()));
            self.by_age.insert((entry.at, key.clone()));
            group.newest = entry.at;
        }

        let before = group.entries.len();
        let reached = group.count(measure, entry);
        self.entries = (self.entries + group.entries.len()).saturating_sub(before);

        reached
    }

    /// Forgets all groups but these.
    pub fn retain(&mut self, keep: impl Fn(&GroupKey) -> bool) {
        self.groups.retain(|key, _| keep(key));
        self.by_age.retain(|(_, key)| keep(key));
        self.entries = self.groups.values().map(|group| group.entries.len()).sum();
    }

    /// How many groups are counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl Group {
    fn count(&mut self, measure: Measure, entry: Entry) -> Option<Reached> {
        let at = entry.at;
        self.keep(entry)?;
        let most = if measure.ordered { ORDERED_MAX } else { measure.threshold };
        while self.entries.front().is_some_and(|oldest| self.newest.since(oldest.at) > measure.span)
            || self.entries.len() > most
        {
            self.entries.pop_front();
        }
        if self.quiet_until.is_some_and(|until| at < until) {
            return None;
        }
        let counted: Vec<&Entry> = match measure.ordered {
            true => self.chain(measure.threshold)?,
            false if self.entries.len() < measure.threshold => return None,
            false => self.entries.iter().collect(),
        };
        let (first, last) = (counted.first()?, counted.last()?);
        let reached = Reached {
            count: counted.len(),
            first_at: first.at,
            last_at: last.at,
            evidence: counted.iter().skip(counted.len().saturating_sub(EVIDENCE_MAX)).map(|e| e.id).collect(),
        };
        self.quiet_until = Some(self.newest.plus(measure.span));

        Some(reached)
    }

    /// So many steps in their order, each by an observation of its own; the earliest that there are.
    fn chain(&self, steps: usize) -> Option<Vec<&Entry>> {
        let mut chain: Vec<&Entry> = Vec::new();
        for entry in &self.entries {
            if entry.step == chain.len() && chain.last().is_none_or(|last| last.id != entry.id) {
                chain.push(entry);
            }
            if chain.len() == steps {
                return Some(chain);
            }
        }

        None
    }

    /// Puts the entry in its place by time; `None` if it is known already and not newer.
    fn keep(&mut self, entry: Entry) -> Option<()> {
        if let Some(known) = self.entries.iter().position(|known| known.value == entry.value) {
            if self.entries[known].at >= entry.at {
                return None;
            }
            self.entries.remove(known);
        }
        let place = self.entries.iter().rposition(|earlier| earlier.at <= entry.at).map_or(0, |at| at + 1);
        self.entries.insert(place, entry);

        Some(())
    }
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::id::{Epoch, HostId, Lane, Seq};

    use super::*;

    const MEASURE: Measure = Measure { threshold: 3, span: Duration::from_secs(10), ordered: false };

    fn group(name: &str) -> GroupKey {
        GroupKey { rule: "r".to_owned(), agency: "a".to_owned(), values: vec![name.to_owned()] }
    }

    fn entry(seq: u64, secs: i64) -> Entry {
        let id = ObservationId { host: HostId([1; 16]), epoch: Epoch(1), lane: Lane::Prompt, seq: Seq(seq) };

        Entry { at: Timestamp(secs * 1_000), value: id.to_string(), id, step: 0 }
    }

    #[test]
    fn three_within_the_span_fire_once_and_again_only_after_it() {
        let mut windows = Windows::default();
        let fired: Vec<u64> = (1..=24)
            .filter(|n| {
                let secs = i64::try_from(*n).unwrap();
                windows.count(&group("g"), MEASURE, entry(*n, secs)).is_some()
            })
            .collect();

        assert_eq!(fired, [3, 13, 23]);
    }

    #[test]
    fn an_observation_weighed_twice_counts_once() {
        let mut windows = Windows::default();

        for _ in 0..5 {
            assert_eq!(windows.count(&group("g"), MEASURE, entry(1, 1)), None);
        }
    }

    #[test]
    fn three_over_a_longer_time_do_not_fire() {
        let mut windows = Windows::default();

        for n in 0..10 {
            let reached = windows.count(&group("g"), MEASURE, entry(n, i64::try_from(n).unwrap() * 6));
            assert_eq!(reached, None);
        }
    }

    #[test]
    fn steps_fire_in_their_order_only_whatever_the_order_of_arrival() {
        let ordered = Measure { ordered: true, ..MEASURE };
        let step = |seq, secs, step| Entry { step, ..entry(seq, secs) };
        let fires = |entries: &[Entry]| {
            let mut windows = Windows::default();
            entries.iter().filter_map(|e| windows.count(&group("g"), ordered, e.clone())).count()
        };

        assert_eq!(fires(&[step(1, 1, 0), step(2, 2, 1), step(3, 3, 2)]), 1);
        assert_eq!(fires(&[step(1, 1, 0), step(2, 2, 1), step(4, 3, 0), step(3, 4, 2)]), 1);
        assert_eq!(fires(&[step(3, 3, 2), step(1, 1, 0), step(2, 2, 1)]), 1, "told late");
        assert_eq!(fires(&[step(1, 1, 2), step(2, 2, 1), step(3, 3, 0)]), 0);
        assert_eq!(fires(&[step(1, 1, 0), step(2, 2, 1), step(3, 30, 2)]), 0, "too late");
        assert_eq!(fires(&[step(1, 1, 0), step(1, 1, 1), step(1, 1, 2)]), 0, "one observation");
    }

    #[test]
    fn the_group_that_was_still_the_longest_is_dropped_first() {
        let mut windows = Windows::default();
        windows.count(&group("first"), MEASURE, entry(1, 1));
        for n in 0..GROUPS_MAX {
            windows.count(&group(&n.to_string()), MEASURE, entry(2, 2));
        }

        assert_eq!(windows.len(), GROUPS_MAX);
        assert!(!windows.groups.contains_key(&group("first")));
        assert_eq!(windows.by_age.len(), GROUPS_MAX);
        assert_eq!(windows.entries, GROUPS_MAX);
    }

    #[test]
    fn all_groups_together_never_hold_more_than_the_limit() {
        let wide = Measure { threshold: THRESHOLD_MAX, span: Duration::from_secs(86_400), ordered: false };
        let mut windows = Windows { entries: ENTRIES_MAX - 2, ..Windows::default() };

        for n in 0..10 {
            windows.count(&group(&(n % 3).to_string()), wide, entry(n, i64::try_from(n).unwrap()));
            assert!(windows.entries <= ENTRIES_MAX);
        }

        assert!(windows.len() < 3);
    }
}
