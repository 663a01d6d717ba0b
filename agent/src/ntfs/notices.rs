//! What happened in a tree, as the system writes it into a buffer (`FILE_NOTIFY_INFORMATION`).

use super::bytes::{length_at, step, u32_at, units_at};

/// What happened to a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// It came, went, or was given or taken by a rename.
    Name,
    /// Something about what bears it changed.
    Change,
}

/// A name in the tree, from its root, and what happened to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noticed {
    /// Names from the root of the tree on, with backslashes between them.
    pub name: Vec<u16>,
    /// What happened.
    pub deed: Deed,
}

/// What a buffer holds; `false`: it ends before it should, so that something is missing.
#[must_use]
pub fn parse(buffer: &[u8]) -> (Vec<Noticed>, bool) {
    let mut found = Vec::new();
    let mut at = 0_usize;
    loop {
        let one = buffer.get(at..).and_then(|entry| {
            let length = length_at(entry, 8)?;
            // FILE_ACTION_MODIFIED; all others are names that come and go.
            let deed = if u32_at(entry, 4)? == 3 { Deed::Change } else { Deed::Name };
            Some((step(entry, 12 + length), Noticed { name: units_at(entry, 12, length)?, deed }))
        });
        let Some((next, one)) = one else { return (found, false) };
        found.push(one);
        match next {
            None => return (found, false),
            Some(0) => return (found, true),
            Some(next) => at = at.saturating_add(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: u32, name: &str, next: u32) -> Vec<u8> {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = Vec::new();
        bytes.extend(next.to_le_bytes());
        bytes.extend(action.to_le_bytes());
        bytes.extend(u32::try_from(units.len()).unwrap().to_le_bytes());
        bytes.extend(units);
        bytes
    }

    #[test]
    fn a_rename_and_a_change_are_read_though_they_are_not_aligned() {
        let mut buffer = entry(4, r"a\cũ", 20);
        buffer.extend(entry(5, "b", 14));
        buffer.extend(entry(3, "c", 0));

        let (found, is_whole) = parse(&buffer);

        let said: Vec<(String, Deed)> =
            found.iter().map(|one| (String::from_utf16_lossy(&one.name), one.deed)).collect();
        assert!(is_whole);
        assert_eq!(
            said,
            [(r"a\cũ".to_owned(), Deed::Name), ("b".to_owned(), Deed::Name), ("c".to_owned(), Deed::Change)]
        );
    }

    #[test]
    fn what_is_cut_off_is_said_to_be_missing() {
        let buffer = entry(1, "abc", 4_096);

        assert_eq!((parse(&buffer).0.len(), parse(&buffer).1), (1, false));
        assert_eq!(parse(&buffer[..15]), (Vec::new(), false));
    }

    #[test]
    fn an_entry_that_begins_within_another_is_none() {
        let mut buffer = entry(1, "abc", 17);
        buffer.extend(entry(1, "def", 0));

        assert_eq!((parse(&buffer).0.len(), parse(&buffer).1), (1, false));
    }
}
