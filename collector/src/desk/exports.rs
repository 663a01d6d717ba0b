//! Files for other programs: who may have them, making them, and a line in the audit log for each.

use std::time::Duration;

use anyhow::Context as _;
use vonggac_protocol::id::{AgencyId, HostId};

use super::caller::Caller;
use super::state::Desk;
use super::words::Language;
use crate::exports::gather;
use crate::exports::lists::{Asked, List, Source};
use crate::exports::make::{self, BillFormat, ListFormat, Made};
use crate::store::audit::{self, Action};
use crate::store::view::Sight;

/// How long somebody waits for others' exports to be made.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of asking.
#[derive(Debug)]
pub enum Exported {
    /// Here it is, or not.
    Sight(Sight<Made>),
    /// Others' exports take the whole time.
    Busy,
    /// This is not for the caller.
    Forbidden,
}

/// Whose bill of materials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// A machine's.
    Host(HostId),
    /// An agency's.
    Agency(AgencyId),
}

/// Makes a list.
///
/// # Errors
/// If the store fails or the file cannot be made.
pub async fn list(
    desk: &Desk,
    caller: &Caller,
    list: List,
    asked: Asked,
    format: ListFormat,
    t: Language,
) -> anyhow::Result<Exported> {
    if list.is_audit() && !caller.person.role.may_audit() {
        return Ok(Exported::Forbidden);
    }
    let Some(_turn) = turn(desk).await? else { return Ok(Exported::Busy) };
    let object = format!("list/{}", list.word());
    let detail = detail(format.word(), asked.host.as_ref(), asked.agency.as_ref());
    let (scope, memory, now) = (caller.person.scope.clone(), desk.memory.clone(), desk.now());
    let (shared, folder) = (desk.settings.vulnerabilities.clone(), desk.store.folder().to_owned());
    let sight = desk
        .store
        .read(move |db| {
            let source = Source { db, scope: &scope, vulnerabilities: &shared, memory: &memory, now, t };
            Ok(match source.sight(&asked)? {
                Sight::Seen(()) => Sight::Seen(make::list(&source, list, &asked, format, &folder)?),
                Sight::Neighbours => Sight::Neighbours,
                Sight::Absent => Sight::Absent,
            })
        })
        .await?;

    told(desk, caller, sight, object, detail).await
}

/// Makes a bill of materials.
///
/// # Errors
/// If the store fails or the file cannot be made.
pub async fn bill(
    desk: &Desk,
    caller: &Caller,
    whose: Whose,
    format: BillFormat,
) -> anyhow::Result<Exported> {
    let Some(_turn) = turn(desk).await? else { return Ok(Exported::Busy) };
    let object = match &whose {
        Whose::Host(id) => format!("sbom/host/{id}"),
        Whose::Agency(id) => format!("sbom/agency/{id}"),
    };
    let (scope, now) = (caller.person.scope.clone(), desk.now());
    let (shared, folder) = (desk.settings.vulnerabilities.clone(), desk.store.folder().to_owned());
    let sight = desk
        .store
        .read(move |db| {
            let bill = match whose {
                Whose::Host(id) => gather::of_host(db, &scope, &shared, id, format.cleared(), now)?,
                Whose::Agency(id) => gather::of_agency(db, &scope, &shared, &id, format.cleared(), now)?,
            };
            Ok(match bill {
                Sight::Seen(bill) => Sight::Seen(make::bill(&bill, format, &folder)?),
                Sight::Neighbours => Sight::Neighbours,
                Sight::Absent => Sight::Absent,
            })
        })
        .await?;

    told(desk, caller, sight, object, format.word().to_owned()).await
}

/// A turn at making an export; `None` if it does not come in time.
async fn turn(desk: &Desk) -> anyhow::Result<Option<tokio::sync::SemaphorePermit<'_>>> {
    match tokio::time::timeout(PATIENCE, desk.exports.acquire()).await {
        Ok(turn) => Ok(Some(turn.context("wait for a turn")?)),
        Err(_) => Ok(None),
    }
}

/// What was asked for, in a line of the audit log.
pub(crate) fn detail(format: &str, host: Option<&HostId>, agency: Option<&AgencyId>) -> String {
    let mut detail = format.to_owned();
    for part in [host.map(|id| format!(" host={id}")), agency.map(|id| format!(" agency={id}"))] {
        detail.push_str(&part.unwrap_or_default());
    }

    detail
}

async fn told(
    desk: &Desk,
    caller: &Caller,
    sight: Sight<Made>,
    object: String,
    detail: String,
) -> anyhow::Result<Exported> {
    if let Sight::Seen(made) = &sight {
        let (person, at, rows) = (caller.person.clone(), desk.now(), made.rows);
        desk.store
            .write(move |tx| {
                let detail = format!("{detail} rows={rows}");
                audit::append(
                    tx,
                    &Action {
                        at,
                        person: &person.name,
                        agency: person.scope.agency(),
                        action: "export.made",
                        object: &object,
                        detail: &detail,
                    },
                )
            })
            .await?;
    }

    Ok(Exported::Sight(sight))
}
