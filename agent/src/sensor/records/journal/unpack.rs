//! Packed fields of a journal file: only their beginning is unpacked, within a bound.

use std::io::Read;

/// KiB that unpacking xz may take.
const XZ_KIB_MAX: u32 = 16 * 1024;

/// How a field is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    None,
    Xz,
    Lz4,
    Zstd,
}

impl Packing {
    /// What the flags of an object say; `None` for forms that we do not know.
    pub(super) fn of_flags(flags: u8) -> Option<Self> {
        match flags {
            0 => Some(Self::None),
            1 => Some(Self::Xz),
            2 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// At most `most` bytes of what was packed; `None` if it cannot be unpacked.
pub(super) fn unpack(packing: Packing, bytes: Vec<u8>, most: usize) -> Option<Vec<u8>> {
    match packing {
        Packing::None => Some(bytes),
        Packing::Xz => {
            some_of(lzma_rust2::XzReader::new_mem_limit(bytes.as_slice(), false, XZ_KIB_MAX), most)
        }
        Packing::Zstd => some_of(zstd::stream::read::Decoder::with_buffer(bytes.as_slice()).ok()?, most),
        Packing::Lz4 => lz4(&bytes, most),
    }
}

/// A length in 64 bits, then one block.
fn lz4(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    /// A longer one is refused: the block is unpacked whole.
    const WHOLE_MAX: usize = 256 * 1024;
    let (length, block) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= WHOLE_MAX)?;
    let mut whole = lz4_flex::block::decompress(block, length).ok()?;
    whole.truncate(most);

    Some(whole)
}

/// What comes until an error is kept: the packed bytes were cut at a bound of ours.
fn some_of(mut reader: impl Read, most: usize) -> Option<Vec<u8>> {
    let mut found = vec![0; most];
    let mut length = 0;
    while length < most {
        match reader.read(&mut found[length..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    found.truncate(length);

    (length > 0).then_some(found)
}
