//! A feed as it is kept and carried: one form for all kinds, of which the book is made.
//!
//! zstd around lines of JSON, so that any tool can look into it (`zstdcat`): first the form, then one thing a
//! line, an advisory before the rows that belong to it, at the end the number of things. The same things in the same
//! order have the same bytes.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::item::{Ended, Exploited, Item, Score, Superseded};
use super::unpack::torn;
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Minor, Names, Row, Verdict};
use crate::source::{Fault, FeedError, Place};

/// The form that this program writes; 2 brought updates that take each other's place, and rows known by an update only.
const FORM: u32 = 2;

/// The oldest form that it reads.
const FORM_OLDEST: u32 = 1;

/// How hard zstd tries: feeds are written once and read at every start.
const LEVEL: i32 = 9;

/// Bytes of one line at most; the longest is an advisory of a kernel with its CVEs.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
enum Line {
    #[serde(rename = "feed")]
    Head { form: u32 },
    #[serde(rename = "a")]
    Advisory(Advisory),
    #[serde(rename = "r")]
    Row(PackedRow),
    #[serde(rename = "x")]
    Exploited(Exploited),
    #[serde(rename = "s")]
    Score(Score),
    #[serde(rename = "e")]
    Ended(Ended),
    #[serde(rename = "b")]
    Superseded(Superseded),
    #[serde(rename = "end")]
    End { things: u64 },
}

/// A row of the advisory before it; what it does not have is left out.
#[derive(Serialize, Deserialize)]
struct PackedRow {
    #[serde(rename = "e")]
    ecosystem: Ecosystem,
    #[serde(rename = "p")]
    package: String,
    #[serde(rename = "n")]
    names: Names,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    architectures: Vec<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    minor: Option<Minor>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    introduced: Option<String>,
    #[serde(rename = "v")]
    verdict: Verdict,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    update: Option<String>,
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    note: String,
}

/// Writes a packed feed.
pub struct Packer<W: Write> {
    out: zstd::stream::write::Encoder<'static, W>,
    advisory: Option<Arc<Advisory>>,
    things: u64,
}

impl<W: Write> Packer<W> {
    /// Begins one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        let mut out = zstd::stream::write::Encoder::new(out, LEVEL)?;
        out.include_checksum(true)?;
        let mut packer = Self { out, advisory: None, things: 0 };
        packer.line(&Line::Head { form: FORM })?;

        Ok(packer)
    }

    /// Writes one thing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn item(&mut self, item: Item) -> io::Result<()> {
        self.things += 1;
        match item {
            Item::Exploited(mark) => self.line(&Line::Exploited(mark)),
            Item::Score(score) => self.line(&Line::Score(score)),
            Item::Ended(dates) => self.line(&Line::Ended(dates)),
            Item::Superseded(edge) => self.line(&Line::Superseded(edge)),
            Item::Row(row) => {
                if self.advisory.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &row.advisory)) {
                    self.line(&Line::Advisory(Advisory::clone(&row.advisory)))?;
                    self.advisory = Some(Arc::clone(&row.advisory));
                }
                self.line(&Line::Row(PackedRow {
                    ecosystem: row.ecosystem,
                    package: row.package,
                    names: row.names,
                    module: row.module,
                    architectures: row.architectures,
                    minor: row.minor,
                    introduced: row.introduced,
                    verdict: row.verdict,
                    update: row.update,
                    note: row.note,
                }))
            }
        }
    }

    /// Ends it and gives back what it was written to, and how many things it holds.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(mut self) -> io::Result<(W, u64)> {
        self.line(&Line::End { things: self.things })?;

        Ok((self.out.finish()?, self.things))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;

        self.out.write_all(b"\n")
    }
}

