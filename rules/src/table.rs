//! Data files in TOML: their text as the caller read it, and mistakes told with file and line.

use serde::Serialize;
use serde::de::DeserializeOwned;
use vonggac_protocol::digest::Digest;

use crate::words::{Language, Words};

/// A data file may have this many bytes at most; the largest of ours is below 40 kB.
pub const TABLE_BYTES_MAX: usize = 1_048_576;

/// One file as the caller read it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TableFile {
    /// Path for people and for digests, relative to the rules folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// One mistake in one place of a data file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct TableMistake {
    /// The file, as the caller named it.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what was expected.
    pub problem: Words,
}

impl TableMistake {
    /// As one line of text: `path:line: problem`.
    #[must_use]
    pub fn shown(&self, language: Language) -> String {
        format!("{}:{}: {}", self.path, self.line, self.problem.of(language))
    }
}

impl TableFile {
    /// A file.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Its name without folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Reads its TOML.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, TableMistake> {
        if self.text.len() > TABLE_BYTES_MAX {
            return Err(self.mistake(
                0,
                &format!("tệp có {} byte, nhiều nhất là {TABLE_BYTES_MAX}", self.text.len()),
                &format!("the file has {} bytes, at most {TABLE_BYTES_MAX} are accepted", self.text.len()),
            ));
        }

        toml::from_str(&self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let cause = error.message();
            self.mistake(at, &format!("không đúng mẫu: {cause}"), &format!("not of the form: {cause}"))
        })
    }

    /// A mistake at this byte.
    pub(crate) fn mistake(&self, at: usize, vi: &str, en: &str) -> TableMistake {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();

        TableMistake {
            path: self.path.clone(),
            line,
            problem: Words { vi: vi.to_owned(), en: en.to_owned() },
        }
    }
}

/// The digest of a set of files: over path and digest of each, in the order of paths.
#[must_use]
pub fn digest(files: &[TableFile]) -> Digest {
    let mut lines: Vec<String> =
        files.iter().map(|file| format!("{}  {}\n", Digest::of(file.text.as_bytes()), file.path)).collect();
    lines.sort_unstable_by(|one, other| one[66..].cmp(&other[66..]));

    Digest::of(lines.concat().as_bytes())
}

/// Whether this is a day of the calendar, `YYYY-MM-DD`.
pub(crate) fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}
