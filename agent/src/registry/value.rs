//! What the bytes of a value say. The registry checks nothing: texts lack their end, have odd numbers of bytes or halves
//! of surrogate pairs, days stand in any order. Pure and bounded by what is handed in; nothing here panics.

use jiff::civil::Date;

use crate::os::RegistryValue;

const TEXT: u32 = 1;
const TEXT_WITH_VARIABLES: u32 = 2;
const NUMBER: u32 = 4;
const NUMBER_BIG_ENDIAN: u32 = 5;
const TEXTS: u32 = 7;
const LONG_NUMBER: u32 = 11;

/// UTF-16 units of a text that are looked at; what an inventory tells is far shorter.
const TEXT_UNITS_MAX: usize = 64 * 1024;

/// Texts of one list that are looked at.
const TEXTS_MAX: usize = 4_096;

/// A text up to its first zero, without the space around it; `None` for other kinds of values and for nothing. Variables
/// (`%ProgramFiles%`) stay as they are written.
#[must_use]
pub fn text(value: &RegistryValue) -> Option<String> {
    if !matches!(value.kind, TEXT | TEXT_WITH_VARIABLES) {
        return None;
    }
    let text = decoded(units(&value.bytes).take_while(|unit| *unit != 0));
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');

    (!text.is_empty()).then(|| text.to_owned())
}

/// The texts of a list, up to its empty one; a plain text is a list of one. `None` for other kinds of values.
#[must_use]
pub fn texts(value: &RegistryValue) -> Option<Vec<String>> {
    if value.kind != TEXTS {
        return text(value).map(|text| vec![text]);
    }
    let all: Vec<u16> = units(&value.bytes).collect();
    let parts = all.split(|unit| *unit == 0).take_while(|part| !part.is_empty()).take(TEXTS_MAX);

    Some(parts.map(|part| decoded(part.iter().copied())).collect())
}

/// A number of 32 or 64 bits; `None` for other kinds of values and for fewer bytes than that.
#[must_use]
pub fn number(value: &RegistryValue) -> Option<u64> {
    let four = || value.bytes.first_chunk::<4>();
    match value.kind {
        NUMBER => Some(u32::from_le_bytes(*four()?).into()),
        NUMBER_BIG_ENDIAN => Some(u32::from_be_bytes(*four()?).into()),
        LONG_NUMBER => Some(u64::from_le_bytes(*value.bytes.first_chunk::<8>()?)),
        _ => None,
    }
}

fn units(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let (pairs, _odd) = bytes.as_chunks::<2>();

    pairs.iter().take(TEXT_UNITS_MAX).map(|pair| u16::from_le_bytes(*pair))
}

fn decoded(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The day that an installer wrote: `20231231` as it should be, or with the year first and `-`, `/` or `.` between.
/// With the year last, a day is known only if it can be no month or both are the same: which order an installer meant
/// depends on the language of whoever built it.
#[must_use]
pub fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let number = |part: &str| {
        let sound = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        sound.then(|| part.parse::<i16>().ok()).flatten()
    };
    let of = |year: i16, month: i16, day: i16| {
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        (1990..=2100).contains(&date.year()).then_some(date)
    };
    match *parts.as_slice() {
        [digits] if digits.len() == 8 && digits.is_ascii() => {
            of(number(&digits[..4])?, number(&digits[4..6])?, number(&digits[6..])?)
        }
        [year, month, day] if year.len() == 4 => of(number(year)?, number(month)?, number(day)?),
        [first, second, year] if year.len() == 4 => {
            let (first, second, year) = (number(first)?, number(second)?, number(year)?);
            match (of(year, second, first), of(year, first, second)) {
                (Some(one), Some(other)) if one != other => None,
                (one, other) => one.or(other),
            }
        }
        _ => None,
    }
}

/// The identifier that Windows Installer packs into 32 digits, as it is written everywhere else:
/// `{90160000-0011-0000-1000-0000000FF1CE}`, in capitals.
#[must_use]
pub fn unpacked(packed: &str) -> Option<String> {
    let digits = packed.as_bytes();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let (turned, swapped) = digits.split_at(16);
    let (first, rest) = turned.split_at(8);
    let (second, third) = rest.split_at(4);
    let pairs =
        |pairs: &[u8]| pairs.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect::<Vec<u8>>();
    let text = |digits: Vec<u8>| String::from_utf8_lossy(&digits).to_uppercase();
    let reversed = |digits: &[u8]| text(digits.iter().rev().copied().collect());
    let (fourth, fifth) = swapped.split_at(4);

    Some(format!(
        "{{{}-{}-{}-{}-{}}}",
        reversed(first),
        reversed(second),
        reversed(third),
        text(pairs(fourth)),
        text(pairs(fifth))
    ))
}

