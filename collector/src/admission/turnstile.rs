//! A few at a time, the rest in a bounded queue, each kind in its turn.
//!
//! Whoever enters says of which kind it is (an address, an agency) and how much it weighs. Those who wait are served
//! round and round by kind, so that a kind with a thousand waiting delays another's first by one turn and not by a
//! thousand. When the queue is full, the kind with the longest line loses its last one to a newcomer of a shorter line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::clock;

/// Turns after which the pace is taken anew.
const PACE_TURNS: u32 = 100;

/// How many.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Weight that is in at once.
    pub at_once: usize,
    /// Of one kind.
    pub at_once_per_key: usize,
    /// Tickets that wait.
    pub waiting: usize,
    /// Of one kind.
    pub waiting_per_key: usize,
}

/// The queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// A turnstile; cheap to clone.
#[derive(Debug)]
pub struct Turnstile<K: Ord + Clone>(Arc<Mutex<Inside<K>>>);

#[derive(Debug)]
struct Inside<K> {
    shape: Shape,
    /// Weight that is in.
    held: usize,
    held_by_key: BTreeMap<K, usize>,
    /// Kinds that wait, in the order of their turns.
    ring: VecDeque<K>,
    lines: BTreeMap<K, VecDeque<Waiter>>,
    /// Lengths of the lines, to find the longest.
    lengths: BTreeSet<(usize, K)>,
    waiting: usize,
    next: u64,
    pace: Pace,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    weight: usize,
    tell: oneshot::Sender<()>,
}

/// How many turns end in a second.
#[derive(Debug, Default)]
struct Pace {
    since: Option<Instant>,
    turns: u32,
    last: f64,
}

/// The right to go in, or a place in the queue; given back when dropped.
#[derive(Debug)]
pub struct Ticket<K: Ord + Clone> {
    turnstile: Turnstile<K>,
    key: K,
    weight: usize,
    waits: Option<(u64, oneshot::Receiver<()>)>,
}

/// Somebody who is in; out when dropped.
#[derive(Debug)]
pub struct Turn<K: Ord + Clone> {
    turnstile: Turnstile<K>,
    key: K,
    weight: usize,
}

