//! Java archives: `pom.properties` where Maven wrote them, else the manifest, else the archive's own name. Archives within
//! archives are looked into.

use vonggac_protocol::package::Manager;

use super::item::Item;
use super::zip::{Archive, Bytes, Held};

/// Archives within archives within archives: ear, war, jar.
const DEPTH_MAX: u32 = 3;

/// Packages of one archive and all that it holds.
const ITEMS_MAX: usize = 2_000;

/// Bytes of a manifest or of properties.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// Bytes of an archive within an archive that must be unpacked to be looked into; of a larger one the name counts.
const INNER_BYTES_MAX: u64 = 8 * 1024 * 1024;

const MANIFEST: &str = "META-INF/MANIFEST.MF";

/// Whether this is the name of an archive that Java runs.
pub(super) fn is_archive(name: &str) -> bool {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);

    ["jar", "war", "ear"].iter().any(|known| end.eq_ignore_ascii_case(known))
}

/// The packages of an archive, itself and those it holds; `None` if it is no archive.
#[must_use]
pub fn read(bytes: &[u8], name: &str) -> Option<Vec<Item>> {
    read_from(&Held(bytes), name)
}

/// As [`read`], from anywhere.
pub(super) fn read_from(bytes: &dyn Bytes, name: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    look(bytes, name, DEPTH_MAX, &mut items)?;
    items.sort();

    Some(items)
}

/// The metadata of an egg that is packed: the text of `EGG-INFO/PKG-INFO`.
pub(super) fn egg_info(bytes: &dyn Bytes) -> Option<Vec<u8>> {
    let archive = Archive::open(bytes)?;
    let mut found = None;
    archive.entries(|name| name == "EGG-INFO/PKG-INFO", |entry| found = found.take().or(Some(entry)))?;

    archive.content(&found?, TEXT_BYTES_MAX)
}

fn look(bytes: &dyn Bytes, name: &str, depth: u32, items: &mut Vec<Item>) -> Option<()> {
    let archive = Archive::open(bytes)?;
    let (mut manifest, mut poms, mut inner) = (None, Vec::new(), Vec::new());
    let wanted = |name: &str| name == MANIFEST || is_pom(name) || is_archive(name);
    archive.entries(wanted, |entry| {
        if entry.name == MANIFEST {
            manifest = manifest.take().or(Some(entry));
        } else if is_pom(&entry.name) {
            if poms.len() < ITEMS_MAX {
                poms.push(entry);
            }
        } else if inner.len() < ITEMS_MAX {
            inner.push(entry);
        }
    })?;
    let text = |entry| archive.content(entry, TEXT_BYTES_MAX).and_then(|bytes| String::from_utf8(bytes).ok());
    let manifest = manifest.as_ref().and_then(text).map(|text| Manifest::of(&text)).unwrap_or_default();
    let own: Vec<Item> = poms.iter().filter_map(text).filter_map(|text| pom(&text, &manifest)).collect();
    if own.is_empty() {
        items.extend(manifest.item(name));
    }
    items.extend(own);
    for entry in &inner {
        if items.len() >= ITEMS_MAX {
            break;
        }
        let file = entry.name.rsplit('/').next().unwrap_or(&entry.name);
        let seen = if depth <= 1 {
            None
        } else if let Some(part) = archive.stored(entry) {
            look(&part, file, depth - 1, items)
        } else {
            let unpacked = archive.content(entry, INNER_BYTES_MAX);
            unpacked.and_then(|bytes| look(&Held(&bytes), file, depth - 1, items))
        };
        if seen.is_none() {
            items.extend(Manifest::default().item(file));
        }
    }

    Some(())
}

/// `META-INF/maven/GROUP/ARTIFACT/pom.properties`
fn is_pom(name: &str) -> bool {
    name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties") && name.split('/').count() == 5
}

fn pom(text: &str, manifest: &Manifest) -> Option<Item> {
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (found, value) = line.split_once(['=', ':'])?;
            (found.trim() == key).then_some(value.trim())
        })
    };
    let name = format!("{}:{}", value("groupId")?, value("artifactId")?);

    Item::new(Manager::Jar, &name, value("version")?, manifest.licence.as_deref())
}

/// What the main section of a manifest says.
#[derive(Debug, Default)]
struct Manifest {
    version: Option<String>,
    licence: Option<String>,
}

impl Manifest {
    fn of(text: &str) -> Self {
        // A line that begins with a space goes on with the one before; the main section ends at the first empty line.
        let main = text.replace("\r\n", "\n").replace('\r', "\n");
        let main = main.split("\n\n").next().unwrap_or_default().replace("\n ", "");
        let value = |key: &str| {
            main.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                let value = value.trim();
                (found.eq_ignore_ascii_case(key) && !value.is_empty() && !value.starts_with("${"))
                    .then(|| value.to_owned())
            })
        };

        Self {
            version: value("Implementation-Version")
                .or_else(|| value("Bundle-Version"))
                .or_else(|| value("Specification-Version")),
            licence: value("Bundle-License").filter(|licence| !licence.contains("//")),
        }
    }

    /// The archive of this name: what stands before the version in its name, and the version that the manifest says.
    fn item(&self, file: &str) -> Option<Item> {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let split = stem.match_indices('-').find(|(at, _)| {
            stem.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        let (name, named) = match split {
            Some((at, _)) => (stem.get(..at)?, stem.get(at + 1..)),
            None => (stem, None),
        };

        // A name that tells the version is nearer to what Maven calls it than what the manifest may add.
        Item::new(Manager::Jar, name, named.or(self.version.as_deref())?, self.licence.as_deref())
    }
}
