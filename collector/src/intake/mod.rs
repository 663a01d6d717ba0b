//! Keeps what agents send: one durable transaction for a batch, many hosts' batches in one commit.
//!
//! The mark of a lane moves in the transaction that keeps the observations, so a batch that comes twice is kept
//! once, whatever crashed in between. Whoever calls waits for the commit: that is the back-pressure, and the reason
//! why what is acknowledged is on the disk.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Transaction;
use tokio::sync::Notify;
use vonggac_protocol::delivery::inbox::{Inbox, Verdict};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::{Ack, Batch};
use vonggac_protocol::hello::RefusalCode;
use vonggac_protocol::id::{HostId, Seq};
use vonggac_protocol::observation::{Kind, RecordsMissing};
use vonggac_protocol::time::Timestamp;

use crate::clock;
use crate::store::certificates::Validity;
use crate::store::hosts::HostState;
use crate::store::observations::{self, LaneOf, Row};
use crate::store::packages::{self, Outcome};
use crate::store::{Store, certificates, hosts, releases};

pub mod arrived;

use arrived::Arrived;

/// Who sends: from the certificate, never from what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The host.
    pub host: HostId,
    /// SHA-256 of its certificate; looked up again with every batch.
    pub certificate: Digest,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intaken {
    /// Tell the agent this.
    Ack {
        /// How far its lane is kept.
        ack: Ack,
        /// What the host got wrong without harm to the rest; to be counted.
        mistake: Option<&'static str>,
        /// The whole inventory is needed: the agent must say hello again.
        greet_again: bool,
    },
    /// The host may not work any more.
    Barred(HostState),
    /// The certificate has ended: the agent must come back and renew it.
    Ended,
    /// The batch breaks a rule; nothing of it was kept.
    Broken {
        /// Which kind of rule.
        code: RefusalCode,
        /// What, in English.
        detail: String,
    },
}

/// Keeps batches; cheap to clone.
#[derive(Clone)]
pub struct Intake {
    store: Store,
    judge: Arc<Notify>,
}

impl Intake {
    /// Keeps in this store and wakes the judge after each commit.
    #[must_use]
    pub fn new(store: Store, judge: Arc<Notify>) -> Self {
        Self { store, judge }
    }

    /// Keeps a batch and answers after the commit.
    ///
    /// # Errors
    /// If the store fails: nothing was kept, nothing may be acknowledged.
    pub async fn keep(&self, sender: Sender, batch: Batch) -> anyhow::Result<Intaken> {
        // Unfolding is bounded but not free; it may not hold up other connections.
        let read =
            tokio::task::spawn_blocking(move || arrived::unpack(&batch).map(|arrived| (batch, arrived)));
        let (batch, arrived) = match read.await? {
            Ok(both) => both,
            Err((code, detail)) => return Ok(Intaken::Broken { code, detail }),
        };
        let now = clock::now();
        let taken = self.store.write(move |tx| keep_in(tx, sender, &batch, &arrived, now)).await?;
        if matches!(taken, Intaken::Ack { .. }) {
            self.judge.notify_one();
        }

        Ok(taken)
    }
}

/// Keeps a batch in this transaction; what it answers may be told after the commit.
///
/// # Errors
/// If the store fails.
pub fn keep_in(
    tx: &Transaction<'_>,
    sender: Sender,
    batch: &Batch,
    arrived: &[Arrived],
    now: Timestamp,
) -> anyhow::Result<Intaken> {
    // Looked up here and not only at the hello: a revocation by another process counts from its commit on.
    let known = certificates::identify(tx, sender.certificate)?;
    let state = known.as_ref().map_or(HostState::Revoked, |known| known.state);
    if state != HostState::Active {
        return Ok(Intaken::Barred(state));
    }
    if known.is_some_and(|known| known.validity(Duration::ZERO, now) != Validity::Whole) {
        return Ok(Intaken::Ended);
    }
    let of = LaneOf { host: sender.host, epoch: batch.epoch, lane: batch.lane };
    let mut inbox = Inbox::new(observations::mark(tx, of)?);
    let verdict = inbox.handle_batch(batch.first, batch.gap_before, arrived.len());
    let ack =
        Ack { epoch: of.epoch, lane: of.lane, kept: inbox.kept(), resend: verdict == Verdict::OutOfOrder };
    let (mut mistake, mut greet_again) = (None, false);
    if let Verdict::Keep { skip, missing } = verdict {
        if let Some((Seq(first), Seq(last))) = missing {
            let missing = RecordsMissing { lane: of.lane, first, last };
            observations::insert_own(tx, of.host, Kind::RecordsMissing(missing), now)?;
        }
        let mut seq = batch.first;
        for (at, one) in arrived.iter().enumerate() {
            if at >= skip {
                let row = Row { seq, at: one.at, kind: one.kind, body: &one.body };
                let order = observations::insert(tx, of, row, now)?;
                match apply(tx, of.host, one, order, now)? {
                    Outcome::Wrong(what) => mistake = Some(what),
                    Outcome::Unfitting => greet_again = true,
                    Outcome::Waiting | Outcome::Applied | Outcome::Ignored => {}
                }
            }
            seq = seq.next();
        }
        observations::set_mark(tx, of, inbox.kept())?;
    }

    Ok(Intaken::Ack { ack, mistake, greet_again })
}

/// Brings what is known of the host's present state up to date with one observation.
fn apply(
    tx: &Transaction<'_>,
    host: HostId,
    arrived: &Arrived,
    order: i64,
    now: Timestamp,
) -> anyhow::Result<Outcome> {
    let Some(kind) = &arrived.state else { return Ok(Outcome::Applied) };
    observations::set_latest(tx, host, arrived.kind, order)?;
    match kind {
        Kind::PackagesListed(listed) => packages::list(tx, host, listed, arrived.at, order),
        Kind::PackagesChanged(changed) => packages::change(tx, host, changed, arrived.at, order),
        Kind::HostDescribed(described) => {
            let name: String = described.name.chars().filter(|c| !c.is_control()).take(253).collect();
            hosts::rename(tx, host, &name)?;
            Ok(Outcome::Applied)
        }
        Kind::AgentUpgrade(upgrade) => {
            releases::told(tx, host, upgrade, now)?;
            Ok(Outcome::Applied)
        }
        Kind::AgentStarted(_)
        | Kind::AgentStopped(_)
        | Kind::Health(_)
        | Kind::FileChanged(_)
        | Kind::BaselineTaken(_)
        | Kind::WatchLost(_)
        | Kind::SpoolDropped(_)
        | Kind::PatchState(_)
        | Kind::AssignmentRefused(_)
        | Kind::SensorFailed(_)
        | Kind::AgentSilent(_)
        | Kind::AgentHeard(_)
        | Kind::IdentityTwice(_)
        | Kind::HostMisbehaved(_)
        | Kind::MachineSetBack(_)
        | Kind::RecordsMissing(_)
        | Kind::FilesInstalled(_)
        | Kind::ChangeBurst(_)
        | Kind::CertificateEnding(_)
        | Kind::BudgetReached(_)
        | Kind::Login(_)
        | Kind::PrivilegeUsed(_)
        | Kind::AccountChanged(_)
        | Kind::ServiceChanged(_)
        | Kind::LogGap(_)
        | Kind::Posture(_)
        | Kind::Activation(_)
        | Kind::WatchModeChanged(_) => Ok(Outcome::Applied),
    }
}

#[cfg(test)]
mod tests;
