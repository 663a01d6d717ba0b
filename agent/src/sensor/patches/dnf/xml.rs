//! Elements of a document, one after the other; no document type, no element without end.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Bytes of one tag or text; descriptions of real packages have up to 64 KiB.
const PIECE_BYTES_MAX: usize = 1024 * 1024;

/// Elements in each other; real lists have six.
const DEPTH_MAX: usize = 32;

/// Why a document cannot be read.
#[derive(Debug)]
pub(super) struct BadXml;

/// The next thing in a document.
pub(super) enum Piece {
    Open(Element),
    Close,
    Text(String),
    End,
}

/// The beginning of an element, its names without namespaces.
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A document, read front to back.
pub(super) struct Xml<'a> {
    reader: Reader<Bounded<'a>>,
    left: Rc<Cell<usize>>,
    buffer: Vec<u8>,
    open: Vec<String>,
}

impl<'a> Xml<'a> {
    pub(super) fn new(body: &'a mut dyn BufRead) -> Self {
        let left = Rc::new(Cell::new(PIECE_BYTES_MAX));
        let mut reader = Reader::from_reader(Bounded { inner: body, left: Rc::clone(&left) });
        reader.config_mut().expand_empty_elements = true;

        Self { reader, left, buffer: Vec::new(), open: Vec::new() }
    }

    /// Whether the innermost open element is called that.
    pub(super) fn is_inside(&self, name: &str) -> bool {
        self.open.last().is_some_and(|open| open == name)
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn next(&mut self) -> Result<Piece, BadXml> {
        loop {
            self.buffer.clear();
            self.left.set(PIECE_BYTES_MAX);
            match self.reader.read_event_into(&mut self.buffer).map_err(|_| BadXml)? {
                Event::Start(start) => {
                    let element = element(&start).ok_or(BadXml)?;
                    if self.open.len() >= DEPTH_MAX {
                        return Err(BadXml);
                    }
                    self.open.push(element.name.clone());
                    return Ok(Piece::Open(element));
                }
                Event::End(_) => {
                    self.open.pop();
                    return Ok(Piece::Close);
                }
                // Names, versions and dates have neither entities nor sections of raw text.
                Event::Text(text) if !text.trim().is_empty() => {
                    return Ok(Piece::Text(text.trim().to_owned()));
                }
                Event::Eof if self.open.is_empty() => return Ok(Piece::End),
                Event::Eof | Event::DocType(_) => return Err(BadXml),
                Event::Text(_)
                | Event::CData(_)
                | Event::GeneralRef(_)
                | Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_) => {}
            }
        }
    }
}

fn element(start: &BytesStart<'_>) -> Option<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = quick_xml::escape::unescape(&attribute.value).ok()?.into_owned();
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }

    Some(Element { name: start.local_name().as_ref().to_owned(), attributes })
}

/// A reader that ends a piece that does not end by itself.
struct Bounded<'a> {
    inner: &'a mut dyn BufRead,
    left: Rc<Cell<usize>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(into)?;
        self.consume(got);

        Ok(got)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left.get() == 0 {
            return Err(io::Error::other("a piece of the document is beyond 1 MiB"));
        }

        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left.set(self.left.get().saturating_sub(amount));
        self.inner.consume(amount);
    }
}
