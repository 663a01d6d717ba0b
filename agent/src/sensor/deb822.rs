//! Paragraphs of `Name: value` lines, as dpkg, apt and Debian copyright files write them; fed in pieces, kept small.
//!
//! Only the fields asked for are kept, and of each at most [`VALUE_BYTES_MAX`] bytes, so that a list of 40 MiB needs no
//! more memory than one of its paragraphs. Lines that start with a space or tab continue a value; a blank line ends
//! a paragraph; lines that start with `#` are comments.

/// Bytes of one value, continuation lines included; a longer one spoils its paragraph.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one line that are looked at; the rest of a longer line is dropped and spoils its paragraph if it was wanted.
const LINE_BYTES_MAX: usize = VALUE_BYTES_MAX + 256;

/// One paragraph: the values of the `N` fields that were asked for.
#[derive(Debug)]
pub struct Paragraph<const N: usize> {
    values: [Value; N],
    lines: u64,
    spoilt: bool,
}

#[derive(Debug, Default, Clone)]
struct Value {
    present: bool,
    bytes: Vec<u8>,
}

impl<const N: usize> Paragraph<N> {
    /// The value of the field at this place of the names asked for, surrounding space removed; `None` if the field is
    /// absent or not UTF-8. Continuation lines are separated by `\n`.
    #[must_use]
    pub fn text(&self, at: usize) -> Option<&str> {
        let value = self.values.get(at).filter(|value| value.present)?;

        std::str::from_utf8(&value.bytes).ok().map(str::trim)
    }

    /// Whether the field is there at all, readable or not.
    #[must_use]
    pub fn has(&self, at: usize) -> bool {
        self.values.get(at).is_some_and(|value| value.present)
    }

    /// Whether a line was no field, came twice with different values, or was too long.
    #[must_use]
    pub fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    fn clear(&mut self) {
        for value in &mut self.values {
            value.present = false;
            value.bytes.clear();
        }
        self.lines = 0;
        self.spoilt = false;
    }
}

/// Takes bytes, gives paragraphs.
#[derive(Debug)]
pub struct Reader<const N: usize> {
    names: [&'static str; N],
    paragraph: Paragraph<N>,
    /// Where a continuation line goes.
    current: Option<usize>,
    /// The start of a line whose end has not come yet.
    partial: Vec<u8>,
    overlong: bool,
}

impl<const N: usize> Reader<N> {
    /// A reader that keeps the fields of these names, in any case of letters.
    #[must_use]
    pub fn new(names: [&'static str; N]) -> Self {
        let values = std::array::from_fn(|_| Value::default());
        let paragraph = Paragraph { values, lines: 0, spoilt: false };

        Self { names, paragraph, current: None, partial: Vec::new(), overlong: false }
    }

    /// Takes the next bytes and hands on each paragraph that they end.
    pub fn feed(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&Paragraph<N>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() && !self.overlong {
                self.line(line, each);
            } else {
                self.hold(line);
                let whole = std::mem::take(&mut self.partial);
                self.line(&whole, each);
                self.partial = whole;
                self.partial.clear();
            }
            self.overlong = false;
            bytes = rest;
        }
        self.hold(bytes);
    }

    /// Ends the last paragraph.
    pub fn finish(mut self, each: &mut impl FnMut(&Paragraph<N>)) {
        if !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.line(&last, each);
        }
        self.line(b"", each);
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
        self.overlong |= bytes.len() > room;
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8], each: &mut impl FnMut(&Paragraph<N>)) {
        let Some(first) = line.first() else {
            return self.end(each);
        };
        match first {
            b'#' => {}
            b' ' | b'\t' | b'\r' => {
                if line.iter().all(u8::is_ascii_whitespace) {
                    return self.end(each);
                }
                if let Some(at) = self.current {
                    self.append(at, line);
                }
            }
            _ => self.field(line),
        }
    }

    fn field(&mut self, line: &[u8]) {
        self.paragraph.lines += 1;
        self.current = None;
        let named = |name: &&str| {
            line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        };
        match self.names.iter().position(named) {
            Some(at) if self.paragraph.values[at].present => self.paragraph.spoilt = true,
            Some(at) => {
                self.paragraph.values[at].present = true;
                self.current = Some(at);
                self.append(at, &line[self.names[at].len() + 1..]);
            }
            None => self.paragraph.spoilt |= !line.contains(&b':'),
        }
    }

    fn append(&mut self, at: usize, bytes: &[u8]) {
        let value = &mut self.paragraph.values[at].bytes;
        if self.overlong || value.len() + bytes.len() > VALUE_BYTES_MAX {
            self.paragraph.spoilt = true;
            return;
        }
        if !value.is_empty() {
            value.push(b'\n');
        }
        value.extend_from_slice(bytes);
    }

    fn end(&mut self, each: &mut impl FnMut(&Paragraph<N>)) {
        if self.paragraph.lines > 0 {
            each(&self.paragraph);
        }
        self.paragraph.clear();
        self.current = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(Option<String>, Option<String>, bool)> {
        let mut found = Vec::new();
        let mut each = |paragraph: &Paragraph<2>| {
            let text = |at| paragraph.text(at).map(str::to_owned);
            found.push((text(0), text(1), paragraph.is_spoilt()));
        };
        let mut reader = Reader::new(["Package", "Description"]);
        for piece in pieces {
            reader.feed(piece, &mut each);
        }
        reader.finish(&mut each);

        found
    }

    #[test]
    fn continuation_lines_belong_to_their_field_only() {
        let text = b"Package: a\nOther: x\n Package: not-a-field\nDescription: one\n two\n .\n\nPACKAGE:b\n";

        let found = read(&[text]);

        assert_eq!(found[0], (Some("a".into()), Some("one\n two\n .".into()), false));
        assert_eq!(found[1].0.as_deref(), Some("b"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_line_that_is_no_field_spoils_its_own_paragraph_only() {
        let found = read(&[b"Package: a\ngarbage\n\nPackage: b\n\nPackage: c\nPackage: d\n"]);

        assert_eq!(found.iter().map(|p| p.2).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn an_endless_line_takes_bounded_memory() {
        let mut reader = Reader::new(["Package"]);
        let mut spoilt = Vec::new();
        let mut each = |paragraph: &Paragraph<1>| spoilt.push(paragraph.is_spoilt());
        reader.feed(b"Package: ", &mut each);
        for _ in 0..1_000 {
            reader.feed(&[b'x'; 1_000], &mut each);
            assert!(reader.partial.capacity() <= 2 * LINE_BYTES_MAX);
        }
        reader.feed(b"\n\nPackage: next\n", &mut each);
        reader.finish(&mut each);

        assert_eq!(spoilt, [true, false]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_in_any_pieces_read_the_same(text in "([A-Za-z: \n\t#.é]|Package: |Description: ){0,200}", cut in 1_usize..40) {
            let whole = read(&[text.as_bytes()]);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();

            proptest::prop_assert_eq!(read(&pieces), whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _found = read(&[&bytes]);
        }
    }
}
