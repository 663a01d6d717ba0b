//! The connection to the collector: kept up, taken up again, and told what is due.
//!
//! | module | subject |
//! |---|---|
//! | [`backoff`] | how long to wait before the next try; pure |
//! | [`apart`] | the thread that all of it runs in |
//! | [`session`] | one connection, from hello to goodbye |
//! | [`again`] | from TCP back to QUIC |
//! | [`pace`] | how often to show life, and what to do when nobody answers; pure |
//! | [`budget`] | how many bytes a day may take; pure |
//! | [`wire_bytes`] | what was moved, as link and loop share it |
//! | [`lanes`] | from spool to batch to stream |
//! | [`older`] | whether the disk is an older copy of itself |
//! | [`due`] | what the spool has for a batch that fell due |
//! | `releases` | a release on its way |
//! | [`renewal`] | a certificate renewed before it ends; new roots |
//! | [`sent`] | what last left this machine, for its administrator |

mod again;
pub mod apart;
pub mod backoff;
pub mod budget;
pub mod due;
mod lanes;
pub mod older;
pub mod pace;
mod releases;
mod renewal;
pub mod sent;
mod session;
pub mod wire_bytes;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use vonggac_carrier::{Closed, Connection, Way};
use vonggac_protocol::assignment::Assignment;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::{Refusal, Welcome};

use crate::clock;
use crate::identity::Identity;
use crate::machine::NeverEnrol;
use crate::os::Confinement;
use crate::spool::Spool;
use crate::upgrade::fetch::{Arrived, Refused, Upgrades};
use crate::wire::dial::DialError;
use crate::wire::refusal_id;
use crate::wire::tls::Client;
use crate::wire::ways::Ways;
use backoff::Backoff;
use pace::Pacing;
pub use wire_bytes::WireBytes;

/// The spool as the loop that writes and the link that reads share it. Locked on blocking threads only.
pub type SharedSpool = Arc<Mutex<Spool>>;

/// What the link tells the loop.
#[derive(Debug)]
pub enum LinkEvent {
    /// A collector said welcome.
    Connected(Box<Welcome>, Way),
    /// There is no connection, for this reason.
    Lost(Outage),
    /// Watch this from now on.
    Assigned(Assignment),
    /// How far the link is kept apart.
    Confined(Confinement),
    /// A collector acknowledged something of this run for the first time.
    Heard,
    /// A release is whole on the disk.
    Arrived(Arrived),
    /// A release was refused.
    ReleaseRefused(Refused),
    /// The budget of this day (`YYYY-MM-DD`) is used up but for the reserve: bulk waits.
    BudgetReached(String),
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Outage {
    /// It did not come about.
    Dial(DialError),
    /// The collector refused us.
    Refused(Refusal),
    /// It ended.
    Ended(anyhow::Error),
}

impl Outage {
    /// The name of the message that tells a person.
    #[must_use]
    pub fn message_id(&self) -> &'static str {
        match self {
            Self::Dial(error) => error.message_id(),
            Self::Refused(refusal) => refusal_id(refusal.code),
            Self::Ended(_) => "link-ended",
        }
    }
}

/// What the link follows of an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Version of the assignment; 0 if there is none.
    pub version: u64,
    /// Seconds between two signs of life.
    pub heartbeat_secs: u32,
}

/// Everything that the link needs.
pub struct Link {
    /// Who we are and whom we believe.
    pub identity: Identity,
    /// Tells this machine from a copy.
    pub fingerprint: Digest,
    /// What forbids every connection.
    pub never_enrol: NeverEnrol,
    /// The rest of the agent: what is outside the state folder is looked at there.
    pub outside: tokio::runtime::Handle,
    /// For `last-sent.jsonl`.
    pub state_dir: PathBuf,
    /// What is due.
    pub spool: SharedSpool,
    /// Changes when the spool has grown or dropped something.
    pub appended: watch::Receiver<u64>,
    /// How often to show life.
    pub pace: watch::Receiver<Pace>,
    /// Where to tell what happened.
    pub events: mpsc::Sender<LinkEvent>,
    /// Counted here.
    pub wire: Arc<WireBytes>,
    /// The rhythm of signs of life; outlives connections.
    pub pacing: Pacing,
    /// Send what is left, say goodbye, end.
    pub stop: CancellationToken,
    /// For how long, at most, to go on sending after `stop`.
    pub grace: Duration,
    /// How often, on a connection over TCP, to try whether UDP is let through again.
    pub udp_again: Duration,
    /// By which way the collector was reached last.
    pub ways: Ways,
    /// A connection that stands and has said nothing yet, and with what it was taken up.
    pub standing: Option<(Connection, Client)>,
    /// What becoming another version needs; `None`: nobody's releases are believed.
    pub upgrades: Option<Upgrades>,
    /// Whether a collector has acknowledged something of this run.
    pub heard: bool,
}

