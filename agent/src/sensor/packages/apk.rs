//! apk's database: `installed`, one paragraph a package, a letter a field.
//!
//! Of a package: `P` name, `V` version, `A` architecture, `L` licence, `o` the source it was built from, `m` maintainer. Of its
//! files, not read here: `F` a directory, `R` a name in it.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::database::{Found, PACKAGES_MAX, ReadPackagesError, organisation, plain};

/// Where apk keeps its database, by age of the convention.
const PLACES: [&str; 2] = ["usr/lib/apk/db/installed", "lib/apk/db/installed"];

/// Bytes of the database; the largest real ones have some tens of megabytes.
const BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Bytes of one line that are looked at; a longer one spoils its package.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// The files whose change means that the database changed.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    PLACES.map(|place| root.join(place)).into()
}

/// Reads the database; `None` if there is none.
pub(super) fn read(root: &Path) -> Result<Option<Found>, ReadPackagesError> {
    let Some(file) = open(root)? else { return Ok(None) };
    let mut found = Found::default();
    paragraphs(file, &mut |paragraph| {
        match paragraph.package() {
            Some(package) => drop(found.packages.insert(package)),
            None => found.skipped += 1,
        }
        if found.packages.len() > PACKAGES_MAX { Err(ReadPackagesError::TooMany) } else { Ok(()) }
    })?;

    Ok(Some(found))
}

/// Hands on the path of every file that a package brought, without a slash before it.
pub(super) fn each_file(root: &Path, each: &mut dyn FnMut(&[u8])) -> Result<(), ReadPackagesError> {
    let Some(file) = open(root)? else { return Ok(()) };
    let mut path = Vec::new();
    let mut folder = 0;
    lines(file, &mut |line| {
        match line {
            Line::Field(b'F', value) => {
                path.clear();
                path.extend_from_slice(value);
                folder = path.len();
            }
            Line::Field(b'R', value) => {
                path.truncate(folder);
                if folder > 0 {
                    path.push(b'/');
                }
                path.extend_from_slice(value);
                each(&path);
            }
            Line::Field(..) | Line::Spoilt | Line::Empty => {}
        }
        Ok(())
    })
}

fn open(root: &Path) -> Result<Option<BufReader<File>>, ReadPackagesError> {
    for place in PLACES {
        match File::open(root.join(place)) {
            Ok(file) => return Ok(Some(BufReader::with_capacity(64 * 1024, file))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(ReadPackagesError::unreadable("apk")(error)),
        }
    }

    Ok(None)
}

enum Line<'a> {
    /// A letter and what stands behind its colon.
    Field(u8, &'a [u8]),
    Spoilt,
    Empty,
}

/// Hands on the lines of a database, one after the other.
fn lines(
    file: impl BufRead,
    each: &mut dyn FnMut(Line<'_>) -> Result<(), ReadPackagesError>,
) -> Result<(), ReadPackagesError> {
    let mut file = file.take(BYTES_MAX);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = (&mut file).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if length.map_err(ReadPackagesError::unreadable("apk"))? == 0 {
            return Ok(());
        }
        let whole = line.strip_suffix(b"\n");
        let text = whole.unwrap_or(&line);
        if whole.is_none() && u64::try_from(line.len()).is_ok_and(|length| length >= LINE_BYTES_MAX) {
            each(Line::Spoilt)?;
            while line.last().is_some_and(|last| *last != b'\n') {
                line.clear();
                let more = (&mut file).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
                more.map_err(ReadPackagesError::unreadable("apk"))?;
            }
            continue;
        }
        match text {
            [] => each(Line::Empty)?,
            [letter, b':', value @ ..] => each(Line::Field(*letter, value))?,
            _ => each(Line::Spoilt)?,
        }
    }
}

#[derive(Default)]
struct Paragraph {
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    licence: Option<String>,
    origin: Option<String>,
    maintainer: Option<String>,
    any: bool,
    spoilt: bool,
}

impl Paragraph {
    fn take(&mut self, letter: u8, value: &[u8]) {
        self.any = true;
        let place = match letter {
            b'P' => &mut self.name,
            b'V' => &mut self.version,
            b'A' => &mut self.architecture,
            b'L' => &mut self.licence,
            b'o' => &mut self.origin,
            b'm' => &mut self.maintainer,
            _ => return,
        };
        let value = std::str::from_utf8(value).ok().and_then(plain);
        // Said twice, differently: one of the two is wrong.
        self.spoilt |= place.is_some() && *place != value;
        *place = value;
    }

    fn package(&self) -> Option<Package> {
        let word = |text: &Option<String>| text.clone().filter(|text| !text.contains(char::is_whitespace));
        let (name, version) = (word(&self.name)?, word(&self.version)?);
        if self.spoilt {
            return None;
        }

        Some(Package {
            manager: Manager::Apk,
            source: word(&self.origin).filter(|origin| *origin != name),
            name,
            architecture: word(&self.architecture).unwrap_or_default(),
            version,
            source_version: None,
            section: None,
            vendor: self.maintainer.as_deref().and_then(organisation),
            // As written; `licences::mark` makes an expression of it.
            licence_basis: if self.licence.is_some() {
                LicenceBasis::Metadata
            } else {
                LicenceBasis::Unknown
            },
            licence: self.licence.clone(),
            installed_at: None,
            in_repository: None,
            origin: None,
            automatic: None,
            module: None,
            place: None,
            copies: None,
            install_source: None,
            users: None,
        })
    }
}

fn paragraphs(
    file: impl BufRead,
    each: &mut dyn FnMut(&Paragraph) -> Result<(), ReadPackagesError>,
) -> Result<(), ReadPackagesError> {
    let mut paragraph = Paragraph::default();
    lines(file, &mut |line| {
        match line {
            Line::Field(letter, value) => paragraph.take(letter, value),
            Line::Spoilt => {
                paragraph.any = true;
                paragraph.spoilt = true;
            }
            Line::Empty if paragraph.any => each(&std::mem::take(&mut paragraph))?,
            Line::Empty => {}
        }
        Ok(())
    })?;

    if paragraph.any { each(&paragraph) } else { Ok(()) }
}
