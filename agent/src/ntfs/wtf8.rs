//! Names of Windows without loss. The system has sixteen-bit units of any value; we keep bytes: UTF-8, in which a lone
//! surrogate is written as its three bytes (WTF-8, <https://simonsapin.github.io/wtf-8/>).

/// The units of these bytes; `None` if they are no WTF-8, in which case no name of Windows has them.
#[must_use]
pub fn to_units(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        if first < 0x80 {
            units.push(u16::from(first));
            rest = behind;
            continue;
        }
        if let Some(surrogate) = surrogate(rest) {
            // A pair is one character and has four bytes of its own: each name has one form only.
            let is_low = (0xDC00..=0xDFFF).contains(&surrogate);
            if is_low
                && units.last().is_some_and(|last| (0xD800..=0xDBFF).contains(last))
                && ends_alone(bytes, rest)
            {
                return None;
            }
            units.push(surrogate);
            rest = rest.get(3..)?;
            continue;
        }
        let length = match first {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return None,
        };
        let text = std::str::from_utf8(rest.get(..length)?).ok()?;
        units.extend(text.encode_utf16());
        rest = rest.get(length..)?;
    }

    Some(units)
}

/// Whether the three bytes before `rest` are a lone surrogate.
fn ends_alone(bytes: &[u8], rest: &[u8]) -> bool {
    let at = bytes.len() - rest.len();

    at.checked_sub(3).and_then(|from| bytes.get(from..at)).is_some_and(|before| surrogate(before).is_some())
}

fn surrogate(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, ..] => {
            Some(0xD000 | (u16::from(second & 0x3F) << 6) | u16::from(third & 0x3F))
        }
        _ => None,
    }
}

/// The bytes of these units.
#[must_use]
pub fn from_units(units: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(units.len());
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                bytes.extend([0xED, 0x80 | ((high & 0x0F) << 2) | (low >> 6), 0x80 | (low & 0x3F)]);
            }
        }
    }

    bytes
}

/// Text for a person: lone surrogates become the mark for what cannot be shown.
#[must_use]
pub fn to_text(units: &[u16]) -> String {
    String::from_utf16_lossy(units)
}

/// As Windows compares names, nearly: each character by its simple upper case. Names that are equal to Windows are equal
/// here; a few that differ there (the list of Windows is older) are equal here too.
#[must_use]
pub fn fold(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_ascii() {
        return bytes.to_ascii_uppercase();
    }
    let mut folded = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut upper = character.to_uppercase();
            let one = match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => character,
            };
            folded.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
        }
        folded.extend_from_slice(chunk.invalid());
    }

    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_name_can_be_had_back(units: Vec<u16>) {
            proptest::prop_assert_eq!(to_units(&from_units(&units)), Some(units));
        }

        #[test]
        fn bytes_are_refused_or_the_only_form_of_a_name(bytes: Vec<u8>) {
            if let Some(units) = to_units(&bytes) {
                proptest::prop_assert_eq!(from_units(&units), bytes);
            }
        }
    }

    #[test]
    fn a_pair_written_as_two_surrogates_is_no_name() {
        assert_eq!(to_units(&[0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]), None);
        assert_eq!(to_units("😀".as_bytes()), Some(vec![0xD83D, 0xDE00]));
        assert_eq!(to_units(&[0xED, 0xB8, 0x80, 0xED, 0xA0, 0xBD]), Some(vec![0xDE00, 0xD83D]));
    }

    #[test]
    fn a_low_surrogate_behind_a_character_of_two_units_is_alone() {
        let units = [0xD83D, 0xDE00, 0xDE00];

        assert_eq!(to_units(&from_units(&units)), Some(units.to_vec()));
    }

    #[test]
    fn names_that_differ_in_case_only_fold_to_the_same() {
        assert_eq!(fold("Dữ Liệu.TXT".as_bytes()), fold("dỮ liỆu.txt".as_bytes()));
        assert_eq!(fold("straße".as_bytes()), "STRAßE".as_bytes());
        assert_eq!(fold(&[b'a', 0xED, 0xA0, 0x80]), [b'A', 0xED, 0xA0, 0x80]);
    }
}
