//! A whole file of an incident, or why there is none.

use rusqlite::Connection;
use vonggac_rules::profile;

use super::paper::Paper;
use super::{docx, gather, iodef, misp, ocsf, stix};
use crate::store::view::{Scope, Sight, casefile, incident};

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// STIX 2.1.
    Stix,
    /// MISP.
    Misp,
    /// IODEF 2.
    Iodef,
    /// OCSF 1.8.0.
    Ocsf,
    /// A report on the form of the profile, for a word processor.
    #[value(help = "Báo cáo theo mẫu / a report on the form of the profile, for a word processor")]
    Docx,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Stix, Self::Misp, Self::Iodef, Self::Ocsf, Self::Docx];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stix => "stix",
            Self::Misp => "misp",
            Self::Iodef => "iodef",
            Self::Ocsf => "ocsf",
            Self::Docx => "docx",
        }
    }

    /// The end of file names.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Stix => "stix.json",
            Self::Misp => "misp.json",
            Self::Iodef => "iodef.xml",
            Self::Ocsf => "ocsf.json",
            Self::Docx => "docx",
        }
    }

    /// What it is called in HTTP.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Stix => "application/stix+json;version=2.1",
            Self::Misp | Self::Ocsf => "application/json",
            Self::Iodef => "application/xml",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        }
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The format.
    pub format: Format,
    /// The duty whose report it is; for DOCX alone.
    pub duty: Option<String>,
    /// Who is to get it: needed under TLP:RED, which is for named people.
    pub to: Option<String>,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Made {
    /// The file.
    File(Vec<u8>),
    /// Not so.
    Refused(Refused),
}

/// Why there is no file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is TLP:RED and nobody is named who is to get it.
    NobodyNamed,
    /// A report needs its duty, and the profile has none of this name, but these.
    NoSuchDuty(Vec<String>),
    /// These required fields of the form are empty.
    Missing(Vec<String>),
}

impl Refused {
    /// Its word, for messages.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NobodyNamed => "nobody-named",
            Self::NoSuchDuty(_) => "no-duty",
            Self::Missing(_) => "missing",
        }
    }

    /// What it names.
    #[must_use]
    pub fn names(&self) -> String {
        match self {
            Self::Missing(names) | Self::NoSuchDuty(names) => names.join(", "),
            Self::NobodyNamed => String::new(),
        }
    }
}

/// Characters of a name of who is to get it.
pub const TO_MAX: usize = 200;

/// Makes the file.
///
/// # Errors
/// If the store cannot be read, or the file cannot be written.
pub fn file(db: &Connection, scope: &Scope, id: i64, asked: &Asked) -> anyhow::Result<Sight<Made>> {
    let case = match gather::case(db, scope, id)? {
        Sight::Seen(case) => case,
        Sight::Neighbours => return Ok(Sight::Neighbours),
        Sight::Absent => return Ok(Sight::Absent),
    };
    let named = asked.to.as_deref().is_some_and(|to| !to.trim().is_empty() && to.chars().count() <= TO_MAX);
    // A label that we do not know is as strict as RED.
    let needs_name = !super::reveal::Reveal::of(&case.tlp, &case.marks).matter_in_lines;
    if needs_name && !named {
        return Ok(Sight::Seen(Made::Refused(Refused::NobodyNamed)));
    }
    let json = |value: &serde_json::Value| -> anyhow::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(value)?;
        bytes.push(b'\n');
        Ok(bytes)
    };
    let made = match asked.format {
        Format::Stix => Made::File(json(&stix::bundle(&case))?),
        Format::Misp => Made::File(json(&misp::event(&case))?),
        Format::Ocsf => Made::File(json(&ocsf::finding(&case))?),
        Format::Iodef => Made::File(iodef::document(&case)?),
        Format::Docx => report(db, scope, id, asked.duty.as_deref())?,
    };

    Ok(Sight::Seen(made))
}

fn report(db: &Connection, scope: &Scope, id: i64, duty: Option<&str>) -> anyhow::Result<Made> {
    let Sight::Seen(it) = incident::one(db, scope, id)? else { anyhow::bail!("incident {id} is gone") };
    let paper = match duty {
        Some(duty) => Paper::of(&it.line, duty, &casefile::filled(db, id)?),
        None => None,
    };

    Ok(match paper {
        None => {
            let duties = profile::of(&it.line.profile).map_or(&[][..], |regime| &regime.duties);
            Made::Refused(Refused::NoSuchDuty(duties.iter().map(|duty| duty.id.clone()).collect()))
        }
        Some(paper) if !paper.missing.is_empty() => Made::Refused(Refused::Missing(paper.missing)),
        Some(paper) => Made::File(docx::file(&paper)?),
    })
}
