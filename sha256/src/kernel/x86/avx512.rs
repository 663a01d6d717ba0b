//! Sixteen streams, one in each 32-bit lane of AVX-512.
//!
//! A vector holds one word of all streams. Rotations are one instruction, and so is any function of three words
//! (choice, majority, exclusive or of three), which is what makes this form fast.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_load_si512, _mm512_loadu_si512,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_set4_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_store_si512, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use crate::kernel::{BLOCK, ROUNDS, States, WIDTH};

/// Blocks between the one that is taken and the one that is asked for from the outer caches.
const AHEAD: usize = 4;

/// Truth tables of three inputs.
const XOR: i32 = 0x96;
const CHOOSE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

/// Each lane takes `blocks` blocks, the first of them at `bytes[at[lane]]`.
///
/// # Panics
/// If a lane's blocks are not all within `bytes`.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn compress(states: &mut States, bytes: &[u8], at: &[usize; WIDTH], blocks: usize) {
    let length = blocks * BLOCK;
    assert!(at.iter().all(|at| at.checked_add(length).is_some_and(|end| end <= bytes.len())), "within");
    let mut words = load_states(states);
    for block in 0..blocks {
        let mut w = [_mm512_setzero_si512(); 16];
        for (row, at) in w.iter_mut().zip(at) {
            // SAFETY: the assertion above: from `at`, `blocks` blocks are within `bytes`, and `block` is one of them.
            *row = unsafe { _mm512_loadu_si512(bytes.as_ptr().add(at + block * BLOCK).cast()) };
            let ahead = bytes.as_ptr().wrapping_add(at + (block + AHEAD) * BLOCK);
            // A hint, which reads nothing and may name any address.
            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
        }
        let after = rounds(words, transpose(w));
        for (word, after) in words.iter_mut().zip(after) {
            *word = _mm512_add_epi32(*word, after);
        }
    }
    store_states(states, &words);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_states(states: &States) -> [__m512i; 8] {
    let mut words = [_mm512_setzero_si512(); 8];
    for (word, row) in words.iter_mut().zip(&states.0) {
        // SAFETY: a row is sixteen words of 32 bits, and rows begin at multiples of 64 bytes because `States` does.
        *word = unsafe { _mm512_load_si512(row.as_ptr().cast()) };
    }

    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_states(states: &mut States, words: &[__m512i; 8]) {
    for (word, row) in words.iter().zip(&mut states.0) {
        // SAFETY: as in `load_states`.
        unsafe { _mm512_store_si512(row.as_mut_ptr().cast(), *word) };
    }
}

/// From a block of each stream to a word of all streams; bytes of words turned round.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(mut r: [__m512i; 16]) -> [__m512i; 16] {
    let turn = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    let mut t = [_mm512_setzero_si512(); 16];
    for i in 0..8 {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for i in 0..4 {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for i in 0..4 {
        t[i] = _mm512_shuffle_i32x4::<0x88>(r[i], r[4 + i]);
        t[4 + i] = _mm512_shuffle_i32x4::<0xdd>(r[i], r[4 + i]);
        t[8 + i] = _mm512_shuffle_i32x4::<0x88>(r[8 + i], r[12 + i]);
        t[12 + i] = _mm512_shuffle_i32x4::<0xdd>(r[8 + i], r[12 + i]);
    }
    for i in 0..4 {
        r[i] = _mm512_shuffle_i32x4::<0x88>(t[i], t[8 + i]);
        r[4 + i] = _mm512_shuffle_i32x4::<0x88>(t[4 + i], t[12 + i]);
        r[8 + i] = _mm512_shuffle_i32x4::<0xdd>(t[i], t[8 + i]);
        r[12 + i] = _mm512_shuffle_i32x4::<0xdd>(t[4 + i], t[12 + i]);
    }
    for row in &mut r {
        *row = _mm512_shuffle_epi8(*row, turn);
    }

    r
}

/// The words after sixty-four rounds over one block of each stream.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rounds(mut s: [__m512i; 8], mut w: [__m512i; 16]) -> [__m512i; 8] {
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
#[target_feature(enable = "avx512f,avx512bw")]
fn next_word(w: __m512i, one: __m512i, nine: __m512i, fourteen: __m512i) -> __m512i {
    let low = xor(_mm512_ror_epi32::<7>(one), _mm512_ror_epi32::<18>(one), _mm512_srli_epi32::<3>(one));
    let high = xor(
        _mm512_ror_epi32::<17>(fourteen),
        _mm512_ror_epi32::<19>(fourteen),
        _mm512_srli_epi32::<10>(fourteen),
    );

    _mm512_add_epi32(_mm512_add_epi32(w, nine), _mm512_add_epi32(low, high))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round([a, b, c, d, e, f, g, h]: [__m512i; 8], w: __m512i, k: u32) -> [__m512i; 8] {
    let kw = _mm512_add_epi32(w, _mm512_set1_epi32(k.cast_signed()));
    let high = xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
    let chosen = _mm512_ternarylogic_epi32::<CHOOSE>(e, f, g);
    let first = _mm512_add_epi32(_mm512_add_epi32(_mm512_add_epi32(h, kw), chosen), high);
    let low = xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
    let second = _mm512_add_epi32(low, _mm512_ternarylogic_epi32::<MAJORITY>(a, b, c));

    [_mm512_add_epi32(first, second), a, b, c, _mm512_add_epi32(d, first), e, f, g]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<XOR>(a, b, c)
}
