//! SHA-256 of many files at once.
//!
//! One stream of SHA-256 cannot use a whole processor: every round waits for the one before. Many independent streams
//! can, one in each lane of the vector unit, or two interleaved on the SHA instructions. [`Hasher`] keeps the lanes full
//! with files of unlike sizes; [`Engine`] is what compresses, chosen when the program runs. Every engine gives the
//! same digests; what the `sha2` crate says is the reference.
//!
//! | module | subject |
//! |---|---|
//! | [`engine`] | which engines this processor has, the known answers that each must give, the choice |
//! | [`hasher`] | jobs into lanes, and digests out |
//! | [`kernel`] | the compression functions; the only unsafe code |

mod engine;
mod hasher;
mod kernel;

pub use engine::Engine;
pub use hasher::{Hashed, Hasher, Next};

/// The digest of bytes that lie in memory, as one stream.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;

    sha2::Sha256::digest(bytes).into()
}
