//! Which machine an identity belongs to, which came with it too, and what a person decided.

use anyhow::Context as _;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::machine::{Continuity, ContinuitySecret, MachineMarks};
use vonggac_protocol::observation::TwiceBy;
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action};
use super::hosts::{self, HostState};
use super::windows::Doer;
use super::{casework, certificates, forbidden};
use crate::mark_key::MarkKey;
use crate::session::twice::{Known, Left, Life};

/// Steps that were left and machines that were turned away are remembered to this number for each host, the newest.
const REMEMBERED_MAX: i64 = 32;

/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 1_000;

/// A machine that came with the identity of another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// What it is.
    pub marks: Option<MachineMarks>,
    /// The step that it came with.
    pub step: Option<Continuity>,
    /// By what it was told apart.
    pub by: TwiceBy,
    /// Network address it came from.
    pub address: String,
    /// Network address that the identity came from until then.
    pub before: String,
}

/// What a person decides of an identity that two machines have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Decision {
    /// The machine that had it goes on, the one that came is turned away.
    #[value(
        help = "Máy cũ tiếp tục, máy mới đến bị từ chối / the machine that had it goes on, the one that came is turned away"
    )]
    Known,
    /// The machine that came goes on, the one that had it is turned away.
    #[value(
        help = "Máy mới đến tiếp tục, máy cũ bị từ chối / the machine that came goes on, the one that had it is turned away"
    )]
    Found,
    /// Neither: the identity is revoked, both must enrol.
    #[value(
        help = "Không máy nào: thu hồi danh tính, cả hai ghi danh lại / neither: the identity is revoked, both must enrol"
    )]
    EnrolAgain,
}

impl Decision {
    fn word(self) -> &'static str {
        match self {
            Self::Known => "turned_away",
            Self::Found => "taken",
            Self::EnrolAgain => "enrol_again",
        }
    }
}

/// How deciding went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decided {
    /// As wished.
    Done,
    /// There is no such host.
    Absent,
    /// It belongs to an agency out of scope; the attempt is in the audit log.
    Neighbours,
    /// It is not in a state of which this can be decided.
    WrongState,
    /// A reason is missing or too long.
    BadReason,
}

/// Two machines with one identity, for a person to look at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Pair {
    /// First digits of the mark of the machine that had the identity; empty if it is not known.
    pub known: String,
    /// First digits of the mark of the machine that came with it.
    pub found: String,
    /// By what they were told apart: `installation`, `hardware`, `continuity`.
    pub by: String,
    /// Network address that the identity came from until then.
    pub before: String,
    /// Network address that the other came from.
    pub address: String,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

fn marks_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<MachineMarks>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;

    Ok(bytes.and_then(|bytes| minicbor::decode(&bytes).ok()))
}

fn step_of(row: &Row<'_>, number: usize, secret: usize) -> rusqlite::Result<Option<Continuity>> {
    let (number, secret): (Option<i64>, Option<[u8; 16]>) = (row.get(number)?, row.get(secret)?);

    Ok(number.zip(secret).map(|(number, secret)| Continuity {
        number: number.cast_unsigned(),
        secret: ContinuitySecret(secret),
    }))
}

fn encoded(marks: Option<&MachineMarks>) -> anyhow::Result<Option<Vec<u8>>> {
    marks.map(minicbor::to_vec).transpose().context("encode marks")
}

/// Sees to it that all marks are kept under this key: seals, once, what was kept bare. `false`: they are under another one.
///
/// # Errors
/// If the store fails.
pub fn seal(tx: &Transaction<'_>, key: &MarkKey) -> anyhow::Result<bool> {
    let proof: Option<[u8; 32]> =
        tx.query_row("SELECT proof FROM mark_key", [], |row| row.get(0)).optional()?;
    if let Some(proof) = proof {
        return Ok(Digest(proof) == key.proof());
    }
    for (read, write) in [
        (
            "SELECT host, marks FROM machine WHERE marks IS NOT NULL",
            "UPDATE machine SET marks = ?2 WHERE host = ?1",
        ),
        (
            "SELECT id, marks FROM machine_found WHERE marks IS NOT NULL",
            "UPDATE machine_found SET marks = ?2 WHERE id = ?1",
        ),
    ] {
        let kept: Vec<(Value, Option<MachineMarks>)> = tx
            .prepare(read)?
            .query_map([], |row| Ok((row.get(0)?, marks_of(row, 1)?)))?
            .collect::<Result<_, _>>()?;
        for (row, mut marks) in kept {
            marks.iter_mut().for_each(|marks| key.seal(marks));
            tx.execute(write, params![row, encoded(marks.as_ref())?])?;
        }
    }
    forbidden::seal(tx, key)?;
    tx.execute("INSERT INTO mark_key VALUES (?1)", [key.proof().0])?;

    Ok(true)
}

