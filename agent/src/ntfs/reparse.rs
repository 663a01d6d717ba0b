//! Where a link points (`REPARSE_DATA_BUFFER`), and which marks make a link.

use super::bytes::{u16_at, u32_at, units_at};
use super::wtf8;

const MOUNT_POINT: u32 = 0xA000_0003;
const SYMLINK: u32 = 0xA000_000C;
/// A symbolic link made by a Linux program.
const LX_SYMLINK: u32 = 0xA000_001D;

/// Sockets, pipes and devices of Linux programs.
const LX_OTHERS: [u32; 4] = [0x8000_0023, 0x8000_0024, 0x8000_0025, 0x8000_0026];

/// What a mark on a file or directory makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marked {
    /// Another name for something else: never followed.
    Link,
    /// Nothing that could be opened.
    Other,
    /// Itself, kept in a way of its own (compressed, without its twins, in a cloud).
    Itself,
}

/// What this mark makes of what bears it.
#[must_use]
pub fn marked(tag: u32) -> Marked {
    // IsReparseTagNameSurrogate
    if tag & 0x2000_0000 != 0 {
        Marked::Link
    } else if LX_OTHERS.contains(&tag) {
        Marked::Other
    } else {
        Marked::Itself
    }
}

/// Where the link points, in bytes (WTF-8), as a person writes it; empty where the mark does not say.
#[must_use]
pub fn target(buffer: &[u8]) -> Option<Vec<u8>> {
    let tag = u32_at(buffer, 0)?;
    let length = usize::from(u16_at(buffer, 4)?);
    let body = buffer.get(8..8_usize.checked_add(length)?)?;
    match tag {
        MOUNT_POINT => name(body, 8),
        SYMLINK => name(body, 12),
        LX_SYMLINK => Some(body.get(4..)?.to_vec()),
        _ => Some(Vec::new()),
    }
}

/// The printed name, or else the real one without its prefix.
fn name(body: &[u8], names: usize) -> Option<Vec<u8>> {
    let read = |at: usize| {
        let (offset, length) = (usize::from(u16_at(body, at)?), usize::from(u16_at(body, at + 2)?));
        units_at(body, names.checked_add(offset)?, length)
    };
    let printed = read(4)?;
    if !printed.is_empty() {
        return Some(wtf8::from_units(&printed));
    }
    let real = wtf8::from_units(&read(0)?);

    Some(real.strip_prefix(br"\??\").map(<[u8]>::to_vec).unwrap_or(real))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(tag: u32, real: &str, printed: &str, flags: bool) -> Vec<u8> {
        let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let (real, printed) = (units(real), units(printed));
        let short = |length: usize| u16::try_from(length).unwrap().to_le_bytes();
        let mut body = Vec::new();
        body.extend(short(0));
        body.extend(short(real.len()));
        body.extend(short(real.len()));
        body.extend(short(printed.len()));
        if flags {
            body.extend([0; 4]);
        }
        body.extend(real);
        body.extend(printed);
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.extend(short(body.len()));
        bytes.extend([0; 2]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn links_and_junctions_say_where_they_point() {
        let symlink = link(SYMLINK, r"\??\C:\dữ liệu", r"C:\dữ liệu", true);
        let junction = link(MOUNT_POINT, r"\??\D:\kho", "", false);

        assert_eq!(target(&symlink).unwrap(), r"C:\dữ liệu".as_bytes());
        assert_eq!(target(&junction).unwrap(), br"D:\kho");
        assert_eq!(target(&symlink[..30]), None);
    }

    #[test]
    fn what_is_only_stored_elsewhere_is_no_link() {
        assert_eq!(marked(SYMLINK), Marked::Link);
        assert_eq!(marked(MOUNT_POINT), Marked::Link);
        assert_eq!(marked(LX_SYMLINK), Marked::Link);
        assert_eq!(marked(0x8000_0017), Marked::Itself, "compressed by the system");
        assert_eq!(marked(0x9000_001A), Marked::Itself, "in a cloud");
        assert_eq!(marked(0x8000_0024), Marked::Other, "a pipe of a Linux program");
    }
}
