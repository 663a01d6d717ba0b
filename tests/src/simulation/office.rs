//! The collector: its real intake, greeting and watch over silence, on its real store, under the simulated clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use vonggac_collector::authority::Issued;
use vonggac_collector::intake::arrived::{self, Arrived};
use vonggac_collector::intake::{Intaken, Sender, keep_in};
use vonggac_collector::session::greet::{Greeted, Way, Whence, weigh};
use vonggac_collector::session::renew::Offer;
use vonggac_collector::silence::task::file_in;
use vonggac_collector::silence::{Change, Known, Silence};
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::observations::{self, LaneOf};
use vonggac_collector::store::{certificates, migrate};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::{Ack, Batch, Frame};
use vonggac_protocol::hello::{Hello, Refusal, RefusalCode};
use vonggac_protocol::id::{AgencyId, Epoch, Lane, Seq};
use vonggac_protocol::time::Timestamp;

use super::agenda::Event;
use super::law::{Named, host_id};
use super::{Mistake, Point, SECOND, Side, World};

/// As many jobs go into one commit.
const JOBS_PER_COMMIT: usize = 64;

/// A job that waits for the next commit.
#[derive(Debug)]
enum Work {
    Greet(Box<Hello>),
    Keep(Batch, Vec<Arrived>),
}

#[derive(Debug)]
struct Job {
    host: usize,
    connection: u64,
    work: Work,
}

/// A backup: the database's file and what the ledger knew at that moment.
#[derive(Debug)]
struct Backup {
    path: PathBuf,
    named: Named,
}

/// The collector.
#[derive(Debug)]
pub(super) struct Collector {
    /// Its disk.
    pub(super) db: Connection,
    /// Grows with every start and every death.
    pub(super) life: u64,
    process: Option<Running>,
    backup: Option<Backup>,
    restores: u64,
    pub(super) promised: Duration,
    /// Refuses with a hint before this moment.
    pub(super) busy_until: u64,
    /// Commits slowly before this moment.
    pub(super) slow_until: u64,
}

/// What dies with the process.
#[derive(Debug)]
struct Running {
    since: u64,
    connections: BTreeMap<usize, u64>,
    jobs: VecDeque<Job>,
    commit_planned: bool,
    silence: Silence,
    signs: BTreeMap<usize, u64>,
}

/// A new database with its hosts.
pub(super) fn found(hosts_count: usize, promised: Duration, at: Timestamp) -> anyhow::Result<Collector> {
    let mut db = Connection::open_in_memory()?;
    db.set_prepared_statement_cache_capacity(128);
    migrate::to_newest(&mut db)?;
    let tx = db.transaction()?;
    let agency = AgencyId::new("so-tttt")?;
    agencies::add(&tx, &agency, "Sở", Level::Department, at)?;
    for host in 0..hosts_count {
        let sender = sender(host);
        hosts::add(&tx, sender.host, &agency, "may", HostState::Active, promised.as_secs(), at)?;
        let issued = Issued {
            certificate: Vec::new(),
            digest: sender.certificate,
            serial: Vec::new(),
            issued_at: at,
            not_after: Timestamp(i64::MAX),
        };
        certificates::add(&tx, &issued, sender.host)?;
    }
    tx.commit()?;

    Ok(Collector {
        db,
        life: 0,
        process: None,
        backup: None,
        restores: 0,
        promised,
        busy_until: 0,
        slow_until: 0,
    })
}

fn sender(host: usize) -> Sender {
    let id = host_id(host);

    Sender { host: id, certificate: Digest([id.0[0]; 32]) }
}

impl Collector {
    pub(super) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Batches of a lane that wait for the disk.
    pub(super) fn waiting(&self, host: usize, lane: Lane) -> usize {
        let is_of =
            |job: &&Job| job.host == host && matches!(&job.work, Work::Keep(batch, _) if batch.lane == lane);

        self.process.as_ref().map_or(0, |process| process.jobs.iter().filter(is_of).count())
    }

    pub(super) fn holds(&self, host: usize, connection: u64) -> bool {
        self.process.as_ref().is_some_and(|process| process.connections.get(&host) == Some(&connection))
    }
}

