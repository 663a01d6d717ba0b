//! Hosts, links and a collector in memory: the real delivery cores and the real bytes, on disks that forget what was
//! not synced and links that lose, double, reorder and cut. One seed, one world: it runs the same way every time.
//!
//! | module | subject |
//! |---|---|
//! | [`host`] | a machine with a file, an agent and its disk |
//! | [`collector`] | a collector and its disk |
//! | `law` | what must hold after every step |

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use vonggac_protocol::frame::Frame;
use vonggac_protocol::id::{Lane, Seq};

use crate::fuzz::mutation::Numbers;
use collector::Collector;
use host::Host;

pub mod collector;
pub mod host;
mod law;

/// Wrong on purpose: shows that the laws notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mistake {
    /// The baseline moves before the spool is synced.
    BaselineBeforeSpool,
    /// The collector acknowledges before its commit.
    AckBeforeCommit,
    /// A host set back to an older copy of itself goes on under the old epoch.
    OldEpochAfterSnapshot,
}

/// Stages of the path: the agent's own work, sending, receiving, committing, acknowledging, hearing of it.
const STAGES: usize = 6;

/// A place that a host's disk has held: host, epoch, lane, place.
pub type Place = (usize, u64, Lane, u64);

/// Where the change of a file has come to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    /// The agent has seen it.
    Sensed,
    /// Handed to the disk, not synced.
    Written,
    /// In the spool.
    Synced,
    /// The baseline has moved.
    BaselineMoved,
    /// On the wire.
    Sent,
    /// At the collector, not committed.
    Received,
    /// On the collector's disk.
    Committed,
    /// The acknowledgement is on the wire.
    AckSent,
    /// The spool may forget it.
    Forgotten,
}

impl Point {
    /// All, in order.
    pub const ALL: [Self; 9] = [
        Self::Sensed,
        Self::Written,
        Self::Synced,
        Self::BaselineMoved,
        Self::Sent,
        Self::Received,
        Self::Committed,
        Self::AckSent,
        Self::Forgotten,
    ];
}

/// Both directions between a host and the collector; bytes, as on the wire.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// To the collector.
    pub up: VecDeque<Vec<u8>>,
    /// To the host.
    pub down: VecDeque<Vec<u8>>,
    /// Grows with every connection: what was begun on an older one goes nowhere.
    pub connection: u64,
    /// Whether there is one.
    pub stands: bool,
}

/// Everything.
#[derive(Debug)]
pub struct World {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// Their links.
    pub links: Vec<Link>,
    /// The collector.
    pub collector: Collector,
    /// What every disk has ever held, synced.
    pub written: BTreeMap<Place, Vec<u8>>,
    /// What happened, one word a step.
    pub trace: Vec<String>,
    now: Instant,
    numbers: Numbers,
    mistake: Option<Mistake>,
}

impl World {
    /// So many hosts, each with room for so many records.
    #[must_use]
    pub fn new(seed: u64, hosts: usize, room: usize) -> Self {
        Self {
            hosts: (0..hosts).map(|number| Host::new(number, room)).collect(),
            links: vec![Link::default(); hosts],
            collector: Collector::default(),
            written: BTreeMap::new(),
            trace: Vec::new(),
            now: beginning(),
            numbers: Numbers::new(seed),
            mistake: None,
        }
    }

    /// The same world with a mistake in it.
    #[must_use]
    pub fn with_mistake(mut self, mistake: Mistake) -> Self {
        self.mistake = Some(mistake);
        self
    }

    /// Somebody changes the host's file.
    pub fn change(&mut self, host: usize) {
        self.hosts[host].file += 1;
    }

    /// A connection is made, if agent and collector are up.
    pub fn connect(&mut self, host: usize) {
        self.cut(host);
        if !self.hosts[host].is_up() || !self.collector.up {
            return;
        }
        self.links[host].connection += 1;
        self.links[host].stands = true;
        let marks = self.collector.marks(host, self.hosts[host].disk.epoch);
        let snapshot_noticed = self.mistake != Some(Mistake::OldEpochAfterSnapshot);
        if snapshot_noticed && self.hosts[host].is_behind(marks) {
            self.hosts[host].renew(&mut self.written);
            let marks = self.collector.marks(host, self.hosts[host].disk.epoch);
            self.hosts[host].connected(marks);
        } else {
            self.hosts[host].connected(marks);
        }
    }

    /// The connection ends; what was on the way is lost.
    pub fn cut(&mut self, host: usize) {
        let connection = self.links[host].connection;
        self.links[host] = Link { connection, ..Link::default() };
        self.hosts[host].disconnected();
    }

    /// The host loses power: memory is gone, and what the disk had not synced.
    pub fn host_power_cut(&mut self, host: usize) {
        self.cut(host);
        self.hosts[host].power_cut();
    }

    /// The collector loses power.
    pub fn collector_power_cut(&mut self) {
        for host in 0..self.hosts.len() {
            self.cut(host);
        }
        self.collector.power_cut();
    }