fn columns(step: Option<Continuity>) -> (Option<i64>, Option<[u8; 16]>) {
    step.map(|step| (step.number.cast_signed(), step.secret.0)).unzip()
}

/// What is known of a host's machine.
///
/// # Errors
/// If the store cannot be read.
pub fn known(db: &Connection, host: HostId) -> anyhow::Result<Known> {
    let mut known = Known { fingerprint: hosts::fingerprint(db, host)?, ..Known::default() };
    let kept = db
        .prepare_cached(
            "SELECT marks, held_number, held_secret, offered_number, offered_secret, set_back
             FROM machine WHERE host = ?1",
        )?
        .query_row([host.0], |row| {
            let life =
                Life { held: step_of(row, 1, 2)?, offered: step_of(row, 3, 4)?, set_back: row.get(5)? };
            Ok((marks_of(row, 0)?, life))
        })
        .optional()?;
    if let Some((marks, life)) = kept {
        (known.marks, known.life) = (marks, Some(life));
    }
    known.left = db
        .prepare_cached(
            "SELECT number, secret, decided FROM machine_left WHERE host = ?1 ORDER BY at DESC, number DESC LIMIT ?2",
        )?
        .query_map(params![host.0, REMEMBERED_MAX], |row| {
            Ok(step_of(row, 0, 1)?.zip(Some(row.get(2)?)))
        })?
        .filter_map(|row| row.map(|left| left.map(|(step, decided)| Left { step, decided })).transpose())
        .collect::<Result<_, _>>()?;
    known.turned_away = db
        .prepare_cached(
            "SELECT fingerprint, marks FROM machine_found
             WHERE host = ?1 AND decision = 'turned_away' ORDER BY id DESC LIMIT ?2",
        )?
        .query_map(params![host.0, REMEMBERED_MAX], |row| Ok((Digest(row.get(0)?), marks_of(row, 1)?)))?
        .collect::<Result<_, _>>()?;

    Ok(known)
}

/// Keeps what is known of a host's machine now; its fingerprint is kept with the host.
///
/// # Errors
/// If the store fails.
pub fn keep(tx: &Transaction<'_>, host: HostId, known: &Known, now: Timestamp) -> anyhow::Result<()> {
    let life = known.life.unwrap_or_default();
    let ((held, held_secret), (offered, offered_secret)) = (columns(life.held), columns(life.offered));
    tx.prepare_cached("INSERT OR REPLACE INTO machine VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            host.0,
            encoded(known.marks.as_ref())?,
            held,
            held_secret,
            offered,
            offered_secret,
            life.set_back
        ],
    )?;
    for left in &known.left {
        leave(tx, host, *left, now)?;
    }
    tx.prepare_cached(
        "DELETE FROM machine_left WHERE host = ?1 AND (number, secret) NOT IN
            (SELECT number, secret FROM machine_left WHERE host = ?1 ORDER BY at DESC, number DESC LIMIT ?2)",
    )?
    .execute(params![host.0, REMEMBERED_MAX])?;

    Ok(())
}

fn leave(tx: &Transaction<'_>, host: HostId, left: Left, now: Timestamp) -> anyhow::Result<()> {
    tx.prepare_cached(
        "INSERT INTO machine_left VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET decided = max(decided, ?4)",
    )?
    .execute(params![
        host.0,
        left.step.number.cast_signed(),
        left.step.secret.0,
        left.decided,
        now.0
    ])?;

    Ok(())
}

/// The machine says that the step of this number is on its disk.
///
/// # Errors
/// If the store fails.
pub fn confirm(tx: &Transaction<'_>, host: HostId, number: u64, now: Timestamp) -> anyhow::Result<()> {
    let mut known = known(tx, host)?;
    let after = known.life.map(|life| life.confirmed(number));
    if after != known.life {
        known.life = after;
        keep(tx, host, &known, now)?;
    }

    Ok(())
}

