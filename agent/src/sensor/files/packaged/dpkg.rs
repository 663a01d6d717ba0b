//! dpkg's records of files: `info/*.list` (who owns), `info/*.md5sums` and the conffiles of `status` (which digest),
//! `diversions` (what stands elsewhere), and the links of a merged `/usr`.
//!
//! Read line by line; only packages whose records changed are read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::index::{Index, Md5, Met, Records};
use crate::os::paths;
use crate::sensor::deb822::{Paragraph, Reader};

const FIELDS: [&str; 5] = ["Package", "Status", "Version", "Architecture", "Conffiles"];
const PACKAGE: usize = 0;
const STATUS: usize = 1;
const VERSION: usize = 2;
const ARCHITECTURE: usize = 3;
const CONFFILES: usize = 4;

/// The longest path that the system allows, with a digest before it.
const LINE_BYTES_MAX: u64 = 4_096 + 64;

/// Bytes of a status file; the largest real ones have about 10 MiB.
const STATUS_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Directories of `/` that are links into `/usr` where it is merged.
const MERGED: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"];

/// Where dpkg keeps its records, for the system whose files are under this root.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("var/lib/dpkg")
}

/// What the whole database looks like, cheaply; `None` if there is none.
pub(super) fn stamp(root: &Path) -> Option<Vec<u8>> {
    let folder = folder(root);
    std::fs::symlink_metadata(folder.join("status")).ok()?;
    let mut hasher = Sha256::new();
    for name in ["status", "updates", "info", "diversions"] {
        stamp_of(&mut hasher, &folder.join(name));
    }
    Aliases::of(root).stamp(&mut hasher);

    Some(hasher.finalize().to_vec())
}

fn stamp_of(hasher: &mut Sha256, path: &Path) {
    let found = std::fs::symlink_metadata(path).ok();
    let modified = found.as_ref().and_then(|it| it.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    hasher.update(modified.unwrap_or_default().as_nanos().to_le_bytes());
    hasher.update(found.map_or(u64::MAX, |it| it.len()).to_le_bytes());
}

/// Brings the index up to date. Whether anything differs from before.
pub(super) fn read(index: &Index, root: &Path, stamp: &[u8]) -> Result<bool> {
    let folder = folder(root);
    let layout = Layout { aliases: Aliases::of(root), diversions: Diversions::read(&folder)? };
    index.read_anew(stamp, |meet| {
        let mut failed = Ok(());
        // A package that the journal speaks of stands in `status` as it was before: only the newest word counts.
        let mut spoken = BTreeSet::new();
        for (path, is_journal) in status_files(&folder)? {
            each_paragraph(&path, &mut |paragraph| {
                let text = |at| paragraph.text(at).unwrap_or_default().to_owned();
                let key = (text(PACKAGE), text(ARCHITECTURE));
                let is_first = if is_journal { spoken.insert(key) } else { !spoken.contains(&key) };
                if is_first && failed.is_ok() {
                    failed = meet_package(&folder, &layout, paragraph, meet);
                }
            })?;
        }

        failed
    })
}

/// The entries of the journal, the newest first, and `status`; whether each is of the journal.
fn status_files(folder: &Path) -> Result<Vec<(PathBuf, bool)>> {
    let mut journal = Vec::new();
    match std::fs::read_dir(folder.join("updates")) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.context("list dpkg's journal")?.file_name();
                if name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
                    journal.push(folder.join("updates").join(name));
                }
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("list dpkg's journal"),
    }
    journal.sort();
    let journal = journal.into_iter().rev().map(|path| (path, true));

    Ok(journal.chain([(folder.join("status"), false)]).collect())
}

fn each_paragraph(path: &Path, each: &mut impl FnMut(&Paragraph<5>)) -> Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        // An entry of the journal that was merged meanwhile; the stamp makes us read again.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("open dpkg's list of packages"),
    };
    let mut file = file.take(STATUS_BYTES_MAX);
    let mut reader = Reader::new(FIELDS);
    let mut piece = vec![0; 32 * 1024];
    loop {
        let length = file.read(&mut piece).context("read dpkg's list of packages")?;
        if length == 0 {
            break;
        }
        reader.feed(&piece[..length], each);
    }
    reader.finish(each);

    Ok(())
}

