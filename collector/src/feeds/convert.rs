//! A carried file becomes a part: read to its end, packed, named after what it turned out to be.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use vonggac_advisory::ecosystem::Ecosystem;
use vonggac_advisory::feed::{self, Careful, Given, Item, Kind, Limits, Packer};
use vonggac_advisory::source::{FeedError, Place};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::part::{DatedBy, Part, is_name};

/// Bytes of a packed feed that are held in memory; the largest known has a tenth of it.
pub const PACKED_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What the person says about a file.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// A name instead of the one it would get.
    pub name: Option<String>,
    /// Where it was had.
    pub source: Option<String>,
    /// The date of its data.
    pub dated: Option<Timestamp>,
    /// When it was had.
    pub fetched: Option<Timestamp>,
}

/// Why a file becomes no part although it could be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RefuseFileError {
    /// A folder, or something stranger.
    #[error("not a file")]
    NoFile,
    /// It speaks of other systems only.
    #[error("nothing in it is about a system that is judged here; passed over: {counted}")]
    NothingJudged {
        /// What was passed over, with how often.
        counted: String,
    },
    /// Neither the data nor the file nor the person tells a date.
    #[error("no date is known; say --dated")]
    NoDate,
    /// The name would stand in paths.
    #[error("{0:?} cannot be the name of a feed: small letters, digits, - and .")]
    Name(String),
    /// More than is kept.
    #[error("packed it has {bytes} bytes; at most {most} are kept")]
    Large {
        /// Its bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
}

/// A part and its packed bytes.
#[derive(Clone, Debug)]
pub struct Converted {
    /// What is known about it.
    pub part: Part,
    /// Itself.
    pub bytes: Vec<u8>,
}

/// Reads a carried file and packs it.
///
/// # Errors
/// If it cannot be read, is of no known kind, broken, too new, beyond the limits, or says nothing about a system that
/// is judged here.
pub fn convert(path: &Path, said: &Said, limits: &Limits) -> anyhow::Result<Converted> {
    let in_file = || path.display().to_string();
    let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let metadata = file.metadata().with_context(|| format!("look at {}", path.display()))?;
    if !metadata.is_file() {
        return Err(RefuseFileError::NoFile).with_context(in_file);
    }
    let carried = digest_of(&mut file).with_context(|| format!("read {}", path.display()))?;
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Timestamp);

    let packed = pack(file, limits).with_context(in_file)?;
    let Packed { given, bytes, things, ecosystems, disagreements, examples } = packed;
    if things == 0 {
        let counted: Vec<String> =
            given.summary.skipped.iter().map(|(what, count)| format!("{what} ({count})")).collect();
        return Err(RefuseFileError::NothingJudged { counted: counted.join(", ") }).with_context(in_file);
    }
    let fetched = said.fetched.or(written);
    let (dated, dated_by) = match (said.dated, given.summary.dated, fetched) {
        (Some(at), _, _) => (at, DatedBy::Person),
        (None, Some(at), _) => (at, DatedBy::Data),
        (None, None, Some(at)) => (at, DatedBy::File),
        (None, None, None) => return Err(RefuseFileError::NoDate).with_context(in_file),
    };
    let name = said.name.clone().unwrap_or_else(|| name_of(&given, &ecosystems));
    if !is_name(&name) {
        return Err(RefuseFileError::Name(name).into());
    }

    Ok(Converted {
        part: Part {
            name,
            kind: given.kind,
            source: said.source.clone().unwrap_or_default(),
            dated,
            dated_by,
            fetched: fetched.unwrap_or(dated),
            carried,
            packed: Digest::of(&bytes),
            rows: things,
            read: given.summary.rows,
            advisories: given.summary.advisories,
            covers: given.summary.covers,
            passed_over: given.summary.skipped,
            disagreements,
            examples,
        },
        bytes,
    })
}

struct Packed {
    given: Given,
    bytes: Vec<u8>,
    things: u64,
    ecosystems: BTreeSet<Ecosystem>,
    disagreements: u64,
    examples: Vec<String>,
}

