//! Failed sign-ins are counted by name and address; too many, and the next ones wait.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use vonggac_protocol::time::Timestamp;

/// Failures are forgotten, and a lock is lifted, after this.
const MEMORY: Duration = Duration::from_secs(15 * 60);

/// Failures for one name from one address, after which that pair is locked.
const PAIR_MAX: u32 = 5;

/// Failures from one address, whatever the names: a search for names.
const ADDRESS_MAX: u32 = 30;

/// Failures for one name, whatever the addresses: a search for its password from many machines. Higher than the
/// others, so that nobody locks a colleague out from one machine.
const NAME_MAX: u32 = 60;

/// Names and addresses remembered at once; the one that ends first makes room.
const REMEMBERED_MAX: usize = 10_000;

/// Counts of failures; forgotten at a restart.
#[derive(Default)]
pub(crate) struct Throttle {
    failures: Mutex<BTreeMap<(char, String), (u32, Timestamp)>>,
}

fn keys(name: &str, address: &str) -> [((char, String), u32); 3] {
    [
        (('p', format!("{address} {name}")), PAIR_MAX),
        (('a', address.to_owned()), ADDRESS_MAX),
        (('n', name.to_owned()), NAME_MAX),
    ]
}

impl Throttle {
    /// How long this name must wait at this address; `None`: it may try.
    pub(crate) fn wait(&self, name: &str, address: &str, now: Timestamp) -> Option<Duration> {
        let failures = self.failures.lock().expect("nobody panics while holding this lock");
        keys(name, address)
            .iter()
            .filter_map(|(key, most)| {
                let (count, until) = failures.get(key)?;
                (count >= most && *until > now).then(|| until.since(now))
            })
            .max()
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, name: &str, address: &str, now: Timestamp) {
        let mut failures = self.failures.lock().expect("nobody panics while holding this lock");
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, (_, until)| *until > now);
        }
        while failures.len() >= REMEMBERED_MAX {
            let first = failures.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone());
            first.and_then(|key| failures.remove(&key));
        }
        for (key, _) in keys(name, address) {
            let entry = failures.entry(key).or_insert((0, now));
            if entry.1 <= now {
                entry.0 = 0;
            }
            *entry = (entry.0 + 1, now.plus(MEMORY));
        }
    }

    /// Forgets the failures of a pair that has now succeeded.
    pub(crate) fn succeeded(&self, name: &str, address: &str) {
        let mut failures = self.failures.lock().expect("nobody panics while holding this lock");
        failures.remove(&('p', format!("{address} {name}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_waits_and_a_colleague_elsewhere_does_not() {
        let throttle = Throttle::default();
        let now = Timestamp(1_000_000);
        for _ in 0..PAIR_MAX {
            assert_eq!(throttle.wait("an", "10.0.0.1", now), None);
            throttle.failed("an", "10.0.0.1", now);
        }

        assert_eq!(throttle.wait("an", "10.0.0.1", now), Some(MEMORY));
        assert_eq!(throttle.wait("an", "10.0.0.2", now), None);
        assert_eq!(throttle.wait("an", "10.0.0.1", now.plus(MEMORY)), None);
    }

    #[test]
    fn the_memory_of_failures_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..REMEMBERED_MAX {
            throttle.failed(&format!("n{n}"), "10.0.0.1", Timestamp(0));
        }

        assert!(throttle.failures.lock().unwrap().len() <= REMEMBERED_MAX + 3);
    }
}