fn meet_package(
    folder: &Path,
    layout: &Layout,
    paragraph: &Paragraph<5>,
    meet: &mut dyn FnMut(Met<'_>) -> Result<()>,
) -> Result<()> {
    let Some(name) = paragraph.text(PACKAGE).filter(|name| is_name(name)) else { return Ok(()) };
    let state = paragraph.text(STATUS).and_then(|text| text.split_ascii_whitespace().nth(2));
    let version = match state {
        Some("not-installed") | None => return Ok(()),
        Some("config-files") => "",
        Some(_) => paragraph.text(VERSION).unwrap_or_default(),
    };
    let info = folder.join("info");
    let shared = paragraph.text(ARCHITECTURE).filter(|it| is_name(it)).map(|it| format!("{name}:{it}"));
    let stem = shared.filter(|stem| info.join(format!("{stem}.list")).exists());
    let stem = stem.as_deref().unwrap_or(name);
    let (list, sums) = (info.join(format!("{stem}.list")), info.join(format!("{stem}.md5sums")));
    let conffiles = paragraph.text(CONFFILES).unwrap_or_default();
    let mut hasher = Sha256::new();
    stamp_of(&mut hasher, &list);
    stamp_of(&mut hasher, &sums);
    layout.stamp(&mut hasher);
    for text in [version, conffiles] {
        hasher.update(text.len().to_le_bytes());
        hasher.update(text);
    }
    let fill = |records: &Records<'_>| {
        each_line(&list, &mut |line| records.own(&layout.place(line, name)))?;
        each_line(&sums, &mut |line| match sum(line) {
            Some((md5, path)) => records.record(&layout.place(&path, name), &md5),
            None => Ok(()),
        })?;
        for line in conffiles.lines() {
            if let Some((md5, path)) = conffile(line) {
                records.record(&layout.place(path.as_bytes(), name), &md5)?;
            }
        }

        Ok(())
    };

    meet(Met { stem, name, version, stamp: &hasher.finalize(), fill: &fill })
}

/// Names become parts of paths.
fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());

    first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

/// `6f5902ac237024bdd0c176cb93063dc4  usr/bin/x`
fn sum(line: &[u8]) -> Option<(Md5, Vec<u8>)> {
    let (digest, rest) = line.split_at_checked(32)?;
    let path = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
    let mut absolute = vec![b'/'];
    absolute.extend_from_slice(path.strip_prefix(b"./").unwrap_or(path));

    Some((md5(digest)?, absolute))
}

/// ` /etc/x 6f5902ac237024bdd0c176cb93063dc4 obsolete`; the path may hold spaces.
fn conffile(line: &str) -> Option<(Md5, &str)> {
    let line = line.trim();
    let mut line = line;
    for flag in [" obsolete", " remove-on-upgrade"] {
        line = line.strip_suffix(flag).unwrap_or(line);
    }
    let (path, digest) = line.rsplit_once(' ')?;

    path.starts_with('/').then_some((md5(digest.as_bytes())?, path))
}

fn md5(text: &[u8]) -> Option<Md5> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()?.try_into().ok()
}

/// Lines without their ends; none if there is no such file. An overlong line is left out.
fn each_line(path: &Path, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("open a package's records"),
    };
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    let mut is_whole = true;
    loop {
        line.clear();
        let length = (&mut file).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(());
        }
        let ends = line.pop_if(|last| *last == b'\n').is_some();
        if is_whole
            && (ends || u64::try_from(length).unwrap_or(u64::MAX) < LINE_BYTES_MAX)
            && !line.is_empty()
        {
            each(&line)?;
        }
        is_whole = ends;
    }
}

/// Where the paths of records really are.
struct Layout {
    aliases: Aliases,
    diversions: Diversions,
}

impl Layout {
    fn place(&self, path: &[u8], package: &str) -> Vec<u8> {
        self.aliases.resolve(self.diversions.resolve(path, package))
    }

    fn stamp(&self, hasher: &mut Sha256) {
        self.aliases.stamp(hasher);
        for (from, (to, package)) in &self.diversions.0 {
            for text in [from.as_slice(), to.as_slice(), package.as_slice()] {
                hasher.update(text.len().to_le_bytes());
                hasher.update(text);
            }
        }
    }
}

/// Directories that are links to others.
struct Aliases(Vec<(Vec<u8>, Vec<u8>)>);

impl Aliases {
    fn of(root: &Path) -> Self {
        let alias = |name: &str| {
            let target = paths::to_bytes(&std::fs::read_link(root.join(name)).ok()?);
            let mut to = vec![b'/'];
            to.extend_from_slice(target.strip_prefix(b"/").unwrap_or(&target));
            Some((format!("/{name}").into_bytes(), to))
        };

        Self(MERGED.into_iter().filter_map(alias).collect())
    }

    fn resolve(&self, path: &[u8]) -> Vec<u8> {
        for (from, to) in &self.0 {
            match path.strip_prefix(from.as_slice()) {
                // The link itself.
                Some([]) => break,
                Some(rest) if rest.starts_with(b"/") => return [to.as_slice(), rest].concat(),
                Some(_) | None => {}
            }
        }

        path.to_vec()
    }

    fn stamp(&self, hasher: &mut Sha256) {
        for (from, to) in &self.0 {
            hasher.update(from);
            hasher.update([0]);
            hasher.update(to);
            hasher.update([0]);
        }
    }
}

/// From where, to where, and by which package, whose own file is not moved.
struct Diversions(BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>);

impl Diversions {
    fn read(folder: &Path) -> Result<Self> {
        let mut lines = Vec::new();
        each_line(&folder.join("diversions"), &mut |line| {
            lines.push(line.to_vec());
            Ok(())
        })?;
        let mut found = BTreeMap::new();
        for three in lines.chunks_exact(3) {
            if let [from, to, package] = three {
                found.insert(from.clone(), (to.clone(), package.clone()));
            }
        }

        Ok(Self(found))
    }

    fn resolve<'p>(&'p self, path: &'p [u8], package: &str) -> &'p [u8] {
        match self.0.get(path) {
            Some((to, by)) if by != package.as_bytes() => to,
            Some(_) | None => path,
        }
    }
}
