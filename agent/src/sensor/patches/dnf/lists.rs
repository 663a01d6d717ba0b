//! What the lists of a repository say of installed names: `primary` (versions), `updateinfo` (which are for security),
//! `modules` (which belong to a stream).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use super::repos::Index;
use super::xml::{Element, Piece, Xml};
use crate::sensor::packages::plain;
use crate::sensor::patches::lists::{LIST_BYTES_MAX, Packing, unpacked};

/// Versions, and packages of security advisories, that are kept of all lists together.
const KEPT_MAX: usize = 500_000;

/// Bytes of a line of `modules`.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// One version of one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offer {
    pub(super) architecture: String,
    /// `epoch:version-release`, without an epoch of 0.
    pub(super) version: String,
    /// The repository.
    pub(super) repository: String,
}

/// What all repositories say.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) offers: BTreeMap<String, Vec<Offer>>,
    /// Architectures and versions that security advisories bring, by name.
    pub(super) security: BTreeMap<String, BTreeSet<(String, String)>>,
    /// `name:stream` of each package of a module.
    pub(super) streams: BTreeMap<(String, String), BTreeSet<String>>,
    pub(super) tells_security: bool,
    kept: usize,
}

impl Lists {
    /// Takes the lists of one repository.
    pub(super) fn take(
        &mut self,
        repository: &str,
        index: &Index,
        names: &BTreeSet<&str>,
    ) -> Result<(), &'static str> {
        let primary = index.lists.get("primary").ok_or("a cached repository has no list of packages")?;
        self.primary(repository, &mut *open(primary)?, names)?;
        if let Some(path) = index.lists.get("updateinfo") {
            self.updateinfo(&mut *open(path)?, names)?;
            self.tells_security = true;
        }
        if let Some(path) = index.lists.get("modules") {
            self.modules(&mut *open(path)?, names)?;
        }
        if self.kept > KEPT_MAX {
            return Err("the lists offer more versions than can be kept");
        }

        Ok(())
    }

    fn primary(
        &mut self,
        repository: &str,
        body: &mut dyn BufRead,
        names: &BTreeSet<&str>,
    ) -> Result<(), &'static str> {
        let mut xml = Xml::new(body);
        let (mut name, mut architecture, mut version) = (None, None, None);
        loop {
            // metadata > package > name, arch, version; what stands deeper has the same names.
            match xml.next().map_err(|_| "a list of dnf's cache is damaged")? {
                Piece::Open(element) if xml.depth() == 2 && element.name == "package" => {
                    (name, architecture, version) = (None, None, None);
                }
                Piece::Open(element) if xml.depth() == 3 && element.name == "version" => {
                    version = evr(&element, "ver", "rel");
                }
                Piece::Text(text) if xml.depth() == 3 && xml.is_inside("name") => name = plain(&text),
                Piece::Text(text) if xml.depth() == 3 && xml.is_inside("arch") => architecture = plain(&text),
                Piece::Close if xml.depth() == 1 => {
                    let found = (name.take(), architecture.take(), version.take());
                    if let (Some(name), Some(architecture), Some(version)) = found
                        && names.contains(name.as_str())
                    {
                        let repository = repository.to_owned();
                        self.kept += 1;
                        self.offers.entry(name).or_default().push(Offer {
                            architecture,
                            version,
                            repository,
                        });
                    }
                }
                Piece::End => return Ok(()),
                Piece::Open(_) | Piece::Text(_) | Piece::Close => {}
            }
        }
    }

    fn updateinfo(&mut self, body: &mut dyn BufRead, names: &BTreeSet<&str>) -> Result<(), &'static str> {
        let mut xml = Xml::new(body);
        let mut is_security = false;
        loop {
            match xml.next().map_err(|_| "a list of dnf's cache is damaged")? {
                Piece::Open(element) if element.name == "update" => {
                    is_security = element.attribute("type") == Some("security");
                }
                Piece::Open(element) if element.name == "package" && is_security => {
                    let name = element.attribute("name").filter(|name| names.contains(name));
                    let architecture = element.attribute("arch").and_then(plain);
                    if let (Some(name), Some(architecture), Some(version)) =
                        (name, architecture, evr(&element, "version", "release"))
                    {
                        self.kept += 1;
                        self.security.entry(name.to_owned()).or_default().insert((architecture, version));
                    }
                }
                Piece::End => return Ok(()),
                Piece::Open(_) | Piece::Text(_) | Piece::Close => {}
            }
        }
    }

    /// `modules.yaml` is read line by line, as every repository writes it: the name and the stream of a document's `data`,
    /// and the packages among its `artifacts`.
    fn modules(&mut self, body: &mut dyn BufRead, names: &BTreeSet<&str>) -> Result<(), &'static str> {
        let (mut name, mut stream, mut artifacts) = (None, None, false);
        let mut line = Vec::new();
        loop {
            line.clear();
            let got = body.take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            if got.map_err(|_| "a list of dnf's cache is damaged")? == 0 {
                return Ok(());
            }
            let Ok(text) = std::str::from_utf8(&line) else { continue };
            let (indent, text) = (text.len() - text.trim_start().len(), text.trim());
            if indent == 0 {
                (name, stream, artifacts) = (None, None, false);
            } else if let (2, Some((key, value))) = (indent, text.split_once(':')) {
                let value = value.trim().trim_matches(['"', '\'']).to_owned();
                artifacts = key == "artifacts";
                match key {
                    "name" => name = Some(value),
                    "stream" => stream = Some(value),
                    _ => {}
                }
            } else if let (true, Some(nevra), Some(name), Some(stream)) =
                (artifacts, text.strip_prefix("- "), &name, &stream)
                && let Some((package, version)) = nevra_parts(nevra.trim_matches(['"', '\'']))
                && names.contains(package.as_str())
            {
                self.kept += 1;
                self.streams.entry((package, version)).or_default().insert(format!("{name}:{stream}"));
            }
        }
    }
}

