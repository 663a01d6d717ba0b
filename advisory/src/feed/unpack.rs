//! Taking a carried file apart: what it is wrapped in is seen from its bytes, and no wrapping can grow without end.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

use super::Limits;
use super::limits::RATIO_FREE_BYTES;
use super::tar::{Tar, is_tar};
use crate::source::{Fault, FeedError, Place};

/// Bytes looked at to see what a file is.
const HEAD: usize = 64 * 1024;

/// Wrappings in each other at most: an archive, compressed, with compressed files in it.
const DEPTH_MAX: u32 = 3;

/// Memory that a zstd stream may ask for, as a power of two: 128 MiB, what `zstd --long` writes at most unasked.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Memory that an xz stream may ask for: `xz -9` needs 65 MiB.
const XZ_MEMORY_KIB: u32 = 160 * 1024;

/// One document, its first bytes already known.
pub(super) struct Document<'a> {
    /// Its name in the archive; `None` for a file that is no archive.
    pub(super) name: Option<String>,
    pub(super) head: &'a [u8],
    pub(super) body: &'a mut dyn BufRead,
}

/// What takes documents.
type Take<'a> = dyn FnMut(Document<'_>) -> Result<(), FeedError> + 'a;

/// Gives every document of the file to the taker.
pub(super) fn unpack(
    mut input: impl Read + Seek,
    limits: &Limits,
    take: &mut Take<'_>,
) -> Result<(), FeedError> {
    let packed = input.seek(SeekFrom::End(0)).map_err(|error| torn("file", &error))?;
    input.rewind().map_err(|error| torn("file", &error))?;
    let most = limits.unpacked_bytes.min(RATIO_FREE_BYTES.max(packed.saturating_mul(limits.ratio)));
    let budget = Budget { most, left: Cell::new(most), over: Cell::new(false) };
    let mut unpacking = Unpacking { budget: &budget, most: limits.documents, documents: 0, take };
    let mut first = [0_u8; 4];
    let got = fill(&mut input, &mut first).map_err(|error| torn("file", &error))?;
    input.rewind().map_err(|error| torn("file", &error))?;
    let taken = if got == first.len() && &first == b"PK\x03\x04" {
        unpacking.zip(input)
    } else {
        unpacking.stream(None, Box::new(input), DEPTH_MAX)
    };
    if budget.over.get() {
        let expected = format!("at most {} bytes after unpacking", budget.most);
        let found = format!("more, out of {packed} bytes");
        return Err(FeedError::new(Place::Whole, expected, found).of(Fault::Bound));
    }

    taken
}

/// An archive or compressed stream that ends too early or does not fit its own check sums.
pub(super) fn torn(what: &str, cause: &dyn std::fmt::Display) -> FeedError {
    FeedError::new(Place::Whole, format!("a whole {what}"), cause.to_string()).of(Fault::Torn)
}

/// Bytes that may still come out of all decoders together.
struct Budget {
    most: u64,
    left: Cell<u64>,
    over: Cell<bool>,
}

struct Unpacking<'a, 't> {
    budget: &'a Budget,
    most: u64,
    documents: u64,
    take: &'a mut Take<'t>,
}

impl Unpacking<'_, '_> {
    fn zip(&mut self, input: impl Read + Seek) -> Result<(), FeedError> {
        let mut archive =
            zip::ZipArchive::new(BufReader::new(input)).map_err(|error| torn("zip archive", &error))?;
        if u64::try_from(archive.len()).unwrap_or(u64::MAX) > self.most {
            return Err(self.too_many());
        }
        for at in 0..archive.len() {
            let file = archive.by_index(at).map_err(|error| torn("zip archive", &error))?;
            if file.is_file() {
                let name = file.name().to_owned();
                let metered = Metered { inner: file, budget: self.budget };
                self.stream(Some(name), Box::new(metered), DEPTH_MAX - 1)?;
            }
        }

        Ok(())
    }

