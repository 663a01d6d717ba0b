//! The kernels of x86-64, each to be had only where the processor can run it.
//!
//! | module | subject |
//! |---|---|
//! | [`instructions`] | one or two streams on the SHA instructions |
//! | [`avx2`] | eight streams |
//! | [`avx512`] | sixteen streams |

#![expect(
    unsafe_code,
    reason = "vector instructions that the compiler cannot know to be there, and their loads"
)]

/// Writes the body sixteen times, `I` being 0 to 15: registers have no index, so no loop may be left.
macro_rules! sixteen {
    ($i:ident => $body:expr) => {
        sixteen!($i => $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($i:ident => $body:expr, $($number:literal)*) => {
        $({
            const $i: usize = $number;
            $body;
        })*
    };
}

mod avx2;
mod avx512;
mod instructions;

use std::arch::is_x86_feature_detected as has;

use super::{States, WIDTH};

/// One or two streams on the SHA instructions; there is one only where the processor has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs(());

impl Pairs {
    pub(crate) fn find() -> Option<Self> {
        (has!("sha") && has!("sse2") && has!("ssse3") && has!("sse4.1")).then_some(Self(()))
    }

    /// Takes whole blocks into the words of one stream.
    pub(crate) fn one(self, words: &mut [u32; 8], blocks: &[u8]) {
        // SAFETY: `find` saw all that the function enables, and nothing else makes a `Pairs`.
        unsafe { instructions::compress([words], [blocks]) }
    }

    /// Takes whole blocks into the words of two streams: as many of each as the shorter slice has.
    pub(crate) fn two(self, words: [&mut [u32; 8]; 2], blocks: [&[u8]; 2]) {
        // SAFETY: as in `one`.
        unsafe { instructions::compress(words, blocks) }
    }
}

/// Many streams in the lanes of vectors; there is one only where the processor has such vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(Vectors);

#[derive(Clone, Copy, Debug)]
enum Vectors {
    Avx2,
    Avx512,
}

impl Wide {
    pub(crate) fn avx2() -> Option<Self> {
        has!("avx2").then_some(Self(Vectors::Avx2))
    }

    pub(crate) fn avx512() -> Option<Self> {
        (has!("avx512f") && has!("avx512bw")).then_some(Self(Vectors::Avx512))
    }

    /// Each lane takes `blocks` blocks, the first of them at `bytes[at[lane]]`.
    ///
    /// # Panics
    /// If a lane's blocks are not all within `bytes`.
    pub(crate) fn compress(self, states: &mut States, bytes: &[u8], at: &[usize; WIDTH], blocks: usize) {
        match self.0 {
            // SAFETY: `avx2` saw what the function enables, and nothing else makes this variant.
            Vectors::Avx2 => unsafe { avx2::compress(states, bytes, at, blocks) },
            // SAFETY: `avx512` saw what the function enables, and nothing else makes this variant.
            Vectors::Avx512 => unsafe { avx512::compress(states, bytes, at, blocks) },
        }
    }
}
