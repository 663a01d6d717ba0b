//! Where the real advisories are, and their way into a book.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use vonggac_advisory::feed::{self, Given, Item, Limits};
use vonggac_advisory::row::Row;
use vonggac_advisory::source::Feed;
use vonggac_protocol::digest::Digest;

/// The file of this name among the real data.
///
/// # Errors
/// If there is none, with where it was looked for.
pub(super) fn file(name: &str) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("VONGGAC_SHARED_DATA").map(PathBuf::from);
    let places =
        named.into_iter().chain(["../../shared/data", "../../../shared/data"].map(|place| root.join(place)));
    let tried: Vec<PathBuf> = places.map(|place| place.join(name)).collect();

    tried.iter().find(|path| path.is_file()).cloned().with_context(|| {
        format!(
            "{name} is needed and was not found as any of {tried:?}; name its folder in VONGGAC_SHARED_DATA"
        )
    })
}

/// Reads a feed row by row.
pub(super) fn read(path: &Path, take: &mut dyn FnMut(Row)) -> anyhow::Result<Given> {
    let input = BufReader::new(File::open(path).with_context(|| format!("open {}", path.display()))?);
    let given = feed::read(input, &Limits::default(), &mut |item| {
        if let Item::Row(row) = item {
            take(row);
        }
        Ok(())
    });

    given.with_context(|| format!("read {}", path.display()))
}

/// A feed's description by what its reader found.
pub(super) fn described(name: &str, given: &Given) -> Feed {
    Feed {
        name: name.to_owned(),
        source: "shared data".to_owned(),
        dated: given.summary.dated,
        digest: Digest::of(name.as_bytes()),
        rows: given.summary.rows,
        covers: given.summary.covers.clone(),
    }
}
