//! Orders of named persons to measure roots of a host anew, kept for ever and carried with what the host is assigned.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use vonggac_protocol::assignment::{Assignment, RebaselineOrder};
use vonggac_protocol::id::HostId;
use vonggac_protocol::limits::{REBASELINE_ORDERS_MAX, TEXT_BYTES_MAX};
use vonggac_protocol::observation::{Kind, Observation};

use super::audit::{self, Action};
use super::windows::Doer;
use super::{assignments, budgets, casework};

/// The word for every root.
pub const EVERY_ROOT: &str = "*";

/// How ordering went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordered {
    /// Ordered, under this number of the host.
    Kept(u64),
    /// There is no such host.
    Absent,
    /// It belongs to an agency out of scope; the attempt is in the audit log.
    Neighbours,
    /// The host never told of a baseline of this root.
    UnknownRoot,
    /// A reason is missing or too long.
    BadReason,
}

/// Wants this root of the host measured anew.
///
/// # Errors
/// If the store fails.
pub fn order(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    host: HostId,
    root: &str,
    reason: &str,
) -> anyhow::Result<Ordered> {
    let agency: Option<String> =
        tx.query_row("SELECT agency FROM host WHERE id = ?1", [host.0], |row| row.get(0)).optional()?;
    let Some(agency) = agency else { return Ok(Ordered::Absent) };
    if !doer.scope.covers(&agency) {
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("host/{host}/rebaseline"), doer.at)?;
        return Ok(Ordered::Neighbours);
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > TEXT_BYTES_MAX || doer.person.trim().is_empty() {
        return Ok(Ordered::BadReason);
    }
    if root != EVERY_ROOT && !has_root(tx, host, root)? {
        return Ok(Ordered::UnknownRoot);
    }
    let last: i64 = tx.query_row(
        "SELECT coalesce(max(number), 0) FROM rebaseline_order WHERE host = ?1",
        [host.0],
        |row| row.get(0),
    )?;
    tx.execute(
        "INSERT INTO rebaseline_order VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![host.0, last + 1, root, doer.person, reason, doer.at.0],
    )
    .context("keep an order")?;
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}, ", doer.person) };
    let entry = Action {
        at: doer.at,
        person: doer.audited,
        agency: Some(&agency),
        action: "host.rebaseline",
        object: &host.to_string(),
        detail: &format!("{by}{root}: {reason}"),
    };
    audit::append(tx, &entry)?;

    Ok(Ordered::Kept((last + 1).cast_unsigned()))
}

/// Whether the host ever told of a baseline of this root.
fn has_root(connection: &Connection, host: HostId, root: &str) -> anyhow::Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM observation WHERE host = ?1 AND kind = 'baseline_taken'")?;
    let mut rows = statement.query([host.0])?;
    while let Some(row) = rows.next()? {
        let told = Observation::decode(row.get_ref(0)?.as_blob()?);
        if matches!(&told, Ok(Observation { kind: Kind::BaselineTaken(taken), .. }) if taken.root.as_str() == root)
        {
            return Ok(true);
        }
    }

    Ok(false)
}

