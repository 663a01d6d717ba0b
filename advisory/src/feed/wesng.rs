//! wesng's definitions: all of Microsoft's bulletins and updates as one table, without builds.
//!
//! A row is one update for one vulnerability in one product. Only rows of Windows itself and of what is updated with it
//! are taken; Office, servers and tools are counted.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::BufRead;
use std::sync::Arc;

use super::csv::Table;
use super::item::{Item, Superseded};
use super::json::{cves, is_cve, moment};
use super::reading::Reading;
use super::windows::{number, numbers, product_name};
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::FeedError;
use crate::windows::parts_of;
use crate::windows::release::is_windows;

/// How such a table begins.
pub(super) const BEGINNING: &[u8] = b"\"DatePosted\",\"CVE\",\"BulletinKB\"";

const COLUMNS: [&str; 9] = [
    "DatePosted",
    "CVE",
    "BulletinKB",
    "Title",
    "AffectedProduct",
    "AffectedComponent",
    "Severity",
    "Impact",
    "Supersedes",
];

/// Parts that a machine may not have, or have in another version: their rows speak of machines that have them.
const PARTS: [&str; 4] = ["Internet Explorer ", ".NET Framework ", "Microsoft Edge", "Adobe Flash Player"];

/// What is kept over all rows of a table.
#[derive(Default)]
struct Seen {
    edges: BTreeSet<Superseded>,
    /// Vulnerability and product of rows that name an update, by hash.
    updated: BTreeSet<u64>,
    /// Rows that name none.
    bare: Vec<Row>,
    last: Option<Arc<Advisory>>,
}

/// Reads a table.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let mut table = Table::new(body);
    let head = table.next()?.unwrap_or_default();
    if head.get(..COLUMNS.len()).is_none_or(|head| head != COLUMNS) {
        return Err(FeedError::new(table.place(), COLUMNS.join(","), head.join(",")));
    }
    let mut seen = Seen::default();
    while let Some(record) = table.next()? {
        let Some([date, cve, update, title, product, part, severity, impact, supersedes]) =
            record.first_chunk::<9>()
        else {
            let found = format!("{} fields", record.len());
            return Err(FeedError::new(table.place(), "10 fields", found));
        };
        let product = product_name(product);
        let (component, system) = parts_of(&product);
        if !is_windows(system) {
            reading.skip("product that is not Windows");
            continue;
        }
        let update = number(update);
        for before in numbers(supersedes) {
            superseded(&product, update, before, &mut seen, reading)?;
        }
        if impact == "No more updates" || !(cve.is_empty() || is_cve(cve) || cve.starts_with("ADV")) {
            reading.skip("service pack");
            continue;
        }
        let advisory = advisory(&mut seen, [date, cve, title, severity], update, reading);
        let part = part.trim();
        let is_part = component.is_none() && PARTS.iter().any(|it| part.contains(it));
        let product = if is_part { format!("{part} on {product}") } else { product };
        row(product, update, part, advisory, &mut seen, reading)?;
    }
    for row in seen.bare {
        if !seen.updated.contains(&hash(&row)) {
            reading.row(row)?;
        }
    }

    Ok(())
}

fn superseded(
    product: &str,
    update: Option<u32>,
    before: u32,
    seen: &mut Seen,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let Some(update) = update.filter(|update| *update != before) else { return Ok(()) };
    let edge = Superseded { product: product.to_owned(), update, before };
    if seen.edges.insert(edge.clone()) {
        reading.give(Item::Superseded(edge))?;
    }

    Ok(())
}

fn advisory(
    seen: &mut Seen,
    [date, cve, title, severity]: [&String; 4],
    update: Option<u32>,
    reading: &mut Reading<'_, '_>,
) -> Arc<Advisory> {
    let day = |part| date.get(part).unwrap_or_default();
    let published = moment(&format!("{}-{}-{}", day(0..4), day(4..6), day(6..8)));
    let id = match update {
        _ if !cve.is_empty() => cve.clone(),
        Some(update) => format!("KB{update}"),
        None => title.clone(),
    };
    let advisory = Advisory {
        cves: cves([id.as_str()]),
        id,
        summary: title.clone(),
        severity: (!severity.is_empty() && severity != "System.Object[]").then(|| severity.clone()),
        cvss: None,
        published,
        modified: None,
    };
    match &seen.last {
        Some(last) if **last == advisory => Arc::clone(last),
        Some(_) | None => {
            reading.advisory(published, None);
            let advisory = Arc::new(advisory);
            seen.last = Some(Arc::clone(&advisory));
            advisory
        }
    }
}

fn row(
    product: String,
    update: Option<u32>,
    part: &str,
    advisory: Arc<Advisory>,
    seen: &mut Seen,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let row = Row {
        ecosystem: Ecosystem::Windows(product.clone()),
        package: product,
        names: Names::Binary,
        module: None,
        architectures: Vec::new(),
        minor: None,
        introduced: None,
        verdict: if update.is_some() { Verdict::ByUpdate } else { Verdict::NoFix },
        update: update.map(|number| number.to_string()),
        note: part.to_owned(),
        advisory,
    };
    if update.is_some() {
        seen.updated.insert(hash(&row));
        return reading.row(row);
    }
    seen.bare.push(row);

    Ok(())
}

fn hash(row: &Row) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&row.advisory.id, &row.package).hash(&mut hasher);

    hasher.finish()
}
