//! Readers of feeds: what a person carried in on a stick, as rows, marks and scores.
//!
//! What a file is, is seen from its content, never from its name. A file is read front to back; only single advisories
//! are held in memory. A broken file, a form that is too new or one without end is refused whole, with the place and
//! what was expected there; what is passed over by intent is counted in the [`Summary`](crate::source::Summary).
//!
//! | module | subject |
//! |---|---|
//! | [`limits`] | how much of a file is taken |
//! | [`unpack`], [`tar`] | gzip, bzip2, xz, zstd, zip and tar around it |
//! | [`kind`] | what it is |
//! | [`item`] | what is read out of it |
//! | [`reading`] | the state of one import; counting |
//! | [`json`], [`xml`] | what readers of either share |
//! | [`osv`] | OSV, one file or an archive |
//! | [`debian`] | the Debian security tracker |
//! | [`oval`], [`oval_rows`] | OVAL of Ubuntu, Red Hat and AlmaLinux |
//! | [`csaf`], [`csaf_redhat`], [`csaf_microsoft`] | CSAF; rows of Red Hat's advisories and VEX; of Microsoft's |
//! | [`cvrf`] | Microsoft's month, as CVRF |
//! | [`wesng`], [`csv`] | Microsoft's updates since 1998, as wesng's tables; tables with commas |
//! | [`mod@windows`] | what readers of Microsoft's advisories share |
//! | [`kev`], [`epss`] | what is exploited; what probably will be |
//! | [`support`] | ends of support |
//! | [`careful`] | two statements about one thing |
//! | [`packed`] | all of them in one form, as it is kept and carried |

mod careful;
mod csaf;
mod csaf_microsoft;
mod csaf_redhat;
mod csv;
mod cvrf;
mod debian;
mod epss;
mod item;
mod json;
mod kev;
mod kind;
mod limits;
mod osv;
mod oval;
mod oval_rows;
mod packed;
mod reading;
mod support;
mod tar;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_alma;
mod unpack;
mod wesng;
mod windows;
mod xml;

pub use careful::{Careful, Disagreement};
pub use item::{Ended, Exploited, Item, Score, Superseded};
pub use kind::Kind;
pub use limits::Limits;
pub use packed::{Packer, read_packed};
pub use reading::{Given, Sink, read};

use std::io::Cursor;

use crate::row::Row;
use crate::source::FeedError;

/// Reads bytes within the default limits and gives the rows; marks, scores and dates are only counted.
///
/// # Errors
/// If the bytes are no feed that is known, or a broken one.
pub fn rows(bytes: &[u8], sink: &mut dyn FnMut(Row)) -> Result<Given, FeedError> {
    read(Cursor::new(bytes), &Limits::default(), &mut |item| {
        if let Item::Row(row) = item {
            sink(row);
        }
        Ok(())
    })
}
