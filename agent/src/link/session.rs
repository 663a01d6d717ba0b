//! One connection, from hello to goodbye.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use vonggac_carrier::{Connection, Moved, RecvStream, SendStream, Way};
use vonggac_protocol::delivery::outbox::Outbox;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::frame::{Ack, Frame, Heartbeat};
use vonggac_protocol::hello::{ALPN_LINK, Hello, LaneSpan, Refusal, WIRE_VERSION, Welcome};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::machine::{MachineTold, StepKept};
use vonggac_protocol::release::Platform;
use vonggac_protocol::renewal::Renewed;

use super::again::Again;
use super::budget::Budget;
use super::lanes::LaneLink;
use super::pace::Step;
use super::releases::Releases;
use super::renewal::{self, Renewal};
use super::{
    End, Link, LinkEvent, Outage, SharedSpool, Welcomed, new_epoch, now, older, on_disk, random, sent,
};
use crate::clock;
use crate::identity::Identity;
use crate::machine;
use crate::wire::dial::{DialError, dial};
use crate::wire::frames::{self, ReadFrameError};
use crate::wire::tls::{Client, Credentials, client_config};
use crate::wire::trust::Chain;

/// A collector that accepted the connection answers a hello within this, or is not well.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(30);

/// Frames read and not yet looked at: acknowledgements of all batches on the way fit twice.
const FRAMES_WAITING: usize = 16;

/// A backstop only: [`Pacing`](super::pace::Pacing) notices sooner that nobody answers. Twice the longest heartbeat.
const IDLE: Duration = Duration::from_secs(2 * 3_600 + 15);

/// What collectors promise that do not say what they promise.
const PROMISE_OF_OLD: Duration = Duration::from_secs(180);

/// How long a goodbye may take to be confirmed.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs one connection to its end. `welcomed` is set once the collector took us in.
pub(super) async fn run(link: &mut Link, welcomed: &mut Option<Welcomed>) -> End {
    match begin(link).await {
        Ok(Begun::Session(session, welcome)) => {
            let again_within_secs = welcome.line.as_ref().and_then(|line| line.again_within_secs);
            *welcomed = Some(Welcomed { again_within_secs });
            session.work(link, *welcome).await
        }
        Ok(Begun::Refused(outage)) => End::Out(outage),
        Ok(Begun::Renewed) => End::Renewed,
        Ok(Begun::Stopped) => End::Stopped,
        Err(error) => End::Out(Outage::Ended(error)),
    }
}

enum Begun {
    Session(Box<Session>, Box<Welcome>),
    Refused(Outage),
    Renewed,
    Stopped,
}

/// Why a connection is left in order.
enum Leave {
    Stop,
    ComeBack,
    /// To this one, which is over QUIC.
    Quic(Connection, Client),
}

struct Session {
    connection: Connection,
    epoch: Epoch,
    control: SendStream,
    incoming: mpsc::Receiver<Result<Frame, ReadFrameError>>,
    reader: JoinHandle<()>,
    lanes: [LaneLink; 2],
    renewal: Renewal,
    /// What of this connection is already in the process's count.
    counted: Moved,
    /// On a connection over TCP only.
    again: Option<Again>,
    releases: Releases,
}