/// Holds a host and keeps who came.
///
/// # Errors
/// If the store fails.
pub fn hold(tx: &Transaction<'_>, host: HostId, found: &Found, now: Timestamp) -> anyhow::Result<()> {
    hosts::set_state(tx, host, HostState::Held)?;
    let (number, secret) = columns(found.step);
    tx.execute(
        "INSERT INTO machine_found (host, fingerprint, marks, step_number, step_secret, told_apart_by, address,
             before, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            host.0,
            found.fingerprint.0,
            encoded(found.marks.as_ref())?,
            number,
            secret,
            word(found.by),
            found.address,
            found.before,
            now.0
        ],
    )?;

    Ok(())
}

/// The word in the store and for people.
#[must_use]
pub fn word(by: TwiceBy) -> &'static str {
    match by {
        TwiceBy::Installation => "installation",
        TwiceBy::Hardware => "hardware",
        TwiceBy::Continuity => "continuity",
    }
}

/// The two machines of a host that waits for a decision.
///
/// # Errors
/// If the store cannot be read.
pub fn pair(db: &Connection, host: HostId) -> anyhow::Result<Option<Pair>> {
    let known = known(db, host)?;
    let short = |marks: Option<&MachineMarks>, fingerprint: Option<Digest>| {
        let mark = marks.and_then(|marks| marks.hardware.or(marks.installation)).or(fingerprint);
        mark.map_or_else(String::new, |mark| mark.to_string().chars().take(16).collect())
    };
    let found = db
        .prepare_cached(
            "SELECT fingerprint, marks, told_apart_by, before, address, at FROM machine_found
             WHERE host = ?1 AND decision IS NULL ORDER BY id DESC LIMIT 1",
        )?
        .query_row([host.0], |row| {
            let marks = marks_of(row, 1)?;
            Ok(Pair {
                known: short(known.marks.as_ref(), known.fingerprint),
                found: short(marks.as_ref(), Some(Digest(row.get(0)?))),
                by: row.get(2)?,
                before: row.get(3)?,
                address: row.get(4)?,
                at: Timestamp(row.get(5)?),
            })
        })
        .optional()?;

    Ok(found)
}

/// Decides which of two machines goes on.
///
/// # Errors
/// If the store fails.
pub fn decide(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    id: HostId,
    decision: Decision,
    reason: &str,
) -> anyhow::Result<Decided> {
    let host = match permitted(tx, doer, id, HostState::Held, reason)? {
        Ok(host) => host,
        Err(refused) => return Ok(refused),
    };
    match decision {
        Decision::Known => turn_away_found(tx, id, doer.at)?,
        Decision::Found => take_found(tx, id, doer.at)?,
        Decision::EnrolAgain => certificates::revoke_all(tx, id, doer.at)?,
    }
    let after = if decision == Decision::EnrolAgain { HostState::Revoked } else { HostState::Active };
    hosts::set_state(tx, id, after)?;
    tx.execute(
        "UPDATE machine_found SET decision = ?2, decided_by = ?3, decided_at = ?4, reason = ?5
         WHERE host = ?1 AND decision IS NULL",
        params![id.0, decision.word(), doer.person, doer.at.0, reason.trim()],
    )?;
    let action = if decision == Decision::EnrolAgain { "host.revoked" } else { "host.released" };
    note(tx, doer, &host, action, &format!("{}: {}", decision.word(), reason.trim()))?;

    Ok(Decided::Done)
}

/// Lets a waiting host work, or sends it away.
///
/// # Errors
/// If the store fails.
pub fn admit(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    id: HostId,
    accept: bool,
    reason: &str,
) -> anyhow::Result<Decided> {
    let needed = if accept && reason.trim().is_empty() { "-" } else { reason };
    let host = match permitted(tx, doer, id, HostState::Waiting, needed)? {
        Ok(host) => host,
        Err(refused) => return Ok(refused),
    };
    let (state, action) = if accept {
        (HostState::Active, "host.approved")
    } else {
        certificates::revoke_all(tx, id, doer.at)?;
        (HostState::Revoked, "host.rejected")
    };
    hosts::set_state(tx, id, state)?;
    note(tx, doer, &host, action, &format!("{} {}", host.name, reason.trim()))?;

    Ok(Decided::Done)
}