/// Reads a packed feed; gives how many things it held.
///
/// # Errors
/// If it is torn, of a form that is too new, or what is in it does not fit together.
pub fn read_packed(
    input: impl Read,
    most: u64,
    sink: &mut dyn FnMut(Item) -> Result<(), FeedError>,
) -> Result<u64, FeedError> {
    let mut decoder = zstd::stream::read::Decoder::new(input).map_err(|error| torn("packed feed", &error))?;
    decoder.window_log_max(27).map_err(|error| torn("packed feed", &error))?;
    let mut lines = Lines { input: BufReader::new(decoder.take(most)), line: Vec::new(), number: 0 };
    match lines.next()? {
        Line::Head { form: FORM_OLDEST..=FORM } => {}
        Line::Head { form } => {
            let expected = format!("form {FORM_OLDEST} to {FORM}");
            return Err(lines.wrong(&expected, &format!("form {form}")).of(Fault::Form));
        }
        Line::Advisory(_)
        | Line::Row(_)
        | Line::Exploited(_)
        | Line::Score(_)
        | Line::Ended(_)
        | Line::Superseded(_)
        | Line::End { .. } => {
            return Err(lines.wrong("the form of a packed feed", "something else"));
        }
    }
    let (mut advisory, mut things) = (None, 0);
    loop {
        let item = match lines.next()? {
            Line::Head { .. } => return Err(lines.wrong("a thing", "another beginning")),
            Line::Advisory(next) => {
                advisory = Some(Arc::new(next));
                continue;
            }
            Line::Row(row) => {
                let Some(advisory) = &advisory else {
                    return Err(lines.wrong("an advisory before its rows", "a row"));
                };
                Item::Row(unpacked(row, Arc::clone(advisory)))
            }
            Line::Exploited(mark) => Item::Exploited(mark),
            Line::Score(score) => Item::Score(score),
            Line::Ended(dates) => Item::Ended(dates),
            Line::Superseded(edge) => Item::Superseded(edge),
            Line::End { things: announced } if announced == things => break,
            Line::End { things: announced } => {
                return Err(lines.wrong(&format!("{announced} things"), &things.to_string()));
            }
        };
        things += 1;
        sink(item)?;
    }
    // What follows the end would be covered by no number.
    let after = lines.input.fill_buf().map_err(|error| torn("packed feed", &error))?;
    if !after.is_empty() {
        return Err(lines.wrong("the end", "more"));
    }

    Ok(things)
}

fn unpacked(row: PackedRow, advisory: Arc<Advisory>) -> Row {
    Row {
        ecosystem: row.ecosystem,
        package: row.package,
        names: row.names,
        module: row.module,
        architectures: row.architectures,
        minor: row.minor,
        introduced: row.introduced,
        verdict: row.verdict,
        update: row.update,
        note: row.note,
        advisory,
    }
}

struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: io::BufRead> Lines<R> {
    fn next(&mut self) -> Result<Line, FeedError> {
        self.line.clear();
        self.number += 1;
        let got = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        got.map_err(|error| torn("packed feed", &error))?;
        if self.line.pop() != Some(b'\n') {
            return Err(self.wrong("a whole packed feed", "an end inside it"));
        }

        serde_json::from_slice(&self.line)
            .map_err(|error| self.wrong("a line of a packed feed", &error.to_string()))
    }

    fn wrong(&self, expected: &str, found: &str) -> FeedError {
        FeedError::new(Place::Line(self.number), expected, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn things() -> Vec<Item> {
        let advisory = |id: &str| Arc::new(Advisory { id: id.to_owned(), ..Advisory::default() });
        let row = |advisory: &Arc<Advisory>, package: &str, verdict| {
            Item::Row(Row {
                ecosystem: Ecosystem::Debian(12),
                package: package.to_owned(),
                names: Names::Source,
                module: None,
                architectures: Vec::new(),
                minor: None,
                introduced: None,
                verdict,
                update: None,
                note: String::new(),
                advisory: Arc::clone(advisory),
            })
        };
        let (one, two) = (advisory("DSA-1"), advisory("DSA-2"));

        vec![
            row(&one, "a", Verdict::Fixed("1.2-3".to_owned())),
            row(&one, "b", Verdict::NoFix),
            row(&two, "a", Verdict::NotAffected),
            Item::Score(Score { cve: "CVE-2024-1234".to_owned(), millionths: 12, percentile: None }),
        ]
    }

    fn packed() -> Vec<u8> {
        let mut packer = Packer::new(Vec::new()).unwrap();
        for item in things() {
            packer.item(item).unwrap();
        }

        packer.end().unwrap().0
    }

    fn read(bytes: &[u8], most: u64) -> Result<Vec<Item>, FeedError> {
        let mut found = Vec::new();
        read_packed(bytes, most, &mut |item| {
            found.push(item);
            Ok(())
        })?;

        Ok(found)
    }

    #[test]
    fn what_was_packed_comes_back_and_has_one_form() {
        assert_eq!(read(&packed(), 1 << 20).unwrap(), things());
        assert_eq!(packed(), packed());
    }

    #[test]
    fn a_packed_feed_cut_anywhere_is_refused() {
        let whole = packed();
        for until in 0..whole.len() {
            assert!(read(&whole[..until], 1 << 20).is_err(), "cut at {until}");
        }
    }

    #[test]
    fn a_packed_feed_beyond_the_bound_is_refused() {
        assert!(read(&packed(), 100).unwrap_err().to_string().contains("an end inside it"));
    }
}