/// Name and `epoch:version-release` of `nodejs-1:18.20.6-1.el9.x86_64`.
fn nevra_parts(text: &str) -> Option<(String, String)> {
    let (rest, _architecture) = text.rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let version = version.strip_prefix("0:").unwrap_or(version);

    Some((plain(name)?, plain(&format!("{version}-{release}"))?))
}

/// `epoch:version-release` of attributes, without an epoch of 0.
fn evr(element: &Element, version: &str, release: &str) -> Option<String> {
    let epoch = element.attribute("epoch").filter(|epoch| !matches!(*epoch, "" | "0"));
    let own = format!("{}-{}", element.attribute(version)?, element.attribute(release)?);

    plain(&epoch.map_or_else(|| own.clone(), |epoch| format!("{epoch}:{own}")))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, &'static str> {
    let packing = match path.extension().and_then(|end| end.to_str()) {
        Some("gz") => Packing::Gzip,
        Some("zst") => Packing::Zstd,
        Some("xz") => Packing::Xz,
        Some("xml" | "yaml") => Packing::Plain,
        Some(_) | None => return Err("a list of dnf's cache is packed in a way that is not read"),
    };

    Ok(Box::new(BufReader::with_capacity(64 * 1024, unpacked(path, packing)?.take(LIST_BYTES_MAX))))
}

/// Reads the bytes of a list of each kind, unpacked; how many versions were found of `bash`. For fuzzing.
#[must_use]
pub fn read_lists_of_bytes(mut bytes: &[u8]) -> usize {
    let names: BTreeSet<&str> = ["bash", "nodejs"].into();
    let mut lists = Lists::default();
    let mut copies = [bytes; 2];
    let [primary, updateinfo] = &mut copies;
    // What cannot be read is left out; what could be read before it counts.
    let read = [
        lists.primary("fuzz", primary, &names),
        lists.updateinfo(updateinfo, &names),
        lists.modules(&mut bytes, &names),
    ];
    let _unread = read.iter().filter(|read| read.is_err()).count();

    lists.offers.values().map(Vec::len).sum::<usize>() + lists.security.len() + lists.streams.len()
}
