//! The life of an agent, from top to bottom. The only file that may import from everywhere in this crate.
//!
//! ```text
//! sensors ──▶ observation, stamped ──▶ spool, on the disk ──▶ the sensor may go on
//!                                          └──▶ link ──▶ collector ──▶ spool forgets
//! ```
//!
//! | module | subject |
//! |---|---|
//! | `alive` | until when an agent watched |
//! | `assigned` | what the collector asks for |
//! | `certificate` | when it is told that the certificate ends |
//! | `connection` | what the link tells |
//! | `files` | the files sensor |
//! | `inventory` | readings of packages, patches, licences, host |
//! | `told` | what stands in the status file |
//! | [`writer`] | the writing end of the spool |

mod alive;
mod assigned;
mod certificate;
mod connection;
mod files;
mod inventory;
mod told;
pub mod writer;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use vonggac_protocol::assignment::Assignment;
use vonggac_protocol::hello::Welcome;
use vonggac_protocol::host::Health;
use vonggac_protocol::id::{Lane, Seq};
use vonggac_protocol::observation::{
    AgentStarted, AgentStopped, AssignmentRefused, Kind, Observation, SensorFailed,
};
use vonggac_protocol::time::Timestamp;

use crate::clock;
use crate::config::Config;
use crate::identity::{Identity, fingerprint};
use crate::keep;
use crate::link::pace::Pacing;
use crate::link::{Link, LinkEvent, SharedSpool, WireBytes, apart, new_epoch};
use crate::os::{Confinement, OwnUse, machine, service};
use crate::sensor::files::Change;
use crate::sensor::files::behind::SpoolPlace;
use crate::sensor::health;
use crate::spool::{Limits, Spool};
use crate::wire::ways::Ways;
use alive::{Alive, Before};
use assigned::Assigned;
use certificate::Ending;
use connection::Connection;
use files::Files;
use inventory::{Inventory, Reading};
use writer::{Places, Writer};

/// What the link may tell before the loop has looked at it; it waits when that is full.
const LINK_EVENTS: usize = 16;

/// How often the mark of life is renewed, and the status at least.
const TICK: Duration = Duration::from_secs(60);

/// How often the health of the agent is read; told if it says something new.
const HEALTH_EVERY: Duration = Duration::from_secs(15 * 60);

/// A status is at most so old when something has changed.
const STATUS_DELAY: Duration = Duration::from_secs(2);

/// After how long databases of packages that were being written to are read again.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// How long what is left in the spool is sent after a stop was asked for; the rest is sent after the next start.
const DRAIN_GRACE: Duration = Duration::from_secs(5);

/// Everything that can happen to an agent.
enum Event {
    /// What the files sensor saw; nothing if it ended.
    Changes(Vec<Change>),
    Link(LinkEvent),
    LinkEnded,
    Read(Box<(Inventory, Reading)>),
    Tick,
    StatusDue,
    HealthDue,
    InventoryDue,
    Stop,
}

/// Runs an agent until `stop` is cancelled or the system asks it to stop.
///
/// # Errors
/// With a [`Message`](crate::print::Message) if the machine is not enrolled or another agent runs; otherwise if the
/// disk or a part fails in a way that only a new start can mend. Nothing that was spooled is lost by it.
pub async fn run(config: Config, root: &Path, stop: CancellationToken) -> anyhow::Result<()> {
    let _lock = keep::lock(&config.state_dir)?;
    let identity = Identity::open(&config.state_dir)?;
    let mut agent = Agent::start(config, identity, root).await?;
    info!(version = env!("CARGO_PKG_VERSION"), "Agent started");
    let signals = tokio::spawn(async move {
        match service::stop_requested().await {
            Ok(()) => Ok(()),
            Err(error) => Err(anyhow::Error::new(error).context("listen for the request to stop")),
        }
    });
    let ended = agent.live(stop, signals).await;
    if let Err(error) = service::notify("STOPPING=1") {
        warn!(%error, "The service manager could not be told");
    }
    let stopped = agent.stop(ended.is_ok()).await;
    ended.and(stopped)?;
    info!("Agent stopped");

    Ok(())
}

