//! The compression functions; the only unsafe code of the crate.
//!
//! | module | subject |
//! |---|---|
//! | [`mod@reference`] | one stream, by the `sha2` crate |
//! | `x86` or `other` | the kernels that this processor has, found when the program runs |
//! | `x86::instructions` | one or two streams on the SHA instructions |
//! | `x86::avx2` | eight streams |
//! | `x86::avx512` | sixteen streams |

pub(crate) mod reference;

#[cfg(not(target_arch = "x86_64"))]
#[path = "other.rs"]
mod processor;
#[cfg(target_arch = "x86_64")]
#[path = "x86/mod.rs"]
mod processor;

pub(crate) use processor::{Pairs, Wide};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// Lanes of the widest engine.
pub(crate) const WIDTH: usize = 16;

/// The words that every stream starts from (FIPS 180-4, 5.3.3).
pub(crate) const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The constants of the sixty-four rounds (FIPS 180-4, 4.2.2).
#[cfg(target_arch = "x86_64")]
pub(crate) const ROUNDS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(words: [u32; 8], blocks: &[u8]) -> [u32; 8] {
        let mut words = words;
        reference::compress(&mut words, blocks);

        words
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_kernel_does_to_any_state_what_the_reference_does(
            bytes in prop::collection::vec(any::<u8>(), 5 * BLOCK..40 * BLOCK),
            places in any::<[prop::sample::Index; WIDTH]>(),
            start in any::<[[u32; 8]; WIDTH]>(),
            blocks in 0..5_usize,
        ) {
            let at = places.map(|place| place.index(bytes.len() - 5 * BLOCK + 1));
            let piece = |lane: usize| &bytes[at[lane]..][..blocks * BLOCK];
            for (wide, lanes) in [(Wide::avx2(), 8), (Wide::avx512(), 16)] {
                let Some(wide) = wide else { continue };
                let mut states = States::new();
                for (lane, words) in start.into_iter().enumerate() {
                    states.set_lane(lane, words);
                }
                wide.compress(&mut states, &bytes, &at, blocks);
                for (lane, words) in start.into_iter().enumerate().take(lanes) {
                    prop_assert_eq!(states.lane(lane), taken(words, piece(lane)), "{:?} lane {}", wide, lane);
                }
            }
            if let Some(pairs) = Pairs::find() {
                let [mut one, mut two, mut alone, ..] = start;
                pairs.two([&mut one, &mut two], [piece(0), piece(1)]);
                pairs.one(&mut alone, piece(2));
                prop_assert_eq!(one, taken(start[0], piece(0)));
                prop_assert_eq!(two, taken(start[1], piece(1)));
                prop_assert_eq!(alone, taken(start[2], piece(2)));
            }
        }
    }

    #[test]
    fn blocks_beyond_the_bytes_are_refused() {
        for wide in [Wide::avx2(), Wide::avx512()].into_iter().flatten() {
            let mut at = [0; WIDTH];
            at[7] = 1;
            let tried = std::panic::catch_unwind(|| {
                wide.compress(&mut States::new(), &[0; 2 * BLOCK], &at, 2);
            });
            assert!(tried.is_err(), "{wide:?}");
        }
    }
}
