//! The world in a box: hosts, links and a collector under one simulated clock. The agent's spool, its delivery and
//! its backoff, the collector's intake, greeting, store and watch over silence are the real ones; so is every byte.
//! Processes, links and disks fail by chance; one seed, one world. `docs/decisions/0025` says what is modelled.
//!
//! | module | subject |
//! |---|---|
//! | `agenda` | what happens next |
//! | `host` | a machine and its agent |
//! | `told` | what machines tell |
//! | [`disk`] | what a power cut leaves of a folder |
//! | `transport` | frames on their way |
//! | `office` | the collector |
//! | `weather` | what goes wrong |
//! | [`stories`] | what goes wrong at a step that is chosen |
//! | [`law`] | what must hold |

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use vonggac_agent::spool::Limits;
use vonggac_protocol::id::Epoch;
use vonggac_protocol::time::Timestamp;

use crate::fuzz::mutation::Numbers;
use agenda::{Agenda, Event};
use host::Host;
use law::Law;
use office::Collector;
use transport::Link;

mod agenda;
pub mod disk;
mod host;
pub mod law;
mod office;
pub mod stories;
mod told;
mod transport;
mod weather;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Hours of bad weather between two calms, in each of which everything must come to rest.
const SPELL_HOURS: u64 = 100;

/// How long the calm may take: the longest hint, the longest backoff and the resending fit well.
const CALM_HOURS: u64 = 6;

/// 2026-01-01T00:00:00Z, in milliseconds.
const BEGINNING: i64 = 1_767_225_600_000;

/// Wrong on purpose, around the real cores: shows that the laws notice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mistake {
    /// The collector acknowledges before its commit.
    AckBeforeCommit,
    /// The baseline moves before the spool has the change.
    BaselineBeforeSpool,
    /// The spool is told to let go of what was not confirmed.
    TruncationTooFar,
    /// The spool is never told to let go of anything.
    TruncationForgotten,
    /// The collector keeps a batch that comes twice, twice.
    DoubledBatch,
    /// A host set back to an older copy of itself goes on under the old epoch.
    OldEpochAfterSnapshot,
    /// Nobody asks the watch over silence.
    SilenceUnnoticed,
    /// The collector does not say which places never come.
    GapHidden,
}

impl Mistake {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::AckBeforeCommit,
        Self::BaselineBeforeSpool,
        Self::TruncationTooFar,
        Self::TruncationForgotten,
        Self::DoubledBatch,
        Self::OldEpochAfterSnapshot,
        Self::SilenceUnnoticed,
        Self::GapHidden,
    ];
}

/// Who dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Host(usize),
    Collector,
}

/// Just after which step somebody dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Point {
    Sensed,
    Written,
    Torn,
    Synced,
    BaselineMoved,
    Sent,
    Passed,
    Forgotten,
    Renewed,
    Received,
    Committing,
    Committed,
    AckSent,
}

impl Point {
    const ALL: [Self; 13] = [
        Self::Sensed,
        Self::Written,
        Self::Torn,
        Self::Synced,
        Self::BaselineMoved,
        Self::Sent,
        Self::Passed,
        Self::Forgotten,
        Self::Renewed,
        Self::Received,
        Self::Committing,
        Self::Committed,
        Self::AckSent,
    ];

    fn is_collectors(self) -> bool {
        matches!(self, Self::Received | Self::Committing | Self::Committed | Self::AckSent)
    }
}

/// How a world is made.
#[derive(Clone, Debug)]
struct Setup {
    hosts: usize,
    /// Milliseconds between two faults, on average.
    fault_every: u64,
    /// Milliseconds between two changes of a host's file, on average.
    change_every: u64,
    /// Milliseconds between two signs of life.
    pace: u64,
    segment_bytes: u64,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Simulated hours of this world's clock.
    pub hours: u64,
    /// Events handled.
    pub steps: u64,
    /// Comparisons made.
    pub checks: u64,
    /// Records that were spooled.
    pub records: usize,
    /// Places that the collector named as missing, as its disk stands at the end.
    pub missing: usize,
    /// What happened how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// The laws that were broken; the run ended with the first.
    pub broken: Vec<String>,
    /// The last things that happened.
    pub trace: Vec<String>,
    /// The same for the same seed, and for no other.
    pub print: u64,
}

/// Everything.
struct World {
    now: u64,
    base: Instant,
    agenda: Agenda,
    numbers: Numbers,
    hosts: Vec<Host>,
    links: Vec<Link>,
    collector: Collector,
    law: Law,
    setup: Setup,
    mistake: Option<Mistake>,
    armed: Option<(Side, Point)>,
    counts: BTreeMap<&'static str, u64>,
    silence_planned: u64,
    unique: u64,
    /// No fault happens.
    calm: bool,
    folder: tempfile::TempDir,
    steps: u64,
    trace: std::collections::VecDeque<String>,
    print: u64,
}

