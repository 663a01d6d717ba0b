//! What the firmware wrote of the machine: the structures of SMBIOS (DMTF DSP0134), from their bytes. Pure; bounded by
//! what is handed in; whatever the bytes are, nothing panics.

/// Structures of one table that are looked at; large servers have some hundreds.
const STRUCTURES_MAX: usize = 4_096;

/// Bytes of one text.
const TEXT_BYTES_MAX: usize = 256;

/// Facts of the table. Serial numbers and the UUID never leave the machine as they stand here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Smbios {
    /// Maker of the machine.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Date of the firmware as it is written there, `MM/DD/YYYY`.
    pub firmware_date: String,
    /// Form of the case, without the bit that tells of a lock.
    pub chassis: Option<u8>,
    /// UUID of the system, in the order of bytes of SMBIOS 2.6.
    pub uuid: Option<String>,
    /// Serial numbers of system, board and case, in that order.
    pub serials: Vec<String>,
}

/// Reads what Windows hands out (`RSMB`): eight bytes before the structures, the last four being how many there are.
#[must_use]
pub fn of_windows(bytes: &[u8]) -> Option<Smbios> {
    let length = bytes.get(4..8)?.first_chunk::<4>().map(|length| u32::from_le_bytes(*length))?;
    let table = bytes.get(8..)?;
    let table = &table[..table.len().min(usize::try_from(length).unwrap_or(usize::MAX))];

    Some(of_structures(table))
}

/// Reads the structures; the first of each kind counts, and reading ends where they make no sense.
#[must_use]
pub fn of_structures(mut table: &[u8]) -> Smbios {
    let mut found = Smbios::default();
    let (mut has_system, mut has_board, mut has_case, mut has_firmware) = (false, false, false, false);
    for _ in 0..STRUCTURES_MAX {
        let Some((structure, rest)) = structure(table) else { break };
        table = rest;
        let first = |seen: &mut bool| !std::mem::replace(seen, true);
        match structure.kind {
            0 if first(&mut has_firmware) => found.firmware_date = structure.text(8),
            1 if first(&mut has_system) => {
                found.vendor = structure.text(4);
                found.model = structure.text(5);
                found.serials.insert(0, structure.text(7));
                found.uuid = structure.uuid(8);
            }
            2 if first(&mut has_board) => found.serials.push(structure.text(7)),
            3 if first(&mut has_case) => {
                found.chassis = structure.fixed.get(5).map(|form| form & 0x7f);
                found.serials.push(structure.text(7));
            }
            127 => break,
            _ => {}
        }
    }
    found.serials.retain(|serial| !serial.is_empty());

    found
}

struct Structure<'t> {
    kind: u8,
    /// The formatted part, its header included.
    fixed: &'t [u8],
    texts: &'t [u8],
}

/// The first structure and what follows it: a header of four bytes, the formatted part, texts up to two zeros.
fn structure(table: &[u8]) -> Option<(Structure<'_>, &[u8])> {
    let (kind, length) = (*table.first()?, usize::from(*table.get(1)?));
    if length < 4 {
        return None;
    }
    let (fixed, rest) = table.split_at_checked(length)?;
    let end = rest.windows(2).position(|pair| pair == [0, 0])?;

    Some((Structure { kind, fixed, texts: &rest[..end] }, &rest[end + 2..]))
}

impl Structure<'_> {
    /// The text whose number stands at this place; empty if there is none.
    fn text(&self, at: usize) -> String {
        let number = usize::from(self.fixed.get(at).copied().unwrap_or(0));
        let bytes = number.checked_sub(1).and_then(|index| self.texts.split(|byte| *byte == 0).nth(index));
        let bytes = bytes.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES_MAX)]);
        let text = text.trim();

        if text.chars().any(char::is_control) { String::new() } else { text.to_owned() }
    }

    /// The UUID at this place; its first three groups stand with the low byte first. All zeros and all ones mean none.
    fn uuid(&self, at: usize) -> Option<String> {
        let b = self.fixed.get(at..)?.first_chunk::<16>()?;
        if b.iter().all(|byte| *byte == 0) || b.iter().all(|byte| *byte == 0xff) {
            return None;
        }
        let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut text = String::with_capacity(36);
        for (place, index) in order.into_iter().enumerate() {
            if [4, 6, 8, 10].contains(&place) {
                text.push('-');
            }
            text.push_str(&format!("{:02x}", b[index]));
        }

        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(kind: u8, fixed: &[u8], texts: &[&str]) -> Vec<u8> {
        let mut bytes = vec![kind, u8::try_from(fixed.len() + 4).unwrap(), 0, 0];
        bytes.extend(fixed);
        for text in texts {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        bytes.extend(if texts.is_empty() { &[0, 0][..] } else { &[0] });

        bytes
    }

    fn table() -> Vec<u8> {
        let uuid =
            [0x44, 0x45, 0x4c, 0x4c, 0x00, 0x42, 0x10, 0x35, 0x80, 0x52, 0xb4, 0xc0, 0x4f, 0x4e, 0x31, 0x32];
        let system = [&[1, 2, 0, 3][..], &uuid, &[6]].concat();

        [
            piece(0, &[1, 2, 0, 0xe0, 3, 0xff], &["Dell Inc.", "1.21.0", "07/30/2019"]),
            piece(1, &system, &["Dell Inc.", "OptiPlex 3060", "5B1SN12"]),
            piece(2, &[1, 2, 3, 4], &["Dell Inc.", "0T0MHW", "A00", "/5B1SN12/CNPE/"]),
            piece(3, &[1, 0x83, 0, 2], &["Dell Inc.", " 5B1SN12 "]),
            piece(1, &[1, 1, 1, 1], &["a second system"]),
            piece(127, &[], &[]),
        ]
        .concat()
    }

    #[test]
    fn facts_stand_where_the_standard_puts_them() {
        let found = of_structures(&table());

        assert_eq!((found.vendor.as_str(), found.model.as_str()), ("Dell Inc.", "OptiPlex 3060"));
        assert_eq!((found.firmware_date.as_str(), found.chassis), ("07/30/2019", Some(3)));
        assert_eq!(found.serials, ["5B1SN12", "/5B1SN12/CNPE/", "5B1SN12"]);
        assert_eq!(found.uuid.as_deref(), Some("4c4c4544-4200-3510-8052-b4c04f4e3132"));
        let length = u32::try_from(table().len()).unwrap().to_le_bytes();
        let raw = [&[0, 3, 2, 0][..], &length, &table(), b"beyond"].concat();
        assert_eq!(of_windows(&raw), Some(found));
    }

    #[test]
    fn a_table_that_is_cut_gives_what_came_before() {
        let whole = table();
        for end in 0..whole.len() {
            let found = of_structures(&whole[..end]);
            assert!(found.vendor.is_empty() || found.vendor == "Dell Inc.");
        }
        assert_eq!(of_windows(&[0; 7]), None);
        assert_eq!(of_structures(&[1, 3, 0, 0, 0, 0]), Smbios::default());
    }

    proptest::proptest! {
        #[test]
        fn no_table_makes_it_panic(bytes: Vec<u8>) {
            let _facts = (of_structures(&bytes), of_windows(&bytes));
        }
    }
}