    /// Does the next thing on the path of a change that can be done for this host; `None` if it is at rest.
    pub fn advance(&mut self, host: usize) -> Option<Point> {
        (0..STAGES).find_map(|stage| self.advance_at(host, stage))
    }

    /// Does the next thing at this stage of the path, if there is one.
    fn advance_at(&mut self, host: usize, stage: usize) -> Option<Point> {
        self.now += Duration::from_millis(1);
        let early = self.mistake == Some(Mistake::BaselineBeforeSpool);
        let point = match stage {
            0 => self.hosts[host].step(early, &mut self.written),
            1 => self.send(host),
            2 => self.receive(host),
            3 => self.commit(),
            4 => self.acknowledge(host),
            _ => self.take_ack(host),
        };
        if let Some(point) = point {
            self.trace.push(format!("{host} {point:?}"));
        }

        point
    }

    fn send(&mut self, host: usize) -> Option<Point> {
        let frame = self.hosts[host].due(self.now)?;
        self.links[host].up.push_back(frame.encode());

        Some(Point::Sent)
    }

    fn receive(&mut self, host: usize) -> Option<Point> {
        let bytes = self.links[host].up.pop_front().filter(|_| self.collector.up)?;
        let Ok(Frame::Batch(batch)) = Frame::decode(&bytes[4..]) else { return None };
        if self.mistake == Some(Mistake::AckBeforeCommit) {
            self.collector.owe_early(host, self.links[host].connection, &batch);
        }
        self.collector.take(host, self.links[host].connection, batch);

        Some(Point::Received)
    }

    fn commit(&mut self) -> Option<Point> {
        self.collector.commit().then_some(Point::Committed)
    }

    fn acknowledge(&mut self, host: usize) -> Option<Point> {
        let ack = self.collector.next_ack(host, self.links[host].connection)?;
        if self.links[host].stands {
            self.links[host].down.push_back(Frame::Ack(ack).encode());
        }

        Some(Point::AckSent)
    }

    fn take_ack(&mut self, host: usize) -> Option<Point> {
        let bytes = self.links[host].down.pop_front()?;
        let Ok(Frame::Ack(ack)) = Frame::decode(&bytes[4..]) else { return None };
        self.hosts[host].acknowledged(ack, self.now);

        Some(Point::Forgotten)
    }

    /// Does something by chance, faults included, and checks the laws.
    pub fn happen(&mut self) {
        let host = self.numbers.below(self.hosts.len());
        match self.numbers.below(60) {
            0 => self.host_power_cut(host),
            1 => self.collector_power_cut(),
            2 | 3 => self.cut(host),
            4..=7 => self.start(host),
            8 | 9 => self.double(host),
            10 | 11 => self.reorder(host),
            12 => drop(self.links[host].up.pop_front()),
            13 => drop(self.links[host].down.pop_front()),
            14..=20 => self.change(host),
            21 => self.hosts[host].report_health(),
            22 => self.time_passes(),
            _ => {
                let stage = self.numbers.below(STAGES);
                self.advance_at(host, stage);
            }
        }
        self.check();
    }

    /// Whoever is down comes up, and connects.
    pub fn start(&mut self, host: usize) {
        self.collector.up = true;
        self.hosts[host].start();
        if !self.links[host].stands {
            self.connect(host);
        }
    }

    fn double(&mut self, host: usize) {
        if let Some(bytes) = self.links[host].up.front().cloned() {
            self.links[host].up.push_back(bytes);
        }
        if let Some(bytes) = self.links[host].down.front().cloned() {
            self.links[host].down.push_back(bytes);
        }
    }

    fn reorder(&mut self, host: usize) {
        let link = &mut self.links[host];
        for queue in [&mut link.up, &mut link.down] {
            queue.rotate_left(usize::from(!queue.is_empty()));
        }
    }

    /// Long enough for everything that waits.
    pub fn time_passes(&mut self) {
        self.now += Duration::from_secs(120);
        for host in &mut self.hosts {
            host.time_passed(self.now);
        }
    }

    /// Everything works from now on, until nothing is left to do.
    pub fn settle(&mut self) {
        for host in 0..self.hosts.len() {
            self.connect(host);
        }
        for _ in 0..100 {
            let mut quiet = true;
            for host in 0..self.hosts.len() {
                self.start(host);
                while self.advance(host).is_some() {
                    self.check();
                    quiet = false;
                }
            }
            if quiet {
                return;
            }
            self.time_passes();
        }
        panic!("a world without faults comes to rest");
    }

    /// How often the collector was told of this version of the host's file.
    #[must_use]
    pub fn told(&self, host: usize, version: u64) -> usize {
        self.collector.kept(host).filter(|bytes| host::version_of(bytes) == Some(version)).count()
    }

    /// Places of a host that the collector knows never to come.
    #[must_use]
    pub fn missing(&self, host: usize) -> BTreeSet<(u64, Lane, Seq)> {
        self.collector.missing(host)
    }
}

fn beginning() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from a clock; the world adds to it"
    )]
    Instant::now()
}
