//! Which file system stands where (`/proc/self/mountinfo`), and when that changed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::os::Mount;

/// The kernel's own list, which it marks as changed to whoever polls it.
#[derive(Debug)]
pub struct Mounts(File);

impl Mounts {
    /// Opens the list.
    ///
    /// # Errors
    /// If there is no `/proc`.
    pub fn open() -> io::Result<Self> {
        Ok(Self(File::open("/proc/self/mountinfo")?))
    }

    /// All mounts, in the order in which they were made.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn list(&mut self) -> io::Result<Vec<Mount>> {
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut bytes)?;

        Ok(bytes.split(|byte| *byte == b'\n').filter_map(parse).collect())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `id parent major:minor root point options … - kind source options`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let id = text(fields.next()?)?.parse().ok()?;
    let parent = text(fields.next()?)?.parse().ok()?;
    let device = text(fields.next()?)?;
    let part = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let kind = text(fields.skip_while(|field| *field != b"-").nth(1)?)?;

    Some(Mount { id, parent, point, part, device, kind })
}

/// Spaces, tabs, line ends and backslashes are written as three octal digits behind a backslash.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }

    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_escapes_and_any_number_of_optional_fields() {
        let line = br"36 35 98:0 /sub\040a /mnt/b\134c rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw";

        let mount = parse(line).unwrap();

        assert_eq!((mount.id, mount.parent), (36, 35));
        assert_eq!((mount.device.as_str(), mount.kind.as_str()), ("98:0", "ext4"));
        assert_eq!(mount.part, PathBuf::from("/sub a"));
        assert_eq!(mount.point, PathBuf::from(r"/mnt/b\c"));
        assert!(parse(b"36 35 98:0 /").is_none());
    }

    #[test]
    fn this_machine_has_a_root() {
        let mounts = Mounts::open().unwrap().list().unwrap();

        assert!(mounts.iter().any(|mount| mount.point.as_os_str() == "/" && mount.holds_files()));
    }
}
