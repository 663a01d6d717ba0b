//! Compression with what every message has in common: zstd dictionaries (RFC 8878), trained on our own messages.
//!
//! A dictionary is released once and never changed or taken away: what was packed with it is read for ever. Which one
//! was used stands beside what was packed, by its number. `measure train-dictionary` makes the file of the next.

use std::io;
use std::sync::LazyLock;

use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::get_frame_content_size;

/// Dictionaries by their numbers, from 1. Numbers are never reused.
static RELEASED: [&[u8]; 1] = [include_bytes!("dictionary-1.zstd")];

/// A good ratio for what an agent can spare: higher levels win three percent and cost twice the processor time.
const LEVEL: i32 = 3;

static ENCODERS: LazyLock<[EncoderDictionary<'static>; 1]> =
    LazyLock::new(|| RELEASED.map(|bytes| EncoderDictionary::copy(bytes, LEVEL)));

static DECODERS: LazyLock<[DecoderDictionary<'static>; 1]> =
    LazyLock::new(|| RELEASED.map(DecoderDictionary::copy));

/// A dictionary that was released with this program or before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Dictionary(u8);

impl Dictionary {
    /// The newest.
    pub const NEWEST: Self = Self(1);

    /// The one of this number, if this program knows it.
    #[must_use]
    pub fn of_number(number: u32) -> Option<Self> {
        let number = u8::try_from(number).ok()?;

        (1..=Self::NEWEST.0).contains(&number).then_some(Self(number))
    }

    /// The newest one that both sides know, if the peer knows all up to this number.
    #[must_use]
    pub fn shared(newest_of_peer: Option<u32>) -> Option<Self> {
        let number = newest_of_peer?.min(u32::from(Self::NEWEST.0));

        Self::of_number(number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its file.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        RELEASED[self.at()]
    }

    fn at(self) -> usize {
        usize::from(self.0) - 1
    }
}

/// Packs bytes as one zstd frame that says how many they are.
///
/// # Panics
/// If there is no memory.
#[must_use]
pub fn compress(raw: &[u8], dictionary: Option<Dictionary>) -> Vec<u8> {
    let packed = match dictionary {
        Some(dictionary) => zstd::bulk::Compressor::with_prepared_dictionary(&ENCODERS[dictionary.at()])
            .and_then(|mut compressor| compressor.compress(raw)),
        None => zstd::bulk::compress(raw, LEVEL),
    };

    packed.expect("compression into memory needs nothing but memory")
}

/// Unpacks at most `most` bytes; what claims more is refused before any memory is taken.
///
/// # Errors
/// If the bytes are not zstd, were packed with another dictionary, or unfold beyond `most`.
pub fn decompress(packed: &[u8], dictionary: Option<Dictionary>, most: usize) -> io::Result<Vec<u8>> {
    let claimed = get_frame_content_size(packed)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a zstd frame"))?
        .map_or(most, |claimed| usize::try_from(claimed).unwrap_or(usize::MAX));
    if claimed > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "claims to unfold beyond the limit"));
    }
    let mut decompressor = match dictionary {
        Some(dictionary) => zstd::bulk::Decompressor::with_prepared_dictionary(&DECODERS[dictionary.at()])?,
        None => zstd::bulk::Decompressor::new()?,
    };

    decompressor.decompress(packed, claimed)
}