async fn begin(link: &mut Link) -> anyhow::Result<Begun> {
    let pace = *link.pace.borrow_and_update();
    link.may_speak().await?;
    let client = client_config(&credentials(link), ALPN_LINK, IDLE)?;
    let dialled = tokio::select! {
        dialled = reach(link.standing.take(), &link.identity.names.address, client, link.ways.first()) => dialled,
        () = link.stop.cancelled() => return Ok(Begun::Stopped),
    };
    let (connection, client) = match dialled {
        Ok(reached) => reached,
        Err(error) => return Ok(Begun::Refused(Outage::Dial(error))),
    };
    let (mut control, mut answers) = connection.open_control().await.context("open the control stream")?;
    let (epoch, lanes, holes) = spans(&link.spool).await?;
    let hello = hello_of(link, epoch, &lanes, pace.version).await?;
    let bytes = Frame::Hello(hello.clone()).encode();
    control.write_all(&bytes).await.context("say hello")?;
    note_hello(link, &hello, bytes.len()).await;
    let answer = tokio::select! {
        answer = tokio::time::timeout(WELCOME_TIMEOUT, frames::read(&mut answers)) => answer,
        () = link.stop.cancelled() => return Ok(Begun::Stopped),
    };
    let answer = match answer.context("wait for a welcome")? {
        Ok(answer) => answer,
        Err(error) => return Err(ended(&connection, error)),
    };
    let welcome = match welcome_of(answer)? {
        Ok(welcome) => welcome,
        Err(refusal) => {
            connection.close(0, b"refused");
            return Ok(Begun::Refused(Outage::Refused(refusal)));
        }
    };
    // Also where nothing but a renewal is heard: the next connection goes the same way at once.
    link.ways.worked(connection.way(), clock::now());
    let shown = client.shown(connection.way());
    let Some(renewal) = settle(link, &welcome, shown, &mut control, &mut answers).await? else {
        connection.close(0, b"renewed");
        connection.wait_idle().await;
        return Ok(Begun::Renewed);
    };
    let lanes = open_lanes(&connection, lanes, holes, &welcome).await?;
    let (incoming, reader) = read_all(answers);
    let promised =
        welcome.line.as_ref().map_or(PROMISE_OF_OLD, |line| Duration::from_secs(line.promised_secs));
    link.pacing.handle_connected(asked(link), promised, now());
    link.wire.show(link.pacing.interval(), link.pacing.moves());
    let again = (connection.way() == Way::Tcp)
        .then(|| Again::new(&link.identity.names.address, client, link.udp_again));
    let session = Session {
        connection,
        epoch,
        control,
        incoming,
        reader,
        lanes,
        renewal,
        counted: Moved::default(),
        again,
        releases: Releases::default(),
    };

    Ok(Begun::Session(Box::new(session), Box::new(welcome)))
}

fn credentials(link: &Link) -> Credentials {
    Credentials {
        trust: link.identity.trust(),
        own: Some((link.identity.certificate.clone(), link.identity.key.clone_key())),
    }
}

/// What this machine is, and the step that is on its disk.
async fn machine_told(link: &Link) -> anyhow::Result<MachineTold> {
    let (state_dir, host) = (link.state_dir.clone(), link.identity.names.host);
    let marks = link.outside(machine::marks).await?;
    let continuity = on_disk(move || machine::step(&state_dir, host)).await?;

    Ok(MachineTold { marks, continuity })
}

/// Puts the step that came with a welcome on the disk and confirms it; says whether this machine was set back, and
/// then its spool has begun a new life first: after a power cut in between it is told again.
async fn take_step(link: &Link, welcome: &Welcome, control: &mut SendStream) -> anyhow::Result<bool> {
    let Some(next) = welcome.next_step else { return Ok(false) };
    if next.set_back {
        renew(&link.spool).await?;
    }
    let (state_dir, host) = (link.state_dir.clone(), link.identity.names.host);
    let kept = on_disk(move || Ok(machine::keep_step(&state_dir, host, next.continuity)?)).await;
    match kept {
        // Whoever was set back comes back with the step itself.
        Ok(()) if !next.set_back => {
            let kept = StepKept { number: next.continuity.number };
            frames::write(control, &Frame::StepKept(kept)).await?;
        }
        Ok(()) => {}
        // Not confirmed, it is given again; the file is the old one or this one, and both are known.
        Err(error) => warn!(error = %format!("{error:#}"), "Step of this machine's life could not be kept"),
    }

    Ok(next.set_back)
}

/// What we say first.
async fn hello_of(link: &Link, epoch: Epoch, lanes: &[LaneSpan], assignment: u64) -> anyhow::Result<Hello> {
    Ok(Hello {
        wire: WIRE_VERSION,
        version: crate::version::own().to_owned(),
        fingerprint: link.fingerprint,
        epoch,
        lanes: lanes.to_vec(),
        now: clock::now(),
        assignment,
        trusts: Some(link.identity.roots.iter().map(|root| Digest::of(root)).collect()),
        tell_outer: Some(true),
        machine: Some(machine_told(link).await?),
        platform: link.upgrades.as_ref().map(|_| Platform::own()),
    })
}

