//! A machine: a file that changes, an agent that tells of it by its real spool and its real delivery core, a disk.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::Context as _;
use vonggac_agent::link::backoff::Backoff;
use vonggac_agent::link::due::Found;
use vonggac_agent::link::older::is_older_copy;
use vonggac_agent::run::writer::{self, Tried};
use vonggac_agent::spool::{Limits, Record, Spool};
use vonggac_protocol::delivery::outbox::Outbox;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::frame::{Ack, Batch, Frame, Heartbeat};
use vonggac_protocol::hello::{Hello, LaneSpan, WIRE_VERSION, Welcome};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;

use super::agenda::Event;
use super::disk::{self, Image};
use super::law::Settled;
use super::{MINUTE, Mistake, Point, SECOND, Side, World, told};

/// As the agent waits for a welcome.
const WELCOME_TIMEOUT: u64 = 30 * SECOND;

/// As the agent waits before it tries a full disk again.
const FULL_DISK_PAUSE: u64 = 5 * SECOND;

/// Observations that are spooled with one wait for the disk.
const GROUP_MAX: usize = 8;

/// As many frames of a lane wait for the stream at most.
const FRAMES_WAITING: usize = 4;

/// Batches that a stream takes from a lane while the collector does not read: the transport's window.
const STREAM_FRAMES: usize = 8;

/// What the machine's disk and clock hold, whoever runs.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) dir: PathBuf,
    pub(super) limits: Limits,
    /// The version of the file that stands on the disk.
    pub(super) file: u64,
    /// The version that the agent's baseline has.
    pub(super) baseline: u64,
    /// How far the wall clock is off, in milliseconds.
    pub(super) clock_off: i64,
    /// Until when the disk is full.
    pub(super) full_until: u64,
    /// An older copy of the disk: the spool's files, the baseline, the file.
    pub(super) snapshot: Option<(Image, u64, u64)>,
    pub(super) process: Option<Process>,
    pub(super) connection: u64,
    pub(super) life: u64,
    pub(super) pace: u64,
    pub(super) start_planned: bool,
}

/// What dies with the agent.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) spool: Spool,
    outboxes: [Outbox; 2],
    sensed: Option<u64>,
    pending: VecDeque<(Observation, Option<u64>)>,
    settled: Option<u64>,
    pub(super) line: Line,
    backoff: Backoff,
    welcomed: bool,
    woken: bool,
    resend_planned: u64,
    unanswered: [usize; 2],
    dictionary: Option<Dictionary>,
}

/// Where the connection stands, as the agent sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    Down,
    Greeting(u64),
    Working(u64),
}

fn at(lane: Lane) -> usize {
    usize::from(lane.code())
}

fn outbox(spool: &Spool, lane: Lane) -> Outbox {
    let span = spool.span(lane);
    let mut outbox = Outbox::new(span.kept_from, span.next);
    for (first, last) in spool.holes(lane) {
        outbox.handle_hole(first, last);
    }

    outbox
}

/// Everything that a spool holds and would send.
pub(super) fn contents(spool: &mut Spool) -> anyhow::Result<Vec<(Lane, u64, Vec<u8>)>> {
    let mut all = Vec::new();
    for lane in Lane::ALL {
        let span = spool.span(lane);
        let mut from = span.kept_from;
        while from < span.next {
            let found = spool.read(lane, from, 512, 1 << 20)?;
            let Some((last, _)) = found.last() else { break };
            from = last.next();
            if let Some(hole) =
                spool.holes(lane).into_iter().find(|(first, last)| (*first..=*last).contains(&from))
            {
                from = hole.1.next();
            }
            all.extend(found.into_iter().map(|(seq, bytes)| (lane, seq.0, bytes)));
        }
    }

    Ok(all)
}