impl<K: Ord + Clone> Clone for Turnstile<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Ord + Clone> Turnstile<K> {
    /// An empty one.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            shape,
            held: 0,
            held_by_key: BTreeMap::new(),
            ring: VecDeque::new(),
            lines: BTreeMap::new(),
            lengths: BTreeSet::new(),
            waiting: 0,
            next: 0,
            pace: Pace::default(),
        })))
    }

    /// Goes in or waits; what weighs more than one kind may is taken for that.
    ///
    /// # Errors
    /// If too many wait.
    pub fn enter(&self, key: K, weight: usize) -> Result<Ticket<K>, Full> {
        let mut inside = self.lock();
        let weight = weight.clamp(1, inside.shape.at_once_per_key);
        let waits = if inside.waiting == 0 && inside.fits(&key, weight) {
            inside.hold(&key, weight);
            None
        } else {
            let (number, mut told) = inside.line_up(key.clone(), weight)?;
            // There may be room for this kind although others wait for theirs.
            inside.serve();
            told.try_recv().is_err().then_some((number, told))
        };
        drop(inside);

        Ok(Ticket { turnstile: self.clone(), key, weight, waits })
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// What is in.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().held
    }

    /// Turns that end in a second, as of late.
    #[must_use]
    pub fn pace(&self, now: Instant) -> f64 {
        let inside = self.lock();
        let running = inside.pace.since.map_or(0.0, |since| {
            f64::from(inside.pace.turns) / now.saturating_duration_since(since).as_secs_f64().max(0.1)
        });

        // One that stands still is slow, however fast it was.
        if inside.waiting > 0 {
            running.min(inside.pace.last.max(running))
        } else {
            inside.pace.last.max(running)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside<K>> {
        self.0.lock().expect("nobody panics while holding this lock")
    }
}

impl<K: Ord + Clone> Inside<K> {
    fn fits(&self, key: &K, weight: usize) -> bool {
        self.held + weight <= self.shape.at_once && self.key_fits(key, weight)
    }

    fn key_fits(&self, key: &K, weight: usize) -> bool {
        self.held_by_key.get(key).copied().unwrap_or(0) + weight <= self.shape.at_once_per_key
    }

    fn hold(&mut self, key: &K, weight: usize) {
        self.held += weight;
        *self.held_by_key.entry(key.clone()).or_insert(0) += weight;
    }

    fn release(&mut self, key: &K, weight: usize) {
        self.held -= weight;
        if let Some(held) = self.held_by_key.get_mut(key) {
            *held -= weight;
            if *held == 0 {
                self.held_by_key.remove(key);
            }
        }
        self.pace.turn(clock::instant());
        self.serve();
    }

    fn line_up(&mut self, key: K, weight: usize) -> Result<(u64, oneshot::Receiver<()>), Full> {
        let length = self.lines.get(&key).map_or(0, VecDeque::len);
        if length >= self.shape.waiting_per_key || self.shape.waiting == 0 {
            return Err(Full);
        }
        if self.waiting >= self.shape.waiting {
            let longest = self.lengths.last().cloned().ok_or(Full)?;
            // Only a line that stays longer than the newcomer's gives one up: two that are level do not fight.
            if longest.0 <= length + 1 {
                return Err(Full);
            }
            let last = self.lines.get(&longest.1).and_then(|line| line.back()).map(|waiter| waiter.number);
            // It is told by its sender being dropped.
            last.map(|number| self.leave(&longest.1, number)).ok_or(Full)?;
        }
        let (tell, told) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        let line = self.lines.entry(key.clone()).or_default();
        line.push_back(Waiter { number, weight, tell });
        self.lengths.remove(&(length, key.clone()));
        self.lengths.insert((length + 1, key.clone()));
        if length == 0 {
            self.ring.push_back(key);
        }
        self.waiting += 1;

        Ok((number, told))
    }

    /// Takes one out of its line; `None` if it is not there any more.
    fn leave(&mut self, key: &K, number: u64) -> Option<Waiter> {
        let line = self.lines.get_mut(key)?;
        let at = line.iter().position(|waiter| waiter.number == number)?;
        let length = line.len();
        let waiter = line.remove(at)?;
        self.lengths.remove(&(length, key.clone()));
        if length == 1 {
            self.lines.remove(key);
            self.ring.retain(|one| one != key);
        } else {
            self.lengths.insert((length - 1, key.clone()));
        }
        self.waiting -= 1;

        Some(waiter)
    }

    /// Lets in whoever's turn it is, as long as there is room.
    fn serve(&mut self) {
        let mut passed_over = 0;
        while passed_over < self.ring.len() {
            let Some(key) = self.ring.front().cloned() else { return };
            let Some((number, weight)) =
                self.lines.get(&key).and_then(|line| line.front()).map(|first| (first.number, first.weight))
            else {
                self.ring.pop_front();
                continue;
            };
            if self.held + weight > self.shape.at_once {
                // Waits for room and keeps its turn: the heavy are not starved by the light.
                return;
            }
            if !self.key_fits(&key, weight) {
                self.ring.rotate_left(1);
                passed_over += 1;
                continue;
            }
            let Some(waiter) = self.leave(&key, number) else { return };
            if self.lines.contains_key(&key) {
                self.ring.rotate_left(1);
            }
            if waiter.tell.send(()).is_ok() {
                self.hold(&key, weight);
            }
            passed_over = 0;
        }
    }
}

impl Pace {
    fn turn(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        self.turns += 1;
        if self.turns >= PACE_TURNS {
            let took = now.saturating_duration_since(since).as_secs_f64().max(0.001);
            self.last = f64::from(self.turns) / took;
            (self.since, self.turns) = (Some(now), 0);
        }
    }
}

impl<K: Ord + Clone> Ticket<K> {
    /// Whether it must wait.
    #[must_use]
    pub fn must_wait(&self) -> bool {
        self.waits.is_some()
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// If it was pushed out of the full queue by one of a shorter line.
    pub async fn turn(mut self) -> Result<Turn<K>, Full> {
        if let Some((_, told)) = &mut self.waits {
            let told = told.await;
            // From here on there is nothing to give back but the turn.
            self.waits = None;
            if told.is_err() {
                self.weight = 0;
                return Err(Full);
            }
        }
        let turn = Turn { turnstile: self.turnstile.clone(), key: self.key.clone(), weight: self.weight };
        self.weight = 0;

        Ok(turn)
    }
}

impl<K: Ord + Clone> Drop for Ticket<K> {
    fn drop(&mut self) {
        let mut inside = self.turnstile.lock();
        match &mut self.waits {
            Some((number, told)) => {
                let waited = inside.leave(&self.key, *number).is_some();
                if !waited && told.try_recv().is_ok() {
                    inside.release(&self.key, self.weight);
                }
            }
            None if self.weight > 0 => inside.release(&self.key, self.weight),
            None => {}
        }
    }
}

impl<K: Ord + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        self.turnstile.lock().release(&self.key, self.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turnstile(at_once: usize, per_key: usize, waiting: usize) -> Turnstile<&'static str> {
        let shape = Shape { at_once, at_once_per_key: per_key, waiting, waiting_per_key: waiting };

        Turnstile::new(shape)
    }

    /// Whether a ticket has its turn now.
    async fn is_in(ticket: Ticket<&'static str>) -> Result<Turn<&'static str>, Ticket<&'static str>> {
        let mut ticket = ticket;
        let granted = match &mut ticket.waits {
            Some((_, told)) => match told.try_recv() {
                Ok(()) => true,
                Err(_) => return Err(ticket),
            },
            None => true,
        };
        assert!(granted);
        ticket.waits = None;

        Ok(ticket.turn().await.unwrap())
    }

    #[tokio::test]
    async fn a_kind_with_many_waiting_delays_another_by_one_turn() {
        let turnstile = turnstile(1, 1, 100);
        let first = turnstile.enter("many", 1).unwrap().turn().await.unwrap();
        let many: Vec<_> = (0..50).map(|_| turnstile.enter("many", 1).unwrap()).collect();
        let one = turnstile.enter("one", 1).unwrap();

        drop(first);
        let mut many = many.into_iter();
        let second = is_in(many.next().unwrap()).await.unwrap();
        let one = is_in(one).await.unwrap_err();
        drop(second);

        let one = is_in(one).await;
        assert!(one.is_ok(), "after one of the many comes the one");
        assert_eq!(turnstile.waiting(), 49);
    }

    #[tokio::test]
    async fn a_kind_holds_its_share_at_most_and_others_go_past_it() {
        let turnstile = turnstile(4, 2, 100);
        let _a = turnstile.enter("a", 1).unwrap().turn().await.unwrap();
        let _b = turnstile.enter("a", 1).unwrap().turn().await.unwrap();

        let third = turnstile.enter("a", 1).unwrap();
        let other = turnstile.enter("b", 1).unwrap();

        assert!(is_in(third).await.is_err());
        assert!(is_in(other).await.is_ok());
    }

    #[tokio::test]
    async fn a_full_queue_gives_up_the_last_of_the_longest_line() {
        let turnstile = turnstile(1, 1, 4);
        let turn = turnstile.enter("x", 1).unwrap().turn().await.unwrap();
        let mut greedy: Vec<_> = (0..4).map(|_| turnstile.enter("greedy", 1).unwrap()).collect();

        assert_eq!(turnstile.enter("greedy", 1).err(), Some(Full));
        let modest = turnstile.enter("modest", 1).unwrap();
        let pushed_out = greedy.pop().unwrap();

        assert_eq!(pushed_out.turn().await.err(), Some(Full));
        assert_eq!(turnstile.waiting(), 4);
        drop((greedy, turn));
        assert!(is_in(modest).await.is_ok());
        assert_eq!(turnstile.held(), 0);
    }

    #[tokio::test]
    async fn one_that_gives_up_waiting_leaves_nothing_behind() {
        let turnstile = turnstile(1, 1, 10);
        let turn = turnstile.enter("a", 1).unwrap().turn().await.unwrap();
        let waiting = turnstile.enter("b", 1).unwrap();
        drop(waiting);
        let granted_and_dropped = turnstile.enter("c", 1).unwrap();
        drop(turn);
        drop(granted_and_dropped);

        assert_eq!((turnstile.waiting(), turnstile.held()), (0, 0));
        assert!(!turnstile.enter("d", 1).unwrap().must_wait());
        let inside = turnstile.lock();
        assert!(inside.ring.is_empty() && inside.lines.is_empty() && inside.lengths.is_empty());
        assert!(inside.held_by_key.is_empty());
    }

    #[tokio::test]
    async fn the_heavy_are_not_starved_by_the_light() {
        let turnstile = turnstile(10, 10, 10);
        let light = turnstile.enter("light", 6).unwrap().turn().await.unwrap();
        let heavy = turnstile.enter("heavy", 10).unwrap();
        let more = turnstile.enter("light", 4).unwrap();

        let more = is_in(more).await.unwrap_err();
        drop(light);
        let heavy = is_in(heavy).await.unwrap();
        let more = is_in(more).await.unwrap_err();
        drop(heavy);

        assert!(is_in(more).await.is_ok());
    }

    #[test]
    fn by_chance_what_is_held_never_passes_the_shape_and_everything_is_given_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let turnstile = turnstile(7, 3, 20);
        let keys = ["a", "b", "c", "d"];
        let (mut tickets, mut turns, mut chance) = (Vec::new(), Vec::new(), 0x5eed_u64);
        let mut below = |bound: usize| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            usize::try_from(chance % 1_000_003).unwrap() % bound
        };
        for _ in 0..20_000 {
            match below(4) {
                0 | 1 => tickets.extend(turnstile.enter(keys[below(4)], 1 + below(3)).ok()),
                2 if !turns.is_empty() => drop(turns.swap_remove(below(turns.len()))),
                _ if !tickets.is_empty() => {
                    match runtime.block_on(is_in(tickets.swap_remove(below(tickets.len())))) {
                        Ok(turn) => turns.push(turn),
                        // One in four of those that are asked too early gives up.
                        Err(ticket) if below(4) > 0 => tickets.push(ticket),
                        Err(gone) => drop(gone),
                    }
                }
                _ => {}
            }
            let inside = turnstile.lock();
            assert!(inside.held <= 7 && inside.held_by_key.values().all(|held| *held <= 3));
            assert_eq!(inside.held, inside.held_by_key.values().sum::<usize>());
            assert_eq!(inside.waiting, inside.lines.values().map(VecDeque::len).sum::<usize>());
            assert!(inside.waiting <= 20);
            assert_eq!(inside.ring.len(), inside.lines.len());
        }
        drop((tickets, turns));

        assert_eq!((turnstile.waiting(), turnstile.held()), (0, 0));
    }
}