struct Agent {
    config: Config,
    identity: Identity,
    started: (Timestamp, Instant),
    spool: SharedSpool,
    writer: Writer,
    alive: Alive,
    assigned: Assigned,
    pace: watch::Sender<crate::link::Pace>,
    link: Option<JoinHandle<()>>,
    link_stop: CancellationToken,
    link_events: mpsc::Receiver<LinkEvent>,
    wire: Arc<WireBytes>,
    connection: Connection,
    ending: Ending,
    /// How far the link is kept apart; `None` before it has said so.
    confined: Option<Confinement>,
    /// `None` while it cannot work; tried again at each tick.
    files: Option<Files>,
    files_failing: bool,
    /// Interruptions of watches that have ended since.
    watch_losses: u64,
    /// What the spool holds for the baseline; outer `None`: nothing.
    held: Option<Option<SpoolPlace>>,
    /// `None` while a reading is under way.
    inventory: Option<Inventory>,
    reading: Option<JoinHandle<(Inventory, Reading)>>,
    /// What a collector said it holds while a reading was under way.
    welcome: Option<Box<Welcome>>,
    assignment_refused: bool,
    /// What was told of our own health, and when.
    health_told: Option<(Instant, Health)>,
    due: Due,
}

/// When what comes by itself comes next.
struct Due {
    tick: Instant,
    tick_every: Duration,
    status: Option<Instant>,
    health: Instant,
    inventory: Instant,
}

impl Agent {
    async fn start(config: Config, identity: Identity, root: &Path) -> anyhow::Result<Self> {
        let now = clock::now();
        let state_dir = config.state_dir.clone();
        let spool = open_spool(&config, &identity)?;
        let (alive, before) = Alive::begin(&state_dir, now).context("mark that an agent watches")?;
        let assigned = Assigned::load(&state_dir, &config).context("read the assignment")?;
        let (appended, appended_receiver) = watch::channel(0);
        let (pace, pace_receiver) = watch::channel(assigned.pace());
        let (events, link_events) = mpsc::channel(LINK_EVENTS);
        let (link_stop, wire) = (CancellationToken::new(), Arc::new(WireBytes::open(&state_dir)));
        let machine_id = machine::machine_id().ok();
        let link = Link {
            fingerprint: fingerprint(identity.names.host, machine_id.as_deref(), &machine::name()),
            identity: identity.clone(),
            never_enrol: config.never_enrol.clone(),
            outside: tokio::runtime::Handle::current(),
            state_dir: state_dir.clone(),
            spool: spool.clone(),
            appended: appended_receiver,
            pace: pace_receiver,
            events,
            wire: wire.clone(),
            pacing: Pacing::new(clock::instant()),
            stop: link_stop.clone(),
            grace: DRAIN_GRACE,
            udp_again: Duration::from_secs(u64::from(config.udp_again_secs)),
            ways: Ways::load(&state_dir, now),
            standing: None,
        };
        let mut agent = Self {
            inventory: Some(Inventory::open(root, &state_dir, config.role, config.exclude.0.clone())?),
            writer: Writer::new(spool.clone(), appended),
            due: Due::from(Instant::now()),
            started: (now, Instant::now()),
            config,
            identity,
            spool,
            alive,
            assigned,
            pace,
            link: Some(tokio::spawn(apart::run(link))),
            link_stop,
            link_events,
            wire,
            connection: Connection::default(),
            confined: None,
            ending: Ending::load(&state_dir),
            files: None,
            files_failing: false,
            watch_losses: 0,
            held: Some(None),
            reading: None,
            welcome: None,
            assignment_refused: false,
            health_told: None,
        };
        agent.limit_line();
        agent.tell_start(before).await?;
        agent.start_files().await?;
        service::notify("READY=1").context("tell the service manager")?;

        Ok(agent)
    }

    async fn tell_start(&self, before: Before) -> anyhow::Result<()> {
        let started = AgentStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            after_crash: before.crashed,
            watched_until: before.watched_until,
        };
        self.writer.spool(&[observed(Kind::AgentStarted(started))]).await?;

