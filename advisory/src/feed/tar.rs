//! Reading a tar archive front to back: regular files only, names only for messages.

use std::io::{self, Read};

use super::unpack::torn;
use crate::source::FeedError;

const BLOCK: usize = 512;
const BLOCK_BYTES: u64 = 512;

/// Files of a tar archive, in their order.
pub(super) struct Tar<R> {
    inner: R,
    /// Bytes of the present entry not yet read.
    left: u64,
    /// Bytes from its end to the next header.
    padding: u64,
}

/// One regular file; reading it ends at its end.
pub(super) struct TarFile<'a, R> {
    tar: &'a mut Tar<R>,
    pub(super) name: String,
}

impl<R: Read> Tar<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0 }
    }

    /// The next regular file; `None` at the end mark.
    pub(super) fn next_file(&mut self) -> Result<Option<TarFile<'_, R>>, FeedError> {
        loop {
            self.skip_rest()?;
            let mut header = [0_u8; BLOCK];
            self.inner.read_exact(&mut header).map_err(|error| torn("tar archive", &error))?;
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !sums_up(&header) {
                return Err(torn("tar archive", &"a header with a wrong check sum"));
            }
            self.left = size(&header).ok_or_else(|| torn("tar archive", &"an entry without a size"))?;
            self.padding = (BLOCK_BYTES - self.left % BLOCK_BYTES) % BLOCK_BYTES;
            // Folders, links, long names and extended headers say nothing that we need.
            if matches!(header[156], 0 | b'0' | b'7') {
                let name = name(&header);
                return Ok(Some(TarFile { tar: self, name }));
            }
        }
    }

    fn skip_rest(&mut self) -> Result<(), FeedError> {
        let rest = self.left.saturating_add(self.padding);
        let skipped = io::copy(&mut self.inner.by_ref().take(rest), &mut io::sink())
            .map_err(|error| torn("tar archive", &error))?;
        (self.left, self.padding) = (0, 0);
        if skipped < rest {
            return Err(torn("tar archive", &"an end inside an entry"));
        }

        Ok(())
    }
}

impl<R: Read> Read for TarFile<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.tar.left).unwrap_or(usize::MAX).min(into.len());
        let got = self.tar.inner.read(&mut into[..most])?;
        if got == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an end inside an entry"));
        }
        self.tar.left -= u64::try_from(got).unwrap_or(0);

        Ok(got)
    }
}

/// Whether these are the first bytes of a tar archive.
pub(super) fn is_tar(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(|header| header[0] != 0 && sums_up(header))
}

fn sums_up(header: &[u8; BLOCK]) -> bool {
    let bytes = header.iter().enumerate();
    let sum = bytes.map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte })).sum();

    octal(&header[148..156]) == Some(sum)
}

fn size(header: &[u8; BLOCK]) -> Option<u64> {
    let field = &header[124..136];
    if field[0] & 0x80 != 0 {
        // GNU's base-256 form, for files above 8 GiB.
        return field[4..]
            .iter()
            .try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }

    octal(field)
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c: char| c == ' ' || c == '\0');

    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn name(header: &[u8; BLOCK]) -> String {
    let until = header[..100].iter().position(|byte| *byte == 0).unwrap_or(100);

    String::from_utf8_lossy(&header[..until]).into_owned()
}