/// The host, if it is in scope, in this state, and a reason was given.
fn permitted(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    id: HostId,
    state: HostState,
    reason: &str,
) -> anyhow::Result<Result<hosts::Host, Decided>> {
    let Some(host) = hosts::find(tx, id)? else { return Ok(Err(Decided::Absent)) };
    if !doer.scope.covers(&host.agency) {
        casework::note_refusal(tx, doer.audited, doer.scope, &format!("host/{id}/decide"), doer.at)?;
        return Ok(Err(Decided::Neighbours));
    }
    if host.state != state {
        return Ok(Err(Decided::WrongState));
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Ok(Err(Decided::BadReason));
    }

    Ok(Ok(host))
}

fn note(
    tx: &Transaction<'_>,
    doer: Doer<'_>,
    host: &hosts::Host,
    action: &str,
    detail: &str,
) -> anyhow::Result<()> {
    let by = if doer.person == doer.audited { String::new() } else { format!("by {}, ", doer.person) };
    let entry = Action {
        at: doer.at,
        person: doer.audited,
        agency: Some(&host.agency),
        action,
        object: &host.id.to_string(),
        detail: &format!("{by}{detail}"),
    };

    audit::append(tx, &entry)
}

/// Fingerprint, marks and step of a machine that came.
type Came = (Digest, Option<MachineMarks>, Option<Continuity>);

fn newest_found(tx: &Transaction<'_>, host: HostId) -> anyhow::Result<Option<Came>> {
    let found = tx
        .prepare_cached(
            "SELECT fingerprint, marks, step_number, step_secret FROM machine_found
             WHERE host = ?1 AND decision IS NULL ORDER BY id DESC LIMIT 1",
        )?
        .query_row([host.0], |row| Ok((Digest(row.get(0)?), marks_of(row, 1)?, step_of(row, 2, 3)?)))
        .optional()?;

    Ok(found)
}

/// The step that the other came with is nobody's any more, unless both stand at it; then its marks must tell it.
fn turn_away_found(tx: &Transaction<'_>, host: HostId, now: Timestamp) -> anyhow::Result<()> {
    let Some((_, _, Some(step))) = newest_found(tx, host)? else { return Ok(()) };
    let life = known(tx, host)?.life.unwrap_or_default();
    if Some(step) == life.held || Some(step) == life.offered {
        return Ok(());
    }

    leave(tx, host, Left { step, decided: true }, now)
}

/// The other takes the place: what it is and where it stands count from now on, and its spool begins anew since places
/// of the old epoch were taken by the one before.
fn take_found(tx: &Transaction<'_>, host: HostId, now: Timestamp) -> anyhow::Result<()> {
    let Some((fingerprint, marks, step)) = newest_found(tx, host)? else { return Ok(()) };
    let before = known(tx, host)?;
    let life = before.life.unwrap_or_default();
    for left in life.held.into_iter().chain(life.offered).filter(|left| Some(*left) != step) {
        leave(tx, host, Left { step: left, decided: true }, now)?;
    }
    if let Some(step) = step {
        tx.execute(
            "DELETE FROM machine_left WHERE host = ?1 AND number = ?2 AND secret = ?3",
            params![host.0, step.number.cast_signed(), step.secret.0],
        )?;
    }
    // Whoever had it is now the one that is turned away, if its marks tell it.
    tx.execute(
        "INSERT INTO machine_found (host, fingerprint, marks, told_apart_by, address, before, at, decision, decided_at)
         SELECT ?1, coalesce(?2, ?3), ?4, told_apart_by, before, address, ?5, 'turned_away', ?5
         FROM machine_found WHERE host = ?1 AND decision IS NULL ORDER BY id DESC LIMIT 1",
        params![
            host.0,
            before.fingerprint.map(|known| known.0),
            fingerprint.0,
            encoded(before.marks.as_ref())?,
            now.0
        ],
    )?;
    hosts::set_fingerprint(tx, host, fingerprint)?;
    let newest = life.held.iter().chain(&life.offered).chain(&step).map(|step| step.number).max();
    let fresh = ContinuitySecret(crate::random::bytes()?);
    let offered = Some(Continuity { number: newest.unwrap_or(0) + 1, secret: fresh });
    let life = Some(Life { held: step, offered, set_back: true });

    keep(tx, host, &Known { fingerprint: Some(fingerprint), marks, life, ..Known::default() }, now)
}
