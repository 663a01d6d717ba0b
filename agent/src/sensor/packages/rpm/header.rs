//! The header of an rpm package: an index of tags over a store of values. Every length and offset is checked, because
//! a damaged database must not take the agent down.

use std::collections::BTreeMap;

/// Entries of an index; rpm's own limit.
const ENTRIES_MAX: u32 = 0xFFFF;

/// Bytes of a store; rpm's own limit.
const STORE_BYTES_MAX: u32 = 0x0FFF_FFFF;

/// Bytes of one text that we keep; what is longer is left out.
const TEXT_BYTES_MAX: usize = 2_048;

const ENTRY_BYTES: usize = 16;
const LEAD_BYTES: usize = 8;

/// The tags that we read, with their numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Tag {
    Name,
    Version,
    Release,
    Epoch,
    InstallTime,
    Vendor,
    Licence,
    Group,
    Architecture,
    SourceRpm,
    Modularity,
}

impl Tag {
    fn of(number: u32) -> Option<Self> {
        let tag = match number {
            1000 => Self::Name,
            1001 => Self::Version,
            1002 => Self::Release,
            1003 => Self::Epoch,
            1008 => Self::InstallTime,
            1011 => Self::Vendor,
            1014 => Self::Licence,
            1016 => Self::Group,
            1022 => Self::Architecture,
            1044 => Self::SourceRpm,
            5096 => Self::Modularity,
            _ => return None,
        };

        Some(tag)
    }
}

/// Bytes that can be read in places, so that a header of many megabytes is never held whole.
pub(super) trait Source {
    /// How many there are.
    fn length(&self) -> usize;

    /// Fills `buffer` from `at`; `None` if there are not so many or they cannot be read.
    fn fill(&self, at: usize, buffer: &mut [u8]) -> Option<()>;
}

impl Source for [u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn fill(&self, at: usize, buffer: &mut [u8]) -> Option<()> {
        buffer.copy_from_slice(self.get(at..at.checked_add(buffer.len())?)?);

        Some(())
    }
}

#[derive(Debug)]
enum Value {
    Text(String),
    Number(u32),
}

/// The values of the tags that we read.
#[derive(Debug, Default)]
pub(super) struct Header(BTreeMap<Tag, Value>);

impl Header {
    /// Reads a header without its magic bytes, as databases keep it; `None` if it contradicts itself.
    pub(super) fn read<S: Source + ?Sized>(source: &S) -> Option<Self> {
        let mut lead = [0; LEAD_BYTES];
        source.fill(0, &mut lead)?;
        let (entries, store) = (word(&lead, 0)?, word(&lead, 4)?);
        if entries == 0 || entries > ENTRIES_MAX || store > STORE_BYTES_MAX {
            return None;
        }
        let (entries, store) = (usize::try_from(entries).ok()?, usize::try_from(store).ok()?);
        let start = LEAD_BYTES + entries * ENTRY_BYTES;
        if source.length() < start + store {
            return None;
        }

        let mut values = BTreeMap::new();
        let mut index = vec![0; entries * ENTRY_BYTES];
        source.fill(LEAD_BYTES, &mut index)?;
        for entry in index.chunks_exact(ENTRY_BYTES) {
            let Some(tag) = Tag::of(word(entry, 0)?) else {
                continue;
            };
            let offset = usize::try_from(word(entry, 8)?).ok().filter(|offset| *offset < store)?;
            let value = match word(entry, 4)? {
                4 => number(source, start + offset, store - offset)?,
                6 | 8 | 9 => match text(source, start + offset, store - offset)? {
                    Some(text) => Value::Text(text),
                    None => continue,
                },
                _ => return None,
            };
            values.entry(tag).or_insert(value);
        }

        Some(Self(values))
    }