/// Runs one world for so many hours of its clock.
///
/// # Errors
/// If the machine that simulates fails, or a part of the product fails where it may not.
pub fn run(seed: u64, hours: u64, mistake: Option<Mistake>) -> anyhow::Result<Outcome> {
    let mut world = World::new(seed, mistake)?;
    // An invariant of the product that does not hold is a law that does not.
    match catch_unwind(AssertUnwindSafe(|| world.live(hours))) {
        Ok(lived) => lived?,
        Err(panic) => {
            let what = panic.downcast_ref::<String>().cloned();
            let what = what.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            world.law.breaks(format!("a part of the product gave up: {}", what.unwrap_or_default()));
        }
    }

    Ok(world.outcome())
}

impl World {
    fn new(seed: u64, mistake: Option<Mistake>) -> anyhow::Result<Self> {
        let mut numbers = Numbers::new(seed);
        let setup = Setup::by_chance(&mut numbers);
        let folder = tempfile::Builder::new().prefix("vonggac-world-").tempdir_in(memory_or_disk())?;
        let promised = Duration::from_millis(setup.pace * 3);
        let collector = office::found(setup.hosts, promised, Timestamp(BEGINNING))?;
        let hosts = (0..setup.hosts)
            .map(|number| {
                let dir = folder.path().join(format!("host-{number}"));
                std::fs::create_dir_all(&dir)?;
                let limits = Limits { bytes_max: 1024 * 1024, segment_bytes: setup.segment_bytes };
                Ok(Host::new(dir, limits, setup.pace))
            })
            .collect::<std::io::Result<Vec<_>>>()?;

        Ok(Self {
            now: 0,
            base: beginning(),
            agenda: Agenda::default(),
            links: vec![Link { latency: 20, ..Link::default() }; setup.hosts],
            law: Law::new(setup.hosts),
            numbers,
            hosts,
            collector,
            setup,
            mistake,
            armed: None,
            counts: BTreeMap::new(),
            silence_planned: 0,
            unique: 0,
            calm: false,
            folder,
            steps: 0,
            trace: std::collections::VecDeque::new(),
            print: 0,
        })
    }

    fn live(&mut self, hours: u64) -> anyhow::Result<()> {
        self.begin()?;
        let mut left = hours;
        while left > 0 && self.law.broken.is_empty() {
            let spell = left.min(SPELL_HOURS);
            left -= spell;
            let until = self.now + spell * HOUR;
            self.run_until(until)?;
            self.come_to_rest()?;
        }

        Ok(())
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.collector_start()?;
        for host in 0..self.hosts.len() {
            self.host_start(host, false)?;
            self.plan_in(MINUTE, Event::Change { host });
            self.plan_in(MINUTE, Event::Report { host });
        }
        self.plan_fault();

        Ok(())
    }

    fn run_until(&mut self, until: u64) -> anyhow::Result<()> {
        while self.law.broken.is_empty() && self.agenda.next_at().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.now = self.now.max(until);

        Ok(())
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let Some((at, event)) = self.agenda.next() else { return Ok(()) };
        self.now = self.now.max(at);
        self.steps += 1;
        self.note_event(&event);
        match event {
            Event::Change { host } => {
                self.change(host);
                let pause = SECOND + self.below(2 * self.setup.change_every);
                self.plan_in(pause, Event::Change { host });
            }
            Event::Report { host } => {
                self.report(host, 0);
                let pause = SECOND + self.below(4 * self.setup.change_every);
                self.plan_in(pause, Event::Report { host });
            }
            Event::Work { host } => self.work(host)?,
            Event::Dial { host, life } => self.dial(host, life),
            Event::WelcomeLate { host, connection } => self.welcome_late(host, connection),
            Event::Idle { host, connection } => self.idle(host, connection),
            Event::Beat { host, connection } => self.beat(host, connection),
            Event::Resend { host, connection } => self.resend(host, connection),
            Event::Up { host, connection, frame } => self.arrive_up(host, connection, frame)?,
            Event::Down { host, connection, frame } => self.arrive_down(host, connection, frame)?,
            Event::Reset { host, connection } => self.lost(host, connection),
            Event::Commit { life } => self.commit(life)?,
            Event::Silence { life } => self.silence(life)?,
            Event::Promise { host } => self.promise(host)?,
            Event::Fault => self.fault()?,
            Event::HostStart { host } => self.host_start(host, false)?,
            Event::Reboot { host } => self.reboot(host),
            Event::CollectorStart => self.collector_start()?,
        }

        Ok(())
    }

