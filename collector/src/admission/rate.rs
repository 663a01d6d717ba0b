//! How many an hour: by where they come from, by agency, in all. A failed try counts like a good one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use vonggac_protocol::id::AgencyId;

use super::counts::Reason;
use super::origin::Origin;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Kinds that are remembered; when there are more, those that are full again are forgotten first, and if there are
/// none, newcomers are turned away.
const KINDS_MAX: usize = 4_096;

/// Counts enrolments.
#[derive(Debug)]
pub struct Hourly {
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    all: Bucket,
    all_size: f64,
    origins: Buckets<Origin>,
    agencies: Buckets<AgencyId>,
}

/// What is left of an hour's share; fills evenly, so that an hour's worth may come at once and then no faster than
/// its share.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn full(size: f64) -> Self {
        Self { left: size, at: None }
    }

    fn fill(&mut self, size: f64, now: Instant) {
        if let Some(at) = self.at {
            let share = now.saturating_duration_since(at).as_secs_f64() / HOUR.as_secs_f64();
            self.left = (self.left + share * size).min(size);
        }
        self.at = Some(now);
    }
}

#[derive(Debug)]
struct Buckets<K> {
    by_key: BTreeMap<K, Bucket>,
    size: f64,
}

impl<K: Ord + Clone> Buckets<K> {
    fn new(size: f64) -> Self {
        Self { by_key: BTreeMap::new(), size }
    }

    /// Takes one; `None` if the kind has none left or too many kinds are remembered.
    fn take(&mut self, key: &K, now: Instant) -> Option<()> {
        if self.by_key.len() >= KINDS_MAX && !self.by_key.contains_key(key) {
            let size = self.size;
            self.by_key.retain(|_, bucket| {
                bucket.fill(size, now);
                bucket.left < size
            });
            if self.by_key.len() >= KINDS_MAX {
                return None;
            }
        }
        let bucket = self.by_key.entry(key.clone()).or_insert_with(|| Bucket::full(self.size));
        bucket.fill(self.size, now);
        if bucket.left < 1.0 {
            return None;
        }
        bucket.left -= 1.0;

        Some(())
    }
}

impl Hourly {
    /// So many an hour in all, from one origin, into one agency.
    #[must_use]
    pub fn new(all: u32, per_origin: u32, per_agency: u32) -> Self {
        let inside = Inside {
            all: Bucket::full(f64::from(all)),
            all_size: f64::from(all),
            origins: Buckets::new(f64::from(per_origin)),
            agencies: Buckets::new(f64::from(per_agency)),
        };

        Self { inside: Mutex::new(inside) }
    }

    /// A try from here, before anything is read of it.
    ///
    /// # Errors
    /// If there were enough.
    pub fn from(&self, origin: Origin, now: Instant) -> Result<(), Reason> {
        let inside = &mut *self.inside.lock().expect("nobody panics while holding this lock");
        inside.all.fill(inside.all_size, now);
        // First the origin: one that has had enough takes nothing from the rest.
        inside.origins.take(&origin, now).ok_or(Reason::EnrolmentsOfAddress)?;
        if inside.all.left < 1.0 {
            return Err(Reason::EnrolmentsInAll);
        }
        inside.all.left -= 1.0;

        Ok(())
    }

    /// A machine that would be taken into this agency, which exists.
    ///
    /// # Errors
    /// If there were enough.
    pub fn into_agency(&self, agency: &AgencyId, now: Instant) -> Result<(), Reason> {
        let inside = &mut *self.inside.lock().expect("nobody panics while holding this lock");

        inside.agencies.take(agency, now).ok_or(Reason::EnrolmentsOfAgency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn origin(last: u8) -> Origin {
        Origin::of([10, 0, 0, last].into())
    }

    #[test]
    fn an_address_that_keeps_trying_is_not_listened_to_and_takes_nothing_from_others() {
        let (hourly, now) = (Hourly::new(20, 6, 1_000), clock::instant());

        let first = (0..100).filter(|_| hourly.from(origin(1), now).is_ok()).count();
        let second = (0..100).filter(|_| hourly.from(origin(2), now).is_ok()).count();

        assert_eq!((first, second), (6, 6));
        assert_eq!(hourly.from(origin(1), now), Err(Reason::EnrolmentsOfAddress));
        assert!(hourly.from(origin(1), now + HOUR / 6).is_ok(), "a sixth of an hour is one try");
        assert!(hourly.from(origin(1), now + HOUR / 6).is_err());
    }

    #[test]
    fn all_addresses_together_and_an_agency_have_their_own_share() {
        let (hourly, now) = (Hourly::new(4, 3, 2), clock::instant());
        let agency = AgencyId::new("so-tttt").unwrap();

        assert_eq!((0..4).filter(|last| hourly.from(origin(*last), now).is_ok()).count(), 4);
        assert_eq!(hourly.from(origin(9), now), Err(Reason::EnrolmentsInAll));
        assert!(hourly.into_agency(&agency, now).is_ok());
        assert!(hourly.into_agency(&agency, now).is_ok());
        assert_eq!(hourly.into_agency(&agency, now), Err(Reason::EnrolmentsOfAgency));
    }

    #[test]
    fn a_crowd_of_addresses_does_not_grow_what_is_remembered() {
        let (hourly, now) = (Hourly::new(1_000_000, 5, 5), clock::instant());

        for at in 0..20_000_u32 {
            // Each tries once; the first thousands are remembered, the rest turned away.
            hourly.from(Origin::of(std::net::Ipv4Addr::from(at).into()), now).ok();
        }

        assert_eq!(hourly.inside.lock().unwrap().origins.by_key.len(), KINDS_MAX);
        let later = now + HOUR;
        assert!(
            hourly.from(Origin::of([192, 0, 2, 1].into()), later).is_ok(),
            "and forgotten when full again"
        );
    }
}