impl World {
    pub(super) fn collector_start(&mut self) -> anyhow::Result<()> {
        if self.collector.is_up() {
            return Ok(());
        }
        let (now, instant) = (self.now, self.instant());
        let mut silence = Silence::default();
        for host in hosts::list(&self.collector.db)? {
            let known = Known {
                last_heard: host.last_heard_at.unwrap_or(host.enrolled_at),
                promised: self.collector.promised,
                silent_since: host.silent_since,
            };
            silence.handle_known(host.id, known, instant);
        }
        self.collector.life += 1;
        self.silence_planned = 0;
        self.collector.process = Some(Running {
            since: now,
            connections: BTreeMap::new(),
            jobs: VecDeque::new(),
            commit_planned: false,
            silence,
            signs: BTreeMap::new(),
        });
        self.watch_silence()
    }

    pub(super) fn collector_dies(&mut self) {
        if self.collector.process.take().is_some() {
            self.collector.life += 1;
            self.note("collector dies");
            for host in 0..self.hosts.len() {
                self.plan_idle(host);
            }
            let pause = SECOND + self.below(5 * 60 * SECOND);
            self.plan_in(pause, Event::CollectorStart);
        }
    }

    /// A backup is made; a running collector goes on.
    pub(super) fn back_up(&mut self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join("backup.db");
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let name = path.to_str().context("a name for the backup")?;
        self.collector.db.execute("VACUUM INTO ?1", [name])?;
        self.collector.backup = Some(Backup { path, named: self.law.named.clone() });

        Ok(())
    }

    /// The collector's disk is lost, and the backup put in its place; says whether there was one.
    pub(super) fn restore(&mut self, folder: &Path) -> anyhow::Result<bool> {
        let Some(backup) = &self.collector.backup else { return Ok(false) };
        let named = backup.named.clone();
        self.collector.restores += 1;
        let path = folder.join(format!("restored-{}.db", self.collector.restores));
        std::fs::copy(&backup.path, &path)?;
        self.collector_dies();
        let db = Connection::open(&path)?;
        db.pragma_update(None, "journal_mode", "MEMORY")?;
        db.pragma_update(None, "synchronous", "OFF")?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.set_prepared_statement_cache_capacity(128);
        self.collector.db = db;
        if self.collector.restores > 1 {
            std::fs::remove_file(folder.join(format!("restored-{}.db", self.collector.restores - 1)))?;
        }
        self.law.restored(&self.collector.db, named)?;

        Ok(true)
    }

    /// The collector ends this connection, if it has it; the agent hears of it.
    pub(super) fn collector_closes(&mut self, host: usize, connection: u64) {
        if let Some(process) = self.collector.process.as_mut() {
            if process.connections.get(&host) == Some(&connection) {
                process.connections.remove(&host);
            }
            let latency = self.links[host].latency;
            self.plan_in(latency, Event::Reset { host, connection });
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else arrives is of no connection that stands"
    )]
    pub(super) fn heard_by_collector(
        &mut self,
        host: usize,
        connection: u64,
        frame: Frame,
    ) -> anyhow::Result<()> {
        let Some(process) = self.collector.process.as_mut() else { return Ok(()) };
        let current = process.connections.get(&host).copied();
        match frame {
            Frame::Hello(hello) if current.is_none_or(|current| current < connection) => {
                if self.collector.busy_until > self.now {
                    let retry_after_secs = Some(u32::try_from(self.below(600)).unwrap_or(60));
                    let refusal = Refusal {
                        code: RefusalCode::Busy,
                        detail: "come back later".to_owned(),
                        retry_after_secs,
                    };
                    self.send_down(host, connection, &Frame::Refused(refusal));
                    return Ok(());
                }
                process.connections.insert(host, connection);
                self.queue(Job { host, connection, work: Work::Greet(Box::new(hello)) });
            }
            Frame::Batch(batch) if current == Some(connection) => self.take(host, connection, batch)?,
            Frame::Heartbeat(_) if current == Some(connection) => {
                let known = certificates::identify(&self.collector.db, sender(host).certificate)?;
                anyhow::ensure!(
                    known.is_some_and(|known| known.state == HostState::Active),
                    "the host may work"
                );
                self.sign_of_life(host)?;
            }
            Frame::Goodbye(_) if current == Some(connection) => {
                self.sign_of_life(host)?;
                if let Some(process) = self.collector.process.as_mut() {
                    process.connections.remove(&host);
                }
            }
            // Of a connection that this process never had, or that a newer one ended.
            _ => {
                let latency = self.links[host].latency;
                self.plan_in(latency, Event::Reset { host, connection });
            }
        }

        Ok(())
    }

