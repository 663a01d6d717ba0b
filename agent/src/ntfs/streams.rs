//! A file's streams, as the system writes them into a buffer (`FILE_STREAM_INFO`).

use super::bytes::{length_at, step, u64_at, units_at};
use super::wtf8;

/// A stream beside the content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stream {
    /// Its name with its type, in bytes (WTF-8): `:name:$DATA`.
    pub name: Vec<u8>,
    /// Bytes.
    pub size: u64,
}

/// The content itself, and the mark that browsers leave on what they fetched.
const ORDINARY: [&[u8]; 2] = [b"::$DATA", b":ZONE.IDENTIFIER:$DATA"];

/// The streams beside the content in the order of their names, without the mark of a download.
#[must_use]
pub fn parse(buffer: &[u8]) -> Vec<Stream> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let Some(entry) = buffer.get(at..) {
        let one = length_at(entry, 4).and_then(|length| {
            let name = wtf8::from_units(&units_at(entry, 24, length)?);
            Some((step(entry, 24 + length), Stream { name, size: u64_at(entry, 8)? }))
        });
        let Some((next, one)) = one else { break };
        if !ORDINARY.contains(&wtf8::fold(&one.name).as_slice()) {
            found.push(one);
        }
        match next {
            None | Some(0) => break,
            Some(next) => at = at.saturating_add(next),
        }
    }
    found.sort_unstable();

    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, size: u64, next: u32) -> Vec<u8> {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = Vec::new();
        bytes.extend(next.to_le_bytes());
        bytes.extend(u32::try_from(units.len()).unwrap().to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(units);
        bytes
    }

    #[test]
    fn content_and_mark_of_a_download_are_ordinary_and_anything_else_is_not() {
        let mut buffer = entry("::$DATA", 5, 40);
        buffer.resize(40, 0);
        buffer.extend(entry(":Zone.Identifier:$DATA", 26, 72));
        buffer.resize(40 + 72, 0);
        buffer.extend(entry(":ẩn.exe:$DATA", 4_096, 0));

        let found = parse(&buffer);

        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_slice(), found[0].size), (":ẩn.exe:$DATA".as_bytes(), 4_096));
        assert!(parse(&buffer[..20]).is_empty());
    }
}