/// What the collector answered.
fn welcome_of(answer: Frame) -> anyhow::Result<Result<Welcome, Refusal>> {
    match answer {
        Frame::Welcome(welcome) => Ok(Ok(welcome)),
        Frame::Refused(refusal) => Ok(Err(refusal)),
        Frame::Hello(_)
        | Frame::Batch(_)
        | Frame::Ack(_)
        | Frame::Heartbeat(_)
        | Frame::Assign(_)
        | Frame::EnrolRequest(_)
        | Frame::EnrolReply(_)
        | Frame::Goodbye(_)
        | Frame::Outer(_)
        | Frame::Renew(_)
        | Frame::Renewed(_)
        | Frame::ReleaseOffer(_)
        | Frame::ReleaseWanted(_)
        | Frame::ReleasePiece(_)
        | Frame::StepKept(_) => anyhow::bail!("the collector answered a hello with another word"),
    }
}

/// Does what must be done before anything is sent: takes new roots, renews what has ended, begins a new life of a spool
/// that is a copy. `None`: it was done, and the connection is to be begun anew.
async fn settle(
    link: &mut Link,
    welcome: &Welcome,
    shown: Option<Chain>,
    control: &mut SendStream,
    answers: &mut RecvStream,
) -> anyhow::Result<Option<Renewal>> {
    let told = welcome.clone();
    let learn = move |identity: &mut Identity, state_dir: &Path| {
        Ok(renewal::learn(identity, state_dir, &told, shown.as_ref()))
    };
    if with_identity(link, learn).await? {
        return Ok(None);
    }
    let mut renewal = Renewal::new(welcome.standing.as_ref(), welcome.now, now(), random());
    if welcome.standing.as_ref().is_some_and(|standing| standing.only_renew) {
        renew_now(link, &mut renewal, control, answers).await?;
        return Ok(None);
    }
    if take_step(link, welcome, control).await? {
        return Ok(None);
    }
    if is_older_copy(&link.spool, welcome).await? {
        renew(&link.spool).await?;
        return Ok(None);
    }

    Ok(Some(renewal))
}

/// Changes the identity on the disk and then here.
async fn with_identity<T: Send + 'static>(
    link: &mut Link,
    change: impl FnOnce(&mut Identity, &Path) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (mut identity, state_dir) = (link.identity.clone(), link.state_dir.clone());
    let (identity, changed) = on_disk(move || {
        let changed = change(&mut identity, &state_dir)?;
        Ok((identity, changed))
    })
    .await?;
    link.identity = identity;

    Ok(changed)
}

/// Renews a certificate that has ended: until then the collector hears nothing else.
async fn renew_now(
    link: &mut Link,
    renewal: &mut Renewal,
    control: &mut SendStream,
    answers: &mut RecvStream,
) -> anyhow::Result<()> {
    let request = renewal.handle_timeout(now())?.context("renew a certificate that has ended")?;
    frames::write(control, &Frame::Renew(request)).await?;
    let answer = tokio::time::timeout(WELCOME_TIMEOUT, frames::read(answers)).await;
    let Frame::Renewed(renewed) = answer.context("wait for a renewal")?? else {
        anyhow::bail!("the collector answered a renewal with another word");
    };
    let pair =
        renewal.handle_renewed(renewed, now()).context("the certificate has ended and was not renewed")?;

    with_identity(link, move |identity, state_dir| pair.keep(identity, state_dir)).await
}

/// The connection that stands already, or a new one, and with what it was taken up.
async fn reach(
    standing: Option<(Connection, Client)>,
    address: &str,
    client: Client,
    first: Way,
) -> Result<(Connection, Client), DialError> {
    match standing {
        Some(standing) if standing.0.close_reason().is_none() => Ok(standing),
        Some(_) | None => Ok((dial(address, &client, first).await?, client)),
    }
}

/// The reason why the connection ended, rather than that a stream did.
fn ended(connection: &Connection, error: ReadFrameError) -> anyhow::Error {
    match connection.close_reason() {
        Some(reason) => anyhow::Error::new(reason).context("the connection ended"),
        None => anyhow::Error::new(error),
    }
}

/// Waits until QUIC stands, on a connection that is not QUIC's.
async fn stands(again: &mut Option<Again>) -> (Connection, Client) {
    match again {
        Some(again) => again.stands().await,
        None => std::future::pending().await,
    }
}

fn kept_of(welcome: &Welcome, lane: Lane) -> Seq {
    welcome.marks.iter().find(|mark| mark.lane == lane).map_or(Seq(0), |mark| mark.kept)
}

/// Places (first, last) that a lane lost.
type Holes = [Vec<(Seq, Seq)>; 2];

