//! A ledger as an office keeps it: CSV with `,` or `;`, read and checked whole.
//!
//! A file with one mistake is refused with all its mistakes, each with line, column and what was expected. Nothing is
//! guessed: a number with a separator, a product that is not in the catalogue, a total that is not the sum are told.

use std::collections::BTreeMap;

use jiff::civil::Date;
use vonggac_rules::catalogue::{Catalogue, LicenceClass};
use vonggac_rules::entitlement::{Entitlement, Metric};
use vonggac_rules::nearest::nearest;
use vonggac_rules::words::{Language, Words};

/// Bytes of a file at most; a line of a real ledger has about a hundred.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Lines of a file at most.
pub const LINES_MAX: usize = 20_000;

/// Letters of a cell at most.
const CELL_CHARS_MAX: usize = 500;

/// Units of a line at most; ten times the machines of the largest province.
const QUANTITY_MAX: u64 = 1_000_000;

/// Slips within which a product is named as the one that was probably meant.
const SLIPS_MAX: usize = 6;

/// A column, by its place in [`COLUMNS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Column {
    Agency,
    Product,
    Edition,
    VersionMax,
    Metric,
    Quantity,
    Start,
    End,
    Contract,
    Note,
}

/// Columns with the names that they go by, English and Vietnamese without marks; those that must be there.
const COLUMNS: [(Column, &str, &str, bool); 10] = [
    (Column::Agency, "agency", "co_quan", false),
    (Column::Product, "product_id", "san_pham", true),
    (Column::Edition, "edition", "an_ban", false),
    (Column::VersionMax, "version_max", "phien_ban_toi_da", false),
    (Column::Metric, "metric", "hinh_thuc", true),
    (Column::Quantity, "quantity", "so_luong", true),
    (Column::Start, "start", "bat_dau", false),
    (Column::End, "end", "het_han", false),
    (Column::Contract, "contract", "hop_dong", false),
    (Column::Note, "note", "ghi_chu", false),
];

/// Words of metrics in Vietnamese, without marks.
const METRICS: [(&str, Metric); 6] = [
    ("may", Metric::Device),
    ("thiet_bi", Metric::Device),
    ("nguoi_dung", Metric::User),
    ("nguoi", Metric::User),
    ("loi", Metric::Core),
    ("don_vi", Metric::Site),
];

/// What stands in the first cells of a line that sums up.
const TOTALS: [&str; 5] = ["tổng", "tổng cộng", "tổng số", "cộng", "total"];

/// What is wrong in a ledger, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SheetMistake {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
    /// The column: number from 1 and name; `None` for the line as a whole.
    pub column: Option<(usize, String)>,
    /// What is wrong and what was expected.
    pub problem: Words,
}

impl SheetMistake {
    /// As one line of text: `file:line: column n (name): problem`.
    #[must_use]
    pub fn shown(&self, language: Language) -> String {
        let problem = self.problem.of(language);
        let word = match language {
            Language::Vi => "cột",
            Language::En => "column",
        };
        match &self.column {
            Some((number, name)) => {
                format!("{}:{}: {word} {number} ({name}): {problem}", self.file, self.line)
            }
            None => format!("{}:{}: {problem}", self.file, self.line),
        }
    }
}

/// Reads a file: the ledger of this agency.
///
/// # Errors
/// Every mistake of the file, in order of lines.
pub fn read(
    file: &str,
    bytes: &[u8],
    agency: &str,
    catalogue: &Catalogue,
) -> Result<Vec<Entitlement>, Vec<SheetMistake>> {
    let mut reading = Reading { file, agency, catalogue, places: BTreeMap::new(), mistakes: Vec::new() };
    let lines = reading.whole(bytes);
    let mut mistakes = reading.mistakes;
    mistakes.sort_unstable();

    if mistakes.is_empty() { Ok(lines) } else { Err(mistakes) }
}

struct Reading<'a> {
    file: &'a str,
    agency: &'a str,
    catalogue: &'a Catalogue,
    /// Where each column stands.
    places: BTreeMap<Column, usize>,
    mistakes: Vec<SheetMistake>,
}

fn words(vi: impl Into<String>, en: impl Into<String>) -> Words {
    Words { vi: vi.into(), en: en.into() }
}