    /// Nothing fails from now on: everything arrives, or is named, and stands still.
    fn come_to_rest(&mut self) -> anyhow::Result<()> {
        self.calm = true;
        self.armed = None;
        self.collector.busy_until = 0;
        self.collector.slow_until = 0;
        for host in 0..self.hosts.len() {
            let latency = 10 + self.below(300);
            let link = &mut self.links[host];
            (link.cut_until, link.rough_until, link.latency) = (self.now, self.now, latency);
            self.hosts[host].full_until = 0;
        }
        let by = self.now + CALM_HOURS * HOUR;
        // What was under way when the weather changed is over by then.
        self.run_until(self.now + HOUR)?;
        // A gap at the end of a lane is named with the lane's next record: let there be one.
        for host in 0..self.hosts.len() {
            self.change(host);
            self.report(host, 0);
        }
        let mut settled = None;
        while settled.is_none() && self.now < by && self.law.broken.is_empty() {
            self.run_until(self.now + MINUTE)?;
            settled = (0..self.hosts.len()).map(|host| self.at_rest(host)).collect::<Option<Vec<_>>>();
        }
        if self.law.broken.is_empty() {
            match settled {
                Some(all) => {
                    for (host, settled) in all.iter().enumerate() {
                        self.law.settled(&self.collector.db, host, settled)?;
                    }
                }
                None => {
                    self.law.breaks(format!("not at rest {CALM_HOURS} hours after everything was healed"))
                }
            }
        }
        self.calm = false;
        self.plan_fault();

        Ok(())
    }

    fn outcome(self) -> Outcome {
        Outcome {
            hours: self.now / HOUR,
            steps: self.steps,
            checks: self.law.checks,
            records: self.law.records(),
            missing: self.law.missing(),
            counts: self.counts,
            broken: self.law.broken,
            trace: self.trace.into(),
            print: self.print,
        }
    }

    fn change(&mut self, host: usize) {
        self.hosts[host].file = self.new_number();
        self.wake(host);
    }

    /// Whether somebody is to die at this step.
    fn is_armed(&self, side: Side, point: Point) -> bool {
        self.armed == Some((side, point))
    }

    fn disarm(&mut self, what: &'static str) {
        self.armed = None;
        self.count(what);
    }

    /// Dies if it is time to; with the machine's power or without.
    fn strike_at(&mut self, side: Side, point: Point) -> anyhow::Result<()> {
        if !self.is_armed(side, point) {
            return Ok(());
        }
        self.disarm("died_at_a_step");
        match side {
            Side::Host(host) => {
                let power = self.numbers.once_in(2);
                self.host_dies(host, power)
            }
            Side::Collector => {
                self.collector_dies();
                Ok(())
            }
        }
    }

    fn plan_in(&mut self, pause: u64, event: Event) {
        self.agenda.plan(self.now + pause, event);
    }

    fn instant(&self) -> Instant {
        self.base + Duration::from_millis(self.now)
    }

    /// The collector's wall clock, which is right.
    fn wall(&self) -> Timestamp {
        Timestamp(BEGINNING.saturating_add_unsigned(self.now))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.numbers.next_number() % limit.max(1)
    }

    /// A number from 0 to 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1 << 31)).unwrap_or(0)) / f64::from(1_u32 << 31)
    }

    fn new_number(&mut self) -> u64 {
        self.unique += 1;

        self.unique
    }

    fn new_epoch(&mut self) -> Epoch {
        host::epoch_of(self.numbers.next_number())
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn note_event(&mut self, event: &Event) {
        let text =
            if let Event::Up { host, connection, frame } | Event::Down { host, connection, frame } = event {
                let way = if matches!(event, Event::Up { .. }) { "up" } else { "down" };
                format!("{way} {host} {connection} {} bytes {:x}", frame.bytes.len(), frame.seal)
            } else {
                format!("{event:?}")
            };
        self.note(&text);
    }

    fn note(&mut self, what: &str) {
        let line = format!("{} {what}", self.now);
        self.print = self.print.rotate_left(5) ^ law::print(line.as_bytes());
        if self.trace.len() >= 200 {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }
}

impl Setup {
    fn by_chance(numbers: &mut Numbers) -> Self {
        let paces = [MINUTE, 5 * MINUTE, 5 * MINUTE, 15 * MINUTE, 15 * MINUTE, HOUR, HOUR, HOUR];
        let minutes = |most: usize, numbers: &mut Numbers| {
            u64::try_from(10 + numbers.below(most)).unwrap_or(10) * MINUTE
        };

        Self {
            hosts: 1 + numbers.below(3),
            fault_every: minutes(300, numbers),
            change_every: minutes(300, numbers),
            pace: paces[numbers.below(paces.len())],
            segment_bytes: [4_096, 16_384, 65_536][numbers.below(3)],
        }
    }
}

/// Where the simulated disks lie: in memory where the system has such a place.
fn memory_or_disk() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");

    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn beginning() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from a clock; the world adds to it"
    )]
    Instant::now()
}
