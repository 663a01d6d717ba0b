//! Tables with commas between their fields (RFC 4180), read record by record; fields may hold line breaks.

use std::io::{BufRead, Read as _};

use super::unpack::torn;
use crate::source::{Fault, FeedError, Place};

/// Bytes of one line.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// Lines that one record may go over.
const LINES_MAX: u64 = 1_000;

/// Fields of one record.
const FIELDS_MAX: usize = 64;

/// A table, read front to back.
pub(super) struct Table<'a> {
    body: &'a mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
}

impl<'a> Table<'a> {
    pub(super) fn new(body: &'a mut dyn BufRead) -> Self {
        Self { body, line: Vec::new(), number: 0 }
    }

    /// Line of the record that was read last, from 1.
    pub(super) const fn place(&self) -> Place {
        Place::Line(self.number)
    }

    /// The next record; `None` at the end. Lines that begin with `#` and empty ones are none.
    pub(super) fn next(&mut self) -> Result<Option<Vec<String>>, FeedError> {
        loop {
            if !self.more()? {
                return Ok(None);
            }
            if !self.line.starts_with(b"#") && !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let (mut fields, mut field) = (Vec::new(), Vec::new());
        let (mut quoted, mut at, mut lines) = (false, 0, 1);
        loop {
            let Some(byte) = self.line.get(at).copied() else {
                if !quoted {
                    break;
                }
                lines += 1;
                if lines > LINES_MAX {
                    return Err(self.wrong("the end of a quoted field", "none for 1,000 lines"));
                }
                if !self.more()? {
                    return Err(self.wrong("the end of a quoted field", "the end of the file"));
                }
                at = 0;
                continue;
            };
            at += 1;
            match (byte, quoted) {
                (b'"', true) if self.line.get(at) == Some(&b'"') => {
                    field.push(b'"');
                    at += 1;
                }
                (b'"', _) => quoted = !quoted,
                (b',', false) => self.end_field(&mut fields, &mut field)?,
                (b'\r' | b'\n', false) => {}
                (byte, _) => field.push(byte),
            }
        }
        self.end_field(&mut fields, &mut field)?;

        Ok(Some(fields))
    }

    fn end_field(&self, fields: &mut Vec<String>, field: &mut Vec<u8>) -> Result<(), FeedError> {
        if fields.len() >= FIELDS_MAX {
            return Err(self.wrong("at most 64 fields", "more").of(Fault::Bound));
        }
        let text =
            String::from_utf8(std::mem::take(field)).map_err(|_| self.wrong("UTF-8", "other bytes"))?;
        fields.push(text);

        Ok(())
    }

    fn more(&mut self) -> Result<bool, FeedError> {
        self.line.clear();
        self.number += 1;
        let got = (&mut *self.body).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        let got = got.map_err(|error| torn("table", &error))?;
        if u64::try_from(got).is_ok_and(|got| got == LINE_BYTES_MAX) {
            return Err(self.wrong("a line of at most 256 KiB", "a longer one").of(Fault::Bound));
        }

        Ok(got > 0)
    }

    fn wrong(&self, expected: &str, found: &str) -> FeedError {
        FeedError::new(self.place(), expected, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<Vec<String>>, FeedError> {
        let mut body = text.as_bytes();
        let mut table = Table::new(&mut body);
        let mut found = Vec::new();
        while let Some(record) = table.next()? {
            found.push(record);
        }

        Ok(found)
    }

    #[test]
    fn fields_may_hold_commas_quotes_and_line_breaks() {
        let found = records("a,\"b,c\",\"d\"\"e\"\r\n# x\n\n1,\"two\nlines\",\n").unwrap();

        assert_eq!(found, [["a", "b,c", "d\"e"], ["1", "two\nlines", ""]]);
    }

    #[test]
    fn a_field_without_end_is_refused() {
        assert!(records("a,\"b\n").unwrap_err().to_string().contains("end of a quoted field"));
        assert!(records(&format!("\"{}", "\n".repeat(1_100))).is_err());
        assert!(records(&"a,".repeat(100)).is_err());
    }
}