impl World {
    /// The agent's process begins: the spool is opened as it is found.
    pub(super) fn host_start(&mut self, host: usize, torn: bool) -> anyhow::Result<()> {
        self.hosts[host].start_planned = false;
        if self.hosts[host].process.is_some() {
            return Ok(());
        }
        let epoch = self.new_epoch();
        let one = &mut self.hosts[host];
        one.life += 1;
        let (mut spool, recovered) =
            Spool::open(&one.dir.join("spool"), one.limits, epoch).context("open the spool")?;
        let found = contents(&mut spool)?;
        let epoch = spool.epoch().0;
        if recovered.epoch_is_new && one.life > 1 {
            self.law.breaks(format!("host {host}: a spool that nobody destroyed began a new life"));
        }
        let (life, baseline) = (one.life, one.baseline);
        one.process = Some(Process {
            outboxes: Lane::ALL.map(|lane| outbox(&spool, lane)),
            spool,
            sensed: None,
            pending: VecDeque::new(),
            settled: None,
            line: Line::Down,
            backoff: Backoff::new(),
            welcomed: false,
            woken: false,
            resend_planned: 0,
            unanswered: [0; 2],
            dictionary: None,
        });
        self.law.reopened(host, epoch, &found, torn, life);
        if baseline > 0 {
            self.law.baseline(host, baseline);
        }
        self.plan_in(SECOND, Event::Dial { host, life });
        self.wake(host);

        Ok(())
    }

    /// The agent dies where it stands. `power`: its machine too, and what was not synced with it.
    pub(super) fn host_dies(&mut self, host: usize, power: bool) -> anyhow::Result<()> {
        let one = &mut self.hosts[host];
        if one.process.take().is_none() {
            return Ok(());
        }
        one.life += 1;
        if power && self.numbers.once_in(2) {
            // The mark of what was confirmed is written without waiting for the disk.
            for lane in Lane::ALL {
                let mark = one.dir.join("spool").join(lane.word()).join("acked");
                if mark.exists() {
                    std::fs::write(&mark, [])?;
                }
            }
        }
        self.note(&format!("{host} dies, power {power}"));
        self.plan_start(host, if power { 2 * MINUTE } else { SECOND });

        Ok(())
    }

    pub(super) fn plan_start(&mut self, host: usize, least: u64) {
        if !std::mem::replace(&mut self.hosts[host].start_planned, true) {
            let pause = least + self.below(least * 3);
            self.plan_in(pause, Event::HostStart { host });
        }
    }

    pub(super) fn wake(&mut self, host: usize) {
        if let Some(process) = self.hosts[host].process.as_mut()
            && !std::mem::replace(&mut process.woken, true)
        {
            let pause = 1 + self.below(20);
            self.plan_in(pause, Event::Work { host });
        }
    }

    fn host_clock(&self, host: usize) -> Timestamp {
        Timestamp(self.wall().0.saturating_add(self.hosts[host].clock_off))
    }

    /// Something that is not urgent.
    pub(super) fn report(&mut self, host: usize, filling: usize) {
        let (number, at) = (self.new_number(), self.host_clock(host));
        let observation = told::report(number, filling, at, &mut self.numbers);
        if let Some(process) = self.hosts[host].process.as_mut() {
            process.pending.push_back((observation, None));
            self.wake(host);
        }
    }

    /// The next thing that the agent does by itself.
    pub(super) fn work(&mut self, host: usize) -> anyhow::Result<()> {
        let Some(process) = self.hosts[host].process.as_mut() else { return Ok(()) };
        process.woken = false;
        let Some(point) = self.work_once(host)? else { return Ok(()) };
        self.wake(host);
        self.strike_at(Side::Host(host), point)
    }

    fn work_once(&mut self, host: usize) -> anyhow::Result<Option<Point>> {
        let (now, clock) = (self.now, self.host_clock(host));
        let early = self.mistake == Some(Mistake::BaselineBeforeSpool);
        let one = &mut self.hosts[host];
        let (file, baseline) = (one.file, one.baseline);
        let Some(process) = one.process.as_mut() else { return Ok(None) };
        if let Some(version) = process.settled.take() {
            one.baseline = version;
            self.law.baseline(host, version);
            return Ok(Some(Point::BaselineMoved));
        }
        if !process.pending.is_empty() {
            if one.full_until > now {
                self.disk_is_full(host)?;
                return Ok(None);
            }
            return self.spool_pending(host).map(Some);
        }
        if let Some(version) = process.sensed.take() {
            let text = if self.numbers.once_in(20) { 2_000 + self.numbers.below(8_000) } else { 0 };
            let observation = told::change(baseline, version, text, clock, &mut self.numbers);
            process.pending.push_back((observation, Some(version)));
            if early {
                one.baseline = version;
            }
            return Ok(Some(Point::Written));
        }
        if file != baseline {
            process.sensed = Some(file);
            return Ok(Some(Point::Sensed));
        }

        self.pump(host)
    }