fn pack(mut file: File, limits: &Limits) -> anyhow::Result<Packed> {
    file.rewind()?;
    let mut packer = Packer::new(Vec::new())?;
    let mut careful = Careful::default();
    let mut ecosystems = BTreeSet::new();
    let given = {
        let mut put = |item: Item| packer.item(item).map_err(|error| unwritten(&error));
        let given = feed::read(file, limits, &mut |item| match item {
            Item::Row(row) => {
                if !ecosystems.contains(&row.ecosystem) {
                    ecosystems.insert(row.ecosystem.clone());
                }
                careful.take(row).into_iter().try_for_each(|row| put(Item::Row(row)))
            }
            item @ (Item::Exploited(_) | Item::Score(_) | Item::Ended(_) | Item::Superseded(_)) => put(item),
        })?;
        careful.end().into_iter().try_for_each(|row| put(Item::Row(row)))?;
        given
    };
    let (bytes, things) = packer.end()?;
    if bytes.len() > PACKED_BYTES_MAX {
        return Err(RefuseFileError::Large { bytes: bytes.len(), most: PACKED_BYTES_MAX }.into());
    }
    let examples = careful.examples().iter().map(ToString::to_string).collect();

    Ok(Packed { given, bytes, things, ecosystems, disagreements: careful.count(), examples })
}

fn unwritten(error: &io::Error) -> FeedError {
    FeedError::new(Place::Whole, "room for what is read", error.to_string())
}

fn digest_of(file: &mut File) -> io::Result<Digest> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0_u8; 256 * 1024]);
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return Ok(Digest(hash.finalize().into()));
        }
        hash.update(buffer.get(..got).unwrap_or_default());
    }
}

/// What a feed is called unless somebody says otherwise: its kind, and what sets it apart from others of that kind.
fn name_of(given: &Given, ecosystems: &BTreeSet<Ecosystem>) -> String {
    let word = given.kind.word();
    match given.kind {
        Kind::DebianTracker | Kind::Kev | Kind::Epss | Kind::Support | Kind::Wesng => word.to_owned(),
        // A single advisory must not take the place of all the others.
        Kind::Osv | Kind::CsafRedHat | Kind::CsafMicrosoft if given.documents == 1 => {
            format!("{word}-{}", plain(given.first.as_deref().unwrap_or("one")))
        }
        Kind::CsafRedHat => word.to_owned(),
        Kind::Osv => {
            let families: BTreeSet<String> =
                ecosystems.iter().map(|ecosystem| plain(&family(ecosystem))).collect();
            let mut families = families.into_iter();
            match (families.next(), families.next()) {
                (Some(only), None) => format!("{word}-{only}"),
                (_, _) => format!("{word}-mixed"),
            }
        }
        Kind::OvalUbuntu | Kind::OvalRedHat | Kind::OvalAlmaLinux => {
            let mut releases = ecosystems
                .iter()
                .map(|ecosystem| plain(&release(ecosystem)))
                .collect::<BTreeSet<_>>()
                .into_iter();
            match (releases.next(), releases.next()) {
                (Some(only), None) => format!("{word}-{only}"),
                (_, _) => format!("{word}-mixed"),
            }
        }
        Kind::CsafMicrosoft | Kind::CvrfMicrosoft => match &given.published {
            Some((first, last)) => format!("{word}-{}", period(*first, *last)),
            None => word.to_owned(),
        },
    }
}

/// A month, a year, or from year to year: an archive of one does not take the place of another's.
fn period(first: Timestamp, last: Timestamp) -> String {
    let (first, last) = (first.to_string(), last.to_string());
    let part = |text: &str, until: usize| text.get(..until).unwrap_or_default().to_owned();
    if part(&first, 7) == part(&last, 7) {
        return part(&last, 7);
    }
    if part(&first, 4) == part(&last, 4) {
        return part(&last, 4);
    }

    format!("{}-{}", part(&first, 4), part(&last, 4))
}

fn family(ecosystem: &Ecosystem) -> String {
    ecosystem.to_string().split(':').next().unwrap_or_default().replace(' ', "")
}

/// The release without the family, and without what says from which of its archives.
fn release(ecosystem: &Ecosystem) -> String {
    let text = ecosystem.to_string();
    let mut parts = text.split(':').skip(1).filter(|part| part.starts_with(|c: char| c.is_ascii_digit()));

    parts.next().unwrap_or_default().to_owned()
}

fn plain(text: &str) -> String {
    let text: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();

    text.trim_matches('-').chars().take(60).collect()
}
