//! Eight streams, one in each 32-bit lane of AVX2.
//!
//! A vector holds one word of all streams. There is no rotation: two shifts, joined by the exclusive or that follows
//! anyhow.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_load_si256, _mm256_loadu_si256,
    _mm256_permute2x128_si256, _mm256_set_epi32, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_store_si256, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use crate::kernel::{BLOCK, ROUNDS, States, WIDTH};

/// Lanes of a vector: the first of the states.
const LANES: usize = 8;

/// Each of the first eight lanes takes `blocks` blocks, the first of them at `bytes[at[lane]]`.
///
/// # Panics
/// If a lane's blocks are not all within `bytes`.
#[target_feature(enable = "avx2")]
pub(crate) fn compress(states: &mut States, bytes: &[u8], at: &[usize; WIDTH], blocks: usize) {
    let length = blocks * BLOCK;
    let at: &[usize; LANES] = at.first_chunk().expect("half of the lanes");
    assert!(at.iter().all(|at| at.checked_add(length).is_some_and(|end| end <= bytes.len())), "within");
    let mut words = load_states(states);
    for block in 0..blocks {
        let mut w = [_mm256_setzero_si256(); 16];
        for half in 0..2 {
            let mut rows = [_mm256_setzero_si256(); LANES];
            for (row, at) in rows.iter_mut().zip(at) {
                // SAFETY: the assertion above: from `at`, `blocks` blocks are within `bytes`, `block` is one of them,
                // and a half of it is read.
                *row = unsafe {
                    _mm256_loadu_si256(bytes.as_ptr().add(at + block * BLOCK + half * BLOCK / 2).cast())
                };
            }
            w[half * LANES..][..LANES].copy_from_slice(&transpose(rows));
        }
        let after = rounds(words, w);
        for (word, after) in words.iter_mut().zip(after) {
            *word = _mm256_add_epi32(*word, after);
        }
    }
    store_states(states, &words);
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_states(states: &States) -> [__m256i; 8] {
    let mut words = [_mm256_setzero_si256(); 8];
    for (word, row) in words.iter_mut().zip(&states.0) {
        // SAFETY: a row has more than eight words of 32 bits, and begins at a multiple of 64 bytes because `States` does.
        *word = unsafe { _mm256_load_si256(row.as_ptr().cast()) };
    }

    words
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_states(states: &mut States, words: &[__m256i; 8]) {
    for (word, row) in words.iter().zip(&mut states.0) {
        // SAFETY: as in `load_states`.
        unsafe { _mm256_store_si256(row.as_mut_ptr().cast(), *word) };
    }
}

/// From half a block of each stream to a word of all streams; bytes of words turned round.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(mut r: [__m256i; 8]) -> [__m256i; 8] {
    let turn = _mm256_set_epi32(
        0x0c0d_0e0f,
        0x0809_0a0b,
        0x0405_0607,
        0x0001_0203,
        0x0c0d_0e0f,
        0x0809_0a0b,
        0x0405_0607,
        0x0001_0203,
    );
    let mut t = [_mm256_setzero_si256(); 8];
    for i in 0..4 {
        t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for i in 0..2 {
        r[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for i in 0..4 {
        t[i] = _mm256_permute2x128_si256::<0x20>(r[i], r[4 + i]);
        t[4 + i] = _mm256_permute2x128_si256::<0x31>(r[i], r[4 + i]);
    }
    for row in &mut t {
        *row = _mm256_shuffle_epi8(*row, turn);
    }

    t
}

/// The words after sixty-four rounds over one block of each stream.
#[inline]
#[target_feature(enable = "avx2")]
fn rounds(mut s: [__m256i; 8], mut w: [__m256i; 16]) -> [__m256i; 8] {
    for k in ROUNDS.chunks_exact(16).take(3) {
        sixteen!(I => {
            s = round(s, w[I], k[I]);
            w[I] = next_word(w[I], w[(I + 1) % 16], w[(I + 9) % 16], w[(I + 14) % 16]);
        });
    }
    let k = &ROUNDS[48..];
    sixteen!(I => s = round(s, w[I], k[I]));

    s
}

/// The word sixteen rounds after `w`, given the words one, nine and fourteen rounds after it.
#[inline]
#[target_feature(enable = "avx2")]
fn next_word(w: __m256i, one: __m256i, nine: __m256i, fourteen: __m256i) -> __m256i {
    let low = xor(xor(turned::<7, 25>(one), turned::<18, 14>(one)), _mm256_srli_epi32::<3>(one));
    let high =
        xor(xor(turned::<17, 15>(fourteen), turned::<19, 13>(fourteen)), _mm256_srli_epi32::<10>(fourteen));

    _mm256_add_epi32(_mm256_add_epi32(w, nine), _mm256_add_epi32(low, high))
}

#[inline]
#[target_feature(enable = "avx2")]
fn round([a, b, c, d, e, f, g, h]: [__m256i; 8], w: __m256i, k: u32) -> [__m256i; 8] {
    let kw = _mm256_add_epi32(w, _mm256_set1_epi32(k.cast_signed()));
    let high = xor(xor(turned::<6, 26>(e), turned::<11, 21>(e)), turned::<25, 7>(e));
    let chosen = xor(g, _mm256_and_si256(e, xor(f, g)));
    let first = _mm256_add_epi32(_mm256_add_epi32(_mm256_add_epi32(h, kw), chosen), high);
    let low = xor(xor(turned::<2, 30>(a), turned::<13, 19>(a)), turned::<22, 10>(a));
    // The exclusive or of b and c is that of a and b of the round before.
    let majority = xor(b, _mm256_and_si256(xor(a, b), xor(b, c)));
    let second = _mm256_add_epi32(low, majority);

    [_mm256_add_epi32(first, second), a, b, c, _mm256_add_epi32(d, first), e, f, g]
}

/// Rotated to the right; `LEFT` is what is missing to 32.
#[inline]
#[target_feature(enable = "avx2")]
fn turned<const RIGHT: i32, const LEFT: i32>(word: __m256i) -> __m256i {
    const { assert!(RIGHT + LEFT == 32) };

    xor(_mm256_srli_epi32::<RIGHT>(word), _mm256_slli_epi32::<LEFT>(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: __m256i, b: __m256i) -> __m256i {
    _mm256_xor_si256(a, b)
}
