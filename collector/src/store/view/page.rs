//! A list in pages: where one ends is named by an opaque cursor, so inserts neither skip nor repeat a row.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

/// Rows of one page if nobody asks for another number.
pub const ROWS: usize = 50;

/// Rows of one page at most: a page must stay small on a slow link.
pub const ROWS_MAX: usize = 500;

/// Where a page ended: the moment and the number of its last row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Moment of the row, in the order of the list.
    pub at: i64,
    /// Its number, for equal moments.
    pub id: i64,
}

impl Cursor {
    /// Before the first row of a list that begins with the newest.
    pub const START: Self = Self { at: i64::MAX, id: i64::MAX };

    /// As text.
    #[must_use]
    pub fn text(self) -> String {
        BASE64URL_NOPAD.encode(format!("{}.{}", self.at, self.id).as_bytes())
    }

    /// Back from text; `None` if it is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (at, id) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;

        Some(Self { at: at.parse().ok()?, id: id.parse().ok()? })
    }
}

/// Everything of a list, page after page; `page` reads the one behind a cursor. In one query all of it is of one moment.
///
/// # Errors
/// Those of `page`.
pub fn whole<T>(mut page: impl FnMut(Option<Cursor>) -> anyhow::Result<Rows<T>>) -> anyhow::Result<Vec<T>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let rows = page(after)?;
        all.extend(rows.items);
        after = rows.next.as_deref().and_then(Cursor::parse);
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Some rows, and where the next ones begin.
#[derive(Clone, Debug, Serialize)]
pub struct Rows<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Cursor of the next page; `None` if this was the last.
    pub next: Option<String>,
}

impl<T> Rows<T> {
    /// Cuts `items`, of which up to one more than `limit` were read, into a page.
    pub(in crate::store) fn cut(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> Cursor) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|last| place(last).text()) } else { None };

        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_from_its_own_text_and_others_are_refused() {
        let cursor = Cursor { at: 17, id: -3 };

        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        assert_eq!(Cursor::parse("x"), None);
    }

    #[test]
    fn a_whole_list_is_every_page_once() {
        let place = |row: &i64| Cursor { at: 0, id: *row };
        let page = |after: Option<Cursor>| {
            let first = after.map_or(0, |after| after.id + 1);
            Ok(Rows::cut((first..5.min(first + 3)).collect(), 2, place))
        };

        assert_eq!(whole(page).unwrap(), [0, 1, 2, 3, 4]);
    }
}
