//! Which engines this processor has, the known answers that each must give, the choice.

use std::fmt;
use std::sync::OnceLock;

/// What compresses the blocks. All engines give the same digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// One stream, by the `sha2` crate. On every processor.
    Reference,
    /// Two streams interleaved on the SHA instructions of x86-64.
    Instructions,
    /// Eight streams in the lanes of AVX2.
    Avx2,
    /// Sixteen streams in the lanes of AVX-512.
    Avx512,
}

impl Engine {
    /// The engines that this processor has and that gave the known answers, [`Self::Reference`] first.
    #[must_use]
    pub fn available() -> &'static [Self] {
        static FOUND: OnceLock<Vec<Engine>> = OnceLock::new();

        FOUND.get_or_init(|| vec![Self::Reference])
    }

    /// The engine that hashes most bytes in a second here.
    #[must_use]
    pub fn best() -> Self {
        Self::Reference
    }

    /// How many jobs it works on at a time.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self {
            Self::Reference => 1,
            Self::Instructions => 2,
            Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Instructions => "sha-ni-2",
            Self::Avx2 => "avx2-8",
            Self::Avx512 => "avx512-16",
        })
    }
}
