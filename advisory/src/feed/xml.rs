//! What readers of XML share: elements one after the other, attributes as text, nothing expanded, nothing without end.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::source::{FeedError, Place};

/// Bytes of one element's tag or text.
const PIECE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Elements in each other; OVAL's criteria are the deepest.
const DEPTH_MAX: usize = 64;

/// The next thing in a document.
pub(super) enum Piece {
    /// An element begins.
    Open(Element),
    /// The innermost element ends.
    Close,
    /// Text inside an element, without space around it; never empty.
    Text(String),
    /// The document ended.
    End,
}

/// The beginning of an element.
pub(super) struct Element {
    /// Its name, without the namespace.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// An attribute by its name, without the namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Likewise; empty if there is none.
    pub(super) fn attribute_or_empty(&self, name: &str) -> &str {
        self.attribute(name).unwrap_or_default()
    }
}

/// A document, read front to back.
pub(super) struct Xml<'a> {
    reader: Reader<Bounded<'a>>,
    left: Rc<Cell<usize>>,
    buffer: Vec<u8>,
    open: Vec<String>,
    /// Text between two tags may come in several events.
    text: String,
    held: Option<Piece>,
}

impl<'a> Xml<'a> {
    pub(super) fn new(body: &'a mut dyn BufRead) -> Self {
        let left = Rc::new(Cell::new(PIECE_BYTES_MAX));
        let mut reader = Reader::from_reader(Bounded { inner: body, left: Rc::clone(&left) });
        reader.config_mut().expand_empty_elements = true;

        Self { reader, left, buffer: Vec::new(), open: Vec::new(), text: String::new(), held: None }
    }

    /// Names of the elements that are open, the outermost first.
    pub(super) fn path(&self) -> &[String] {
        &self.open
    }

    pub(super) fn next(&mut self) -> Result<Piece, FeedError> {
        if let Some(held) = self.held.take() {
            return self.entered(held);
        }
        loop {
            self.buffer.clear();
            self.left.set(PIECE_BYTES_MAX);
            let event = self.reader.read_event_into(&mut self.buffer);
            let event = event.map_err(|error| wrong(self.reader.error_position(), &error))?;
            let place = self.reader.buffer_position();
            let bad = |error: &dyn std::fmt::Display| wrong(place, error);
            let piece = match event {
                Event::Start(start) => Piece::Open(element(&start).map_err(|error| bad(&error))?),
                Event::End(_) => Piece::Close,
                Event::Text(text) => {
                    self.text.push_str(&text);
                    continue;
                }
                Event::CData(text) => {
                    self.text.push_str(&text);
                    continue;
                }
                Event::GeneralRef(reference) => {
                    if let Some(char) = reference.resolve_char_ref().map_err(|error| bad(&error))? {
                        self.text.push(char);
                    } else {
                        let text = quick_xml::escape::resolve_predefined_entity(&reference);
                        self.text.push_str(text.ok_or_else(|| bad(&"an entity that is not predefined"))?);
                    }
                    continue;
                }
                Event::Eof => Piece::End,
                Event::DocType(_) => return Err(bad(&"a document type, which no feed has")),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            };
            if self.text.len() > PIECE_BYTES_MAX {
                return Err(bad(&"a text without end"));
            }
            let text = std::mem::take(&mut self.text);
            if text.trim().is_empty() {
                return self.entered(piece);
            }
            self.held = Some(piece);
            return Ok(Piece::Text(text.trim().to_owned()));
        }
    }

    /// Keeps the names of open elements.
    fn entered(&mut self, piece: Piece) -> Result<Piece, FeedError> {
        match &piece {
            Piece::Open(element) => {
                if self.open.len() >= DEPTH_MAX {
                    let place = Place::Offset(self.reader.buffer_position());
                    return Err(FeedError::new(
                        place,
                        format!("at most {DEPTH_MAX} elements in each other"),
                        "more",
                    ));
                }
                self.open.push(element.name.clone());
            }
            Piece::Close => {
                self.open.pop();
            }
            Piece::End if !self.open.is_empty() => {
                let found = format!("an end inside {}", self.open.join("/"));
                return Err(FeedError::new(
                    Place::Offset(self.reader.buffer_position()),
                    "a whole XML document",
                    found,
                ));
            }
            Piece::Text(_) | Piece::End => {}
        }

        Ok(piece)
    }

    /// Reads on until the element that began last ends; gives what is inside it, piece by piece, with the names of the
    /// elements around it inside that one.
    pub(super) fn inside(&mut self, each: &mut dyn FnMut(&[String], &Piece)) -> Result<(), FeedError> {
        let depth = self.open.len();
        loop {
            let piece = self.next()?;
            if self.open.len() < depth {
                return Ok(());
            }
            each(self.open.get(depth..).unwrap_or_default(), &piece);
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value =
            quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?.into_owned();
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }

    Ok(Element { name: start.local_name().as_ref().to_owned(), attributes })
}

fn wrong(place: u64, error: &dyn std::fmt::Display) -> FeedError {
    FeedError::new(Place::Offset(place), "a whole XML document", error.to_string())
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
            return Err(io::Error::other("a piece of the document is beyond 16 MiB"));
        }

        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left.set(self.left.get().saturating_sub(amount));
        self.inner.consume(amount);
    }
}