        Ok(())
    }

    /// The loop: one event at a time.
    async fn live(
        &mut self,
        stop: CancellationToken,
        mut signals: JoinHandle<anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        loop {
            let event = self.next_event(&stop, &mut signals).await?;
            match event {
                Event::Changes(changes) => self.handle_changes(changes).await?,
                Event::Link(event) => self.handle_link(event).await?,
                Event::LinkEnded => anyhow::bail!("the link ended although nobody asked it to"),
                Event::Read(read) => self.handle_reading(read.0, read.1).await?,
                Event::Tick => self.tick().await?,
                Event::StatusDue => self.write_status(),
                Event::HealthDue => self.observe_health().await?,
                Event::InventoryDue => self.begin_reading(),
                Event::Stop => return Ok(()),
            }
        }
    }

    async fn next_event(
        &mut self,
        stop: &CancellationToken,
        signals: &mut JoinHandle<anyhow::Result<()>>,
    ) -> anyhow::Result<Event> {
        let reading = async {
            match &mut self.reading {
                Some(reading) => reading.await,
                None => std::future::pending().await,
            }
        };
        let changes = async {
            match &mut self.files {
                Some(files) => files.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(Event::Stop),
            asked = signals => {
                asked.context("listen for the request to stop")??;
                Ok(Event::Stop)
            }
            event = self.link_events.recv() => Ok(event.map_or(Event::LinkEnded, Event::Link)),
            changes = changes => Ok(Event::Changes(changes)),
            read = reading => {
                self.reading = None;
                Ok(Event::Read(Box::new(read.context("read the inventory")?)))
            }
            event = self.due.next() => Ok(event),
        }
    }

    /// Starts the files sensor; if it cannot work, that is told once and tried again at the next tick.
    async fn start_files(&mut self) -> anyhow::Result<()> {
        let (config, assignment, spool) =
            (self.config.clone(), self.assigned.current().clone(), self.spool.clone());
        let started = tokio::task::spawn_blocking(move || Files::start(&config, &assignment, &spool)).await;
        match started.context("start the files sensor")? {
            Ok(files) => {
                self.files = Some(files);
                self.files_failing = false;

                self.hold().await
            }
            Err(error) => self.files_failed(&error).await,
        }
    }

    async fn files_failed(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.files_failing, true) {
            return Ok(());
        }
        warn!("Files sensor cannot work");
        // The innermost cause may name a path; what we were doing does not.
        let failed = SensorFailed { sensor: "files".to_owned(), reason: error.to_string() };
        self.spool(vec![Kind::SensorFailed(failed)]).await?;

        Ok(())
    }

    /// Spool before baseline.
    async fn handle_changes(&mut self, changes: Vec<Change>) -> anyhow::Result<()> {
        if changes.is_empty() {
            let error = match self.end_files().await {
                Ok(()) => anyhow::anyhow!("the files sensor ended"),
                Err(error) => error,
            };
            return self.files_failed(&error).await;
        }
        let observations: Vec<Observation> =
            changes.iter().map(|change| change.observation.clone()).collect();
        let places = self.write(&observations).await?;
        if let Some(files) = &self.files {
            files.confirm(&changes, &places);
        }
        self.hold().await?;

        Ok(())
    }

    /// Has the spool keep what the baseline does not hold yet: an agent that dies now finds there what it had told.
    async fn hold(&mut self) -> anyhow::Result<()> {
        let absorbed = self.files.as_ref().map(Files::absorbed);
        if self.held == absorbed {
            return Ok(());
        }
        self.held = absorbed;
        let spool = self.spool.clone();
        let held = tokio::task::spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            match absorbed {
                Some(Some(place)) if place.epoch == spool.epoch() => {
                    spool.hold(Lane::Prompt, place.seq.next())
                }
                Some(_) => Ok(()),
                None => spool.let_go(),
            }
        });

        held.await.context("hold what was spooled")?.context("hold what was spooled")
    }

    /// Ends the files sensor; what it still tells is spooled.
    async fn end_files(&mut self) -> anyhow::Result<()> {
        let Some(mut files) = self.files.take() else { return Ok(()) };
        files.ask_to_stop();
        loop {
            let changes = files.next().await;
            if changes.is_empty() {
                break;
            }
            let observations: Vec<Observation> =
                changes.iter().map(|change| change.observation.clone()).collect();
            let places = self.write(&observations).await?;
            files.confirm(&changes, &places);
        }
        self.watch_losses += files.stats().watch_losses;
        files.join().await?;

        self.hold().await
    }

    async fn take_assignment(&mut self, assignment: Assignment) -> anyhow::Result<()> {
        let version = assignment.version;
        let watched = self.assigned.current().watch.clone();
        match self.assigned.take(assignment, &self.config.state_dir) {
            Ok(true) => {
                info!(version, "Assignment taken");
                self.assignment_refused = false;
                self.pace.send_replace(self.assigned.pace());
                self.limit_line();
                self.due.inventory_within(self.inventory_every());
                if let Some(files) = self.files.as_ref().filter(|_| watched == self.assigned.current().watch)
                {
                    // The same paths: watching goes on, and only orders may be new.
                    files.rebaseline(self.assigned.current());
                    return Ok(());
                }
                if let Err(error) = self.end_files().await {
                    self.files_failed(&error).await?;
                }
                self.start_files().await?;
            }
            Ok(false) => {}
            Err(reason) => {
                warn!(version, "Assignment refused");
                self.assignment_refused = true;
                let refused = AssignmentRefused { version, reason };
                self.spool(vec![Kind::AssignmentRefused(refused)]).await?;
            }
        }

        Ok(())
    }

    /// Compares what the collector holds with what was told; if a reading is under way, when that is done.
    fn compare_inventory(&mut self, welcome: Box<Welcome>) {
        let Some(inventory) = &mut self.inventory else {
            self.welcome = Some(welcome);
            return;
        };
        let kept = welcome.marks.iter().find(|mark| mark.lane == Lane::Bulk).map_or(Seq(0), |mark| mark.kept);
        let (epoch, kept_from) = {
            let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
            (spool.epoch(), spool.span(Lane::Bulk).kept_from)
        };
        if inventory.compare(welcome.packages, epoch, kept, kept_from) {
            self.due.inventory_within(Duration::ZERO);
        }
    }

    fn begin_reading(&mut self) {
        self.due.inventory = Instant::now() + self.inventory_every();
        let Some(mut inventory) = self.inventory.take() else { return };
        inventory.look_in(self.config.language_roots(self.assigned.current()));
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let reading = inventory.read(clock::now(), clock::instant());
            (inventory, reading)
        }));
    }

    async fn handle_reading(&mut self, mut inventory: Inventory, reading: Reading) -> anyhow::Result<()> {
        if reading.soon {
            self.due.inventory_within(READ_AGAIN);
        }
        let places = self.spool(reading.kinds.clone()).await?;
        let epoch = self.spool.lock().unwrap_or_else(PoisonError::into_inner).epoch();
        let confirmed = tokio::task::spawn_blocking(move || {
            inventory.confirm(reading, epoch, &places).map(|()| inventory)
        });
        self.inventory = Some(confirmed.await.context("keep what was told")??);
        if let Some(welcome) = self.welcome.take() {
            self.compare_inventory(welcome);
        }

        Ok(())
    }

    async fn observe_health(&mut self) -> anyhow::Result<()> {
        self.due.health = Instant::now() + HEALTH_EVERY;
        let status = self.status();
        let counts = health::Counts {
            watch_mode: status.watch_mode,
            uptime: self.started.1.elapsed(),
            waiting: status.waiting_prompt + status.waiting_bulk,
            waiting_bytes: status.spool_bytes,
            dropped: status.dropped,
            watch_losses: status.watch_losses,
            baseline_paths: status.baseline_paths,
            exclusions: status.exclusions,
            clock_offset_ms: status.clock_offset_ms,
            traffic: Some(self.wire.today(clock::now())),
        };
        let used = OwnUse { memory_bytes: status.memory_bytes, processor_ms: status.processor_ms };
        let health = health::read(counts, used);
        let now = Instant::now();
        let since = self.health_told.as_ref().map_or(Duration::ZERO, |(at, _)| now.duration_since(*at));
        if !health::news::is_news(self.health_told.as_ref().map(|(_, told)| told), &health, since) {
            return Ok(());
        }
        self.health_told = Some((now, health.clone()));
        self.spool(vec![Kind::Health(health)]).await?;

        Ok(())
    }

    /// Stamps and spools what was seen; returns its places once it is on the disk.
    async fn spool(&mut self, kinds: Vec<Kind>) -> anyhow::Result<Vec<(Lane, Seq)>> {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let observations: Vec<Observation> = kinds.into_iter().map(observed).collect();

        Ok(self.write(&observations).await?.places)
    }

    async fn write(&mut self, observations: &[Observation]) -> anyhow::Result<Places> {
        let places = self.writer.spool(observations).await?;
        self.alive.mark(clock::now()).context("mark that an agent watches")?;
        self.due.status_soon();

        Ok(places)
    }

    async fn tick(&mut self) -> anyhow::Result<()> {
        if self.files.is_none() {
            self.start_files().await?;
        }
        self.hold().await?;
        self.due.tick = Instant::now() + self.due.tick_every;
        self.tell_ending().await?;
        self.alive.mark(clock::now()).context("mark that an agent watches")?;
        self.keep_traffic();
        service::notify("WATCHDOG=1").context("tell the service manager")?;
        self.write_status();

        Ok(())
    }

    fn keep_traffic(&self) {
        if let Err(error) = self.wire.keep(&self.config.state_dir) {
            warn!(%error, "What was used of the day's budget could not be kept");
        }
    }

    fn inventory_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.assigned.current().inventory_secs))
    }

    /// The end, in order: sensors, spool, link. `asked` is false if a part failed.
    async fn stop(mut self, asked: bool) -> anyhow::Result<()> {
        if let Err(error) = self.end_files().await {
            warn!("Files sensor did not end in order");
            debug!(error = %format!("{error:#}"), "Files sensor did not end in order");
        }
        if asked {
            let stopped = AgentStopped { reason: "service".to_owned() };
            self.spool(vec![Kind::AgentStopped(stopped)]).await?;
            self.alive.end(clock::now()).context("mark that the agent stopped")?;
        }
        self.link_stop.cancel();
        if let Some(mut link) = self.link.take() {
            loop {
                tokio::select! {
                    ended = &mut link => break ended.context("end the link")?,
                    // The link must not wait for a loop that has ended.
                    Some(_) = self.link_events.recv() => {}
                }
            }
        }
        self.keep_traffic();
        self.connection.connected = false;
        self.connection.since = Some(clock::now());
        self.write_status();

        Ok(())
    }
}