    /// As the agent's writer does when the disk refuses: old records are given up, then the sensors wait.
    fn disk_is_full(&mut self, host: usize) -> anyhow::Result<()> {
        self.count("disk_full");
        let Some(process) = self.hosts[host].process.as_mut() else { return Ok(()) };
        if let Some(dropped) = process.spool.drop_oldest()? {
            self.law.dropped(host, dropped.lane, dropped.kept_from.0);
            process.outboxes[at(dropped.lane)].handle_dropped(dropped.kept_from);
        }
        process.woken = true;
        self.plan_in(FULL_DISK_PAUSE, Event::Work { host });

        Ok(())
    }

    fn spool_pending(&mut self, host: usize) -> anyhow::Result<Point> {
        let clock = self.host_clock(host);
        let torn = self.is_armed(Side::Host(host), Point::Torn);
        let one = &mut self.hosts[host];
        let dir = one.dir.join("spool");
        let before = if torn { Some(disk::image(&dir)?) } else { None };
        let Some(process) = one.process.as_mut() else { return Ok(Point::Synced) };
        let count = process.pending.len().min(GROUP_MAX);
        let group: Vec<(Observation, Option<u64>)> = process.pending.drain(..count).collect();
        let records: Vec<Record> = group.iter().map(|(observation, _)| writer::record(observation)).collect();
        let spans = Lane::ALL.map(|lane| process.spool.span(lane));
        let tried = writer::append(&mut process.spool, &records, clock)?;
        if let Some(before) = before {
            one.process = None;
            one.life += 1;
            let left = disk::torn(&before, &disk::image(&dir)?, true, &mut self.numbers);
            disk::write(&dir, &left)?;
            self.disarm("torn_write");
            self.note(&format!("{host} torn"));
            self.host_start(host, true)?;
            return Ok(Point::Torn);
        }
        anyhow::ensure!(matches!(tried, Tried::Done(_)), "the simulated disk has room");
        process.settled = group.iter().rev().find_map(|(_, version)| *version).or(process.settled);
        let (life, epoch) = (one.life, process.spool.epoch().0);
        let mut written = Vec::new();
        for (lane, before) in Lane::ALL.into_iter().zip(spans) {
            let mut from = before.next;
            while from < process.spool.span(lane).next {
                let found = process.spool.read(lane, from, 512, 1 << 20)?;
                let Some((first, _)) = found.first() else { break };
                from = (*first).max(from);
                for (seq, bytes) in found {
                    from = seq.next();
                    written.push((lane, seq, bytes));
                }
            }
        }
        for (lane, seq, bytes) in &written {
            self.law.spooled(host, (epoch, *lane, seq.0), bytes, life);
        }
        self.after_append(host);

        Ok(Point::Synced)
    }

    /// What the link takes from the spool after it grew, and what must hold of it.
    fn after_append(&mut self, host: usize) {
        let one = &mut self.hosts[host];
        let Some(process) = one.process.as_mut() else { return };
        for lane in Lane::ALL {
            let span = process.spool.span(lane);
            process.outboxes[at(lane)].handle_appended(span.next);
            process.outboxes[at(lane)].handle_dropped(span.kept_from);
            self.law.dropped(host, lane, span.kept_from.0);
        }
        let (bytes, most) = (process.spool.bytes(), one.limits.bytes_max);
        self.law.holds(bytes <= most, || format!("host {host}: the spool takes {bytes} of {most} bytes"));
    }

