//! Lists as XLSX: texts are texts, moments are dates of the spreadsheet in Vietnam's time.
//!
//! Rows go to a temporary file as they come, so a long list needs no memory. A sheet holds 1,048,576 rows; what is more
//! goes on in the next sheet, with the heads again.

use std::io::{Seek, Write};
use std::path::Path;

use anyhow::Context as _;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet};
use vonggac_protocol::time::Timestamp;

use super::table::{Cell, Sink, in_words};
use crate::desk::words::Language;

/// Rows of a sheet, as the format has it.
const SHEET_ROWS_MAX: u32 = 1_048_576;

/// Characters of a cell, as the format has it.
const CELL_CHARS_MAX: usize = 32_767;

/// Vietnam's clock: UTC+7, no summer time.
const OFFSET_SECS: i64 = 7 * 60 * 60;

/// Width of every column, in characters.
const WIDTH: u32 = 22;

/// A list that is being written.
pub struct XlsxFile {
    t: Language,
    workbook: Workbook,
    heads: Vec<String>,
    sheets: usize,
    /// The next row of the sheet.
    next: u32,
    rows_max: u32,
    moment: Format,
    day: Format,
    share: Format,
}

impl XlsxFile {
    /// Begins one with its heads; what it cannot hold in memory goes to `folder`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn new(folder: &Path, t: Language, heads: Vec<String>, now: Timestamp) -> anyhow::Result<Self> {
        Self::with_rows(folder, t, heads, now, SHEET_ROWS_MAX)
    }

    fn with_rows(
        folder: &Path,
        t: Language,
        heads: Vec<String>,
        now: Timestamp,
        rows_max: u32,
    ) -> anyhow::Result<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder).context("use the folder for temporary files")?;
        let made =
            ExcelDateTime::from_timestamp(now.0.div_euclid(1_000)).context("the moment of the list")?;
        workbook.set_properties(&DocProperties::new().set_author("Vọng Gác").set_creation_datetime(&made));
        let mut file = Self {
            t,
            workbook,
            heads,
            sheets: 0,
            next: 0,
            rows_max,
            moment: Format::new().set_num_format("dd/mm/yyyy hh:mm:ss"),
            day: Format::new().set_num_format("dd/mm/yyyy"),
            share: Format::new().set_num_format("0.0%"),
        };
        file.begin_sheet()?;

        Ok(file)
    }

    fn begin_sheet(&mut self) -> anyhow::Result<()> {
        let bold = Format::new().set_bold();
        let sheet = self.workbook.add_worksheet_with_constant_memory();
        sheet.set_freeze_panes(1, 0)?;
        for (column, head) in (0_u16..).zip(&self.heads) {
            sheet.set_column_width(column, WIDTH)?;
            sheet.write_string_with_format(0, column, head, &bold)?;
        }
        self.sheets += 1;
        self.next = 1;

        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish<W: Write + Seek + Send>(mut self, out: W) -> anyhow::Result<()> {
        self.workbook.save_to_writer(out).context("write the workbook")
    }
}

impl Sink for XlsxFile {
    fn row(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        if self.next >= self.rows_max {
            self.begin_sheet()?;
        }
        let row = self.next;
        self.next += 1;
        let sheet = self.workbook.worksheet_from_index(self.sheets - 1)?;
        for (column, cell) in (0_u16..).zip(cells) {
            let place = (row, column);
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => write_text(sheet, place, text)?,
                Cell::Word(list, word) => write_text(sheet, place, &in_words(self.t, list, word))?,
                Cell::Yes(yes) => write_text(sheet, place, &self.t.yes(Some(*yes)))?,
                Cell::Number(number) => write_number(sheet, place, *number)?,
                Cell::Share(share) => {
                    sheet.write_number_with_format(row, column, *share, &self.share)?;
                }
                Cell::Moment(moment) => write_moment(sheet, place, *moment, &self.moment)?,
                Cell::Day(day) => {
                    let serial = ExcelDateTime::parse_from_str(&day.to_string());
                    match serial {
                        Ok(serial) => {
                            sheet.write_datetime_with_format(row, column, &serial, &self.day)?;
                        }
                        Err(_) => write_text(sheet, place, &day.to_string())?,
                    }
                }
            }
        }

        Ok(())
    }
}

/// A text is never read as a formula; one that is too long for a cell ends with a mark that says so.
fn write_text(sheet: &mut Worksheet, (row, column): (u32, u16), text: &str) -> anyhow::Result<()> {
    if text.chars().count() > CELL_CHARS_MAX {
        let cut: String = text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect();
        sheet.write_string(row, column, cut)?;
    } else {
        sheet.write_string(row, column, text)?;
    }

    Ok(())
}

/// Numbers beyond what a spreadsheet counts exactly are written as texts.
fn write_number(sheet: &mut Worksheet, (row, column): (u32, u16), number: i64) -> anyhow::Result<()> {
    const EXACT_MAX: u64 = 1 << 53;
    if number.unsigned_abs() > EXACT_MAX {
        return write_text(sheet, (row, column), &number.to_string());
    }
    let value: f64 = number.to_string().parse().context("a number")?;
    sheet.write_number(row, column, value)?;

    Ok(())
}

fn write_moment(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    moment: Timestamp,
    format: &Format,
) -> anyhow::Result<()> {
    match ExcelDateTime::from_timestamp(moment.0.div_euclid(1_000).saturating_add(OFFSET_SECS)) {
        Ok(serial) => {
            sheet.write_datetime_with_format(row, column, &serial, format)?;
        }
        Err(_) => write_text(sheet, (row, column), &moment.to_string())?,
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use super::*;

    fn written(rows: u32, rows_max: u32) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let heads = vec!["Tên".to_owned(), "Số".to_owned(), "Lúc".to_owned()];
        let now = Timestamp(1_795_312_345_678);
        let mut file = XlsxFile::with_rows(folder.path(), Language::Vi, heads, now, rows_max).unwrap();
        for number in 0..i64::from(rows) {
            file.row(&["=1+1".into(), Cell::Number(number), now.into()]).unwrap();
        }
        let mut bytes = Cursor::new(Vec::new());
        file.finish(&mut bytes).unwrap();

        bytes.into_inner()
    }

    fn sheet(bytes: &[u8], number: u32) -> Option<String> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut file = archive.by_name(&format!("xl/worksheets/sheet{number}.xml")).ok()?;
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();

        Some(text)
    }

    #[test]
    fn a_text_like_a_formula_is_a_text_and_a_moment_is_a_date_of_vietnam() {
        let first = sheet(&written(1, 10), 1).unwrap();

        assert!(first.contains("Tên") && first.contains("<t>=1+1</t>"), "{first}");
        assert!(!first.contains("<f>"), "{first}");
        // 22/11/2026 08:52:25 as days since 1899-12-30.
        assert!(first.contains("<v>46348.369"), "{first}");
    }

    #[test]
    fn a_list_longer_than_a_sheet_goes_on_in_the_next_with_its_heads() {
        let bytes = written(5, 3);
        let of = |number| sheet(&bytes, number).map(|text| text.matches("<row ").count());

        assert_eq!([of(1), of(2), of(3), of(4)], [Some(3), Some(3), Some(2), None]);
        assert!(sheet(&bytes, 3).unwrap().contains("Tên"));
    }

    #[test]
    fn the_same_list_of_the_same_moment_has_the_same_bytes() {
        assert_eq!(written(3, 10), written(3, 10));
    }
}
