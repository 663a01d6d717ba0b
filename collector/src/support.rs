//! Ends of support as they are told: those of the rules' own file, and newer or more ones of feeds that were carried in.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_advisory::feed::{Ended, Item, Kind, read_packed};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::entitlement::day_of;
use vonggac_rules::support::{SupportEnd, SupportState, SupportTable};
use vonggac_rules::support_update::{Told, system_of};

use crate::feeds::bundle::PART_UNPACKED_MAX;
use crate::store::feeds::{self, Kept};

/// Whose form all feeds of ends of support have.
const PUBLISHER: &str = "endoflife.date";

/// The feeds of ends of support that were held at a moment, as far as they still are: another answer means other days.
///
/// # Errors
/// If the store fails.
pub fn stamp(db: &Connection, at: Timestamp) -> anyhow::Result<BTreeMap<String, Digest>> {
    Ok(held(db, at)?.into_iter().map(|kept| (kept.part.name, kept.part.packed)).collect())
}

fn held(db: &Connection, at: Timestamp) -> anyhow::Result<Vec<Kept>> {
    let mut held = feeds::list(db)?;
    held.retain(|kept| kept.part.kind == Kind::Support && kept.imported_at <= at);
    // The newest data has the last word.
    held.sort_by_key(|kept| kept.part.dated);

    Ok(held)
}

/// The table with what those feeds say.
///
/// # Errors
/// If the store fails, or a feed is not as it was let in.
pub fn current(db: &Connection, mut table: SupportTable, at: Timestamp) -> anyhow::Result<SupportTable> {
    for Kept { part, .. } in held(db, at)? {
        let bytes = feeds::content(db, &part.name)?;
        let mut told = Vec::new();
        read_packed(bytes.as_slice(), PART_UNPACKED_MAX, &mut |item| {
            if let Item::Ended(ended) = item {
                told.extend(told_by(&ended));
            }
            Ok(())
        })
        .with_context(|| format!("read the feed {}", part.name))?;
        let source = if part.source.is_empty() {
            PUBLISHER.to_owned()
        } else {
            format!("{PUBLISHER}, {}", part.source)
        };
        let updated = table.updated(&source, day_of(part.dated), &told).map_err(|mistakes| {
            let texts: Vec<String> = mistakes.iter().map(|mistake| mistake.problem.en.clone()).collect();
            anyhow::anyhow!("{}: {}", part.name, texts.join("; "))
        });
        table = updated?;
    }

    Ok(table)
}

/// What a record says of an operating system; `None` for other products, and for an end without a day.
fn told_by(ended: &Ended) -> Option<Told> {
    let (os, version, name) = system_of(&ended.product, &ended.release)?;
    let standard = ended.standard.as_ref()?.parse().ok()?;
    let extended = ended.extended.as_ref().and_then(|day| day.parse().ok());

    Some(Told { os, version, name, standard, extended })
}

/// Until when a system gets fixes, and who says so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Support {
    /// Name of the system.
    pub name: String,
    /// Last day of the vendor's fixes for everybody.
    #[schema(format = Date)]
    pub standard: String,
    /// Last day of fixes that cost nothing.
    #[schema(format = Date)]
    pub free_until: String,
    /// `standard`, `extended`, `paid_only` or `past`.
    pub state: &'static str,
    /// Days left in that state; in `past`, days since the end.
    pub days: i32,
    /// Where the days are from.
    pub source: String,
    /// The day of that source.
    #[schema(format = Date)]
    pub checked: String,
}

impl Support {
    /// As it stands at a moment.
    #[must_use]
    pub fn of(end: &SupportEnd, now: Timestamp) -> Self {
        let (state, days) = match end.state_at(now) {
            SupportState::Standard { days } => ("standard", days),
            SupportState::Extended { days, .. } => ("extended", days),
            SupportState::PaidOnly { days, .. } => ("paid_only", days),
            SupportState::Past { days } => ("past", days),
        };

        Self {
            name: end.name.clone(),
            standard: end.standard.to_string(),
            free_until: end.free_until().to_string(),
            state,
            days,
            source: end.source.clone(),
            checked: end.checked.to_string(),
        }
    }
}