    /// Puts one batch on its way, the prompt lane first.
    fn pump(&mut self, host: usize) -> anyhow::Result<Option<Point>> {
        let now = self.instant();
        let stuck = self.is_cut_off(host) && self.links[host].sent_in_vain >= STREAM_FRAMES;
        let full = Lane::ALL.map(|lane| stuck || self.collector.waiting(host, lane) >= STREAM_FRAMES);
        let Some(process) = self.hosts[host].process.as_mut() else { return Ok(None) };
        let Line::Working(connection) = process.line else { return Ok(None) };
        for lane in Lane::ALL {
            if full[at(lane)] {
                continue;
            }
            let Some(due) = process.outboxes[at(lane)].poll_transmit() else { continue };
            match Found::read(&mut process.spool, lane, due).context("read the spool")? {
                Found::Records(observations) => {
                    let epoch = process.spool.epoch();
                    let batch = Batch::pack_with(
                        process.dictionary,
                        epoch,
                        lane,
                        due.first,
                        due.gap_before,
                        &observations,
                    );
                    process.outboxes[at(lane)].handle_transmitted(due.first, observations.len(), now);
                    process.unanswered[at(lane)] += 1;
                    let unanswered = process.unanswered[at(lane)];
                    self.law.holds(unanswered <= FRAMES_WAITING, || {
                        format!("host {host} {}: {unanswered} batches on the way", lane.word())
                    });
                    self.send_up(host, connection, &Frame::Batch(batch));
                    self.plan_resend(host, connection);
                    return Ok(Some(Point::Sent));
                }
                found @ (Found::Later(_) | Found::Nothing) => {
                    if found.pass_over(due, &mut process.outboxes[at(lane)]) {
                        return Ok(Some(Point::Passed));
                    }
                }
            }
        }

        Ok(None)
    }

    fn plan_resend(&mut self, host: usize, connection: u64) {
        let base = self.base;
        let Some(process) = self.hosts[host].process.as_mut() else { return };
        let next = process.outboxes.iter().filter_map(Outbox::poll_timeout).min();
        if let Some(next) = next {
            let at = u64::try_from(next.saturating_duration_since(base).as_millis()).unwrap_or(u64::MAX);
            if process.resend_planned <= self.now {
                process.resend_planned = at;
                self.agenda.plan(at, Event::Resend { host, connection });
            }
        }
    }

    pub(super) fn resend(&mut self, host: usize, connection: u64) {
        let now = self.instant();
        let Some(process) = self.hosts[host].process.as_mut() else { return };
        if process.line != Line::Working(connection) {
            return;
        }
        for lane in Lane::ALL {
            let due = process.outboxes[at(lane)].poll_timeout().is_some_and(|at| at <= now);
            if due {
                process.unanswered[at(lane)] = 0;
            }
            process.outboxes[at(lane)].handle_timeout(now);
        }
        self.plan_resend(host, connection);
        self.wake(host);
    }

    /// A try to connect.
    pub(super) fn dial(&mut self, host: usize, life: u64) {
        let reachable = self.collector.is_up() && !self.is_cut_off(host);
        let pause = 10 * SECOND;
        let random = self.share();
        let clock = self.host_clock(host);
        let one = &mut self.hosts[host];
        let Some(process) = one.process.as_mut() else { return };
        if one.life != life || process.line != Line::Down {
            return;
        }
        if !reachable {
            let wait = process.backoff.after_failure(random);
            self.plan_in(pause + millis(wait), Event::Dial { host, life });
            return;
        }
        one.connection += 1;
        let connection = one.connection;
        process.line = Line::Greeting(connection);
        process.welcomed = false;
        let lanes = Lane::ALL.map(|lane| {
            let span = process.spool.span(lane);
            LaneSpan { lane, kept_from: span.kept_from, next: span.next }
        });
        let hello = Hello {
            wire: WIRE_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            fingerprint: Digest([u8::try_from(host + 1).unwrap_or(u8::MAX); 32]),
            epoch: process.spool.epoch(),
            lanes: lanes.to_vec(),
            now: clock,
            assignment: 0,
            trusts: None,
            tell_outer: None,
            platform: None,
            machine: None,
        };
        self.send_up(host, connection, &Frame::Hello(hello));
        self.plan_in(WELCOME_TIMEOUT, Event::WelcomeLate { host, connection });
    }

