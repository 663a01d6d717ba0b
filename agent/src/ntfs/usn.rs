//! Records of the change journal of a volume (`USN_RECORD_V2`, `USN_RECORD_V3`), and what follows from them.

use super::bytes::{i64_at, length_at, u16_at, u32_at, u64_at, u128_at, units_at};

/// Where a volume's journal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Journal {
    /// Its number, another one each time it is made anew.
    pub id: u64,
    /// The oldest record that is still there.
    pub first: i64,
    /// The record to come.
    pub next: i64,
}

/// Whether what happened since an earlier moment can still be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// From this record on.
    Record(i64),
    /// It cannot: the journal is another one, or has forgotten it.
    Lost,
}

impl Journal {
    /// From where to read what happened since it stood as `kept`.
    #[must_use]
    pub fn since(&self, kept: &Self) -> Since {
        if self.id != kept.id || kept.next < self.first || kept.next > self.next {
            return Since::Lost;
        }

        Since::Record(kept.next)
    }

    /// What `FSCTL_QUERY_USN_JOURNAL` answers.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        Some(Self { id: u64_at(answer, 0)?, first: i64_at(answer, 8)?, next: i64_at(answer, 16)? })
    }
}

/// Content was written, appended, cut off, or a stream was.
const CONTENT: u32 = 0x0000_0077;
/// It came, went, or was renamed.
const NAME: u32 = 0x0000_0100 | 0x0000_0200 | 0x0000_1000 | 0x0000_2000 | 0x0001_0000;

/// One change of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The file's number.
    pub file: u128,
    /// The number of the directory that its name is in.
    pub parent: u128,
    /// Its place in the journal.
    pub usn: i64,
    /// What happened since the file was opened.
    pub reason: u32,
    /// Its attributes.
    pub attributes: u32,
    /// Its name.
    pub name: Vec<u16>,
}

impl Record {
    /// Whether its content, or that of a stream, was written.
    #[must_use]
    pub fn is_content(&self) -> bool {
        self.reason & CONTENT != 0
    }

    /// Whether a name came or went.
    #[must_use]
    pub fn is_name(&self) -> bool {
        self.reason & NAME != 0
    }

    /// Whether it was given this name, and with it perhaps another place.
    #[must_use]
    pub fn is_renamed(&self) -> bool {
        self.reason & 0x0000_2000 != 0
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.attributes & 0x10 != 0
    }
}

/// What an answer of `FSCTL_READ_USN_JOURNAL` holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Where to read on.
    pub next: i64,
    /// The records.
    pub records: Vec<Record>,
    /// There were pieces that are no records that we know: something may be missing.
    pub is_broken: bool,
}

/// Reads an answer; `None` if it is too short to be one.
#[must_use]
pub fn parse(answer: &[u8]) -> Option<Page> {
    let mut page = Page { next: i64_at(answer, 0)?, records: Vec::new(), is_broken: false };
    let mut rest = answer.get(8..)?;
    while !rest.is_empty() {
        let length = length_at(rest, 0).filter(|length| *length >= 8 && length % 8 == 0);
        let Some(one) = length.and_then(|length| rest.get(..length)) else {
            page.is_broken = true;
            break;
        };
        match record(one) {
            Some(record) => page.records.push(record),
            None => page.is_broken = true,
        }
        rest = rest.get(one.len()..).unwrap_or_default();
    }

    Some(page)
}

fn record(one: &[u8]) -> Option<Record> {
    let (file, parent, behind) = match u16_at(one, 4)? {
        2 => (u128::from(u64_at(one, 8)?), u128::from(u64_at(one, 16)?), 24),
        3 => (u128_at(one, 8)?, u128_at(one, 24)?, 40),
        _ => return None,
    };
    // Usn, TimeStamp, Reason, SourceInfo, SecurityId, FileAttributes, FileNameLength, FileNameOffset
    let (length, offset) = (u16_at(one, behind + 32)?, u16_at(one, behind + 34)?);

    Some(Record {
        file,
        parent,
        usn: i64_at(one, behind)?,
        reason: u32_at(one, behind + 16)?,
        attributes: u32_at(one, behind + 28)?,
        name: units_at(one, usize::from(offset), usize::from(length))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(major: u16, file: u64, parent: u64, reason: u32, name: &str) -> Vec<u8> {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let header: u16 = if major == 2 { 60 } else { 76 };
        let mut bytes = vec![0; 4];
        bytes.extend(major.to_le_bytes());
        bytes.extend([0; 2]);
        for number in [file, parent] {
            bytes.extend(number.to_le_bytes());
            if major == 3 {
                bytes.extend([0; 8]);
            }
        }
        bytes.extend(77_i64.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(reason.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(0x20_u32.to_le_bytes());
        bytes.extend(u16::try_from(units.len()).unwrap().to_le_bytes());
        bytes.extend(header.to_le_bytes());
        bytes.extend(units);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let length = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    fn page(records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = 4_096_i64.to_le_bytes().to_vec();
        bytes.extend(records.concat());
        bytes
    }

    #[test]
    fn both_forms_of_records_are_read() {
        let bytes = page(&[made(2, 5, 6, 0x2, "một.txt"), made(3, 7, 8, 0x2000, "hai")]);

        let page = parse(&bytes).unwrap();

        assert_eq!((page.next, page.records.len(), page.is_broken), (4_096, 2, false));
        let names: Vec<String> =
            page.records.iter().map(|record| String::from_utf16_lossy(&record.name)).collect();
        assert_eq!(names, ["một.txt", "hai"]);
        assert_eq!((page.records[1].file, page.records[1].parent, page.records[1].usn), (7, 8, 77));
        assert!(page.records[0].is_content() && !page.records[0].is_name());
        assert!(page.records[1].is_name() && !page.records[1].is_content());
        assert!(!page.records[0].is_directory());
    }

    #[test]
    fn what_is_cut_off_or_of_a_form_to_come_is_said_to_be_missing() {
        let unknown = made(4, 1, 2, 0, "x");
        let whole = page(&[made(2, 5, 6, 2, "a"), unknown, made(2, 9, 6, 2, "b")]);

        let found = parse(&whole).unwrap();
        assert_eq!((found.records.len(), found.is_broken), (2, true));
        let cut = parse(&whole[..whole.len() - 1]).unwrap();
        assert_eq!((cut.records.len(), cut.is_broken), (1, true));
        assert_eq!(parse(&[0; 7]), None);
    }

    #[test]
    fn a_journal_made_anew_or_one_that_has_forgotten_tells_nothing_of_the_time_between() {
        let kept = Journal { id: 1, first: 0, next: 500 };

        assert_eq!(Journal { id: 1, first: 400, next: 900 }.since(&kept), Since::Record(500));
        assert_eq!(Journal { id: 1, first: 501, next: 900 }.since(&kept), Since::Lost);
        assert_eq!(Journal { id: 2, first: 0, next: 900 }.since(&kept), Since::Lost);
        assert_eq!(Journal { id: 1, first: 0, next: 499 }.since(&kept), Since::Lost);
    }
}
