//! Python's order (PEP 440), and below it the texts that setuptools took before there was one.

use super::bytes::{digits, number, run};

const LEGACY: u8 = 0;
const MODERN: u8 = 1;

/// Nothing here, and so below what is there.
const ABSENT_LOW: u8 = 0;
/// Something is here.
const HERE: u8 = 1;
/// Nothing here, and so above what is there.
const ABSENT_HIGH: u8 = 0x7f;

/// Spellings of a pre-release and the letter that they mean; a longer one before the one it starts with.
const PRE: [(&str, u8); 8] = [
    ("alpha", b'a'),
    ("beta", b'b'),
    ("preview", b'r'),
    ("pre", b'r'),
    ("rc", b'r'),
    ("a", b'a'),
    ("b", b'b'),
    ("c", b'r'),
];
const POST: [(&str, u8); 3] = [("post", b'p'), ("rev", b'p'), ("r", b'p')];
const DEV: [(&str, u8); 1] = [("dev", b'd')];

pub(super) fn write(version: &str, out: &mut Vec<u8>) {
    let lower = version.to_ascii_lowercase();
    match Modern::read(lower.as_bytes()) {
        Some(modern) => modern.write(out),
        None => legacy(lower.as_bytes(), out),
    }
}

/// A version as PEP 440 takes it apart; numbers are their figures.
struct Modern<'a> {
    epoch: &'a [u8],
    release: Vec<&'a [u8]>,
    pre: Option<(u8, &'a [u8])>,
    post: Option<&'a [u8]>,
    dev: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
}

impl<'a> Modern<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let text = text.strip_prefix(b"v").unwrap_or(text);
        let (mut first, mut rest) = digits(text);
        let mut epoch: &[u8] = b"";
        if let Some(after) = rest.strip_prefix(b"!") {
            epoch = first;
            (first, rest) = digits(after);
            if epoch.is_empty() {
                return None;
            }
        }
        if first.is_empty() {
            return None;
        }
        let mut release = vec![first];
        while let Some(after) = rest.strip_prefix(b".") {
            let (figures, after) = digits(after);
            if figures.is_empty() {
                break;
            }
            release.push(figures);
            rest = after;
        }
        let pre = marked(&mut rest, &PRE);
        let post = match rest.strip_prefix(b"-").map(digits) {
            Some((figures, after)) if !figures.is_empty() => {
                rest = after;
                Some(figures)
            }
            _ => marked(&mut rest, &POST).map(|(_, figures)| figures),
        };
        let dev = marked(&mut rest, &DEV).map(|(_, figures)| figures);
        let mut local = None;
        if let Some(after) = rest.strip_prefix(b"+") {
            local = Some(after);
            let whole = after.split(|byte| is_separator(*byte)).all(|part| {
                !part.is_empty() && part.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
            });
            if !whole {
                return None;
            }
            rest = b"";
        }

        rest.is_empty().then_some(Self { epoch, release, pre, post, dev, local })
    }

    fn write(mut self, out: &mut Vec<u8>) {
        out.push(MODERN);
        number(self.epoch, out);
        while self.release.last().is_some_and(|part| part.iter().all(|figure| *figure == b'0')) {
            self.release.pop();
        }
        for part in &self.release {
            out.push(HERE);
            number(part, out);
        }
        out.push(ABSENT_LOW);
        match self.pre {
            Some((letter, figures)) => {
                // Letters lie between both.
                out.push(letter);
                number(figures, out);
            }
            // `1.0.dev1` comes before `1.0a1`.
            None if self.post.is_none() && self.dev.is_some() => out.push(ABSENT_LOW),
            None => out.push(ABSENT_HIGH),
        }
        optional(self.post, ABSENT_LOW, out);
        optional(self.dev, ABSENT_HIGH, out);
        match self.local {
            Some(local) => {
                out.push(HERE);
                local.split(|byte| is_separator(*byte)).for_each(|part| local_part(part, out));
                out.push(ABSENT_LOW);
            }
            None => out.push(ABSENT_LOW),
        }
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

fn optional(figures: Option<&[u8]>, absent: u8, out: &mut Vec<u8>) {
    match figures {
        Some(figures) => {
            out.push(HERE);
            number(figures, out);
        }
        None => out.push(absent),
    }
}

fn local_part(part: &[u8], out: &mut Vec<u8>) {
    const TEXT: u8 = 1;
    const NUMBER: u8 = 2;
    if part.iter().all(u8::is_ascii_digit) {
        out.push(NUMBER);
        number(part, out);
    } else {
        out.push(TEXT);
        out.extend_from_slice(part);
        out.push(0);
    }
}

/// `[-_.]? word [-_.]? figures?`, taken from the front if it stands there.
fn marked<'a>(rest: &mut &'a [u8], words: &[(&str, u8)]) -> Option<(u8, &'a [u8])> {
    let separated = |text: &'a [u8]| match text.split_first() {
        Some((first, after)) if is_separator(*first) => after,
        _ => text,
    };
    let start = separated(rest);
    let (letter, after) = words
        .iter()
        .find_map(|(word, letter)| start.strip_prefix(word.as_bytes()).map(|after| (*letter, after)))?;
    let (figures, after) = digits(separated(after));
    *rest = after;

    Some((letter, figures))
}

/// As setuptools ordered before PEP 440: words and padded numbers, one after the other.
fn legacy(text: &[u8], out: &mut Vec<u8>) {
    out.push(LEGACY);
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (word, after) = match first {
            b'0'..=b'9' => digits(rest),
            b'a'..=b'z' => run(rest, |byte| byte.is_ascii_lowercase()),
            b'-' => (&b"-"[..], after),
            _ => {
                rest = after;
                continue;
            }
        };
        legacy_part(word, &mut parts);
        rest = after;
    }
    legacy_part(b"final", &mut parts);
    for part in &parts {
        out.extend_from_slice(part);
        out.push(0);
    }
    out.push(0);
}

fn legacy_part(word: &[u8], parts: &mut Vec<Vec<u8>>) {
    let word: &[u8] = match word {
        b"pre" | b"preview" | b"rc" => b"c",
        b"-" => b"final-",
        b"dev" => b"@",
        _ => word,
    };
    if word.first().is_some_and(u8::is_ascii_digit) {
        let padding = 8_usize.saturating_sub(word.len());
        parts.push([&b"00000000"[..padding], word].concat());
        return;
    }
    if word < &b"final"[..] {
        while parts.last().is_some_and(|part| part == b"*final-") {
            parts.pop();
        }
    }
    while parts.last().is_some_and(|part| part == b"00000000") {
        parts.pop();
    }
    parts.push([b"*", word].concat());
}
