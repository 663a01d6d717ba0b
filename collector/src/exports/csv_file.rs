//! Lists as CSV: UTF-8 with a byte order mark, RFC 4180, and no cell that a spreadsheet would take for a formula.

use std::io::Write;

use anyhow::Context as _;
use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::table::{Cell, Sink, in_words};
use crate::desk::words::Language;

/// Without it spreadsheets read Vietnamese as Latin-1.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A list that is being written.
pub struct CsvFile<W: Write> {
    t: Language,
    writer: Writer<W>,
}

impl<W: Write> CsvFile<W> {
    /// Begins one with its heads.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(mut out: W, t: Language, heads: &[String]) -> anyhow::Result<Self> {
        out.write_all(BYTE_ORDER_MARK)?;
        let mut writer = WriterBuilder::new()
            .quote_style(QuoteStyle::Necessary)
            .terminator(Terminator::CRLF)
            .from_writer(out);
        writer.write_record(heads).context("write the heads")?;

        Ok(Self { t, writer })
    }

    /// Ends it.
    ///
    /// # Errors
    /// If what is left cannot be written.
    pub fn finish(self) -> anyhow::Result<W> {
        self.writer.into_inner().map_err(|error| anyhow::anyhow!("{}", error.error()))
    }

    fn text(&self, cell: &Cell) -> String {
        match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => guarded(text),
            Cell::Word(list, word) => guarded(&in_words(self.t, list, word)),
            Cell::Number(number) => number.to_string(),
            Cell::Share(share) => share.to_string(),
            Cell::Moment(moment) => moment.to_string(),
            Cell::Day(day) => day.to_string(),
            Cell::Yes(yes) => self.t.yes(Some(*yes)),
        }
    }
}

impl<W: Write> Sink for CsvFile<W> {
    fn row(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        self.writer.write_record(cells.iter().map(|cell| self.text(cell)).collect::<Vec<_>>())?;

        Ok(())
    }
}

/// A text that begins like a formula gets an apostrophe before it: what hosts say of themselves must not calculate.
#[must_use]
pub fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::time::Timestamp;

    use super::*;

    fn written(cells: &[Cell]) -> String {
        let mut file = CsvFile::new(Vec::new(), Language::Vi, &vec!["đầu".to_owned(); cells.len()]).unwrap();
        file.row(cells).unwrap();

        String::from_utf8(file.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_list_begins_with_a_mark_and_quotes_what_needs_it() {
        let text = written(&["a,b".into(), "nói \"x\"".into(), "hai\r\ndòng".into()]);

        assert_eq!(text, "\u{feff}đầu,đầu,đầu\r\n\"a,b\",\"nói \"\"x\"\"\",\"hai\r\ndòng\"\r\n");
    }

    #[test]
    fn no_text_is_taken_for_a_formula_and_numbers_stay_numbers() {
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1"] {
            let text = written(&[formula.into(), Cell::Number(-2)]);
            assert!(text.contains(&format!("'{}", formula.chars().next().unwrap())), "{text:?}");
            assert!(text.ends_with(",-2\r\n"), "{text:?}");
        }
    }

    #[test]
    fn moments_are_rfc_3339_and_answers_are_words() {
        let text =
            written(&[Timestamp(1_795_312_345_678).into(), true.into(), Cell::share(1, 3), Cell::Empty]);

        assert_eq!(text.lines().nth(1), Some("2026-11-22T01:52:25.678Z,có,0.3333,"));
    }
}
