//! A directory's names, as the system writes them into a buffer (`FILE_ID_BOTH_DIR_INFO`).

use super::bytes::{length_at, step, u32_at, units_at};

/// A name and the attributes of what bears it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The name.
    pub name: Vec<u16>,
    /// Its attributes.
    pub attributes: u32,
}

/// What a buffer holds; a piece that reaches beyond it ends the list.
#[must_use]
pub fn parse(buffer: &[u8]) -> Vec<Listed> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    loop {
        let Some(entry) = buffer.get(at..) else { return found };
        let one = length_at(entry, 60).and_then(|length| {
            let listed = Listed { name: units_at(entry, 104, length)?, attributes: u32_at(entry, 56)? };
            Some((step(entry, 104 + length), listed))
        });
        let Some((next, one)) = one else { return found };
        found.push(one);
        match next {
            None | Some(0) => return found,
            Some(next) => at = at.saturating_add(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, attributes: u32, next: u32) -> Vec<u8> {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![0; 104];
        bytes[..4].copy_from_slice(&next.to_le_bytes());
        bytes[56..60].copy_from_slice(&attributes.to_le_bytes());
        bytes[60..64].copy_from_slice(&u32::try_from(units.len()).unwrap().to_le_bytes());
        bytes.extend(units);
        bytes
    }

    #[test]
    fn names_are_read_one_behind_the_other() {
        let mut buffer = entry("Hoà", 0x20, 112);
        buffer.resize(112, 0);
        buffer.extend(entry("b", 0x10, 0));

        let found = parse(&buffer);

        let names: Vec<String> = found.iter().map(|one| String::from_utf16_lossy(&one.name)).collect();
        assert_eq!(names, ["Hoà", "b"]);
        assert_eq!((found[0].attributes, found[1].attributes), (0x20, 0x10));
    }

    #[test]
    fn a_piece_beyond_the_buffer_ends_the_list() {
        let buffer = entry("a", 0, 4_000_000_000);

        assert_eq!(parse(&buffer).len(), 1);
        assert!(parse(&buffer[..100]).is_empty());
        assert!(parse(&[]).is_empty());
    }
}
