//! What people say of an incident: notes, who has it, labels, marks, pauses, links.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction, params};
use vonggac_protocol::id::HostId;
use vonggac_rules::incident::marks::{Mark, PAP, TLP};

use super::{Act, Deed, Done, Kept, Refusal, Standing, Went, note_fits, refused, works_on};
use crate::store::view::Scope;

/// A drill lasts a week at most.
const DRILL_HOURS_MAX: u32 = 168;

/// Characters of a linked name at most.
const LINK_MAX: usize = 1_024;

#[expect(clippy::wildcard_enum_match_arm, reason = "the others have a note that does not fit")]
pub(super) fn say(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> Went {
    match &deed.act {
        Act::Comment { text } if note_fits(text) => {
            Ok(Ok(Kept::new("commented", text).from(standing.state.word())))
        }
        Act::Assign { person } => assign(tx, deed, standing, person),
        Act::Review { person } => review(tx, deed, standing, person.as_deref()),
        Act::Grade { severity, text } if note_fits(text) => {
            tx.execute(
                "UPDATE incident SET severity = ?2 WHERE id = ?1",
                params![deed.incident, severity.word()],
            )?;
            Ok(Ok(Kept::new("severity", text).from(standing.severity.word()).to(severity.word())))
        }
        Act::Tlp { label } => labelled(
            tx,
            deed,
            (&TLP, "tlp", &standing.tlp, "UPDATE incident SET tlp = ?2 WHERE id = ?1"),
            label,
        ),
        Act::Pap { label } => labelled(
            tx,
            deed,
            (&PAP, "pap", &standing.pap, "UPDATE incident SET pap = ?2 WHERE id = ?1"),
            label,
        ),
        Act::Mark { mark, on, text } if note_fits(text) => marked(tx, deed, standing, (mark, *on), text),
        Act::Drill { hours, text } if note_fits(text) => drill(tx, deed, standing, *hours, text),
        Act::Pause { text } | Act::Resume { text } if note_fits(text) => rest(tx, deed, standing, text),
        Act::Link { kind, value } | Act::Unlink { kind, value } => {
            link(tx, deed, standing, kind, value.trim())
        }
        _ => Ok(Err(Done::BadNote)),
    }
}

fn assign(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing, person: &str) -> Went {
    if !works_on(tx, person, &standing.agency)? {
        return refused(Refusal::NoSuchPerson);
    }
    if standing.reviewer.as_deref() == Some(person) {
        return refused(Refusal::OwnerReviews);
    }
    tx.execute("UPDATE incident SET owner = ?2 WHERE id = ?1", params![deed.incident, person])?;

    Ok(Ok(Kept::new("assigned", "").from(standing.owner.as_deref().unwrap_or_default()).to(person)))
}

fn review(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing, person: Option<&str>) -> Went {
    if let Some(person) = person {
        if !works_on(tx, person, &standing.agency)? {
            return refused(Refusal::NoSuchPerson);
        }
        if standing.owner.as_deref() == Some(person) {
            return refused(Refusal::OwnerReviews);
        }
    }
    tx.execute("UPDATE incident SET reviewer = ?2 WHERE id = ?1", params![deed.incident, person])?;
    let before = standing.reviewer.as_deref().unwrap_or_default();

    Ok(Ok(Kept::new("reviewer", "").from(before).to(person.unwrap_or_default())))
}

fn labelled(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    (labels, action, before, query): (&[&str], &'static str, &str, &str),
    label: &str,
) -> Went {
    if !labels.contains(&label) {
        return refused(Refusal::BadWord);
    }
    tx.execute(query, params![deed.incident, label])?;

    Ok(Ok(Kept::new(action, "").from(before).to(label)))
}

fn marked(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    standing: &Standing,
    (mark, on): (&str, bool),
    text: &str,
) -> Went {
    if Mark::of_word(mark).is_none() {
        return refused(Refusal::BadWord);
    }
    let mut marks: BTreeSet<String> = serde_json::from_str(&standing.marks)?;
    let changed = if on { marks.insert(mark.to_owned()) } else { marks.remove(mark) };
    if !changed {
        return refused(Refusal::NotNow);
    }
    let after = serde_json::to_string(&marks)?;
    tx.execute("UPDATE incident SET marks = ?2 WHERE id = ?1", params![deed.incident, after])?;

    Ok(Ok(Kept::new("marked", text).from(standing.marks.as_str()).to(after)))
}

/// A drill hides from figures: only who answers for the province says so, and everybody sees who and why.
fn drill(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing, hours: u32, text: &str) -> Went {
    let is_drill = standing.drill_until.is_some();
    if !matches!(deed.scope, Scope::All) {
        return refused(Refusal::ProvinceOnly);
    }
    if hours > DRILL_HOURS_MAX || (hours == 0 && !is_drill) {
        return refused(Refusal::NotNow);
    }
    if hours == 0 {
        let other: Option<i64> = tx
            .query_row(
                "SELECT id FROM incident WHERE join_key = ?1 AND state <> 'closed' AND drill_until IS NULL",
                [&standing.join_key],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(other) = other {
            return Ok(Err(Done::AnotherOpen(other)));
        }
    }
    let until = (hours > 0).then(|| deed.at.plus(Duration::from_secs(u64::from(hours) * 3_600)));
    tx.execute(
        "UPDATE incident SET drill_until = ?2 WHERE id = ?1",
        params![deed.incident, until.map(|until| until.0)],
    )?;
    let word = |is: bool| if is { "drill" } else { "real" };

    Ok(Ok(Kept::new("drill", text).from(word(is_drill)).to(word(until.is_some()))))
}

fn rest(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing, text: &str) -> Went {
    let newest: Option<String> = tx
        .query_row(
            "SELECT action FROM incident_entry WHERE incident = ?1 AND action IN ('paused', 'resumed')
             ORDER BY id DESC LIMIT 1",
            [deed.incident],
            |row| row.get(0),
        )
        .optional()?;
    let (rests, pause) = (newest.as_deref() == Some("paused"), matches!(deed.act, Act::Pause { .. }));
    if rests == pause || standing.reached.resolved.is_some() {
        return refused(Refusal::NotNow);
    }

    Ok(Ok(Kept::new(if pause { "paused" } else { "resumed" }, text)))
}

fn link(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing, kind: &str, value: &str) -> Went {
    let fits = match kind {
        "host" => match value.parse::<HostId>() {
            Ok(host) => tx
                .query_row(
                    "SELECT id FROM host WHERE id = ?1 AND agency = ?2",
                    params![host.0, standing.agency],
                    |_| Ok(()),
                )
                .optional()?
                .is_some(),
            Err(_) => false,
        },
        "file" | "package" => !value.is_empty() && value.chars().count() <= LINK_MAX,
        _ => return refused(Refusal::BadWord),
    };
    if !fits {
        return refused(if kind == "host" { Refusal::BadHosts } else { Refusal::BadWord });
    }
    let row = params![deed.incident, kind, value];
    let is_on = matches!(deed.act, Act::Link { .. });
    let changed = if is_on {
        tx.execute("INSERT OR IGNORE INTO incident_link VALUES (?1, ?2, ?3)", row)?
    } else {
        tx.execute("DELETE FROM incident_link WHERE incident = ?1 AND kind = ?2 AND value = ?3", row)?
    };
    if changed == 0 {
        return refused(Refusal::NotNow);
    }
    let named = format!("{kind}:{value}");

    Ok(Ok(if is_on { Kept::new("linked", "").to(named) } else { Kept::new("unlinked", "").from(named) }))
}