    fn stream(
        &mut self,
        name: Option<String>,
        input: Box<dyn Read + '_>,
        depth: u32,
    ) -> Result<(), FeedError> {
        let mut input = BufReader::new(input);
        let mut head = vec![0_u8; HEAD];
        let got = fill(&mut input, &mut head).map_err(|error| torn("file", &error))?;
        head.truncate(got);
        let mut whole = Cursor::new(head.clone()).chain(input);
        let wrapping = Wrapping::of(&head);
        let Some(deeper) = depth.checked_sub(1).or_else(|| (wrapping == Wrapping::None).then_some(0)) else {
            let expected = format!("at most {DEPTH_MAX} wrappings");
            return Err(FeedError::new(Place::Whole, expected, "one more").of(Fault::Bound));
        };
        match wrapping {
            Wrapping::None => self.document(name, &head, &mut whole),
            Wrapping::Gzip => {
                let decoder = flate2::bufread::MultiGzDecoder::new(whole);
                let metered = Metered { inner: decoder, budget: self.budget };
                self.stream(name, Box::new(metered), deeper)
            }
            Wrapping::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)
                    .map_err(|error| torn("zstd stream", &error))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|error| torn("zstd stream", &error))?;
                let metered = Metered { inner: decoder, budget: self.budget };
                self.stream(name, Box::new(metered), deeper)
            }
            Wrapping::Bzip2 => {
                let decoder = bzip2::bufread::MultiBzDecoder::new(whole);
                let metered = Metered { inner: decoder, budget: self.budget };
                self.stream(name, Box::new(metered), deeper)
            }
            Wrapping::Xz => {
                let decoder = lzma_rust2::XzReader::new_mem_limit(whole, true, XZ_MEMORY_KIB);
                let metered = Metered { inner: decoder, budget: self.budget };
                self.stream(name, Box::new(metered), deeper)
            }
            Wrapping::Tar => {
                let mut tar = Tar::new(whole);
                while let Some(file) = tar.next_file()? {
                    let name = file.name.clone();
                    self.stream(Some(name), Box::new(file), deeper)?;
                }
                Ok(())
            }
            Wrapping::Other(what) => Err(FeedError::new(
                Place::Whole,
                "a file as it is, or wrapped by gzip, bzip2, xz, zstd, zip or tar: unpack it first",
                what,
            )
            .of(Fault::Wrapping)),
        }
    }

    fn document(
        &mut self,
        name: Option<String>,
        head: &[u8],
        body: &mut dyn BufRead,
    ) -> Result<(), FeedError> {
        self.documents += 1;
        if self.documents > self.most {
            return Err(self.too_many());
        }

        (self.take)(Document { name, head, body })
    }

    fn too_many(&self) -> FeedError {
        FeedError::new(Place::Whole, format!("at most {} files in an archive", self.most), "more")
            .of(Fault::Bound)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrapping {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Tar,
    Other(&'static str),
}

impl Wrapping {
    fn of(head: &[u8]) -> Self {
        const OTHERS: [(&[u8], &str); 3] =
            [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!", "rar"), (b"PK\x03\x04", "zip inside another archive")];
        if head.starts_with(&[0x1f, 0x8b]) {
            return Self::Gzip;
        }
        if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Self::Zstd;
        }
        if head.starts_with(b"BZh") {
            return Self::Bzip2;
        }
        if head.starts_with(b"\xfd7zXZ\0") {
            return Self::Xz;
        }
        if let Some((_, what)) = OTHERS.iter().find(|(mark, _)| head.starts_with(mark)) {
            return Self::Other(what);
        }

        if is_tar(head) { Self::Tar } else { Self::None }
    }
}

/// A decoder whose output is taken from the budget.
struct Metered<'a, R> {
    inner: R,
    budget: &'a Budget,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(into)?;
        match self.budget.left.get().checked_sub(u64::try_from(got).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.budget.left.set(left);
                Ok(got)
            }
            None => {
                self.budget.over.set(true);
                Err(std::io::Error::other("more than may be unpacked"))
            }
        }
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(input: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = into.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }

    Ok(got)
}
