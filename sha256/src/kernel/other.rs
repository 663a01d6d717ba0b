//! A processor for which there is no kernel of ours: nothing is ever found here.

use std::convert::Infallible;

use super::{States, WIDTH};

/// One or two streams on instructions for SHA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs(Infallible);

impl Pairs {
    pub(crate) fn find() -> Option<Self> {
        None
    }

    pub(crate) fn one(self, _words: &mut [u32; 8], _blocks: &[u8]) {
        match self.0 {}
    }

    pub(crate) fn two(self, _words: [&mut [u32; 8]; 2], _blocks: [&[u8]; 2]) {
        match self.0 {}
    }
}

/// Many streams in the lanes of vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(Infallible);

impl Wide {
    pub(crate) fn avx2() -> Option<Self> {
        None
    }

    pub(crate) fn avx512() -> Option<Self> {
        None
    }

    pub(crate) fn compress(self, _: &mut States, _bytes: &[u8], _at: &[usize; WIDTH], _blocks: usize) {
        match self.0 {}
    }
}
