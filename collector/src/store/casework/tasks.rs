//! Tasks for the agency, with a time, and answers with evidence.

use rusqlite::{OptionalExtension as _, Transaction, params};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::ObservationId;

use super::{Act, Deed, Done, Kept, Refusal, Standing, Went, note_fits, refused};
use crate::store::view::words::State;

/// Tasks of one incident at most.
const TASKS_MAX: i64 = 200;

/// What one answer rests on at most.
const EVIDENCE_MAX: usize = 32;

#[expect(clippy::wildcard_enum_match_arm, reason = "the others have a note that does not fit")]
pub(super) fn task(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> Went {
    if standing.state == State::Closed {
        return Ok(Err(Done::Unfit(standing.state)));
    }
    match &deed.act {
        Act::AddTask { text, due_at } if note_fits(text) => {
            let count: i64 = tx.query_row(
                "SELECT count(*) FROM incident_task WHERE incident = ?1",
                [deed.incident],
                |row| row.get(0),
            )?;
            if count >= TASKS_MAX {
                return refused(Refusal::BadTask);
            }
            if *due_at < deed.at {
                return refused(Refusal::BadMoment);
            }
            tx.execute(
                "INSERT INTO incident_task (incident, text, due_at, state, made_by, made_at)
                 VALUES (?1, ?2, ?3, 'open', ?4, ?5)",
                params![deed.incident, text.trim(), due_at.0, deed.person, deed.at.0],
            )?;
            Ok(Ok(Kept::new("task_added", text).to(format!("#{}", tx.last_insert_rowid()))))
        }
        Act::AnswerTask { task, text, evidence } if note_fits(text) => {
            if !is_there(tx, evidence, &standing.agency)? {
                return refused(Refusal::BadEvidence);
            }
            let Some(before) = turn(tx, deed.incident, *task, &["open", "answered"], "answered")? else {
                return refused(Refusal::BadTask);
            };
            tx.execute(
                "UPDATE incident_task SET answer = ?2, evidence = ?3, answered_by = ?4, answered_at = ?5 WHERE id = ?1",
                params![task, text.trim(), serde_json::to_string(evidence)?, deed.person, deed.at.0],
            )?;
            let text = format!("{}\n{}", text.trim(), evidence.join("\n"));
            Ok(Ok(Kept::new("task_answered", &text).from(format!("#{task} {before}")).to(format!("#{task}"))))
        }
        Act::AcceptTask { task } => settle(tx, deed, *task, (&["answered"], "accepted", "task_accepted"), ""),
        Act::ReturnTask { task, text } if note_fits(text) => {
            settle(tx, deed, *task, (&["answered"], "open", "task_returned"), text)
        }
        Act::WithdrawTask { task, text } if note_fits(text) => {
            settle(tx, deed, *task, (&["open", "answered"], "withdrawn", "task_withdrawn"), text)
        }
        _ => Ok(Err(Done::BadNote)),
    }
}

fn settle(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    task: i64,
    (from, to, action): (&[&str], &str, &'static str),
    text: &str,
) -> Went {
    match turn(tx, deed.incident, task, from, to)? {
        Some(before) => {
            Ok(Ok(Kept::new(action, text).from(format!("#{task} {before}")).to(format!("#{task}"))))
        }
        None => refused(Refusal::BadTask),
    }
}

/// Brings a task from one of these states to another; `None` if it does not stand there.
fn turn(
    tx: &Transaction<'_>,
    incident: i64,
    task: i64,
    from: &[&str],
    to: &str,
) -> anyhow::Result<Option<String>> {
    let state: Option<String> = tx
        .query_row(
            "SELECT state FROM incident_task WHERE id = ?1 AND incident = ?2",
            [task, incident],
            |row| row.get(0),
        )
        .optional()?;
    let Some(state) = state.filter(|state| from.contains(&state.as_str())) else { return Ok(None) };
    tx.execute("UPDATE incident_task SET state = ?2 WHERE id = ?1", params![task, to])?;

    Ok(Some(state))
}

/// Whether each is an observation of a host of this agency, or the digest of a file kept elsewhere.
fn is_there(tx: &Transaction<'_>, evidence: &[String], agency: &str) -> anyhow::Result<bool> {
    if evidence.len() > EVIDENCE_MAX {
        return Ok(false);
    }
    for one in evidence {
        if let Some(digest) = one.strip_prefix("sha256:") {
            if digest.parse::<Digest>().is_err() {
                return Ok(false);
            }
            continue;
        }
        let Ok(id) = one.parse::<ObservationId>() else { return Ok(false) };
        let (epoch, seq) = (id.epoch.0.cast_signed(), id.seq.0.cast_signed());
        let found = tx
            .query_row(
                "SELECT 1 FROM observation o JOIN host h ON h.id = o.host WHERE o.host = ?1 AND o.epoch = ?2
                 AND o.lane = ?3 AND o.seq = ?4 AND h.agency = ?5",
                params![id.host.0, epoch, id.lane.code(), seq, agency],
                |_| Ok(()),
            )
            .optional()?;
        if found.is_none() {
            return Ok(false);
        }
    }

    Ok(true)
}
