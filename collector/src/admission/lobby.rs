//! Those who have connected and said nothing yet, bounded in all and by where they come from.
//!
//! A newcomer always finds a place: when its kind has enough, the one of that kind that came first leaves, and when there
//! are enough in all, the first of the kind with the most does. Whoever means it speaks at once, so it is those who do not
//! that leave, and nobody is kept out by others who only sit there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio_util::sync::CancellationToken;

/// The lobby; cheap to clone.
#[derive(Debug)]
pub struct Lobby<K: Ord + Clone>(Arc<Mutex<Inside<K>>>);

#[derive(Debug)]
struct Inside<K> {
    most: usize,
    most_per_key: usize,
    /// By kind, in the order of their coming.
    guests: BTreeMap<K, BTreeMap<u64, CancellationToken>>,
    /// How many there are of each kind, to find the kind with the most.
    counts: BTreeSet<(usize, K)>,
    all: usize,
    next: u64,
}

/// One who is in the lobby; out when dropped.
#[derive(Debug)]
pub struct Guest<K: Ord + Clone> {
    lobby: Lobby<K>,
    key: K,
    number: u64,
    out: CancellationToken,
}

impl<K: Ord + Clone> Clone for Lobby<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Ord + Clone> Lobby<K> {
    /// So many in all, and of one kind; at least one.
    #[must_use]
    pub fn new(most: usize, most_per_key: usize) -> Self {
        let (most, most_per_key) = (most.max(1), most_per_key.max(1));
        let (guests, counts) = (BTreeMap::new(), BTreeSet::new());

        Self(Arc::new(Mutex::new(Inside { most, most_per_key, guests, counts, all: 0, next: 0 })))
    }

    /// Comes in; another may have to leave.
    #[must_use]
    pub fn enter(&self, key: K) -> Guest<K> {
        let mut inside = self.lock();
        if inside.count(&key) >= inside.most_per_key {
            inside.first_leaves(&key);
        } else if inside.all >= inside.most {
            let fullest = inside.counts.last().map(|(_, fullest)| fullest.clone());
            fullest.iter().for_each(|fullest| inside.first_leaves(fullest));
        }
        let (number, out) = (inside.next, CancellationToken::new());
        inside.next += 1;
        let count = inside.count(&key);
        inside.guests.entry(key.clone()).or_default().insert(number, out.clone());
        inside.recount(&key, count);
        drop(inside);

        Guest { lobby: self.clone(), key, number, out }
    }

    /// How many are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().all
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inside<K>> {
        self.0.lock().expect("nobody panics while holding this lock")
    }
}

impl<K: Ord + Clone> Inside<K> {
    fn count(&self, key: &K) -> usize {
        self.guests.get(key).map_or(0, BTreeMap::len)
    }

    /// Puts the counts right after a kind had `before` guests.
    fn recount(&mut self, key: &K, before: usize) {
        let count = self.count(key);
        self.counts.remove(&(before, key.clone()));
        if count > 0 {
            self.counts.insert((count, key.clone()));
        } else {
            self.guests.remove(key);
        }
        self.all = self.all + count - before;
    }

    fn first_leaves(&mut self, key: &K) {
        let before = self.count(key);
        if let Some((_, out)) = self.guests.get_mut(key).and_then(BTreeMap::pop_first) {
            out.cancel();
        }
        self.recount(key, before);
    }

    fn leaves(&mut self, key: &K, number: u64) {
        let before = self.count(key);
        if let Some(guests) = self.guests.get_mut(key) {
            guests.remove(&number);
        }
        self.recount(key, before);
    }
}

impl<K: Ord + Clone> Guest<K> {
    /// Waits until it has to leave for others.
    pub async fn made_room(&self) {
        self.out.cancelled().await;
    }

    /// Whether it has to.
    #[must_use]
    pub fn must_leave(&self) -> bool {
        self.out.is_cancelled()
    }
}

impl<K: Ord + Clone> Drop for Guest<K> {
    fn drop(&mut self) {
        self.lobby.lock().leaves(&self.key, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_kind_the_first_leaves_for_the_newcomer() {
        let lobby = Lobby::new(100, 2);
        let (first, second) = (lobby.enter("a"), lobby.enter("a"));
        let other = lobby.enter("b");

        let third = lobby.enter("a");

        assert!(first.must_leave());
        assert!(!second.must_leave() && !third.must_leave() && !other.must_leave());
        assert_eq!(lobby.len(), 3);
    }

    #[test]
    fn in_a_full_lobby_the_kind_with_the_most_makes_room_and_a_newcomer_is_never_kept_out() {
        let lobby = Lobby::new(6, 4);
        let many: Vec<_> = (0..4).map(|_| lobby.enter("many")).collect();
        let few: Vec<_> = (0..2).map(|_| lobby.enter("few")).collect();

        let newcomers: Vec<_> = ["x", "y"].into_iter().map(|key| lobby.enter(key)).collect();

        assert_eq!(many.iter().map(Guest::must_leave).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(few.iter().chain(&newcomers).all(|guest| !guest.must_leave()));
        assert_eq!(lobby.len(), 6);
    }

    #[test]
    fn by_chance_the_bounds_hold_and_nothing_is_left_of_those_who_went() {
        let lobby = Lobby::new(10, 4);
        let (mut guests, mut chance) = (Vec::new(), 0x5eed_u64);
        let mut below = |bound: usize| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            usize::try_from(chance % 1_000_003).unwrap() % bound
        };
        for _ in 0..10_000 {
            if below(2) == 0 || guests.is_empty() {
                guests.push(lobby.enter(["a", "b", "c", "d", "e"][below(5)]));
            } else {
                drop(guests.swap_remove(below(guests.len())));
            }
            let inside = lobby.lock();
            assert!(inside.all <= 10 && inside.guests.values().all(|guests| guests.len() <= 4));
            assert_eq!(inside.all, inside.guests.values().map(BTreeMap::len).sum::<usize>());
            assert_eq!(inside.all, inside.counts.iter().map(|(count, _)| count).sum::<usize>());
            assert_eq!(inside.all, guests.iter().filter(|guest| !guest.must_leave()).count());
        }
        drop(guests);

        let inside = lobby.lock();
        assert!(inside.guests.is_empty() && inside.counts.is_empty() && inside.all == 0);
    }
}
