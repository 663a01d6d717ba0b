//! Semantic versioning (semver.org, 2.0.0), read as kindly as npm and Go need: a `v` before it, fewer than three
//! numbers. What follows a third number and a dot is build data, as OSV has it.

use super::BadVersion;
use super::bytes::{digits, number};

const PRE: u8 = 1;
const RELEASE: u8 = 2;

const IDENTIFIERS_END: u8 = 1;
const IDENTIFIER_NUMBER: u8 = 2;
const IDENTIFIER_TEXT: u8 = 3;

pub(super) fn write(version: &str, out: &mut Vec<u8>) -> Result<(), BadVersion> {
    let text = version.strip_prefix(['v', '=']).unwrap_or(version);
    let text = text.split_once('+').map_or(text, |(before, _)| before);
    let mut rest = text.as_bytes();
    let mut written = 0;
    loop {
        let (figures, after) = digits(rest);
        if figures.is_empty() {
            return Err(BadVersion("it has no number where one belongs"));
        }
        number(figures, out);
        written += 1;
        match after.split_first() {
            Some((b'.', after)) if written < 3 => rest = after,
            _ => {
                rest = after;
                break;
            }
        }
    }
    for _ in written..3 {
        number(b"", out);
    }
    match rest.split_first() {
        None | Some((b'.', _)) => out.push(RELEASE),
        Some((b'-', pre)) => identifiers(pre, out)?,
        Some(_) => return Err(BadVersion("something else follows its numbers")),
    }

    Ok(())
}

fn identifiers(pre: &[u8], out: &mut Vec<u8>) -> Result<(), BadVersion> {
    out.push(PRE);
    for identifier in pre.split(|byte| *byte == b'.') {
        if identifier.is_empty()
            || !identifier.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        {
            return Err(BadVersion("its part after the hyphen is not made of letters, figures and hyphens"));
        }
        if identifier.iter().all(u8::is_ascii_digit) {
            out.push(IDENTIFIER_NUMBER);
            number(identifier, out);
        } else {
            out.push(IDENTIFIER_TEXT);
            out.extend_from_slice(identifier);
            out.push(0);
        }
    }
    out.push(IDENTIFIERS_END);

    Ok(())
}
