//! Keeps what the watch over silence finds, and the signs of life themselves now and then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Transaction;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::{AgentHeard, AgentSilent, Kind};
use vonggac_protocol::time::Timestamp;

use super::{Change, Known, Silence};
use crate::clock;
use crate::store::hosts::HostState;
use crate::store::{Store, hosts, observations};

/// Signs of life are written together this often: a collector killed in between knows them this much too old.
const KEEP_EVERY: Duration = Duration::from_secs(20);

/// A host that enrolled or was approved by another process is noticed within this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Takes signs of life from sessions; cheap to clone.
#[derive(Clone)]
pub struct Pulse {
    silence: Arc<Mutex<Silence>>,
    promised: Duration,
    woken: Arc<Notify>,
}

impl Pulse {
    /// Watches over hosts that promised a sign of life within this time.
    #[must_use]
    pub fn new(promised: Duration) -> Self {
        Self { silence: Arc::default(), promised, woken: Arc::new(Notify::new()) }
    }

    /// Within what time hosts promise a sign of life.
    #[must_use]
    pub fn promised(&self) -> Duration {
        self.promised
    }

    /// A sign of life.
    pub fn heard(&self, host: HostId) {
        // Looking through all hosts costs; a sign of life of one that is not silent only puts its deadline off.
        if self.with(|silence| silence.handle_heard(host, self.promised, clock::now(), clock::instant())) {
            self.woken.notify_one();
        }
    }

    /// How many hosts are ours, whether connected or not.
    #[must_use]
    pub fn fleet(&self) -> usize {
        self.with(|silence| silence.watched())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Silence) -> T) -> T {
        act(&mut self.silence.lock().expect("nobody panics while holding this lock"))
    }
}

/// Runs until told to stop; then keeps the last signs of life.
///
/// # Errors
/// If the store fails at the very end; before that it is tried again.
pub async fn run(
    store: Store,
    pulse: Pulse,
    judge: Arc<Notify>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut keep = tokio::time::interval(KEEP_EVERY);
    let mut unfiled = None;
    let mut failing = false;
    loop {
        let next = pulse.with(|silence| silence.poll_timeout());
        let until = next.map_or(LOOK_EVERY, |at| at.saturating_duration_since(clock::instant()));
        let done = tokio::select! {
            () = stop.cancelled() => break,
            _ = look.tick() => look_up(&store, &pulse).await,
            _ = keep.tick() => keep_signs(&store, &pulse).await,
            () = pulse.woken.notified() => Ok(()),
            () = tokio::time::sleep(until), if unfiled.is_none() => Ok(()),
        };
        let done = match done {
            Ok(()) => file_all(&store, &pulse, &judge, &mut unfiled).await,
            Err(error) => Err(error),
        };
        match &done {
            Err(error) if !failing => warn!(error = format!("{error:#}"), "Signs of life could not be kept"),
            Ok(()) if failing => info!("Signs of life are kept again"),
            Err(_) | Ok(()) => {}
        }
        failing = done.is_err();
    }

    keep_signs(&store, &pulse).await
}

/// Keeps every change that is due; one that could not be kept is tried again the next time.
async fn file_all(
    store: &Store,
    pulse: &Pulse,
    judge: &Notify,
    unfiled: &mut Option<Change>,
) -> anyhow::Result<()> {
    loop {
        let due = || pulse.with(|silence| silence.poll_change(clock::instant()));
        let Some(change) = unfiled.take().or_else(due) else { return Ok(()) };
        match file(store, change).await {
            Ok(true) => judge.notify_one(),
            Ok(false) => {}
            Err(error) => {
                *unfiled = Some(change);
                return Err(error);
            }
        }
    }
}

/// Learns of hosts that are new, and forgets those that may not work.
async fn look_up(store: &Store, pulse: &Pulse) -> anyhow::Result<()> {
    let all = store.read(hosts::list).await?;
    let now = clock::instant();
    pulse.with(|silence| {
        for host in all {
            if host.state == HostState::Active {
                let known = Known {
                    last_heard: host.last_heard_at.unwrap_or(host.enrolled_at),
                    promised: pulse.promised,
                    silent_since: host.silent_since,
                };
                silence.handle_known(host.id, known, now);
            } else {
                silence.handle_gone(host.id);
            }
        }
    });

    Ok(())
}

async fn keep_signs(store: &Store, pulse: &Pulse) -> anyhow::Result<()> {
    let signs = pulse.with(Silence::poll_unkept);
    if signs.is_empty() {
        return Ok(());
    }

    store.write(move |tx| signs.into_iter().try_for_each(|(host, at)| hosts::heard(tx, host, at))).await
}

/// Keeps one change; says whether there was something to keep.
async fn file(store: &Store, change: Change) -> anyhow::Result<bool> {
    let now = clock::now();

    store.write(move |tx| file_in(tx, change, now)).await
}

/// Keeps one change in this transaction; says whether there was something to keep.
///
/// # Errors
/// If the store fails.
pub fn file_in(tx: &Transaction<'_>, change: Change, now: Timestamp) -> anyhow::Result<bool> {
    let (host, kind, since) = match change {
        Change::Silent { host, last_heard, promised } => {
            let silent = AgentSilent { last_heard, promised_secs: promised.as_secs() };
            (host, Kind::AgentSilent(silent), Some(last_heard))
        }
        Change::Heard { host, silent_since } => (host, Kind::AgentHeard(AgentHeard { silent_since }), None),
    };
    // Another process may have revoked it a moment ago.
    if hosts::find(tx, host)?.is_none_or(|found| found.state != HostState::Active) {
        return Ok(false);
    }
    info!(%host, silent = since.is_some(), "Sign of life changed");
    observations::insert_own(tx, host, kind, now)?;
    hosts::set_silent(tx, host, since)?;

    Ok(true)
}
