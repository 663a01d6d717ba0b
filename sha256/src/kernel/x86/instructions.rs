//! One or two streams on the SHA instructions of x86-64.
//!
//! Each pair of rounds waits for the pair before. Two streams interleaved fill each other's waiting; more do not fit
//! into the sixteen registers that these instructions can name.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi32,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_storeu_si128,
};

use crate::kernel::{BLOCK, ROUNDS};

/// Each stream takes the same number of whole blocks: as many as the shorter slice has.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(crate) fn compress<const STREAMS: usize>(states: [&mut [u32; 8]; STREAMS], streams: [&[u8]; STREAMS]) {
    let (streams, blocks) = (streams.map(|bytes| bytes.as_chunks::<BLOCK>().0), 0);
    let blocks = streams.iter().map(|blocks| blocks.len()).min().unwrap_or(blocks);
    let mut words = [[_mm_setzero_si128(); 2]; STREAMS];
    for (words, state) in words.iter_mut().zip(&states) {
        *words = load_state(state);
    }
    let streams = streams.map(|stream| &stream[..blocks]);
    for block in 0..blocks {
        let mut w = [[_mm_setzero_si128(); 4]; STREAMS];
        for (w, stream) in w.iter_mut().zip(streams) {
            *w = load_block(&stream[block]);
        }
        let before = words;
        rounds(&mut words, &mut w);
        for (words, before) in words.iter_mut().zip(before) {
            for (word, before) in words.iter_mut().zip(before) {
                *word = _mm_add_epi32(*word, before);
            }
        }
    }
    for (state, words) in states.into_iter().zip(words) {
        store_state(state, words);
    }
}

/// The rounds of one block of each stream, four at a time and the streams in turn.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn rounds<const STREAMS: usize>(words: &mut [[__m128i; 2]; STREAMS], w: &mut [[__m128i; 4]; STREAMS]) {
    sixteen!(I => {
        let k = constants(I);
        for (words, w) in words.iter_mut().zip(&mut *w) {
            let now = w[I % 4];
            let kw = _mm_add_epi32(now, k);
            words[1] = _mm_sha256rnds2_epu32(words[1], words[0], kw);
            words[0] = _mm_sha256rnds2_epu32(words[0], words[1], _mm_shuffle_epi32::<0x0e>(kw));
            if I < 12 {
                let (one, two, three) = (w[(I + 1) % 4], w[(I + 2) % 4], w[(I + 3) % 4]);
                let sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, one), _mm_alignr_epi8::<4>(three, two));
                w[I % 4] = _mm_sha256msg2_epu32(sum, three);
            }
        }
    });
}

/// The constants of four rounds.
#[inline]
#[target_feature(enable = "sse2")]
fn constants(four: usize) -> __m128i {
    let k: &[u32; 4] = ROUNDS[4 * four..].first_chunk().expect("sixteen times four rounds");

    // SAFETY: four words of 32 bits; no alignment is asked for.
    unsafe { _mm_loadu_si128(k.as_ptr().cast()) }
}

/// A block as four vectors of four words, bytes of words turned round.
#[inline]
#[target_feature(enable = "sse2,ssse3")]
fn load_block(block: &[u8; BLOCK]) -> [__m128i; 4] {
    let turn = _mm_set_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    let mut w = [_mm_setzero_si128(); 4];
    for (w, bytes) in w.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: sixteen bytes; no alignment is asked for.
        *w = _mm_shuffle_epi8(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }, turn);
    }

    w
}

/// From the words a to h to the order that the instructions want: ABEF and CDGH.
#[inline]
#[target_feature(enable = "sse2,ssse3,sse4.1")]
fn load_state(state: &[u32; 8]) -> [__m128i; 2] {
    // SAFETY: twice four words of 32 bits; no alignment is asked for.
    let (dcba, hgfe) =
        unsafe { (_mm_loadu_si128(state.as_ptr().cast()), _mm_loadu_si128(state.as_ptr().add(4).cast())) };
    let cdab = _mm_shuffle_epi32::<0xb1>(dcba);
    let efgh = _mm_shuffle_epi32::<0x1b>(hgfe);

    [_mm_alignr_epi8::<8>(cdab, efgh), _mm_blend_epi16::<0xf0>(efgh, cdab)]
}

/// The way back.
#[inline]
#[target_feature(enable = "sse2,ssse3,sse4.1")]
fn store_state(state: &mut [u32; 8], [abef, cdgh]: [__m128i; 2]) {
    let feba = _mm_shuffle_epi32::<0x1b>(abef);
    let dchg = _mm_shuffle_epi32::<0xb1>(cdgh);
    // SAFETY: twice four words of 32 bits; no alignment is asked for.
    unsafe {
        _mm_storeu_si128(state.as_mut_ptr().cast(), _mm_blend_epi16::<0xf0>(feba, dchg));
        _mm_storeu_si128(state.as_mut_ptr().add(4).cast(), _mm_alignr_epi8::<8>(dchg, feba));
    }
}
