//! apk-tools' order: `number{.number}..{letter}{_suffix{number}}..{~hash}{-rnumber}`.
//!
//! The first number is a number; a later one that starts with `0` is a text, and below those that do not. What comes
//! next decides where two versions are alike so far: a suffix that means "before" (`_alpha`, `_beta`, `_pre`, `_rc`)
//! is below everything, then what breaks the form, the end, and then the later parts of the form below the earlier
//! ones. A version that breaks its form is compared up to there, as apk 3 does. Three forms that apk 2 took and that
//! packages had (`6.6.4p1`, `0.8..1`, `1-r`) are read on as it did; apk 3 calls them broken and all alike.

use super::BadVersion;
use super::bytes::{digits, number, run};

/// Suffixes in their order; the first four stand below a version without suffix.
const SUFFIXES: [&[u8]; 9] = [b"alpha", b"beta", b"pre", b"rc", b"cvs", b"svn", b"git", b"hg", b"p"];
const BEFORE: u8 = 4;

const SUFFIX_BEFORE: u8 = 0x10;
const BROKEN: u8 = 0x20;
/// A dot with no number after it.
const EMPTY: u8 = 0x21;
const END: u8 = 0x28;
const REVISION: u8 = 0x30;
const HASH: u8 = 0x38;
const SUFFIX_NUMBER: u8 = 0x40;
const SUFFIX_AFTER: u8 = 0x48;
const LETTER: u8 = 0x58;
const NUMBER: u8 = 0x60;

/// The parts, in the order in which they may follow each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
}

pub(super) fn write(version: &str, out: &mut Vec<u8>) -> Result<(), BadVersion> {
    let (first, mut rest) = digits(version.as_bytes());
    if first.is_empty() {
        return Err(BadVersion("it does not start with a figure"));
    }
    number(first, out);
    let mut part = Part::Number;
    loop {
        if rest.is_empty() {
            out.push(END);
            return Ok(());
        }
        match next(part, rest, out) {
            Some((now, after)) => (part, rest) = (now, after),
            None => {
                out.push(BROKEN);
                return Ok(());
            }
        }
    }
}

/// Reads and writes one part; `None` if it may not stand here.
fn next<'a>(part: Part, rest: &'a [u8], out: &mut Vec<u8>) -> Option<(Part, &'a [u8])> {
    let (first, after) = rest.split_first()?;
    match first {
        b'a'..=b'z' if part == Part::Number => {
            out.extend([LETTER, *first]);
            Some((Part::Letter, after))
        }
        b'.' if part == Part::Number => {
            let (figures, after) = digits(after);
            later_number(figures, out);
            Some((Part::Number, after))
        }
        b'0'..=b'9' if part == Part::Letter => {
            let (figures, after) = digits(rest);
            later_number(figures, out);
            Some((Part::Number, after))
        }
        b'0'..=b'9' if part == Part::Suffix => {
            let (figures, after) = digits(rest);
            out.push(SUFFIX_NUMBER);
            number(figures, out);
            Some((Part::SuffixNumber, after))
        }
        b'_' if part <= Part::SuffixNumber => {
            let (name, after) = run(after, |byte| byte.is_ascii_lowercase());
            let place = SUFFIXES.iter().position(|suffix| *suffix == name)?;
            let place = u8::try_from(place).ok()?;
            out.push(if place < BEFORE { SUFFIX_BEFORE + place } else { SUFFIX_AFTER + place - BEFORE });
            Some((Part::Suffix, after))
        }
        b'~' if part < Part::Hash => {
            let (hash, after) = run(after, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if hash.is_empty() {
                return None;
            }
            out.push(HASH);
            out.extend_from_slice(hash);
            out.push(0);
            Some((Part::Hash, after))
        }
        b'-' if part < Part::Revision => {
            let (figures, after) = digits(after.strip_prefix(b"r")?);
            if figures.is_empty() && !after.is_empty() && !after.starts_with(b"-") {
                return None;
            }
            out.push(REVISION);
            number(figures, out);
            Some((Part::Revision, after))
        }
        _ => None,
    }
}

fn later_number(figures: &[u8], out: &mut Vec<u8>) {
    /// Of a number that is compared as text: below every other.
    const AS_TEXT: u8 = 1;
    const AS_NUMBER: u8 = 2;
    match figures.first() {
        None => out.push(EMPTY),
        Some(b'0') => {
            out.extend([NUMBER, AS_TEXT]);
            out.extend_from_slice(figures);
            out.push(0);
        }
        Some(_) => {
            out.extend([NUMBER, AS_NUMBER]);
            number(figures, out);
        }
    }
}
