//! Looks, with what the store knows, whether a hello may come from this machine: a copy is held, a machine on the list
//! of those never to be enrolled is cut off.

use rusqlite::Transaction;
use tracing::warn;
use vonggac_protocol::hello::{Hello, Refusal, RefusalCode};
use vonggac_protocol::id::HostId;
use vonggac_protocol::limits::MARKS_MAX;
use vonggac_protocol::machine::{ContinuitySecret, NextStep};
use vonggac_protocol::observation::{IdentityTwice, Kind, MachineSetBack, TwiceBy};
use vonggac_protocol::time::Timestamp;

use super::greet::refusal_of;
use super::twice::{self, Known, Weighed};
use crate::listen::frames::refusal;
use crate::random;
use crate::store::audit::{self, Action, COLLECTOR};
use crate::store::certificates::Identity;
use crate::store::hosts::{self, HostState};
use crate::store::machines::{self, Found};
use crate::store::{forbidden, observations};

/// What became of it.
pub(super) enum Looked {
    /// It is the machine; the step to offer it.
    Same(Option<NextStep>),
    /// It may not come in.
    Refused(Refusal),
    /// There are two; both are held from now on.
    Twice,
}

/// Looks at a hello of a host that may work, and keeps what it tells of the machine.
pub(super) fn look(
    tx: &Transaction<'_>,
    identity: &Identity,
    hello: &Hello,
    address: &str,
    now: Timestamp,
) -> anyhow::Result<Looked> {
    let (host, told) = (identity.host, hello.machine.as_ref());
    if told.is_some_and(|told| told.marks.serials.len().max(told.marks.network.len()) > MARKS_MAX) {
        return Ok(Looked::Refused(refusal(RefusalCode::LimitBroken, "too many marks of a machine")));
    }
    let Some(kept) = hosts::find(tx, host)? else {
        return Ok(Looked::Refused(refusal_of(HostState::Revoked)));
    };
    let listed = forbidden::names(tx, &kept.agency, &kept.name, told.map(|told| &told.marks))?;
    if let Some(entry) = listed {
        forbidden::cut(tx, host, &kept.agency, &kept.name, entry, now)?;
        return Ok(Looked::Refused(refusal_of(HostState::Forbidden)));
    }
    let mut known = machines::known(tx, host)?;
    let weighed = twice::weigh(&known, hello.fingerprint, told);
    let is_set_back = match weighed {
        Weighed::Same => false,
        Weighed::SetBack => {
            observe_set_back(tx, &known, hello, host, address, now)?;
            true
        }
        Weighed::TurnedAway => {
            warn!("A machine that was turned away came again");
            let detail =
                "a person decided that another machine goes on with this identity; enrol this one anew";
            return Ok(Looked::Refused(refusal(RefusalCode::IdentityHeld, detail)));
        }
        Weighed::Twice(by) => {
            hold(tx, identity, &kept, &known, hello, by, address, now)?;
            return Ok(Looked::Twice);
        }
    };
    let fresh = ContinuitySecret(random::bytes()?);
    let before = known.clone();
    let step = known.take_in(hello.fingerprint, told, is_set_back, fresh);
    if known != before {
        machines::keep(tx, host, &known, now)?;
    }

    Ok(Looked::Same(step))
}

fn observe_set_back(
    tx: &Transaction<'_>,
    known: &Known,
    hello: &Hello,
    host: HostId,
    address: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let step = hello.machine.as_ref().and_then(|told| told.continuity).map_or(0, |step| step.number);
    let newest = known.life.map_or(0, |life| life.newest());
    let kind = Kind::MachineSetBack(MachineSetBack { step, newest, address: address.to_owned() });

    observations::insert_own(tx, host, kind, now)?;

    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "evidence of both machines")]
fn hold(
    tx: &Transaction<'_>,
    identity: &Identity,
    kept: &hosts::Host,
    known: &Known,
    hello: &Hello,
    by: TwiceBy,
    address: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let host = identity.host;
    let told = hello.machine.as_ref();
    let hardware = |marks: Option<&vonggac_protocol::machine::MachineMarks>| marks.and_then(|m| m.hardware);
    let (enrolled, found) = match by {
        TwiceBy::Hardware => (
            hardware(known.marks.as_ref()).or(known.fingerprint),
            hardware(told.map(|told| &told.marks)).unwrap_or(hello.fingerprint),
        ),
        TwiceBy::Installation | TwiceBy::Continuity => (known.fingerprint, hello.fingerprint),
    };
    let twice = IdentityTwice {
        enrolled: enrolled.unwrap_or(hello.fingerprint),
        found,
        address: address.to_owned(),
        by: Some(by),
        before: Some(kept.address.clone()),
    };
    observations::insert_own(tx, host, Kind::IdentityTwice(twice), now)?;
    let found = Found {
        fingerprint: hello.fingerprint,
        marks: told.map(|told| told.marks.clone()),
        step: told.and_then(|told| told.continuity),
        by,
        address: address.to_owned(),
        before: kept.address.clone(),
    };
    machines::hold(tx, host, &found, now)?;
    let entry = Action {
        at: now,
        person: COLLECTOR,
        agency: Some(identity.agency.as_str()),
        action: "host.held",
        object: &host.to_string(),
        detail: &format!(
            "one identity from two machines, told apart by {}: from {} before, now from {address}",
            machines::word(by),
            kept.address
        ),
    };

    audit::append(tx, &entry)
}