    fn take(&mut self, host: usize, connection: u64, batch: Batch) -> anyhow::Result<()> {
        match arrived::unpack(&batch) {
            Ok(arrived) => {
                if self.mistake == Some(Mistake::AckBeforeCommit) {
                    let kept = Seq(batch.first.0 + u64::from(batch.count) - 1);
                    let ack = Ack { epoch: batch.epoch, lane: batch.lane, kept, resend: false };
                    self.send_down(host, connection, &Frame::Ack(ack));
                }
                self.queue(Job { host, connection, work: Work::Keep(batch, arrived) });
                self.strike_at(Side::Collector, Point::Received)
            }
            Err((code, why)) => {
                self.law.breaks(format!("host {host}: a whole batch was refused: {code:?} {why}"));
                Ok(())
            }
        }
    }

    fn queue(&mut self, job: Job) {
        let slow = self.collector.slow_until > self.now;
        let pause = if slow { self.below(120 * SECOND) } else { 5 + self.below(45) };
        let (life, most) = (self.collector.life, 64 * self.hosts.len());
        let Some(process) = self.collector.process.as_mut() else { return };
        process.jobs.push_back(job);
        let waiting = process.jobs.len();
        if !std::mem::replace(&mut process.commit_planned, true) {
            self.plan_in(pause, Event::Commit { life });
        }
        self.law.holds(waiting <= most, || format!("{waiting} jobs wait for the collector's disk"));
    }

    /// Everything that waits, in one transaction; answers go out after the commit.
    pub(super) fn commit(&mut self, life: u64) -> anyhow::Result<()> {
        let wall = self.wall();
        let Some(process) = self.collector.process.as_mut().filter(|_| self.collector.life == life) else {
            return Ok(());
        };
        process.commit_planned = false;
        let count = process.jobs.len().min(JOBS_PER_COMMIT);
        let jobs: Vec<Job> = process.jobs.drain(..count).collect();
        let more = !process.jobs.is_empty();
        let mut answers = Vec::new();
        let mut touched = BTreeSet::new();
        let tx = self.collector.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in jobs {
            let frame = match job.work {
                Work::Greet(hello) => greet(&tx, job.host, &hello, self.collector.promised, wall)?,
                Work::Keep(batch, arrived) => {
                    touched.insert((job.host, batch.epoch.0, batch.lane));
                    keep(&tx, job.host, &batch, &arrived, wall, self.mistake)?
                }
            };
            answers.push((job.host, job.connection, frame));
        }
        if self.armed == Some((Side::Collector, Point::Committing)) {
            tx.rollback()?;
            return self.strike_at(Side::Collector, Point::Committing);
        }
        tx.commit()?;
        for (host, epoch, lane) in touched {
            self.law.committed(&self.collector.db, host, epoch, lane)?;
        }
        if more && let Some(process) = self.collector.process.as_mut() {
            process.commit_planned = true;
            self.plan_in(1, Event::Commit { life });
        }
        self.strike_at(Side::Collector, Point::Committed)?;
        for (host, connection, frame) in answers {
            if !self.collector.holds(host, connection) {
                continue;
            }
            let early = self.mistake == Some(Mistake::AckBeforeCommit) && matches!(frame, Frame::Ack(_));
            if !early {
                self.send_down(host, connection, &frame);
            }
            if matches!(frame, Frame::Welcome(_)) {
                self.sign_of_life(host)?;
            }
        }

        self.strike_at(Side::Collector, Point::AckSent)
    }

    fn sign_of_life(&mut self, host: usize) -> anyhow::Result<()> {
        let (now, wall, instant) = (self.now, self.wall(), self.instant());
        let promised = self.collector.promised;
        let Some(process) = self.collector.process.as_mut() else { return Ok(()) };
        process.silence.handle_heard(host_id(host), promised, wall, instant);
        if process.signs.insert(host, now).is_none() {
            self.plan_in(millis(promised) + 5 * SECOND, Event::Promise { host });
        }

        self.watch_silence()
    }

