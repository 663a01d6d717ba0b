//! The same changes every time: a test that fails once fails always.

/// Numbers that look like chance and are none (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The row that begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);

        mixed ^ (mixed >> 31)
    }

    /// The next number below `limit`, which is above 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);

        usize::try_from(self.next_number() % limit).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next_number() & 0xff).unwrap_or(0)
    }
}

/// Numbers that parsers stumble over.
const EXTREMES: [&[u8]; 8] = [
    &[0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0; 8],
    &[0xff; 8],
    &[0x9f],
    &[0xbf],
    &[0xc3, 0x28],
];

/// A changed copy of `seed`, with pieces of `other` in it at times.
#[must_use]
pub fn mutate(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, numbers.byte()),
            3 if at < bytes.len() => {
                let end = (at + 1 + numbers.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let extreme = EXTREMES[numbers.below(EXTREMES.len())];
                let end = (at + extreme.len()).min(bytes.len());
                bytes.splice(at..end, extreme.iter().copied());
            }
            5 if !other.is_empty() => {
                let from = numbers.below(other.len());
                let until = (from + 1 + numbers.below(64)).min(other.len());
                bytes.splice(at..at, other[from..until].iter().copied());
            }
            _ => {
                let from = numbers.below(bytes.len() + 1);
                let piece = bytes[from..(from + numbers.below(32)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }

    bytes
}
