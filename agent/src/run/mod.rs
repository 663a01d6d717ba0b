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
//! | `records` | the system's own records |
//! | `system` | what the inventory asks of the system itself: Windows Update, protection |
//! | `told` | what stands in the status file |
//! | `upgrade` | becoming another version |
//! | `watching` | the files sensor among everything else |
//! | [`writer`] | the writing end of the spool |

mod alive;
mod assigned;
mod certificate;
mod connection;
mod files;
mod inventory;
mod records;
mod system;
mod told;
mod upgrade;
mod watching;
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
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::Welcome;
use vonggac_protocol::host::Health;
use vonggac_protocol::id::{Lane, Seq};
use vonggac_protocol::observation::{AgentStarted, AgentStopped, AssignmentRefused, Kind, Observation};
use vonggac_protocol::release::Version;
use vonggac_protocol::time::Timestamp;

use crate::clock;
use crate::config::Config;
use crate::identity::{Identity, fingerprint};
use crate::keep;
use crate::link::pace::Pacing;
use crate::link::{Link, LinkEvent, Pace, SharedSpool, WireBytes, apart, new_epoch};
use crate::os::{Confinement, OwnUse, machine, service};
use crate::sensor::files::Change;
use crate::sensor::files::behind::SpoolPlace;
use crate::sensor::health;
use crate::spool::{Limits, Spool};
use crate::upgrade::Leaving;
use crate::upgrade::fetch::Upgrades;
use crate::wire::ways::Ways;
use alive::{Alive, Before};
use assigned::Assigned;
use certificate::Ending;
use connection::Connection;
use files::Files;
use inventory::{Inventory, Reading};
use records::Recorder;
use writer::{Places, Writer};

/// What the link may tell before the loop has looked at it; it waits when that is full.
const LINK_EVENTS: usize = 16;

/// How often the mark of life is renewed, and the status at least.
const TICK: Duration = Duration::from_secs(60);

/// How often the health of the agent is read; told if it says something new.
const HEALTH_EVERY: Duration = Duration::from_secs(15 * 60);

/// A status is at most so old when something has changed.
const STATUS_DELAY: Duration = Duration::from_secs(2);

/// How long after a failed start of the files sensor it is tried again the first time.
const FILES_AGAIN: Duration = Duration::from_secs(5);

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
    RecordsDue,
    Recorded(Box<(Recorder, records::Read)>),
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
pub async fn run(config: Config, root: &Path, stop: CancellationToken) -> anyhow::Result<Leaving> {
    let _lock = keep::lock(&config.state_dir)?;
    let identity = Identity::open(&config.state_dir)?;
    let mut agent = Agent::start(config, identity, root).await?;
    info!(version = crate::version::own(), "Agent started");
    let signals = tokio::spawn(async move {
        match service::stop_requested().await {
            Ok(()) => Ok(()),
            Err(error) => Err(anyhow::Error::new(error).context("listen for the request to stop")),
        }
    });
    let ended = agent.live(stop, signals).await;
    // Whoever makes way for another version does not stop: a manager that believed so would end the launcher before long.
    if !matches!(ended, Ok(Leaving::Again))
        && let Err(error) = service::notify("STOPPING=1")
    {
        warn!(%error, "The service manager could not be told");
    }
    let stopped = agent.stop(ended.as_ref().ok().copied()).await;
    let ending = ended.and_then(|ending| stopped.map(|()| ending))?;
    info!(?ending, "Agent stopped");

    Ok(ending)
}

struct Agent {
    config: Config,
    identity: Identity,
    started: (Timestamp, Instant),
    spool: SharedSpool,
    writer: Writer,
    alive: Alive,
    assigned: Assigned,
    pace: watch::Sender<Pace>,
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
    /// How long until it is tried again, doubled each time up to the tick.
    files_again: Duration,
    /// Interruptions of watches that have ended since.
    watch_losses: u64,
    /// What the spool holds for the baseline; outer `None`: nothing.
    held: Option<Option<SpoolPlace>>,
    /// `None` while a reading is under way.
    inventory: Option<Inventory>,
    reading: Option<JoinHandle<(Inventory, Reading)>>,
    /// `None` while it reads, or where there is nothing to read.
    recorder: Option<Recorder>,
    recording: Option<JoinHandle<(Recorder, records::Read)>>,
    records_failing: Option<String>,
    /// What a collector said it holds while a reading was under way.
    welcome: Option<Box<Welcome>>,
    assignment_refused: bool,
    told_again: upgrade::ToldAgain,
    /// This version has reported, and that could not be kept yet.
    settling: bool,
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
    records: Option<Instant>,
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
        let link =
            link(&config, &identity, &spool, (appended_receiver, pace_receiver), events, &wire, &link_stop);
        let mut agent = Self {
            inventory: Some(
                Inventory::open(root, &state_dir, config.role, config.exclude.0.clone())?
                    .asking(config.updater()),
            ),
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
            files_again: FILES_AGAIN,
            watch_losses: 0,
            held: Some(None),
            reading: None,
            recorder: None,
            recording: None,
            records_failing: None,
            welcome: None,
            assignment_refused: false,
            told_again: upgrade::ToldAgain::new(),
            settling: false,
            health_told: None,
        };
        agent.limit_line();
        agent.start_records().await?;
        agent.tell_start(before).await?;
        agent.start_files().await?;
        service::notify("READY=1").context("tell the service manager")?;

