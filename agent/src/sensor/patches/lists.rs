//! The lists in `/var/lib/apt/lists`: streamed, and of them only the versions of installed names kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use vonggac_protocol::time::Timestamp;

use super::archive::{Archive, Release};
use super::sources::Sources;
use crate::sensor::deb822::{Paragraph, Reader};
use crate::sensor::packages::{organisation, plain};

/// Files in the folder of lists that are looked at.
const FILES_MAX: usize = 4_096;

/// Bytes of one list once unpacked; Debian's main has 50 MiB.
pub(super) const LIST_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// KiB that unpacking xz may take: what is packed at the highest level needs 64 MiB, and more is refused. apt writes this
/// form only where an administrator told it to.
const XZ_KIB_MAX: u32 = 66 * 1024;

/// Versions kept of all lists together.
const OFFERS_MAX: usize = 500_000;

/// How a list is packed, by the end of its name; apt keeps at most one of them.
const PACKINGS: [(&str, Packing); 5] = [
    ("_Packages", Packing::Plain),
    ("_Packages.gz", Packing::Gzip),
    ("_Packages.lz4", Packing::Lz4),
    ("_Packages.zst", Packing::Zstd),
    ("_Packages.xz", Packing::Xz),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Lz4,
    Zstd,
    Xz,
}

/// A version that a list offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) version: String,
    /// Place of its archive in [`Lists::archives`].
    pub(super) archive: usize,
    /// Source package, for pins that name one.
    pub(super) source: Option<String>,
    /// Whether it names the maintainer that the installed package names.
    pub(super) same_maintainer: bool,
}

/// A name and the architecture apt files it under: that of the system for packages of architecture `all`.
pub(super) type Key = (String, String);

/// Names and architectures that matter, with the maintainer of what is installed.
pub(super) type Wanted<'p> = BTreeMap<(&'p str, &'p str), Option<&'p str>>;

/// What the lists offer of the names asked for.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) archives: Vec<Archive>,
    pub(super) offers: BTreeMap<Key, Vec<Offer>>,
    /// Date of the newest file; `None` if there are no lists.
    pub(super) newest: Option<Timestamp>,
    /// What could not be read, without names.
    pub(super) problems: BTreeSet<&'static str>,
}

/// Where apt keeps its lists.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("var/lib/apt/lists")
}

/// Reads the lists of these sources; `installed` says which names and architectures matter, `native` is the architecture
/// of the system.
pub(super) fn read(root: &Path, sources: &Sources, installed: &Wanted<'_>, native: &str) -> Lists {
    let mut names = file_names(&folder(root));
    names.retain(|name| is_of(sources, name));
    let releases = releases(root, &names);
    let mut lists = Lists { newest: newest(root, &names), ..Lists::default() };
    let mut taken = BTreeSet::new();
    for name in &names {
        let Some((stem, packing)) =
            PACKINGS.iter().find_map(|(end, packing)| Some((name.strip_suffix(end)?, *packing)))
        else {
            continue;
        };
        if !taken.insert(stem) {
            continue;
        }
        lists.archives.push(archive(stem, &releases));
        if let Err(problem) = lists.read_list(&folder(root).join(name), packing, installed, native) {
            lists.problems.insert(problem);
        }
    }
    if taken.is_empty() {
        lists.newest = None;
    }

    lists
}

impl Lists {
    fn read_list(
        &mut self,
        path: &Path,
        packing: Packing,
        installed: &Wanted<'_>,
        native: &str,
    ) -> Result<(), &'static str> {
        let unreadable = |_| "a list cannot be read";
        let archive = self.archives.len() - 1;
        let mut reader = Reader::new(["Package", "Version", "Architecture", "Source", "Maintainer"]);
        let mut each = |paragraph: &Paragraph<5>| {
            let Some((key, version, maintainer)) = wanted(paragraph, installed, native) else {
                return;
            };
            let source = paragraph.text(3).and_then(|text| text.split_whitespace().next()).map(str::to_owned);
            let same_maintainer = paragraph.text(4).and_then(organisation).as_deref() == maintainer;
            self.offers.entry(key).or_default().push(Offer { version, archive, source, same_maintainer });
        };
        let mut list = unpacked(path, packing)?.take(LIST_BYTES_MAX);
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = match list.read(&mut piece) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            if length == 0 {
                break;
            }
            reader.feed(&piece[..length], &mut each);
        }
        reader.finish(&mut each);
        let kept: usize = self.offers.values().map(Vec::len).sum();

        if kept > OFFERS_MAX { Err("the lists offer more versions than can be kept") } else { Ok(()) }
    }
}

