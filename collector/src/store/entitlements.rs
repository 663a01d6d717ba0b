//! The ledgers of what agencies may use, as imported; every moment of them is kept.

use anyhow::Context as _;
use rusqlite::{Connection, Row, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::entitlement::{Entitlement, Metric};

use crate::entitlements::difference::{Difference, difference};

/// A line of a ledger as the store has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its number.
    pub id: i64,
    /// The agency that holds it.
    pub agency: String,
    /// What it says.
    pub entitlement: Entitlement,
    /// When it was imported.
    pub taken_at: Timestamp,
}

/// A file that was brought in.
#[derive(Clone, Debug)]
pub struct Import {
    /// The agency whose ledger it is.
    pub agency: String,
    /// Who brought it in.
    pub person: String,
    /// Its name, without folders.
    pub file: String,
    /// Digest of its bytes.
    pub digest: Digest,
}

const COLUMNS: &str =
    "id, agency, product, edition, version_max, metric, quantity, starts, ends, contract, note, taken_at";

/// Lines in force at a moment (`None`: now), of one agency or of all, by agency and what they say.
///
/// # Errors
/// If the store fails or holds what it should not.
pub fn in_force(db: &Connection, agency: Option<&str>, at: Option<Timestamp>) -> anyhow::Result<Vec<Held>> {
    let query = format!(
        "SELECT {COLUMNS} FROM entitlement WHERE (?1 IS NULL OR agency = ?1) AND taken_at <= ?2 \
         AND (left_at IS NULL OR left_at > ?2)"
    );
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query(params![agency, at.map_or(i64::MAX, |at| at.0)])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(read_line(row)?);
    }
    lines.sort_by(|one, other| {
        (&one.agency, &one.entitlement, one.id).cmp(&(&other.agency, &other.entitlement, other.id))
    });

    Ok(lines)
}

fn read_line(row: &Row<'_>) -> anyhow::Result<Held> {
    let day = |at: usize| -> anyhow::Result<_> {
        let text: Option<String> = row.get(at)?;
        text.map(|text| text.parse().with_context(|| format!("a kept day {text:?}"))).transpose()
    };
    let metric: String = row.get(5)?;

    Ok(Held {
        id: row.get(0)?,
        agency: row.get(1)?,
        entitlement: Entitlement {
            product: row.get(2)?,
            edition: row.get(3)?,
            version_max: row.get(4)?,
            metric: Metric::of_word(&metric).with_context(|| format!("a kept metric {metric:?}"))?,
            quantity: u64::try_from(row.get::<_, i64>(6)?).context("a kept quantity")?,
            start: day(7)?,
            end: day(8)?,
            contract: row.get(9)?,
            note: row.get(10)?,
        },
        taken_at: Timestamp(row.get(11)?),
    })
}

/// What a file would change in an agency's ledger as it is now.
///
/// # Errors
/// If the store fails.
pub fn compared(db: &Connection, agency: &str, lines: &[Entitlement]) -> anyhow::Result<Difference> {
    let before: Vec<Entitlement> =
        in_force(db, Some(agency), None)?.into_iter().map(|held| held.entitlement).collect();

    Ok(difference(&before, lines))
}

/// Makes a file the agency's ledger; says what that changed. A file that changes nothing leaves no trace.
///
/// # Errors
/// If the store fails.
pub fn take(
    tx: &Transaction<'_>,
    import: &Import,
    lines: &[Entitlement],
    now: Timestamp,
) -> anyhow::Result<Difference> {
    let held = in_force(tx, Some(&import.agency), None)?;
    let before: Vec<Entitlement> = held.iter().map(|held| held.entitlement.clone()).collect();
    let difference = difference(&before, lines);
    if difference.is_empty() {
        return Ok(difference);
    }
    tx.execute(
        "INSERT INTO entitlement_import (agency, at, person, file, digest, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            import.agency,
            now.0,
            import.person,
            import.file,
            import.digest.0,
            i64::try_from(lines.len()).context("the number of lines")?
        ],
    )?;
    let number = tx.last_insert_rowid();
    for gone in difference.gone() {
        let line =
            held.iter().find(|held| held.entitlement == *gone).context("a line to put out of force")?;
        tx.prepare_cached("UPDATE entitlement SET left_by = ?2, left_at = ?3 WHERE id = ?1")?
            .execute(params![line.id, number, now.0])?;
    }
    for come in difference.come() {
        put(tx, &import.agency, come, number, now)?;
    }

    Ok(difference)
}

fn put(
    tx: &Transaction<'_>,
    agency: &str,
    line: &Entitlement,
    import: i64,
    now: Timestamp,
) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO entitlement (agency, product, edition, version_max, metric, quantity, starts, ends, contract, \
         note, taken_by, taken_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        agency,
        line.product,
        line.edition,
        line.version_max,
        line.metric.word(),
        i64::try_from(line.quantity).context("a quantity")?,
        line.start.map(|day| day.to_string()),
        line.end.map(|day| day.to_string()),
        line.contract,
        line.note,
        import,
        now.0
    ])?;

    Ok(())
}

/// The number of the newest import: another one means that a ledger changed.
///
/// # Errors
/// If the store fails.
pub fn revision(db: &Connection) -> anyhow::Result<i64> {
    Ok(db
        .prepare_cached("SELECT coalesce(max(id), 0) FROM entitlement_import")?
        .query_row([], |row| row.get(0))?)
}
