//! Taking an incident, moving it on and back, closing it, opening it again.

use rusqlite::{OptionalExtension as _, Transaction, params};
use vonggac_rules::incident::life::{self, Step, StepRefused};

use super::{Act, Deed, Done, Kept, NOTE_MAX, Refusal, Standing, Went, refused};
use crate::store::audit::OPERATOR;
use crate::store::view::words::State;

#[expect(clippy::wildcard_enum_match_arm, reason = "`mod.rs` hands on steps only")]
pub(super) fn step(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing) -> Went {
    let (step, text) = match &deed.act {
        Act::Acknowledge => (Step::Take, ""),
        Act::Move { to, text } => (Step::Move(to.life()), text.as_str()),
        Act::Close { text, .. } => (Step::Close, text.as_str()),
        Act::Reopen { text } => (Step::Reopen, text.as_str()),
        other => unreachable!("{other:?} is no step"),
    };
    if text.chars().count() > NOTE_MAX {
        return Ok(Err(Done::BadNote));
    }
    let to = match life::step(standing.state.life(), step, !text.trim().is_empty()) {
        Ok(to) => to,
        Err(StepRefused::NoReason) => return Ok(Err(Done::BadNote)),
        Err(StepRefused::Unfit(_)) => return Ok(Err(Done::Unfit(standing.state))),
    };
    let to = State::of(to.word()).unwrap_or(standing.state);
    match &deed.act {
        Act::Close { .. } => {
            // The command line is the machine's own operator: who has it could write the store as well.
            let other = standing.reviewer.as_deref().filter(|name| *name != deed.person);
            if let Some(reviewer) = other.filter(|_| deed.person != OPERATOR) {
                return refused(Refusal::ReviewerCloses(reviewer.to_owned()));
            }
        }
        Act::Reopen { .. } => {
            if let Some(refusal) = shut(tx, standing)? {
                return Ok(Err(refusal));
            }
        }
        _ => {}
    }
    come_to(tx, deed, standing, to)?;

    Ok(Ok(match &deed.act {
        Act::Acknowledge => {
            own(tx, deed)?;
            Kept::new("acknowledged", "").from(standing.state.word()).to(deed.person)
        }
        Act::Close { outcome, text } => {
            tx.execute(
                "UPDATE incident SET outcome = ?2, judged_to = (SELECT cursor FROM judge) WHERE id = ?1",
                params![deed.incident, outcome.word()],
            )?;
            Kept::new("closed", text).from(standing.state.word()).to(outcome.word())
        }
        Act::Reopen { text } => {
            tx.execute(
                "UPDATE incident SET outcome = NULL, judged_to = NULL WHERE id = ?1",
                [deed.incident],
            )?;
            own(tx, deed)?;
            Kept::new("reopened", text).from(standing.state.word()).to("acknowledged")
        }
        _ => Kept::new("moved", text).from(standing.state.word()).to(to.word()),
    }))
}

/// Why a closed one cannot be opened again.
fn shut(tx: &Transaction<'_>, standing: &Standing) -> anyhow::Result<Option<Done>> {
    if let Some(other) = standing.merged_into {
        return Ok(Some(Done::Refused(Refusal::MergedInto(other))));
    }
    if standing.drill_until.is_some() {
        return Ok(None);
    }
    let open = tx
        .query_row(
            "SELECT id FROM incident WHERE join_key = ?1 AND state <> 'closed' AND drill_until IS NULL",
            [&standing.join_key],
            |row| row.get(0),
        )
        .optional()?;

    Ok(open.map(Done::AnotherOpen))
}

fn own(tx: &Transaction<'_>, deed: &Deed<'_>) -> anyhow::Result<()> {
    tx.execute("UPDATE incident SET owner = ?2 WHERE id = ?1", params![deed.incident, deed.person])?;

    Ok(())
}

/// Brings it to a state and notes how far it got.
fn come_to(tx: &Transaction<'_>, deed: &Deed<'_>, standing: &Standing, to: State) -> anyhow::Result<()> {
    let reached = standing.reached.after(to.life(), deed.at);
    let moment = |at: Option<vonggac_protocol::time::Timestamp>| at.map(|at| at.0);
    tx.execute(
        "UPDATE incident SET state = ?2, acknowledged_at = ?3, triaged_at = ?4, contained_at = ?5, resolved_at = ?6,
            closed_at = ?7 WHERE id = ?1",
        params![
            deed.incident,
            to.word(),
            moment(reached.acknowledged),
            moment(reached.triaged),
            moment(reached.contained),
            moment(reached.resolved),
            moment(reached.closed),
        ],
    )?;

    Ok(())
}