        Ok(agent)
    }

    async fn tell_start(&mut self, before: Before) -> anyhow::Result<()> {
        let started = AgentStarted {
            version: crate::version::own().to_owned(),
            after_crash: before.crashed,
            watched_until: before.watched_until,
        };
        self.writer.spool(&[observed(Kind::AgentStarted(started))]).await?;

        self.tell_upgrades().await
    }

    /// The loop: one event at a time.
    async fn live(
        &mut self,
        stop: CancellationToken,
        mut signals: JoinHandle<anyhow::Result<()>>,
    ) -> anyhow::Result<Leaving> {
        loop {
            let event = self.next_event(&stop, &mut signals).await?;
            match event {
                Event::Changes(changes) => self.handle_changes(changes).await?,
                Event::Link(event) => {
                    if self.handle_link(event).await? == Some(Leaving::Again) {
                        return Ok(Leaving::Again);
                    }
                }
                Event::LinkEnded => anyhow::bail!("the link ended although nobody asked it to"),
                Event::Read(read) => self.handle_reading(read.0, read.1).await?,
                Event::RecordsDue => self.begin_recording(),
                Event::Recorded(read) => self.handle_records(read.0, read.1).await?,
                Event::Tick => self.tick().await?,
                Event::StatusDue => self.write_status(),
                Event::HealthDue => self.observe_health().await?,
                Event::InventoryDue => self.begin_reading(),
                Event::Stop => return Ok(Leaving::Stopped),
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
        let recording = async {
            match &mut self.recording {
                Some(recording) => recording.await,
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
            read = recording => {
                self.recording = None;
                Ok(Event::Recorded(Box::new(read.context("read the system's records")?)))
            }
            event = self.due.next() => Ok(event),
        }
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
                self.retell_records();
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
            let kept = inventory.confirm(reading, epoch, &places);
            (inventory, kept)
        });
        let (inventory, kept) = confirmed.await.context("keep what was told")?;
        self.inventory = Some(inventory);
        // What is not kept as told is told again: twice, but never not at all, and the other sensors go on.
        if let Err(error) = kept {
            warn!(error = %error.root_cause(), "What was told of the machine could not be kept; it will be told again");
            self.due.inventory_within(READ_AGAIN);
        }
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
        self.settle_again().await?;
        self.due.tick = Instant::now() + self.next_tick();
        self.tell_ending().await?;
        self.alive.mark(clock::now()).context("mark that an agent watches")?;
        self.keep_traffic();
        service::notify("WATCHDOG=1").context("tell the service manager")?;
        self.write_status();

        Ok(())
    }

    fn next_tick(&mut self) -> Duration {
        if self.files.is_some() {
            return self.due.tick_every;
        }
        let wait = self.files_again.min(self.due.tick_every);
        self.files_again = wait.saturating_mul(2);

        wait
    }

    fn keep_traffic(&self) {
        if let Err(error) = self.wire.keep(&self.config.state_dir) {
            warn!(%error, "What was used of the day's budget could not be kept");
        }
    }

    fn inventory_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.assigned.current().inventory_secs))
    }

    /// The end, in order: sensors, spool, link. `asked` is `None` if a part failed.
    async fn stop(mut self, asked: Option<Leaving>) -> anyhow::Result<()> {
        if let Err(error) = self.end_files().await {
            warn!("Files sensor did not end in order");
            debug!(error = %format!("{error:#}"), "Files sensor did not end in order");
        }
        self.end_records().await?;
        if let Some(ending) = asked {
            let reason = match ending {
                Leaving::Stopped => "service",
                Leaving::Again => "upgrade",
            };
            let stopped = AgentStopped { reason: reason.to_owned() };
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

        Self { tick: now, tick_every, status: None, health: now, inventory: now, records: None }
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
        .chain(self.records.map(|at| (at, Event::RecordsDue)))
        .min_by_key(|(at, _)| *at)
        .expect("three are always there");
        tokio::time::sleep_until(at).await;

        event
    }
}

/// Tells this machine from a copy.
/// What the link needs of the rest.
fn link(
    config: &Config,
    identity: &Identity,
    spool: &SharedSpool,
    (appended, pace): (watch::Receiver<u64>, watch::Receiver<Pace>),
    events: mpsc::Sender<LinkEvent>,
    wire: &Arc<WireBytes>,
    stop: &CancellationToken,
) -> Link {
    Link {
        fingerprint: own_fingerprint(identity),
        identity: identity.clone(),
        never_enrol: config.never_enrol.clone(),
        outside: tokio::runtime::Handle::current(),
        state_dir: config.state_dir.clone(),
        spool: spool.clone(),
        appended,
        pace,
        events,
        wire: wire.clone(),
        pacing: Pacing::new(clock::instant()),
        stop: stop.clone(),
        grace: DRAIN_GRACE,
        udp_again: Duration::from_secs(u64::from(config.udp_again_secs)),
        ways: Ways::load(&config.state_dir, clock::now()),
        standing: None,
        upgrades: upgrades(config),
        heard: false,
    }
}

fn own_fingerprint(identity: &Identity) -> Digest {
    let machine_id = machine::machine_id().ok();

    fingerprint(identity.names.host, machine_id.as_deref(), &machine::name())
}

/// What becoming another version needs; `None` where nobody's releases are believed.
fn upgrades(config: &Config) -> Option<Upgrades> {
    let (keys, state_dir) = (config.release_keys.clone(), config.state_dir.clone());
    let own = Version::parse(crate::version::own()).filter(|_| !keys.is_empty())?;

    Some(Upgrades { keys, own, state_dir })
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
            Recorder::forget(state_dir).context("forget which records were told")?;
        }
        keep::write_whole(&host_path, host.as_bytes()).context("keep the host's name")?;
    }

    Ok(Arc::new(Mutex::new(spool)))
}