impl Due {
    fn from(now: Instant) -> Self {
        let watchdog = service::watchdog().map_or(TICK, |every| every / 2);
        let tick_every = TICK.min(watchdog);

        Self { tick: now, tick_every, status: None, health: now, inventory: now }
    }

    fn status_soon(&mut self) {
        self.status.get_or_insert_with(|| Instant::now() + STATUS_DELAY);
    }

    fn inventory_within(&mut self, wait: Duration) {
        self.inventory = self.inventory.min(Instant::now() + wait);
    }

    async fn next(&self) -> Event {
        let (at, event) = [
            (self.tick, Event::Tick),
            (self.health, Event::HealthDue),
            (self.inventory, Event::InventoryDue),
        ]
        .into_iter()
        .chain(self.status.map(|at| (at, Event::StatusDue)))
        .min_by_key(|(at, _)| *at)
        .expect("three are always there");
        tokio::time::sleep_until(at).await;

        event
    }
}

fn observed(kind: Kind) -> Observation {
    Observation { at: clock::now(), kind }
}

/// Opens the spool. If the machine has another identity than the last time, a new life of the spool begins: its old
/// places mean nothing to the new host's collector, and what another collector assigned is no longer followed.
fn open_spool(config: &Config, identity: &Identity) -> anyhow::Result<SharedSpool> {
    let state_dir = &config.state_dir;
    let limits = Limits { bytes_max: config.spool_bytes_max, ..Limits::default() };
    let (mut spool, recovered) =
        Spool::open(&state_dir.join("spool"), limits, new_epoch()?).context("open the spool")?;
    if !recovered.is_clean() {
        let lost: u64 = recovered.lost.iter().map(|lost| lost.last.0 - lost.first.0 + 1).sum();
        warn!(torn_bytes = recovered.torn_bytes, lost, "Spool was damaged and has been mended");
    }
    // Until the files sensor has looked at it.
    let kept_from = spool.span(Lane::Prompt).kept_from;
    spool.hold(Lane::Prompt, kept_from).context("hold what was spooled")?;
    let (host_path, host) = (state_dir.join("host"), identity.names.host.to_string());
    let before = fs::read_to_string(&host_path).ok();
    if before.as_deref() != Some(host.as_str()) {
        if before.is_some() {
            info!("Machine has a new identity; the spool begins a new life");
            spool.renew(new_epoch()?).context("renew the spool")?;
            Inventory::forget(state_dir).context("forget what was told")?;
            Assigned::forget(state_dir).context("forget what was assigned")?;
        }
        keep::write_whole(&host_path, host.as_bytes()).context("keep the host's name")?;
    }

    Ok(Arc::new(Mutex::new(spool)))
}
