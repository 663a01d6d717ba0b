//! The compression functions; the only unsafe code of the crate.
//!
//! | module | subject |
//! |---|---|
//! | [`reference`] | one stream, by the `sha2` crate |

pub(crate) mod reference;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// Lanes of the widest engine.
pub(crate) const WIDTH: usize = 16;

/// The words that every stream starts from (FIPS 180-4, 5.3.3).
pub(crate) const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The eight words of each lane, a row for each word, as vectors want them.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct States(pub(crate) [[u32; WIDTH]; 8]);

impl States {
    pub(crate) const fn new() -> Self {
        Self([[0; WIDTH]; 8])
    }

    /// The words of one lane.
    pub(crate) fn lane(&self, lane: usize) -> [u32; 8] {
        std::array::from_fn(|word| self.0[word][lane])
    }

    pub(crate) fn set_lane(&mut self, lane: usize, words: [u32; 8]) {
        for (row, word) in self.0.iter_mut().zip(words) {
            row[lane] = word;
        }
    }
}