async fn spans(spool: &SharedSpool) -> anyhow::Result<(Epoch, [LaneSpan; 2], Holes)> {
    let spool = spool.clone();
    on_disk(move || {
        let spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = Lane::ALL.map(|lane| {
            let span = spool.span(lane);
            LaneSpan { lane, kept_from: span.kept_from, next: span.next }
        });

        Ok((spool.epoch(), lanes, Lane::ALL.map(|lane| spool.holes(lane))))
    })
    .await
}

/// Whether the collector has of this epoch what this spool has not.
async fn is_older_copy(spool: &SharedSpool, welcome: &Welcome) -> anyhow::Result<bool> {
    let (spool, marks) = (spool.clone(), welcome.marks.clone());

    on_disk(move || {
        let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(older::is_older_copy(&mut spool, &marks)?)
    })
    .await
}

/// The collector has of this epoch what this spool has not: the disk is an older copy of itself.
async fn renew(spool: &SharedSpool) -> anyhow::Result<()> {
    let epoch = new_epoch()?;
    let spool = spool.clone();
    on_disk(move || {
        spool.lock().unwrap_or_else(PoisonError::into_inner).renew(epoch)?;
        Ok(())
    })
    .await?;
    warn!("Spool is older than what the collector has; its records go on under a new epoch");

    Ok(())
}

async fn note_hello(link: &Link, hello: &Hello, frame_bytes: usize) {
    let line = sent::line_of_hello(hello.now, hello, frame_bytes);
    let state_dir = link.state_dir.clone();
    if let Err(error) = on_disk(move || Ok(sent::note(&state_dir, &line)?)).await {
        warn!(%error, "What was sent could not be noted");
    }
}

/// Reads frames in a task of its own, since reading one is not cancel-safe.
fn read_all(mut stream: RecvStream) -> (mpsc::Receiver<Result<Frame, ReadFrameError>>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(FRAMES_WAITING);
    let reader = tokio::spawn(async move {
        loop {
            let frame = frames::read(&mut stream).await;
            let last = frame.is_err();
            if sender.send(frame).await.is_err() || last {
                break;
            }
        }
    });

    (receiver, reader)
}

async fn open_lanes(
    connection: &Connection,
    spans: [LaneSpan; 2],
    holes: Holes,
    welcome: &Welcome,
) -> anyhow::Result<[LaneLink; 2]> {
    let mut lanes = Vec::with_capacity(2);
    let dictionary = Dictionary::shared(welcome.dictionary);
    for (span, holes) in spans.into_iter().zip(holes) {
        let stream = connection.open_lane(span.lane).await.context("open a lane")?;
        let mut outbox = Outbox::new(span.kept_from, span.next);
        for (first, last) in holes {
            outbox.handle_hole(first, last);
        }
        outbox.handle_connected(kept_of(welcome, span.lane));
        lanes.push(LaneLink::new(span.lane, outbox, dictionary, stream));
    }

    lanes.try_into().map_err(|_| anyhow::anyhow!("there are two lanes"))
}

impl Session {
    async fn work(mut self, link: &mut Link, welcome: Welcome) -> End {
        let way = self.connection.way();
        info!(way = way.word(), "Connected to the collector");
        let end = match self.converse(link, welcome).await {
            Ok(why) => {
                self.say_goodbye().await;
                match why {
                    Leave::Stop => End::Stopped,
                    Leave::ComeBack => End::Renewed,
                    Leave::Quic(connection, client) => {
                        link.standing = Some((connection, client));
                        End::Quic
                    }
                }
            }
            Err(error) => End::Out(Outage::Ended(match self.connection.close_reason() {
                Some(reason) => anyhow::Error::new(reason).context("the connection ended"),
                None => error,
            })),
        };
        self.count(link);
        link.wire.with_budget(Budget::handle_disconnected);
        self.reader.abort();
        self.connection.close(0, b"");

        end
    }

