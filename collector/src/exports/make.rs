//! Making a file whole before any of it is sent.
//!
//! It lies without a name in the data folder: a slow line then holds neither a reader of the store nor a transaction,
//! and an export that fails half-way is a refusal, not half a file.

use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::bill::Bill;
use super::csv_file::CsvFile;
use super::gather::Cleared;
use super::lists::{Asked, List, Source};
use super::table::{Cell, Sink};
use super::xlsx_file::XlsxFile;
use super::{as_cyclonedx, as_spdx, as_vex};

/// An export leaves at least so many bytes of the disk to the store, which must go on taking what hosts send.
const ROOM_LEFT: u64 = 256 << 20;

/// Rows between two looks at the disk.
const ROWS_BETWEEN: u64 = 4_096;

/// A format of lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ListFormat {
    /// CSV.
    Csv,
    /// XLSX.
    Xlsx,
}

impl ListFormat {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Csv, Self::Xlsx];

    /// Its name, and the end of file names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    /// What it is called in HTTP.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// A format of bills of materials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum BillFormat {
    /// CycloneDX 1.6, JSON.
    #[value(name = "cyclonedx")]
    CycloneDx,
    /// SPDX 2.3, JSON.
    Spdx,
    /// VEX: how weaknesses stand and what was decided, CycloneDX 1.6, JSON.
    #[value(
        help = "VEX, CycloneDX 1.6, JSON: lỗ hổng ra sao, đã quyết định gì / how weaknesses stand and what was decided"
    )]
    Vex,
}

impl BillFormat {
    /// All.
    pub const ALL: [Self; 3] = [Self::CycloneDx, Self::Spdx, Self::Vex];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::Vex => "vex",
        }
    }

    /// The end of file names, as its makers advise.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::CycloneDx => "cdx.json",
            Self::Spdx => "spdx.json",
            Self::Vex => "vex.cdx.json",
        }
    }

    /// What it is called in HTTP.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::CycloneDx | Self::Vex => "application/vnd.cyclonedx+json; version=1.6",
            Self::Spdx => "application/spdx+json",
        }
    }

    /// What a bill must hold for it.
    #[must_use]
    pub fn cleared(self) -> Cleared {
        match self {
            Self::CycloneDx | Self::Spdx => Cleared::Left,
            Self::Vex => Cleared::Told,
        }
    }
}

/// There is too little room on the disk for an export.
#[derive(Debug, thiserror::Error)]
#[error("less than {} MiB would be left on the disk", ROOM_LEFT >> 20)]
pub struct NoRoomError;

/// A file that was made, at its beginning.
#[derive(Debug)]
pub struct Made {
    /// The file; it has no name and is gone when it is dropped.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// Rows of a list, packages of a bill.
    pub rows: u64,
}

/// Makes a list.
///
/// # Errors
/// If the store fails, or the file cannot be written; [`NoRoomError`] if the disk is nearly full.
pub fn list(
    source: &Source<'_>,
    list: List,
    asked: &Asked,
    format: ListFormat,
    folder: &Path,
) -> anyhow::Result<Made> {
    let file = nameless(folder)?;
    let heads = list.heads(source.t);
    let (file, rows) = match format {
        ListFormat::Csv => {
            let csv = CsvFile::new(BufWriter::new(file), source.t, &heads)?;
            let mut sink = Roomy::new(csv, folder);
            let rows = source.write(list, asked, &mut sink)?;
            let file = sink.sink.finish()?.into_inner().map_err(|error| error.into_error())?;
            (file, rows)
        }
        ListFormat::Xlsx => {
            let xlsx = XlsxFile::new(folder, source.t, heads, source.now)?;
            let mut sink = Roomy::new(xlsx, folder);
            let rows = source.write(list, asked, &mut sink)?;
            sink.sink.finish(&file)?;
            (file, rows)
        }
    };

    made(file, rows)
}

/// Makes a bill of materials.
///
/// # Errors
/// If the file cannot be written; [`NoRoomError`] if the disk is nearly full.
pub fn bill(bill: &Bill, format: BillFormat, folder: &Path) -> anyhow::Result<Made> {
    let mut out = BufWriter::new(nameless(folder)?);
    match format {
        BillFormat::CycloneDx => serde_json::to_writer(&mut out, &as_cyclonedx::bom(bill)?)?,
        BillFormat::Vex => serde_json::to_writer(&mut out, &as_vex::document(bill)?)?,
        BillFormat::Spdx => serde_json::to_writer(&mut out, &as_spdx::document(bill)?)?,
    }
    out.write_all(b"\n")?;
    let file = out.into_inner().map_err(|error| error.into_error())?;

    made(file, u64::try_from(bill.entries.len())?)
}

fn nameless(folder: &Path) -> anyhow::Result<File> {
    check_room(folder)?;

    tempfile::tempfile_in(folder).with_context(|| format!("make a file in {}", folder.display()))
}

fn made(mut file: File, rows: u64) -> anyhow::Result<Made> {
    let bytes = file.metadata().context("ask for the size")?.len();
    file.rewind().context("go back to the beginning")?;

    Ok(Made { file, bytes, rows })
}

fn check_room(folder: &Path) -> anyhow::Result<()> {
    let disk = rustix::fs::statvfs(folder).context("ask for the room on the disk")?;
    anyhow::ensure!(disk.f_bavail.saturating_mul(disk.f_frsize) >= ROOM_LEFT, NoRoomError);

    Ok(())
}

/// Looks at the disk every some thousand rows.
struct Roomy<S> {
    sink: S,
    folder: PathBuf,
    rows: u64,
}

impl<S> Roomy<S> {
    fn new(sink: S, folder: &Path) -> Self {
        Self { sink, folder: folder.to_owned(), rows: 0 }
    }
}

impl<S: Sink> Sink for Roomy<S> {
    fn row(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_BETWEEN) {
            check_room(&self.folder)?;
        }

        self.sink.row(cells)
    }
}