    /// A frame of the collector.
    pub(super) fn heard_by_host(&mut self, host: usize, connection: u64, frame: Frame) -> anyhow::Result<()> {
        let Some(line) = self.hosts[host].process.as_ref().map(|process| process.line) else { return Ok(()) };
        let (greeting, working) = (line == Line::Greeting(connection), line == Line::Working(connection));
        if let Frame::Welcome(welcome) = &frame
            && greeting
        {
            self.welcomed(host, connection, welcome)
        } else if let Frame::Ack(ack) = frame
            && working
        {
            self.acknowledged(host, ack)
        } else {
            if let Frame::Refused(refusal) = frame
                && (greeting || working)
            {
                self.refused(host, refusal.retry_after_secs);
            }
            Ok(())
        }
    }

    /// The collector refused us and may have said when to come back.
    fn refused(&mut self, host: usize, retry_after_secs: Option<u32>) {
        self.count("refused_with_hint");
        let random = self.share();
        let one = &mut self.hosts[host];
        let Some(process) = one.process.as_mut() else { return };
        process.line = Line::Down;
        process.outboxes.iter_mut().for_each(Outbox::handle_disconnected);
        let wait = process.backoff.after_refusal(retry_after_secs, random);
        let life = one.life;
        self.plan_in(millis(wait), Event::Dial { host, life });
    }

    fn welcomed(&mut self, host: usize, connection: u64, welcome: &Welcome) -> anyhow::Result<()> {
        let epoch = self.new_epoch();
        let pace = self.hosts[host].pace;
        let noticed = self.mistake != Some(Mistake::OldEpochAfterSnapshot);
        let Some(process) = self.hosts[host].process.as_mut() else { return Ok(()) };
        if noticed && is_older_copy(&mut process.spool, &welcome.marks).context("look at the mark")? {
            process.spool.renew(epoch).context("begin a new life")?;
            process.outboxes = Lane::ALL.map(|lane| outbox(&process.spool, lane));
            let found = contents(&mut process.spool)?;
            let life = self.hosts[host].life;
            self.law.renewed(host, epoch.0, &found, life);
            self.count("renewed");
            self.lost(host, connection);
            return self.strike_at(Side::Host(host), Point::Renewed);
        }
        process.line = Line::Working(connection);
        process.welcomed = true;
        process.unanswered = [0; 2];
        process.dictionary = Dictionary::shared(welcome.dictionary);
        for lane in Lane::ALL {
            process.outboxes[at(lane)] = outbox(&process.spool, lane);
            let kept = welcome.marks.iter().find(|mark| mark.lane == lane).map_or(Seq(0), |mark| mark.kept);
            process.outboxes[at(lane)].handle_connected(kept);
        }
        for lane in Lane::ALL {
            self.forget(host, lane)?;
        }
        self.plan_in(pace, Event::Beat { host, connection });
        self.wake(host);

        Ok(())
    }

    fn acknowledged(&mut self, host: usize, ack: Ack) -> anyhow::Result<()> {
        let now = self.instant();
        let Some(process) = self.hosts[host].process.as_mut() else { return Ok(()) };
        if ack.epoch != process.spool.epoch() {
            return Ok(());
        }
        let outbox = &mut process.outboxes[at(ack.lane)];
        outbox.handle_ack(ack.kept, ack.resend, now);
        let unanswered = &mut process.unanswered[at(ack.lane)];
        *unanswered =
            if ack.resend || outbox.poll_timeout().is_none() { 0 } else { unanswered.saturating_sub(1) };
        self.forget(host, ack.lane)?;
        self.wake(host);
        self.strike_at(Side::Host(host), Point::Forgotten)
    }

