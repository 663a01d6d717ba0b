//! Merging two incidents, splitting hosts off one. Findings stay where they were filed; rows beside them say what else
//! belongs to an incident, and where findings to come go.

use std::collections::BTreeSet;

use rusqlite::{Transaction, params};
use vonggac_protocol::id::HostId;

use super::{Deed, Done, Kept, Refusal, Standing, Went, note_fits, put, refused, standing};
use crate::store::incidents::{Entry, add_entry};
use crate::store::view::HostColumn;
use crate::store::view::words::{Outcome, State};

/// Makes the deed's incident a part of `into`.
pub(super) fn merge(tx: &Transaction<'_>, deed: &Deed<'_>, from: &Standing, into: i64, text: &str) -> Went {
    if !note_fits(text) {
        return Ok(Err(Done::BadNote));
    }
    if from.state == State::Closed {
        return Ok(Err(Done::Unfit(from.state)));
    }
    // An incident of another agency is told apart from none only where both may be seen.
    let target = standing(tx, into)?.filter(|target| {
        into != deed.incident && target.agency == from.agency && target.state != State::Closed
    });
    let Some(target) = target else { return refused(Refusal::BadOther) };
    if target.detected_at > from.detected_at {
        return refused(Refusal::LaterOther);
    }
    if target.drill_until.is_some() != from.drill_until.is_some() {
        return refused(Refusal::DrillOther);
    }
    take_over(tx, deed, from, into)?;
    let (id, at) = (deed.incident, deed.at);
    let marks: BTreeSet<String> = [&target.marks, &from.marks]
        .into_iter()
        .map(|marks| serde_json::from_str::<BTreeSet<String>>(marks))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect();
    let severity = target.severity.max(from.severity);
    tx.execute(
        "UPDATE incident SET severity = ?2, marks = ?3, version = version + 1,
            opened_at = min(opened_at, (SELECT opened_at FROM incident WHERE id = ?4)),
            last_at = max(last_at, (SELECT last_at FROM incident WHERE id = ?4)),
            findings = findings + (SELECT findings FROM incident WHERE id = ?4) WHERE id = ?1",
        params![into, severity.word(), serde_json::to_string(&marks)?, id],
    )?;
    let here = Kept::new("merged", text).from(format!("#{id}")).to(format!("#{into}"));
    put(tx, deed, into, &target.agency, &here)?;
    if severity != target.severity {
        let graver = Kept::new("severity", "").from(target.severity.word()).to(severity.word());
        put(tx, deed, into, &target.agency, &graver)?;
    }
    add_entry(
        tx,
        id,
        at,
        &Entry {
            person: Some(deed.person),
            action: "closed",
            text,
            before: Some(from.state.word()),
            after: Some(Outcome::Duplicate.word()),
        },
    )?;
    let reached = from.reached.after(State::Closed.life(), at);
    let moment = |at: Option<vonggac_protocol::time::Timestamp>| at.map(|at| at.0);
    tx.execute(
        "UPDATE incident SET state = 'closed', outcome = 'duplicate', merged_into = ?2, acknowledged_at = ?3,
            triaged_at = ?4, contained_at = ?5, resolved_at = ?6, closed_at = ?7,
            judged_to = (SELECT cursor FROM judge) WHERE id = ?1",
        params![
            id,
            into,
            moment(reached.acknowledged),
            moment(reached.triaged),
            moment(reached.contained),
            moment(reached.resolved),
            moment(reached.closed),
        ],
    )?;

    Ok(Ok(Kept::new("merged", text).to(format!("#{into}"))))
}

/// Findings, hosts and what is to come of the one are the other's.
fn take_over(tx: &Transaction<'_>, deed: &Deed<'_>, from: &Standing, into: i64) -> anyhow::Result<()> {
    let (id, at) = (deed.incident, deed.at.0);
    tx.execute("INSERT INTO incident_share VALUES (?1, ?2, NULL, ?3)", [into, id, at])?;
    tx.execute(
        "INSERT INTO incident_share SELECT ?1, origin, host, ?3 FROM incident_share WHERE incident = ?2",
        [into, id, at],
    )?;
    tx.execute(
        "INSERT INTO incident_host SELECT ?1, host, findings FROM incident_host WHERE incident = ?2
         ON CONFLICT (incident, host) DO UPDATE SET findings = findings + excluded.findings",
        [into, id],
    )?;
    tx.execute("UPDATE incident_route SET incident = ?1 WHERE incident = ?2", [into, id])?;
    tx.execute(
        "INSERT INTO incident_route VALUES (?1, x'', ?2)
         ON CONFLICT (join_key, host) DO UPDATE SET incident = excluded.incident",
        params![from.join_key, into],
    )?;
    tx.execute(
        "INSERT OR IGNORE INTO incident_link SELECT ?1, kind, value FROM incident_link WHERE incident = ?2",
        [into, id],
    )?;

    Ok(())
}