/// How a connection ended.
enum End {
    /// We were asked to stop and said goodbye.
    Stopped,
    /// Come back soon: a new life of the spool began, or another pace.
    Renewed,
    /// QUIC stands: go on with it at once.
    Quic,
    /// Otherwise.
    Out(Outage),
}

/// The collector took us in.
#[derive(Clone, Copy, Debug)]
struct Welcomed {
    /// Over what span its fleet is to come back when it loses all of it.
    again_within_secs: Option<u32>,
}

/// Whether the collector ended the connection, and so most likely everybody's: one that stopped says so, one that was
/// started anew knows nothing of it. A line that fell silent is ours alone.
fn is_of_collector(ended: &anyhow::Error) -> bool {
    matches!(ended.downcast_ref(), Some(Closed::ByPeer { .. } | Closed::Reset))
}

impl Link {
    /// Bulk waits because the day's budget is used up but for the reserve: told once a day.
    async fn held_back(&self) -> anyhow::Result<()> {
        match self.wire.with_budget(|budget| budget.poll_reached(clock::now())) {
            Some(day) => self.events.send(LinkEvent::BudgetReached(day)).await.context("tell the loop"),
            None => Ok(()),
        }
    }

    /// Keeps a connection until asked to stop.
    pub async fn run(self) {
        self.run_while(|| true).await;
    }

    /// Keeps a connection until asked to stop, or gives itself back before a connection is taken up at a moment when it
    /// may not go on.
    pub async fn run_while(mut self, may_go_on: impl Fn() -> bool) -> Option<Self> {
        let mut backoff = Backoff::new();
        let mut told: Option<std::mem::Discriminant<Outage>> = None;
        while !self.stop.is_cancelled() {
            if self.standing.is_none() && !may_go_on() {
                return Some(self);
            }
            let mut welcomed = None;
            let outage = match session::run(&mut self, &mut welcomed).await {
                End::Stopped => break,
                End::Renewed => {
                    tokio::time::sleep(backoff.after_failure(random())).await;
                    continue;
                }
                End::Quic => continue,
                End::Out(outage) => outage,
            };
            if welcomed.is_some() {
                backoff.reset();
                told = None;
            }
            let wait = match (&outage, welcomed) {
                (Outage::Refused(refusal), _) => backoff.after_refusal(refusal.retry_after_secs, random()),
                (Outage::Ended(error), Some(Welcomed { again_within_secs })) if is_of_collector(error) => {
                    backoff.after_loss(again_within_secs, random())
                }
                (Outage::Dial(_) | Outage::Ended(_), _) => backoff.after_failure(random()),
            };
            let kind = std::mem::discriminant(&outage);
            if told.replace(kind) == Some(kind) {
                debug!(?outage, wait_ms = wait.as_millis(), "Collector still out of reach");
            } else {
                tell(&outage);
            }
            if self.events.send(LinkEvent::Lost(outage)).await.is_err() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => {}
            }
        }

        None
    }

    /// Looks at something where the rights of the whole agent are.
    async fn outside<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        // Through a task: a thread that is started for it must be a child of the other side.
        let looked = self.outside.spawn(async move { tokio::task::spawn_blocking(look).await });

        looked.await.context("ask the rest of the agent")?.context("look outside")
    }

    /// Refuses if an administrator has forbidden every connection.
    async fn may_speak(&self) -> anyhow::Result<()> {
        let never_enrol = self.never_enrol.clone();

        Ok(self.outside(move || never_enrol.check()).await??)
    }
}

/// Said once per change of state.
fn tell(outage: &Outage) {
    match outage {
        Outage::Dial(error) => warn!(%error, "Collector out of reach"),
        Outage::Refused(refusal) => warn!(code = ?refusal.code, "Collector refused this host"),
        Outage::Ended(error) => info!(error = %format!("{error:#}"), "Connection ended"),
    }
}

/// A number from 0 to 1 from the system; the middle if it has none to give.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// A new life of a spool gets a number that no other had.
///
/// # Errors
/// If the system has no randomness to give.
pub fn new_epoch() -> anyhow::Result<vonggac_protocol::id::Epoch> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("ask the system for randomness: {error}"))?;

    Ok(vonggac_protocol::id::Epoch(u64::from_le_bytes(bytes).max(1)))
}

/// Runs disk work where it does not hold up the tasks.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(anyhow::Error::new(error)))
}

/// The steady clock's now, for the cores.
fn now() -> std::time::Instant {
    clock::instant()
}
