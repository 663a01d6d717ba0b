//! Which of the files that are looked for the system's own package manager brought: they are not told twice.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use crate::sensor::packages::{apk, database::Stamp, dpkg, rpm};

/// Bytes of one package's list; the largest real ones have some megabytes.
const LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Lists that are read.
const LISTS_MAX: usize = 100_000;

/// Paths that are remembered.
const PATHS_MAX: usize = 500_000;

/// Paths, without the slash they begin with, of metadata that the package manager brought.
#[derive(Debug, Default)]
pub(super) struct Owned {
    stamp: Option<Stamp>,
    paths: BTreeSet<Box<[u8]>>,
}

impl Owned {
    /// Reads anew what the package managers say, if their databases changed.
    pub(super) fn renew(&mut self, root: &Path) {
        let stamp = Stamp::of(dpkg::files(root).into_iter().chain(rpm::files(root)).chain(apk::files(root)));
        if self.stamp.as_ref() == Some(&stamp) {
            return;
        }
        self.paths.clear();
        self.of_dpkg(root);
        // What cannot be read is told where the packages are read.
        drop(apk::each_file(root, &mut |path| self.take(path)));
        self.stamp = Some(stamp);
    }

    /// Whether a package manager brought what lies here.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        self.paths.contains(path.strip_prefix(b"/").unwrap_or(path))
    }

    fn of_dpkg(&mut self, root: &Path) {
        let Ok(lists) = std::fs::read_dir(root.join("var/lib/dpkg/info")) else { return };
        let mut line = Vec::new();
        for list in lists.take(LISTS_MAX * 8).flatten() {
            if !list.file_name().as_encoded_bytes().ends_with(b".list") {
                continue;
            }
            let Ok(file) = File::open(list.path()) else { continue };
            let mut reader = BufReader::with_capacity(64 * 1024, file.take(LIST_BYTES_MAX));
            loop {
                line.clear();
                match reader.read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => self.take(line.strip_suffix(b"\n").unwrap_or(&line)),
                }
            }
        }
    }

    /// Remembers a path if it is of a kind that is looked for.
    fn take(&mut self, path: &[u8]) {
        let ends = |end: &[u8]| path.ends_with(end);
        let is_wanted = ends(b"/METADATA")
            || ends(b"/PKG-INFO")
            || ends(b".egg-info")
            || ends(b".egg")
            || ends(b"/package.json")
            || ends(b".jar")
            || ends(b".war")
            || ends(b".ear");
        if is_wanted && self.paths.len() < PATHS_MAX {
            self.paths.insert(path.strip_prefix(b"/").unwrap_or(path).into());
        }
    }
}