/// Makes these hosts an incident of their own, born when and under what the deed's was.
pub(super) fn split(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    from: &Standing,
    hosts: &[String],
    text: &str,
) -> Went {
    if !note_fits(text) {
        return Ok(Err(Done::BadNote));
    }
    if from.state == State::Closed {
        return Ok(Err(Done::Unfit(from.state)));
    }
    let asked: Option<BTreeSet<HostId>> = hosts.iter().map(|host| host.parse().ok()).collect();
    let here: BTreeSet<HostId> = tx
        .prepare("SELECT host FROM incident_host WHERE incident = ?1")?
        .query_map([deed.incident], |row| Ok(row.get::<_, HostColumn>(0)?.0))?
        .collect::<Result<_, _>>()?;
    let Some(asked) =
        asked.filter(|asked| !asked.is_empty() && asked.is_subset(&here) && asked.len() < here.len())
    else {
        return refused(Refusal::BadHosts);
    };
    let id = deed.incident;
    // A key of no matter: nothing but its routes leads to it.
    let key = format!("|split|{id}|{}", from.version);
    tx.execute(
        "INSERT INTO incident (join_key, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject,
            severity, state, owner, opened_at, raised_at, last_at, detected_at, profile, acknowledged_at, triaged_at,
            tlp, pap, marks, drill_until)
         SELECT ?2, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject, severity,
            CASE state WHEN 'new' THEN 'new' ELSE 'acknowledged' END, owner, opened_at, ?3, last_at, detected_at,
            profile, acknowledged_at, triaged_at, tlp, pap, marks, drill_until FROM incident WHERE id = ?1",
        params![id, key, deed.at.0],
    )?;
    let new = tx.last_insert_rowid();
    for host in &asked {
        tx.execute(
            "INSERT INTO incident_share VALUES (?1, ?2, ?3, ?4)",
            params![new, id, host.0, deed.at.0],
        )?;
        tx.execute(
            "INSERT INTO incident_share SELECT ?1, origin, ?3, ?4 FROM incident_share
             WHERE incident = ?2 AND (host IS NULL OR host = ?3)",
            params![new, id, host.0, deed.at.0],
        )?;
        let row = params![id, host.0, new];
        tx.execute("UPDATE incident_host SET incident = ?3 WHERE incident = ?1 AND host = ?2", row)?;
        route(tx, from, *host, id, new)?;
    }
    tx.execute(
        "UPDATE incident SET findings = (SELECT coalesce(sum(findings), 0) FROM incident_host WHERE incident = incident.id)
         WHERE id IN (?1, ?2)",
        [id, new],
    )?;
    let born = Kept::new("split", text).from(format!("#{id}")).to(format!("#{new}"));
    let opened = Entry { person: Some(deed.person), action: "opened", text, ..Entry::default() };
    add_entry(tx, new, deed.at, &opened)?;
    put(tx, deed, new, &from.agency, &born)?;
    if from.state != State::New {
        let taken = Entry {
            person: Some(deed.person),
            action: "acknowledged",
            before: Some("new"),
            after: from.owner.as_deref(),
            ..Entry::default()
        };
        add_entry(tx, new, deed.at, &taken)?;
    }

    Ok(Ok(Kept::new("split", text).to(format!("#{new}"))))
}

/// What is found on the host under any key that led to the one leads to the other.
fn route(tx: &Transaction<'_>, from: &Standing, host: HostId, id: i64, new: i64) -> anyhow::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO incident_route
         SELECT join_key, ?2, ?3 FROM incident_route WHERE incident = ?1 AND host IN (x'', ?2)
         UNION SELECT ?4, ?2, ?3",
        params![id, host.0, new, from.join_key],
    )?;

    Ok(())
}