    /// Files what the watch over silence has to say, and comes back when the next host may fall silent.
    fn watch_silence(&mut self) -> anyhow::Result<()> {
        let (now, wall, instant, life) = (self.now, self.wall(), self.instant(), self.collector.life);
        let promised = millis(self.collector.promised);
        let deaf = self.mistake == Some(Mistake::SilenceUnnoticed);
        let Some(process) = self.collector.process.as_mut() else { return Ok(()) };
        while let Some(change) = process.silence.poll_change(instant) {
            if let Change::Silent { host, .. } = change {
                let host = usize::from(host.0[0]) - 1;
                let heard = process.signs.get(&host).copied().unwrap_or(0).max(process.since);
                self.law
                    .holds(now >= heard + promised, || format!("host {host} was called silent too early"));
                *self.counts.entry("silences").or_default() += 1;
                if deaf {
                    continue;
                }
            }
            let tx = self.collector.db.transaction()?;
            let filed = file_in(&tx, change, wall)?;
            tx.commit()?;
            self.law.holds(filed, || "a change of silence was not kept".to_owned());
        }
        if let Some(next) = process.silence.poll_timeout() {
            let at = millis(next.saturating_duration_since(self.base));
            if self.silence_planned <= now || at < self.silence_planned {
                self.silence_planned = at.max(now + 1);
                self.agenda.plan(self.silence_planned, Event::Silence { life });
            }
        }

        Ok(())
    }

    pub(super) fn silence(&mut self, life: u64) -> anyhow::Result<()> {
        if self.collector.life != life {
            return Ok(());
        }
        self.silence_planned = 0;

        self.watch_silence()
    }

    /// By now a host that has shown no life for as long as it promised is known to be silent.
    pub(super) fn promise(&mut self, host: usize) -> anyhow::Result<()> {
        let now = self.now;
        let within = millis(self.collector.promised) + 5 * SECOND;
        let Some(process) = self.collector.process.as_mut() else { return Ok(()) };
        let Some(heard) = process.signs.get(&host).copied() else { return Ok(()) };
        if now < heard + within {
            self.agenda.plan(heard + within, Event::Promise { host });
            return Ok(());
        }
        // Planned again with the next sign.
        process.signs.remove(&host);
        let silent =
            hosts::find(&self.collector.db, host_id(host))?.is_some_and(|host| host.silent_since.is_some());
        self.law.holds(silent, || format!("host {host} fell silent, and nobody was told within its promise"));

        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    super::host::millis(duration)
}

fn greet(
    tx: &Transaction<'_>,
    host: usize,
    hello: &Hello,
    promised: Duration,
    wall: Timestamp,
) -> anyhow::Result<Frame> {
    let offer = Offer { roots: Vec::new(), grace: Duration::ZERO };

    let whence = Whence { address: "192.0.2.7:4".to_owned(), way: Way::Quic };

    Ok(match weigh(tx, sender(host), hello, &whence, promised, &offer, wall)? {
        Greeted::Welcome(welcome) => Frame::Welcome(*welcome),
        Greeted::Refused(refusal) => Frame::Refused(refusal),
        Greeted::Twice => anyhow::bail!("host {host} was taken for a clone"),
    })
}

fn keep(
    tx: &Transaction<'_>,
    host: usize,
    batch: &Batch,
    arrived: &[Arrived],
    wall: Timestamp,
    mistake: Option<Mistake>,
) -> anyhow::Result<Frame> {
    let of = LaneOf { host: host_id(host), epoch: batch.epoch, lane: batch.lane };
    let before = observations::mark(tx, of)?;
    let own = observations::mark(tx, LaneOf { epoch: Epoch::COLLECTOR, lane: Lane::Prompt, ..of })?;
    let taken = keep_in(tx, sender(host), batch, arrived, wall)?;
    let last = batch.first.0 + u64::from(batch.count) - 1;
    if mistake == Some(Mistake::DoubledBatch) && last <= before.0 {
        let again = Batch { first: before.next(), gap_before: 0, ..batch.clone() };
        keep_in(tx, sender(host), &again, arrived, wall)?;
    }
    if mistake == Some(Mistake::GapHidden) {
        tx.execute(
            "DELETE FROM observation WHERE host = ?1 AND epoch = 0 AND seq > ?2 AND kind = 'records_missing'",
            rusqlite::params![of.host.0, own.0.cast_signed()],
        )?;
    }
    match taken {
        Intaken::Ack { ack, .. } => Ok(Frame::Ack(ack)),
        Intaken::Ended => anyhow::bail!("the certificate of host {host} ended"),
        Intaken::Barred(state) => anyhow::bail!("host {host} was barred: {state:?}"),
        Intaken::Broken { code, detail } => anyhow::bail!("host {host} broke a rule: {code:?} {detail}"),
    }
}
