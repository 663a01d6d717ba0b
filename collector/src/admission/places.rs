//! How many are in, by kind and in all; a place is given back when it is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Counted places; cheap to clone.
#[derive(Debug)]
pub struct Places<K: Ord + Clone> {
    inside: Arc<Mutex<Inside<K>>>,
    most: usize,
    most_per_key: usize,
}

#[derive(Debug)]
struct Inside<K> {
    by_key: BTreeMap<K, usize>,
    all: usize,
}

/// One place; given back when dropped.
#[derive(Debug)]
pub struct Place<K: Ord + Clone> {
    places: Places<K>,
    key: K,
}

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// All of them are taken.
    All,
    /// This kind has enough.
    Key,
}

impl<K: Ord + Clone> Clone for Places<K> {
    fn clone(&self) -> Self {
        Self { inside: Arc::clone(&self.inside), most: self.most, most_per_key: self.most_per_key }
    }
}

impl<K: Ord + Clone> Places<K> {
    /// So many in all, and for one kind.
    #[must_use]
    pub fn new(most: usize, most_per_key: usize) -> Self {
        let inside = Arc::new(Mutex::new(Inside { by_key: BTreeMap::new(), all: 0 }));

        Self { inside, most, most_per_key }
    }

    /// Takes one.
    ///
    /// # Errors
    /// If there is none.
    pub fn take(&self, key: K) -> Result<Place<K>, Taken> {
        let mut inside = self.lock();
        if inside.all >= self.most {
            return Err(Taken::All);
        }
        // Nothing is kept of a kind that gets no place.
        if inside.by_key.get(&key).is_some_and(|count| *count >= self.most_per_key) || self.most_per_key == 0
        {
            return Err(Taken::Key);
        }
        *inside.by_key.entry(key.clone()).or_insert(0) += 1;
        inside.all += 1;
        drop(inside);

        Ok(Place { places: self.clone(), key })
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Inside<K>> {
        self.inside.lock().expect("nobody panics while holding this lock")
    }
}

impl<K: Ord + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut inside = self.places.lock();
        inside.all -= 1;
        if let Some(count) = inside.by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                inside.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_with_enough_waits_until_one_leaves_and_takes_nothing_from_others() {
        let places = Places::new(3, 2);

        let first = places.take("a").unwrap();
        let _second = places.take("a").unwrap();

        assert_eq!(places.take("a").err(), Some(Taken::Key));
        let _third = places.take("b").unwrap();
        assert_eq!(places.take("c").err(), Some(Taken::All));
        drop(first);
        assert!(places.take("a").is_ok());
        assert_eq!(places.taken(), 2, "a place that was not kept is given back");
    }
}