/// What a host is assigned: what all are, the newest orders for it, and its agency's budget of the line, which wins over
/// that of all. Its version grows with each.
///
/// # Errors
/// If the store fails.
pub fn assigned(connection: &Connection, host: HostId) -> anyhow::Result<Option<Assignment>> {
    let common = assignments::newest(connection)?;
    let mut statement = connection.prepare_cached(
        "SELECT number, root, person, reason FROM rebaseline_order WHERE host = ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let most = i64::try_from(REBASELINE_ORDERS_MAX).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![host.0, most], |row| {
        Ok(RebaselineOrder {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            root: row.get(1)?,
            by: row.get(2)?,
            reason: row.get(3)?,
        })
    })?;
    let mut orders: Vec<RebaselineOrder> = rows.collect::<Result<_, _>>().context("read the orders")?;
    orders.reverse();
    let budget = budgets::of_host(connection, host)?;
    if orders.is_empty() && budget.is_none() {
        return Ok(common);
    }
    let common = common.unwrap_or_default();
    let last = orders.last().map_or(0, |order| order.number);
    let (changes, kib) = budget.map_or((0, common.daily_budget_kib), |budget| (budget.number, budget.kib));

    Ok(Some(Assignment {
        version: common.version + last + changes,
        rebaseline: (!orders.is_empty()).then_some(orders),
        daily_budget_kib: kib,
        ..common
    }))
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::id::AgencyId;
    use vonggac_protocol::time::Timestamp;

    use super::*;
    use crate::store::view::Scope;
    use crate::store::{agencies, hosts, migrate};

    const HOST: HostId = HostId([5; 16]);

    fn doer(scope: &Scope) -> Doer<'_> {
        Doer { person: "chi", audited: "chi", scope, at: Timestamp(7) }
    }

    fn with_store(trial: impl FnOnce(&Transaction<'_>)) {
        let mut db = Connection::open_in_memory().unwrap();
        migrate::to_newest(&mut db).unwrap();
        let tx = db.transaction().unwrap();
        let agency = AgencyId::new("so-tttt").unwrap();
        agencies::add(&tx, &agency, "Sở", agencies::Level::Department, Timestamp(0)).unwrap();
        hosts::add(&tx, HOST, &agency, "may-1", hosts::HostState::Active, 180, Timestamp(0)).unwrap();
        trial(&tx);
    }

    #[test]
    fn an_order_goes_with_the_hosts_assignment_whose_version_grows_with_orders_and_with_what_all_are_assigned()
     {
        with_store(|tx| {
            assert_eq!(assigned(tx, HOST).unwrap(), None);

            assert_eq!(order(tx, doer(&Scope::All), HOST, "*", "bảo trì").unwrap(), Ordered::Kept(1));
            let first = assigned(tx, HOST).unwrap().unwrap();
            let wanted = Assignment { heartbeat_secs: 30, ..Assignment::default() };
            assignments::put(tx, &wanted, Timestamp(0)).unwrap();
            let second = assigned(tx, HOST).unwrap().unwrap();
            order(tx, doer(&Scope::All), HOST, "*", "bảo trì").unwrap();
            let third = assigned(tx, HOST).unwrap().unwrap();

            assert_eq!((first.version, second.version, third.version), (1, 2, 3));
            assert_eq!(second.heartbeat_secs, 30);
            let orders = third.rebaseline.as_ref().unwrap();
            assert_eq!(orders.iter().map(|order| order.number).collect::<Vec<_>>(), [1, 2]);
            assert_eq!((orders[0].by.as_str(), third.check().is_ok()), ("chi", true));
            assert_eq!(assigned(tx, HostId([6; 16])).unwrap().unwrap().rebaseline, None);
        });
    }

    #[test]
    fn an_agencys_budget_is_assigned_to_its_hosts_and_each_change_is_a_new_version() {
        with_store(|tx| {
            let agency: String =
                tx.query_row("SELECT agency FROM host WHERE id = ?1", [HOST.0], |row| row.get(0)).unwrap();
            let agency = AgencyId::new(&agency).unwrap();

            budgets::set(tx, &agency, Some(512), Timestamp(0)).unwrap();
            let set = assigned(tx, HOST).unwrap().unwrap();
            budgets::set(tx, &agency, None, Timestamp(1)).unwrap();
            let lifted = assigned(tx, HOST).unwrap().unwrap();

            assert_eq!((set.version, set.daily_budget_kib, set.check().is_ok()), (1, Some(512), true));
            assert_eq!((lifted.version, lifted.daily_budget_kib), (2, None));
            assert_eq!(assigned(tx, HostId([6; 16])).unwrap(), None);
        });
    }

    #[test]
    fn a_neighbours_host_an_unknown_root_and_a_missing_reason_are_refused_and_the_first_is_audited() {
        with_store(|tx| {
            let theirs = Scope::Agency(AgencyId::new("so-y-te").unwrap());

            assert_eq!(order(tx, doer(&theirs), HOST, "*", "x").unwrap(), Ordered::Neighbours);
            assert_eq!(order(tx, doer(&Scope::All), HOST, "/srv", "x").unwrap(), Ordered::UnknownRoot);
            assert_eq!(order(tx, doer(&Scope::All), HOST, "*", " ").unwrap(), Ordered::BadReason);
            let refused = "SELECT count(*) FROM audit WHERE action = 'scope.refused'";
            assert_eq!(tx.query_row(refused, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
            assert_eq!(assigned(tx, HOST).unwrap(), None);
        });
    }
}