fn wanted<'p>(
    paragraph: &Paragraph<5>,
    installed: &Wanted<'p>,
    native: &str,
) -> Option<(Key, String, Option<&'p str>)> {
    let name = paragraph.text(0)?;
    let architecture = filed_under(paragraph.text(2)?, native);
    if paragraph.is_spoilt() {
        return None;
    }
    let maintainer = *installed.get(&(name, architecture))?;
    let version = paragraph.text(1).and_then(plain)?;

    Some(((name.to_owned(), architecture.to_owned()), version, maintainer))
}

/// The architecture apt files a package under.
pub(super) fn filed_under<'a>(architecture: &'a str, native: &'a str) -> &'a str {
    if matches!(architecture, "all" | "") { native } else { architecture }
}

pub(super) fn unpacked(path: &Path, packing: Packing) -> Result<Box<dyn Read>, &'static str> {
    let file = File::open(path).map_err(|_| "a list cannot be opened")?;
    let file = BufReader::with_capacity(64 * 1024, file);

    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
        Packing::Zstd => {
            Box::new(zstd::stream::read::Decoder::with_buffer(file).map_err(|_| "a list cannot be unpacked")?)
        }
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(file, true, XZ_KIB_MAX)),
    })
}

/// Whether a file in the folder of lists belongs to one of the sources.
fn is_of(sources: &Sources, name: &str) -> bool {
    let release = name.strip_suffix("_InRelease").or_else(|| name.strip_suffix("_Release"));
    let list = || PACKINGS.iter().find_map(|(end, _)| name.strip_suffix(end));

    match release {
        Some(start) => sources.hold_release(start),
        None => list().is_some_and(|stem| sources.hold_list(stem)),
    }
}

/// The release files by the start of the names of their lists.
fn releases(root: &Path, names: &[String]) -> BTreeMap<String, Release> {
    let mut releases = BTreeMap::new();
    for name in names {
        let Some(start) = name.strip_suffix("_InRelease").or_else(|| name.strip_suffix("_Release")) else {
            continue;
        };
        if let Some(release) = Release::read(&folder(root).join(name)) {
            releases.entry(start.to_owned()).or_insert(release);
        }
    }

    releases
}

/// The archive of a list, by its name without `_Packages`: `SITE_FOLDERS_dists_SUITE_COMPONENT_binary-ARCH`.
fn archive(stem: &str, releases: &BTreeMap<String, Release>) -> Archive {
    let starts = |start: &&String| {
        stem.strip_prefix(start.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let start = releases.keys().filter(starts).max_by_key(|start| start.len());
    let rest = start.and_then(|start| stem.strip_prefix(start.as_str())).unwrap_or_default();
    let (component, architecture) = rest.rsplit_once("_binary-").unwrap_or((rest, ""));

    Archive {
        release: start.and_then(|start| releases.get(start)).cloned().unwrap_or_default(),
        site: stem.split('_').next().unwrap_or_default().to_owned(),
        component: component.trim_start_matches('_').replace('_', "/"),
        architecture: architecture.to_owned(),
    }
}

fn newest(root: &Path, names: &[String]) -> Option<Timestamp> {
    let of_lists =
        |name: &&String| name.ends_with("Release") || PACKINGS.iter().any(|(end, _)| name.ends_with(end));
    let modified = |name: &String| std::fs::metadata(folder(root).join(name)).and_then(|m| m.modified()).ok();

    names.iter().filter(of_lists).filter_map(modified).filter_map(crate::sensor::moment).max()
}

/// The names of plain files in a folder, in order.
pub(super) fn file_names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        // Through links too: an administrator may keep a fragment elsewhere.
        std::fs::metadata(entry.path())
            .is_ok_and(|m| m.is_file())
            .then(|| entry.file_name().into_string().ok())?
    };
    let mut names: Vec<String> = entries.take(FILES_MAX).filter_map(name).collect();
    names.sort();

    names
}

/// The names in a folder that end so, at most `most`, in order.
pub(super) fn names_ending(folder: &Path, end: &str, most: usize) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> =
        entries.filter_map(name).filter(|name| name.ends_with(end)).take(most).collect();
    names.sort();

    names
}

/// The fragments of a configuration folder that apt reads: no extension or this one, and none of a package manager's leftovers.
pub(super) fn fragments(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let read = |name: &&String| {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        plain && name.rsplit_once('.').is_none_or(|(stem, end)| end == extension && !stem.is_empty())
    };

    file_names(folder).iter().filter(read).map(|name| folder.join(name)).collect()
}

/// The text of a small file; `None` if it is absent, too large or unreadable. What is not UTF-8 is replaced.
pub(super) fn small_text(path: &Path, bytes_max: u64) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.take(bytes_max + 1).read_to_end(&mut bytes).ok()?;
    if u64::try_from(bytes.len()).ok()? > bytes_max {
        return None;
    }

    Some(String::from_utf8_lossy(&bytes).into_owned())
}
