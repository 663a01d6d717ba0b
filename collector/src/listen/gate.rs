//! How many connections one network address may have.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts connections by address; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    inside: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    most: usize,
}

/// One connection's place in the count; given back when dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    address: IpAddr,
}

impl Gate {
    /// A gate for at most so many from each address.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { inside: Arc::default(), most }
    }

    /// Lets one in; `None` if its address has enough.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Option<Pass> {
        let mut inside = self.inside.lock().expect("nobody panics while holding this lock");
        let count = inside.entry(address).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;

        Some(Pass { gate: self.clone(), address })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().expect("nobody panics while holding this lock");
        if let Some(count) = inside.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_enough_connections_waits_until_one_leaves() {
        let gate = Gate::new(2);
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));

        let first = gate.enter(here).unwrap();
        let _second = gate.enter(here).unwrap();

        assert!(gate.enter(here).is_none());
        assert!(gate.enter(there).is_some());
        drop(first);
        assert!(gate.enter(here).is_some());
    }
}