    /// Works until asked to stop (and then until nothing is due or the grace is over).
    async fn converse(&mut self, link: &mut Link, welcome: Welcome) -> anyhow::Result<Leave> {
        for lane in Lane::ALL {
            self.forget(link, lane).await?;
        }
        link.events
            .send(LinkEvent::Connected(Box::new(welcome), self.connection.way()))
            .await
            .context("tell the loop")?;
        let mut stop_by: Option<Instant> = None;
        loop {
            self.pump(link).await?;
            self.releases.pump(link, &mut self.control).await?;
            self.count(link);
            if stop_by.is_some_and(|by| by <= Instant::now()) || (stop_by.is_some() && self.is_drained()) {
                return Ok(Leave::Stop);
            }
            let wake_at = self.wake_at(link, stop_by);
            tokio::select! {
                frame = self.incoming.recv() => {
                    let frame = frame.context("the control stream ended")??;
                    if self.handle(link, frame).await? {
                        return Ok(Leave::ComeBack);
                    }
                }
                changed = link.appended.changed() => {
                    changed.context("the loop ended")?;
                    self.take_spans(link).await?;
                }
                changed = link.pace.changed() => {
                    changed.context("the loop ended")?;
                    link.pace.mark_unchanged();
                    link.pacing.handle_asked(asked(link), now());
                }
                (connection, client) = stands(&mut self.again) => return Ok(Leave::Quic(connection, client)),
                () = tokio::time::sleep_until(wake_at) => {
                    for lane in &mut self.lanes {
                        lane.outbox.handle_timeout(now());
                    }
                    if let Some(renew) = self.renewal.handle_timeout(now())? {
                        frames::write(&mut self.control, &Frame::Renew(renew)).await?;
                    }
                    link.may_speak().await?;
                    self.keep_time(link).await?;
                }
                () = link.stop.cancelled(), if stop_by.is_none() => {
                    self.take_spans(link).await?;
                    stop_by = Some(Instant::now() + link.grace);
                }
            }
        }
    }

    /// Shows life when it is time, and does not wait for ever for an answer.
    async fn keep_time(&mut self, link: &mut Link) -> anyhow::Result<()> {
        self.count(link);
        link.pacing.handle_spent(link.wire.with_budget(|budget| budget.is_spent(clock::now())));
        while let Some(step) = link.pacing.poll_step(now()) {
            match step {
                Step::Beat => {
                    let beat = Frame::Heartbeat(Heartbeat { now: clock::now() });
                    frames::write(&mut self.control, &beat).await?;
                }
                Step::Rebind => match self.connection.rebind() {
                    Ok(()) => info!("Nobody answered; going on from another local address"),
                    Err(error) => warn!(%error, "Nobody answered, and no other local address can be had"),
                },
                Step::GiveUp => anyhow::bail!("the collector does not answer"),
            }
        }
        link.wire.show(link.pacing.interval(), link.pacing.moves());

        Ok(())
    }

    fn is_drained(&self) -> bool {
        self.lanes.iter().all(|lane| lane.outbox.waiting() == 0)
    }

    fn wake_at(&self, link: &Link, stop_by: Option<Instant>) -> Instant {
        self.lanes
            .iter()
            .filter_map(|lane| lane.outbox.poll_timeout().map(Instant::from_std))
            .chain(self.renewal.wake_at().map(Instant::from_std))
            .chain(self.releases.wake_at().map(Instant::from_std))
            .chain(stop_by)
            .fold(Instant::from_std(link.pacing.poll_timeout()), Instant::min)
    }