impl Reading<'_> {
    fn wrong(&mut self, line: u64, column: Option<Column>, vi: impl Into<String>, en: impl Into<String>) {
        let name = |column: Column| {
            let (_, name, ..) = COLUMNS.iter().find(|(known, ..)| *known == column)?;
            let place = self.places.get(&column)?;
            Some((place + 1, (*name).to_owned()))
        };
        let column = column.and_then(name);
        self.mistakes.push(SheetMistake { file: self.file.to_owned(), line, column, problem: words(vi, en) });
    }

    fn whole(&mut self, bytes: &[u8]) -> Vec<Entitlement> {
        let Some(text) = self.text(bytes) else { return Vec::new() };
        let (text, skipped) = match text.split_once('\n') {
            // Excel's own way to say what separates cells.
            Some((first, rest)) if first.trim_end().len() == 5 && first.starts_with("sep=") => (rest, 1),
            _ => (text, 0),
        };
        let head = text.lines().next().unwrap_or_default();
        let delimiter = if head.matches(';').count() > head.matches(',').count() { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let mut records = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = skipped + record.position().map_or(1, csv::Position::line);
                    records.push((line, record));
                }
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    self.wrong(
                        line,
                        None,
                        format!("không đọc được: {error}"),
                        format!("cannot be read: {error}"),
                    );
                    return Vec::new();
                }
            }
        }
        let mut records = records.into_iter();
        let Some((line, head)) = records.next() else {
            self.wrong(
                1,
                None,
                "tệp trống, cần một dòng tên cột",
                "the file is empty, expected a line of column names",
            );
            return Vec::new();
        };
        if !self.head(line, &head) {
            return Vec::new();
        }

        self.body(records.collect())
    }

    /// The text, if it is text and not too long.
    fn text<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b str> {
        if bytes.len() > FILE_BYTES_MAX {
            let (found, most) = (bytes.len(), FILE_BYTES_MAX);
            let vi = format!("tệp có {found} byte, nhiều nhất là {most}");
            self.wrong(1, None, vi, format!("the file has {found} bytes, at most {most} are accepted"));
            return None;
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Some(text),
            found => {
                let at = found.err().map_or(0, |error| error.valid_up_to());
                let before =
                    bytes.get(..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
                self.wrong(
                    1 + u64::try_from(before).unwrap_or(0),
                    None,
                    "không phải văn bản UTF-8; trong Excel hãy lưu dạng “CSV UTF-8”",
                    "is not UTF-8 text; in Excel save it as \"CSV UTF-8\"",
                );
                None
            }
        }
    }

    fn head(&mut self, line: u64, head: &csv::StringRecord) -> bool {
        for (place, name) in head.iter().enumerate() {
            let name = plain(name);
            if name.is_empty() {
                continue;
            }
            let known = COLUMNS.iter().find(|(_, en, vi, _)| name == *en || name == *vi);
            let Some((column, ..)) = known else {
                let all: Vec<&str> = COLUMNS.iter().map(|(_, en, ..)| *en).collect();
                let close = nearest(&name, COLUMNS.iter().flat_map(|(_, en, vi, _)| [*en, *vi]), 2);
                let (vi, en) = meant(close);
                let all = all.join(", ");
                self.mistakes.push(SheetMistake {
                    file: self.file.to_owned(),
                    line,
                    column: Some((place + 1, name)),
                    problem: words(
                        format!("không có cột này, chỉ có: {all}{vi}"),
                        format!("there is no such column, known are: {all}{en}"),
                    ),
                });
                continue;
            };
            if self.places.insert(*column, place).is_some() {
                self.wrong(line, Some(*column), "cột có hai lần", "the column is there twice");
            }
        }
        for (column, en, vi, needed) in COLUMNS {
            if needed && !self.places.contains_key(&column) {
                self.wrong(
                    line,
                    None,
                    format!("thiếu cột {en} (hoặc {vi})"),
                    format!("the column {en} is missing"),
                );
            }
        }

        self.mistakes.is_empty()
    }

    fn body(&mut self, records: Vec<(u64, csv::StringRecord)>) -> Vec<Entitlement> {
        if records.len() > LINES_MAX {
            let (found, most) = (records.len(), LINES_MAX);
            self.wrong(
                1,
                None,
                format!("có {found} dòng, nhiều nhất là {most}"),
                format!("{found} lines, at most {most} are accepted"),
            );
            return Vec::new();
        }
        let mut lines: Vec<(u64, Entitlement)> = Vec::new();
        let mut total: Option<(u64, String)> = None;
        for (line, record) in &records {
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if let Some((at, _)) = total {
                self.wrong(
                    *line,
                    None,
                    format!("còn dòng sau dòng tổng ở dòng {at}"),
                    format!("a line after the total in line {at}"),
                );
                continue;
            }
            if self.is_total(record) {
                total = Some((*line, self.cell(record, Column::Quantity).to_owned()));
                continue;
            }
            if let Some(entitlement) = self.line(*line, record) {
                lines.push((*line, entitlement));
            }
        }
        self.doubles(&lines);
        // With a line missing from the sum there is nothing to compare.
        if let Some((at, told)) = total.filter(|_| self.mistakes.is_empty()) {
            let sum: u64 = lines.iter().map(|(_, line)| line.quantity).sum();
            if told.parse() != Ok(sum) {
                self.wrong(
                    at,
                    Some(Column::Quantity),
                    format!("dòng tổng ghi {told:?}, các dòng trên cộng lại là {sum}"),
                    format!("the total says {told:?}, the lines above add up to {sum}"),
                );
            }
        }
        if lines.is_empty() && self.mistakes.is_empty() {
            self.wrong(
                1,
                None,
                "không có dòng nào: tệp trống không thay được sổ",
                "no line: an empty file does not replace a ledger",
            );
        }

        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn doubles(&mut self, lines: &[(u64, Entitlement)]) {
        let mut seen = BTreeMap::new();
        for (line, entitlement) in lines {
            if let Some(first) = seen.insert(entitlement.right(), *line) {
                self.wrong(
                    *line,
                    None,
                    format!("trùng dòng {first}: cùng sản phẩm, ấn bản, phiên bản, hình thức, hợp đồng và ngày bắt đầu"),
                    format!("repeats line {first}: the same product, edition, version, metric, contract and start"),
                );
            }
        }
    }

    fn cell<'r>(&self, record: &'r csv::StringRecord, column: Column) -> &'r str {
        self.places.get(&column).and_then(|place| record.get(*place)).unwrap_or_default().trim()
    }

    fn is_total(&self, record: &csv::StringRecord) -> bool {
        [Column::Agency, Column::Product].into_iter().any(|column| {
            let text = self.cell(record, column).to_lowercase();
            TOTALS.contains(&text.trim_end_matches(':').trim_end())
        })
    }

    fn line(&mut self, line: u64, record: &csv::StringRecord) -> Option<Entitlement> {
        let before = self.mistakes.len();
        self.form(line, record);
        let agency = self.cell(record, Column::Agency);
        if !agency.is_empty() && agency != self.agency {
            let own = self.agency;
            self.wrong(
                line,
                Some(Column::Agency),
                format!("cần {own:?}, gặp {agency:?}"),
                format!("expected {own:?}, found {agency:?}"),
            );
        }
        let product = self.product(line, self.cell(record, Column::Product));
        let metric = self.metric(line, self.cell(record, Column::Metric));
        let quantity = self.quantity(line, self.cell(record, Column::Quantity));
        let start = self.day(line, Column::Start, self.cell(record, Column::Start));
        let end = self.day(line, Column::End, self.cell(record, Column::End));
        if let (Some(Some(start)), Some(Some(end))) = (start, end)
            && end < start
        {
            self.wrong(
                line,
                Some(Column::End),
                format!("hết hạn ({end}) trước khi bắt đầu ({start})"),
                format!("ends ({end}) before it starts ({start})"),
            );
        }
        let text = |column| Some(self.cell(record, column).to_owned()).filter(|text| !text.is_empty());
        let (edition, version_max) = (text(Column::Edition), text(Column::VersionMax));
        let (contract, note) = (text(Column::Contract), text(Column::Note));
        if self.mistakes.len() > before {
            return None;
        }

        Some(Entitlement {
            product: product?,
            edition,
            version_max,
            metric: metric?,
            quantity: quantity?,
            start: start?,
            end: end?,
            contract: contract.unwrap_or_default(),
            note: note.unwrap_or_default(),
        })
    }

    /// Cells beyond the last column, cells too long, marks that no cell has.
    fn form(&mut self, line: u64, record: &csv::StringRecord) {
        let columns = self.places.values().max().map_or(0, |last| last + 1);
        if record.iter().skip(columns).any(|cell| !cell.trim().is_empty()) {
            let found = record.len();
            self.wrong(
                line,
                None,
                format!("có {found} ô, chỉ có {columns} cột"),
                format!("{found} cells, there are {columns} columns"),
            );
        }
        let places: Vec<(Column, usize)> =
            self.places.iter().map(|(column, place)| (*column, *place)).collect();
        for (column, place) in places {
            let cell = record.get(place).unwrap_or_default().trim();
            let letters = cell.chars().count();
            if letters > CELL_CHARS_MAX {
                self.wrong(
                    line,
                    Some(column),
                    format!("có {letters} chữ, nhiều nhất là {CELL_CHARS_MAX}"),
                    format!("{letters} letters, at most {CELL_CHARS_MAX} are accepted"),
                );
            } else if cell.chars().any(char::is_control) {
                self.wrong(
                    line,
                    Some(column),
                    "có ký tự điều khiển hoặc xuống dòng (thiếu dấu nháy đóng?)",
                    "has a control character or a line break (a closing quote is missing?)",
                );
            }
        }
    }

    fn product(&mut self, line: u64, id: &str) -> Option<String> {
        if id.is_empty() {
            self.wrong(
                line,
                Some(Column::Product),
                "cần mã sản phẩm trong danh mục",
                "expected the id of a product in the catalogue",
            );
            return None;
        }
        let Some(product) = self.catalogue.product(id) else {
            let known = self.catalogue.products().map(|product| product.id.as_str());
            let named = self.catalogue.products().find(|product| {
                product.name.vi.to_lowercase() == id.to_lowercase()
                    || product.name.en.to_lowercase() == id.to_lowercase()
            });
            let slips = SLIPS_MAX.min(id.chars().count() / 2);
            let (vi, en) =
                meant(named.map(|product| product.id.as_str()).or_else(|| nearest(id, known, slips)));
            let id = short(id);
            self.wrong(
                line,
                Some(Column::Product),
                format!("danh mục không có sản phẩm {id:?}{vi}"),
                format!("the catalogue has no product {id:?}{en}"),
            );
            return None;
        };
        if product.class == LicenceClass::Activator {
            self.wrong(
                line,
                Some(Column::Product),
                "công cụ kích hoạt trái phép không có quyền sử dụng",
                "nobody is entitled to an unlawful activation tool",
            );
            return None;
        }

        Some(product.id.clone())
    }

    fn metric(&mut self, line: u64, text: &str) -> Option<Metric> {
        let word = plain(text);
        let found = Metric::of_word(&word)
            .or_else(|| METRICS.iter().find(|(known, _)| *known == word).map(|(_, metric)| *metric));
        if found.is_none() {
            let text = short(text);
            self.wrong(
                line,
                Some(Column::Metric),
                format!("cần device (máy), user (người dùng), core (lõi) hoặc site (đơn vị), gặp {text:?}"),
                format!("expected device, user, core or site, found {text:?}"),
            );
        }

        found
    }

    fn quantity(&mut self, line: u64, text: &str) -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        let found = number.filter(|number| (1..=QUANTITY_MAX).contains(number));
        if found.is_none() {
            let text = short(text);
            self.wrong(
                line,
                Some(Column::Quantity),
                format!("cần số nguyên từ 1 đến {QUANTITY_MAX}, không có dấu phân cách, gặp {text:?}"),
                format!(
                    "expected a whole number from 1 to {QUANTITY_MAX} without separators, found {text:?}"
                ),
            );
        }

        found
    }

    /// A day, or none where the cell is empty.
    fn day(&mut self, line: u64, column: Column, text: &str) -> Option<Option<Date>> {
        if text.is_empty() {
            return Some(None);
        }
        let found = written_day(text);
        if found.is_none() {
            let text = short(text);
            self.wrong(
                line,
                Some(column),
                format!("cần ngày dạng 2026-12-31 hoặc 31/12/2026, gặp {text:?}"),
                format!("expected a day as 2026-12-31 or 31/12/2026, found {text:?}"),
            );
        }

        found.map(Some)
    }
}

/// `2026-12-31`, `31/12/2026` or `1/2/2026`; the day comes before the month.
fn written_day(text: &str) -> Option<Date> {
    if text.len() == 10 && text.as_bytes().get(4) == Some(&b'-') {
        return text.parse().ok();
    }
    let parts: Vec<&str> = text.split('/').collect();
    let [day, month, year] = parts[..] else { return None };
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(day, 1, 2) || !digits(month, 1, 2) || !digits(year, 4, 4) {
        return None;
    }

    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A word as names are compared: small letters, no marks, `_` for spaces.
fn plain(text: &str) -> String {
    crate::store::view::fold::fold(text.trim()).replace([' ', '-'], "_")
}

fn meant(word: Option<&str>) -> (String, String) {
    word.map_or_else(Default::default, |word| {
        (format!("; có phải là {word:?}?"), format!("; did you mean {word:?}?"))
    })
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}
