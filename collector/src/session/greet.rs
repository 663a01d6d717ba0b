//! Whether a host may work, and where its lanes stand: all decided in one transaction.

use std::time::Duration;

use rusqlite::Transaction;
pub use vonggac_carrier::Way;
use vonggac_carrier::{Connection, RecvStream, SendStream};
use vonggac_protocol::assignment::Assignment;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::hello::{Hello, LaneMark, Refusal, RefusalCode, WIRE_VERSION, Welcome};
use vonggac_protocol::id::{Epoch, HostId, Lane};
use vonggac_protocol::limits::TEXT_BYTES_MAX;
use vonggac_protocol::line::Line;
use vonggac_protocol::machine::StepKept;
use vonggac_protocol::time::Timestamp;

use super::clones::{self, Looked};
use super::renew::{self, Offer};
use crate::clock;
use crate::intake::Sender;
use crate::listen::frames::{self, ReadFrameError, refusal};
use crate::store::certificates::{Identity, Validity};
use crate::store::hosts::{Greeting, HostState};
use crate::store::observations::{self, LaneOf};
use crate::store::{Store, certificates, hosts, machines, orders, packages};

/// Bytes of a hello.
const HELLO_BYTES_MAX: usize = TEXT_BYTES_MAX + 4 * 1024;

/// What became of a hello.
#[derive(Debug)]
pub enum Greeted {
    /// The host may work.
    Welcome(Box<Welcome>),
    /// It may not.
    Refused(Refusal),
    /// Its identity belongs to another machine; both are held from now on.
    Twice,
}

/// Where a hello comes from.
#[derive(Clone, Debug)]
pub struct Whence {
    /// The network address.
    pub address: String,
    /// What carries it.
    pub way: Way,
}

/// Waits for the control stream and the hello on it.
///
/// # Errors
/// If the connection ended or something else was said.
pub async fn read_hello(connection: &Connection) -> Result<(SendStream, RecvStream, Hello), ReadFrameError> {
    let (send, mut receive) =
        connection.accept_control().await.map_err(|error| ReadFrameError::Gone(error.into()))?;
    let Frame::Hello(hello) = frames::read(&mut receive, HELLO_BYTES_MAX).await? else {
        let (code, detail) = (RefusalCode::Malformed, "expected a hello".to_owned());
        return Err(ReadFrameError::Broken { code, detail });
    };

    Ok((send, receive, hello))
}

/// Whose certificate this is.
///
/// # Errors
/// If the store fails.
pub async fn identify(store: &Store, certificate: Digest) -> anyhow::Result<Option<Identity>> {
    store.read(move |db| certificates::identify(db, certificate)).await
}

/// Weighs a hello and keeps what it tells.
///
/// # Errors
/// If the store fails.
pub async fn greet(
    store: &Store,
    sender: Sender,
    hello: Hello,
    whence: Whence,
    promised: Duration,
    offer: Offer,
) -> anyhow::Result<Greeted> {
    if hello.wire != WIRE_VERSION {
        let detail = format!("wire version {}, this collector speaks {WIRE_VERSION}", hello.wire);
        return Ok(Greeted::Refused(refusal(RefusalCode::VersionUnknown, detail)));
    }
    if hello.epoch == Epoch::COLLECTOR || hello.version.len() > TEXT_BYTES_MAX {
        let detail = "a hello with an epoch or a version that no agent has";
        return Ok(Greeted::Refused(refusal(RefusalCode::Malformed, detail)));
    }
    let now = clock::now();

    store.write(move |tx| weigh(tx, sender, &hello, &whence, promised, &offer, now)).await
}

/// Weighs a hello in this transaction.
///
/// # Errors
/// If the store fails.
pub fn weigh(
    tx: &Transaction<'_>,
    sender: Sender,
    hello: &Hello,
    whence: &Whence,
    promised: Duration,
    offer: &Offer,
    now: Timestamp,
) -> anyhow::Result<Greeted> {
    let host = sender.host;
    let Some(known) = certificates::identify(tx, sender.certificate)? else {
        return Ok(Greeted::Refused(refusal_of(HostState::Revoked)));
    };
    if known.state != HostState::Active {
        return Ok(Greeted::Refused(refusal_of(known.state)));
    }
    let validity = known.validity(offer.grace, now);
    if validity == Validity::Over {
        return Ok(Greeted::Refused(renew::over()));
    }
    let next_step = match clones::look(tx, &known, hello, &whence.address, now)? {
        Looked::Same(step) => step,
        Looked::Refused(refusal) => return Ok(Greeted::Refused(refusal)),
        Looked::Twice => return Ok(Greeted::Twice),
    };
    let greeting = Greeting {
        fingerprint: hello.fingerprint,
        version: hello.version.clone(),
        address: whence.address.clone(),
        way: whence.way,
        clock_offset_ms: hello.now.0.saturating_sub(now.0),
        promised_secs: promised.as_secs(),
    };
    hosts::greet(tx, host, &greeting, now)?;
    if validity == Validity::Whole {
        certificates::used(tx, sender.certificate, &known, now)?;
    }
    if let Some(trusts) = &hello.trusts {
        certificates::set_trusted(tx, host, trusts)?;
    }
    let standing = Some(offer.standing(&known, hello.trusts.as_deref(), now));
    let marks = Lane::ALL
        .into_iter()
        .map(|lane| {
            let of = LaneOf { host, epoch: hello.epoch, lane };
            let kept = observations::mark(tx, of)?;
            let digest = observations::body(tx, of, kept)?.map(|body| Digest::of(&body));
            Ok(LaneMark { lane, kept, digest })
        })
        .collect::<anyhow::Result<_>>()?;
    let assignment = orders::assigned(tx, host)?.filter(|newest| newest.version != hello.assignment);
    let packages = packages::digest(tx, host)?;
    // Over what span to come back depends on all of the fleet: whoever sends this knows.
    let outer = Some(whence.address.clone());
    let line = Line { promised_secs: promised.as_secs(), outer, again_within_secs: None };

    let dictionary = Some(u32::from(Dictionary::NEWEST.number()));

    Ok(Greeted::Welcome(Box::new(Welcome {
        wire: WIRE_VERSION,
        marks,
        now,
        assignment,
        packages,
        standing,
        dictionary,
        line: Some(line),
        next_step,
    })))
}

/// The machine has a step on its disk.
///
/// # Errors
/// If the store fails.
pub async fn confirm(store: &Store, host: HostId, kept: StepKept) -> anyhow::Result<()> {
    store.write(move |tx| machines::confirm(tx, host, kept.number, clock::now())).await
}

/// What a host is assigned, if it is newer than what it was told.
///
/// # Errors
/// If the store fails.
pub async fn newer(store: &Store, host: HostId, told: u64) -> anyhow::Result<Option<Assignment>> {
    let assigned = store.read(move |db| orders::assigned(db, host)).await?;

    Ok(assigned.filter(|assigned| assigned.version > told))
}

/// What to tell a host in this state.
#[must_use]
pub fn refusal_of(state: HostState) -> Refusal {
    match state {
        HostState::Waiting => {
            refusal(RefusalCode::WaitingForApproval, "a person must approve this host first")
        }
        HostState::Held => {
            refusal(RefusalCode::IdentityHeld, "two machines used this identity; a person must release it")
        }
        HostState::Forbidden => refusal(
            RefusalCode::MachineForbidden,
            "this machine is on the list of machines that are never to be enrolled",
        ),
        HostState::Revoked | HostState::Active => {
            refusal(RefusalCode::IdentityRevoked, "this host was revoked")
        }
    }
}
