//! A fleet as it is kept while nothing runs: packages by their bytes, machines by their numbers.

use super::{Fleet, index};

/// The form of [`Fleet::identity`] and of what follows from it. Whoever changes what is written there, or how a number
/// is found for a package, raises it: fleets of another form are told anew. A test notices a change that does not.
pub const FORM: u32 = 2;

/// Writes numbers that grow: each as its distance from the one before, seven bits a byte, the lowest first.
#[must_use]
pub fn pack(numbers: &[u32]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(numbers.len() * 2);
    let mut before = 0_u32;
    for number in numbers {
        let mut rest = number.wrapping_sub(before);
        before = *number;
        while rest >= 0x80 {
            packed.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
            rest >>= 7;
        }
        packed.push(u8::try_from(rest).unwrap_or(0));
    }

    packed
}

/// Reads what [`pack`] wrote; `None` for anything else, and for numbers that do not grow.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Box<[u32]>> {
    let mut numbers = Vec::with_capacity(packed.iter().filter(|byte| **byte < 0x80).count());
    let (mut distance, mut shift) = (0_u32, 0_u32);
    for byte in packed {
        let bits = u32::from(byte & 0x7f);
        // Nothing may be pushed out at the top, and nothing is written longer than it needs to be.
        if shift > 28 || (shift == 28 && bits > 0xf) || (shift > 0 && *byte == 0) {
            return None;
        }
        distance |= bits << shift;
        shift += 7;
        if *byte < 0x80 {
            let number = match numbers.last() {
                None => distance,
                Some(_) if distance == 0 => return None,
                Some(before) => distance.checked_add(*before)?,
            };
            numbers.push(number);
            (distance, shift) = (0, 0);
        }
    }

    (shift == 0).then(|| numbers.into_boxed_slice())
}

impl<H: Ord + Clone> Fleet<H> {
    /// The numbers of what a machine has, growing; `None` if there is no such machine.
    #[must_use]
    pub fn numbers_of(&self, host: &H) -> Option<&[u32]> {
        self.hosts.get(host).map(|host| &*host.items)
    }

    /// How many distinct packages no machine has any more.
    #[must_use]
    pub fn unused(&self) -> usize {
        self.used().iter().filter(|is_used| !**is_used).count()
    }

    fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.items.len()];
        for item in self.hosts.values().flat_map(|host| &host.items) {
            used.get_mut(index(*item)).into_iter().for_each(|mark| *mark = true);
        }

        used
    }

    /// The same machines without the packages that none of them has: with numbers of its own, nothing judged yet.
    #[must_use]
    pub fn compacted(&self) -> Self {
        let mut fleet = Self::new();
        let renumbered: Vec<Option<u32>> = self
            .items
            .iter()
            .zip(self.used())
            .map(|(item, is_used)| if is_used { fleet.restore(item.identity()) } else { None })
            .collect();
        for (name, host) in &self.hosts {
            // Their order is kept, so they go on to grow.
            let items = host
                .items
                .iter()
                .filter_map(|item| renumbered.get(index(*item)).copied().flatten())
                .collect();
            fleet.set(name.clone(), host.machine.clone(), items);
        }

        fleet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were_packed() {
        let lists: [&[u32]; 6] =
            [&[], &[0], &[0, 1, 2], &[127, 128, 16_511], &[u32::MAX], &[5, 1 << 28, u32::MAX - 1, u32::MAX]];

        for list in lists {
            assert_eq!(unpack(&pack(list)).as_deref(), Some(list));
        }
        assert_eq!(pack(&[7, 8, 200]).len(), 4);
    }

    #[test]
    fn bytes_that_were_not_packed_so_are_refused() {
        let broken: [&[u8]; 6] =
            [&[0x80], &[5, 0], &[0x80, 0], &[0xff; 6], &[0xff, 0xff, 0xff, 0xff, 0x1f], &[1, 0x81]];

        for bytes in broken {
            assert_eq!(unpack(bytes), None, "{bytes:?}");
        }
        let near_the_end = [pack(&[u32::MAX]), vec![1]].concat();
        assert_eq!(unpack(&near_the_end), None);
    }
}
