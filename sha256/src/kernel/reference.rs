//! One stream, by the `sha2` crate: SHA instructions where the processor has them, else plain code.

use sha2::digest::generic_array::GenericArray;

use super::BLOCK;

/// Takes whole blocks into the words of one stream.
pub(crate) fn compress(words: &mut [u32; 8], blocks: &[u8]) {
    for block in blocks.chunks_exact(BLOCK) {
        sha2::compress256(words, std::slice::from_ref(GenericArray::from_slice(block)));
    }
}