/// Whether a name is an identifier in braces, as the keys of products of Windows Installer are named.
#[must_use]
pub fn is_product_code(name: &str) -> bool {
    let Some(inner) = name.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { return false };
    let lengths = inner.split('-').map(str::len);

    lengths.eq([8, 4, 4, 4, 12]) && inner.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: u32, bytes: &[u8]) -> RegistryValue {
        RegistryValue { kind, bytes: bytes.to_vec(), length: u32::try_from(bytes.len()).unwrap() }
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn texts_without_an_end_with_odd_bytes_or_with_halves_of_pairs_are_read_as_far_as_they_go() {
        let odd = [wide("Phần mềm"), vec![0x41]].concat();
        let half = [wide("a"), vec![0x3d, 0xd8], wide("b")].concat();

        assert_eq!(text(&value(TEXT, &wide("Kế toán\0rest"))).as_deref(), Some("Kế toán"));
        assert_eq!(text(&value(TEXT_WITH_VARIABLES, &wide("%x% \0"))).as_deref(), Some("%x%"));
        assert_eq!(text(&value(TEXT, &odd)).as_deref(), Some("Phần mềm"));
        assert_eq!(text(&value(TEXT, &half)).as_deref(), Some("a\u{fffd}b"));
        for nothing in [value(TEXT, b""), value(TEXT, b"\0"), value(TEXT, &wide(" \0")), value(3, &wide("x"))]
        {
            assert_eq!(text(&nothing), None);
        }
    }

    #[test]
    fn a_list_ends_where_it_says_or_with_its_bytes() {
        assert_eq!(texts(&value(TEXTS, &wide("a\0b\0\0c\0"))).unwrap(), ["a", "b"]);
        assert_eq!(texts(&value(TEXTS, &wide("a\0b"))).unwrap(), ["a", "b"]);
        assert!(texts(&value(TEXTS, &[])).unwrap().is_empty());
        assert_eq!(texts(&value(TEXT, &wide("a"))).unwrap(), ["a"]);
    }

    #[test]
    fn numbers_have_their_width() {
        assert_eq!(number(&value(NUMBER, &[1, 2, 0, 0])), Some(513));
        assert_eq!(number(&value(NUMBER_BIG_ENDIAN, &[0, 0, 2, 1])), Some(513));
        assert_eq!(number(&value(LONG_NUMBER, &[1, 0, 0, 0, 1, 0, 0, 0])), Some(0x1_0000_0001));
        assert_eq!(number(&value(NUMBER, &[1, 0])), None);
        assert_eq!(number(&value(TEXT, &wide("1"))), None);
    }

    #[test]
    fn a_day_that_may_be_two_days_is_none() {
        let day = |text| day(text).map(|day| day.to_string());

        for text in ["20231231", "2023-12-31", "2023/12/31", "31.12.2023", "12/31/2023", " 31/12/2023 "] {
            assert_eq!(day(text).as_deref(), Some("2023-12-31"), "{text}");
        }
        assert_eq!(day("05/05/2023").as_deref(), Some("2023-05-05"));
        for text in [
            "",
            "04/05/2023",
            "20231331",
            "00000000",
            "20230230",
            "18991231",
            "2023",
            "1700000000",
            "2023年1月5日",
            "é2023123",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_packed_identifier_is_turned_as_windows_installer_packs_it() {
        // Office 2016 Professional Plus, x64, as its product code is documented by Microsoft.
        let packed = "00006109110000000100000000F01FEC";

        assert_eq!(unpacked(packed).as_deref(), Some("{90160000-0011-0000-1000-0000000FF1CE}"));
        assert!(is_product_code("{90160000-0011-0000-1000-0000000FF1CE}"));
        for wrong in ["", "0000610911000000010000000F01FEC", "g0006109110000000100000000F01FEC"] {
            assert_eq!(unpacked(wrong), None);
        }
        for wrong in
            ["7-Zip", "{}", "{90160000-0011-0000-1000-0000000FF1C}", "{90160000-0011-0000-1000-0000000FF1CG}"]
        {
            assert!(!is_product_code(wrong), "{wrong}");
        }
    }
}