    /// Everything that is due, the prompt lane first each time.
    async fn pump(&mut self, link: &mut Link) -> anyhow::Result<()> {
        'again: loop {
            // Told when the last quarter is begun, so that what tells it still goes.
            if !link.wire.with_budget(|budget| budget.allows(Lane::Bulk, clock::now())) {
                link.held_back().await?;
            }
            for lane in &mut self.lanes {
                if lane.outbox.waiting() > 0
                    && !link.wire.with_budget(|it| it.allows(lane.lane, clock::now()))
                {
                    continue;
                }
                let bytes = lane.pump(self.epoch, &link.spool, &link.state_dir).await?;
                if let Some(bytes) = bytes {
                    link.wire.with_budget(|budget| budget.handle_queued(bytes));
                    // Places that were passed over are not answered.
                    if bytes > 0 {
                        link.pacing.handle_sent(now());
                    }
                    continue 'again;
                }
            }
            return Ok(());
        }
    }

    /// Takes a frame; says whether to come back with a renewed certificate.
    async fn handle(&mut self, link: &mut Link, frame: Frame) -> anyhow::Result<bool> {
        match frame {
            Frame::Ack(ack) => self.handle_ack(link, ack).await?,
            Frame::Renewed(renewed) => return self.take_renewal(link, renewed).await,
            Frame::Assign(assignment) => {
                link.events.send(LinkEvent::Assigned(assignment)).await.context("tell the loop")?;
            }
            Frame::Outer(_) => {
                debug!("Packets come from another outer address");
                link.pacing.handle_moved();
            }
            Frame::ReleaseOffer(offer) => self.releases.handle_offer(link, offer).await?,
            Frame::ReleasePiece(piece) => self.releases.handle_piece(link, piece).await?,
            Frame::Refused(refusal) => {
                anyhow::bail!("the collector ended the connection: {:?}", refusal.code)
            }
            Frame::Hello(_)
            | Frame::Welcome(_)
            | Frame::Batch(_)
            | Frame::Heartbeat(_)
            | Frame::EnrolRequest(_)
            | Frame::EnrolReply(_)
            | Frame::Goodbye(_)
            | Frame::Renew(_)
            | Frame::ReleaseWanted(_)
            | Frame::StepKept(_) => anyhow::bail!("the collector said what only an agent says"),
        }

        Ok(false)
    }

    /// Keeps a renewed certificate; says whether to come back with it.
    async fn take_renewal(&mut self, link: &mut Link, renewed: Renewed) -> anyhow::Result<bool> {
        let Some(pair) = self.renewal.handle_renewed(renewed, now()) else { return Ok(false) };
        match with_identity(link, move |identity, state_dir| pair.keep(identity, state_dir)).await {
            Ok(()) => Ok(true),
            Err(error) => {
                warn!(error = %format!("{error:#}"), "Renewed certificate could not be kept");
                self.renewal.handle_unkept(now());

                Ok(false)
            }
        }
    }

    async fn handle_ack(&mut self, link: &mut Link, ack: Ack) -> anyhow::Result<()> {
        if ack.epoch != self.epoch {
            return Ok(());
        }
        if !std::mem::replace(&mut link.heard, true) {
            link.events.send(LinkEvent::Heard).await.context("tell the loop")?;
        }
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.lane == ack.lane) {
            lane.outbox.handle_ack(ack.kept, ack.resend, now());
        }

        self.forget(link, ack.lane).await
    }

    /// Lets the spool go of what the collector has.
    async fn forget(&mut self, link: &Link, lane: Lane) -> anyhow::Result<()> {
        let Some(kept) = self.lanes.iter().find(|one| one.lane == lane).map(|one| one.outbox.kept()) else {
            return Ok(());
        };
        let spool = link.spool.clone();
        on_disk(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            spool.forget(lane, kept).context("let the spool go of what the collector has")
        })
        .await
    }

    /// Takes in that the spool grew or dropped something.
    async fn take_spans(&mut self, link: &mut Link) -> anyhow::Result<()> {
        link.appended.mark_unchanged();
        let (epoch, spans, _holes) = spans(&link.spool).await?;
        anyhow::ensure!(epoch == self.epoch, "the spool began a new life");
        for (lane, span) in self.lanes.iter_mut().zip(spans) {
            lane.outbox.handle_appended(span.next);
            lane.outbox.handle_dropped(span.kept_from);
        }

        Ok(())
    }

    async fn say_goodbye(&mut self) {
        let goodbye = Frame::Goodbye(Heartbeat { now: clock::now() });
        let said = async {
            frames::write(&mut self.control, &goodbye).await.ok()?;
            self.control.finish();
            self.control.finished().await.ok()
        };
        // A collector that does not confirm finds out by itself.
        tokio::time::timeout(GOODBYE_TIMEOUT, said).await.ok();
        self.connection.close(0, b"goodbye");
        tokio::time::timeout(GOODBYE_TIMEOUT, self.connection.wait_idle()).await.ok();
        info!("Said goodbye to the collector");
    }

    /// Adds what this connection moved since the last time to the process's count.
    fn count(&mut self, link: &mut Link) {
        let moved = self.connection.moved();
        let (sent, received) = (
            moved.sent.saturating_sub(self.counted.sent),
            moved.received.saturating_sub(self.counted.received),
        );
        link.wire.add(sent, received);
        if received > 0 {
            link.pacing.handle_heard();
        }
        self.counted = moved;
    }
}

/// How often the assignment wants a sign of life.
fn asked(link: &Link) -> Duration {
    Duration::from_secs(u64::from(link.pace.borrow().heartbeat_secs))
}