    /// A text; `None` if the tag is absent, a number, too long or not UTF-8.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        match self.0.get(&tag)? {
            Value::Text(text) => Some(text.clone()),
            Value::Number(_) => None,
        }
    }

    /// A number; `None` if the tag is absent or a text.
    pub(super) fn number(&self, tag: Tag) -> Option<u32> {
        match self.0.get(&tag)? {
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

fn number<S: Source + ?Sized>(source: &S, at: usize, room: usize) -> Option<Value> {
    let mut bytes = [0; 4];
    if room < bytes.len() {
        return None;
    }
    source.fill(at, &mut bytes)?;

    Some(Value::Number(u32::from_be_bytes(bytes)))
}

/// A text up to its zero byte: outer `None` if the header ends before it, inner `None` if it is not for us.
fn text<S: Source + ?Sized>(source: &S, at: usize, room: usize) -> Option<Option<String>> {
    let mut bytes = vec![0; room.min(128)];
    source.fill(at, &mut bytes)?;
    if !bytes.contains(&0) {
        bytes.resize(room.min(TEXT_BYTES_MAX), 0);
        source.fill(at, &mut bytes)?;
    }
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => Some(std::str::from_utf8(&bytes[..end]).ok().map(str::to_owned)),
        None if room > TEXT_BYTES_MAX => Some(None),
        None => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The bytes of a header of these texts and numbers.
    pub(in super::super) fn header(texts: &[(u32, &str)], numbers: &[(u32, u32)]) -> Vec<u8> {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        let mut entry = |tag: u32, kind: u32, store: &[u8]| {
            for word in [tag, kind, u32::try_from(store.len()).unwrap(), 1] {
                index.extend_from_slice(&word.to_be_bytes());
            }
        };
        for (tag, text) in texts {
            entry(*tag, 6, &store);
            store.extend_from_slice(text.as_bytes());
            store.push(0);
        }
        for (tag, number) in numbers {
            store.resize(store.len().next_multiple_of(4), 0);
            entry(*tag, 4, &store);
            store.extend_from_slice(&number.to_be_bytes());
        }
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&u32::try_from(texts.len() + numbers.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(store.len()).unwrap().to_be_bytes());
        bytes.extend(index);
        bytes.extend(store);

        bytes
    }

    #[test]
    fn values_are_found_by_their_tags() {
        let bytes = header(&[(1000, "dữ-liệu"), (9999, "other")], &[(1003, 7)]);

        let header = Header::read(bytes.as_slice()).unwrap();

        assert_eq!(header.text(Tag::Name).as_deref(), Some("dữ-liệu"));
        assert_eq!(header.number(Tag::Epoch), Some(7));
        assert_eq!(header.text(Tag::Epoch), None);
    }

    #[test]
    fn a_header_cut_anywhere_is_refused() {
        let bytes = header(&[(1000, "name"), (1001, "1")], &[(1008, 1)]);

        for cut in 0..bytes.len() {
            assert!(Header::read(&bytes[..cut]).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn an_offset_outside_the_store_is_refused() {
        let mut bytes = header(&[(1000, "name")], &[]);
        bytes[16..20].copy_from_slice(&5_u32.to_be_bytes());

        assert!(Header::read(bytes.as_slice()).is_none());
    }

    #[test]
    fn a_text_beyond_the_limit_is_left_out() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let bytes = header(&[(1014, &long), (1000, "name")], &[]);

        let header = Header::read(bytes.as_slice()).unwrap();

        assert_eq!(header.text(Tag::Licence), None);
        assert_eq!(header.text(Tag::Name).as_deref(), Some("name"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _read = Header::read(bytes.as_slice());
        }

        #[test]
        fn no_change_of_a_good_header_makes_it_panic(at in 0_usize..60, byte: u8) {
            let mut bytes = header(&[(1000, "name"), (1014, "MIT")], &[(1003, 7)]);
            let length = bytes.len();
            bytes[at % length] = byte;

            let _read = Header::read(bytes.as_slice());
        }
    }
}