    /// Lets the spool go of what the collector has.
    fn forget(&mut self, host: usize, lane: Lane) -> anyhow::Result<()> {
        let undone = self.is_armed(Side::Host(host), Point::Forgotten) && self.numbers.once_in(2);
        let one = &mut self.hosts[host];
        let dir = one.dir.join("spool");
        let Some(process) = one.process.as_mut() else { return Ok(()) };
        let kept = process.outboxes[at(lane)].kept();
        let before = if undone { Some(disk::image(&dir)?) } else { None };
        let too_far = self.mistake == Some(Mistake::TruncationTooFar) && kept.0 > 0;
        let up_to = if too_far { Seq(process.spool.span(lane).next.0 - 1) } else { kept };
        if self.mistake != Some(Mistake::TruncationForgotten) {
            process.spool.forget(lane, up_to).context("let the spool go of what the collector has")?;
        }
        let kept_from = process.spool.span(lane).kept_from;
        self.law.forgotten(host, lane, kept.0, kept_from.0);
        if let Some(before) = before {
            // Deleting was not synced: the files may be there again.
            self.hosts[host].process = None;
            self.hosts[host].life += 1;
            let left = disk::torn(&before, &disk::image(&dir)?, false, &mut self.numbers);
            disk::write(&dir, &left)?;
            self.disarm("deletion_undone");
            self.host_start(host, false)?;
        }

        Ok(())
    }

    /// There is no connection any more, as the agent sees it.
    pub(super) fn lost(&mut self, host: usize, connection: u64) {
        let random = self.share();
        let one = &mut self.hosts[host];
        let Some(process) = one.process.as_mut() else { return };
        if !matches!(process.line, Line::Greeting(current) | Line::Working(current) if current == connection)
        {
            return;
        }
        process.line = Line::Down;
        process.outboxes.iter_mut().for_each(Outbox::handle_disconnected);
        if std::mem::take(&mut process.welcomed) {
            process.backoff.reset();
        }
        let wait = process.backoff.after_failure(random);
        let life = one.life;
        self.plan_in(millis(wait), Event::Dial { host, life });
    }

    pub(super) fn welcome_late(&mut self, host: usize, connection: u64) {
        let greeting =
            self.hosts[host].process.as_ref().is_some_and(|it| it.line == Line::Greeting(connection));
        if greeting {
            self.lost(host, connection);
        }
    }

    pub(super) fn beat(&mut self, host: usize, connection: u64) {
        let now = self.host_clock(host);
        let working =
            self.hosts[host].process.as_ref().is_some_and(|it| it.line == Line::Working(connection));
        if working {
            self.send_up(host, connection, &Frame::Heartbeat(Heartbeat { now }));
            let pace = self.hosts[host].pace;
            self.plan_in(pace, Event::Beat { host, connection });
            // The link looks at its lanes again with every sign of life, whatever else wakes it.
            self.wake(host);
        }
    }

    /// An orderly stop, and a start some minutes later.
    pub(super) fn reboot(&mut self, host: usize) {
        let now = self.host_clock(host);
        if let Some(process) = self.hosts[host].process.take() {
            if let Line::Working(connection) = process.line {
                self.send_up(host, connection, &Frame::Goodbye(Heartbeat { now }));
            }
            self.hosts[host].life += 1;
            self.plan_start(host, MINUTE);
        }
    }

    /// Where the spool stands, if the agent runs and is at rest.
    pub(super) fn at_rest(&self, host: usize) -> Option<Settled> {
        let one = &self.hosts[host];
        let process = one.process.as_ref()?;
        let working = matches!(process.line, Line::Working(_));
        let idle = one.file == one.baseline && process.pending.is_empty() && process.settled.is_none();
        let sent = process.outboxes.iter().all(|outbox| outbox.waiting() == 0);
        let spans = Lane::ALL.map(|lane| {
            let span = process.spool.span(lane);
            (span.kept_from, span.next)
        });

        (working && idle && sent).then(|| Settled { epoch: process.spool.epoch().0, spans, file: one.file })
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A new life's number.
pub(super) fn epoch_of(number: u64) -> Epoch {
    Epoch(number.max(1))
}

impl Host {
    pub(super) fn new(dir: PathBuf, limits: Limits, pace: u64) -> Self {
        Self {
            dir,
            limits,
            file: 0,
            baseline: 0,
            clock_off: 0,
            full_until: 0,
            snapshot: None,
            process: None,
            connection: 0,
            life: 0,
            pace,
            start_planned: false,
        }
    }
}
