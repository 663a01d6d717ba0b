//! One agent's connection, from its hello to its goodbye.
//!
//! | file | subject |
//! |---|---|
//! | [`greet`] | whether the host may work, and where its lanes stand |
//! | `releases` | versions of the agent, offered and handed over |
//! | [`renew`] | a new certificate for a host that is connected |
//! | `clones` | whether it is the machine that the identity belongs to |
//! | [`twice`] | the same, pure |
//! | [`registry`] | who is connected; closing those who may not be any more |
//! | [`outer`] | where an agent's packets come from |
//! | [`misbehaviour`] | counting what hosts get wrong |
//! | [`patience`] | how often a host may speak, and how long we wait for it to listen |
//!
//! Most connections are idle, and there are ten thousand of them: what is done only now and then is in a box of its own
//! while it lasts, so that the task of an idle one is no larger than waiting takes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracing::{Instrument as _, debug, info, info_span, warn};
use vonggac_carrier::{Connection, RecvStream, SendStream};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{Hello, Refusal, RefusalCode};
use vonggac_protocol::id::{AgencyId, Epoch};
use vonggac_protocol::limits::{CSR_BYTES_MAX, FRAME_BYTES_MAX};
use vonggac_protocol::release::ReleaseWanted;
use vonggac_protocol::renewal::Renew;

use crate::admission::Admission;
use crate::admission::counts::Reason;
use crate::admission::places::Place;
use crate::admission::turnstile::Turn;
use crate::clock;
use crate::intake::{Intake, Intaken, Sender};
use crate::listen::frames::{self, ReadFrameError, close_code, refusal};
use crate::mark_key::MarkKey;
use crate::silence::task::Pulse;
use crate::store::Store;
use crate::store::certificates::{Identity, Validity};
use crate::store::hosts::HostState;

mod clones;
pub mod greet;
pub mod misbehaviour;
mod outer;
mod patience;
pub mod registry;
mod releases;
pub mod renew;
pub mod twice;

use greet::{Greeted, Whence};
use misbehaviour::Misbehaviour;
use outer::Whereabouts;
use patience::Allowance;
use registry::Registry;
use releases::{Handed, Handing, Offers};
use renew::Renewals;

/// Who is welcome only to renew does it within this.
const RENEW_WITHIN: Duration = Duration::from_secs(60);

/// Bytes of a frame on the control stream: a certificate request is the largest.
const CONTROL_FRAME_BYTES_MAX: usize = CSR_BYTES_MAX + 1024;

/// Of what is told, so many bytes must be read within [`reading`](crate::admission::limits::Patience::reading).
const TOLD_AT_ONCE: usize = 16 * 1024;

/// How long the last word may take.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(4);

/// A larger frame of a lane waits until there is room for it among those of all agents; a smaller one is no more
/// than what may be on the way on a stream anyway.
const ROOM_BYTES: usize = 64 * 1024;

/// What sessions need; one for all of them.
pub struct Sessions {
    store: Store,
    intake: Intake,
    pulse: Pulse,
    registry: Registry,
    misbehaviour: Misbehaviour,
    renewals: Renewals,
    admission: Arc<Admission>,
    handing: Handing,
    key: MarkKey,
}

/// How a session ended.
enum End {
    /// The agent said goodbye.
    Goodbye,
    /// The connection is gone.
    Gone,
    /// The host may not work; it was told why.
    Refused(Refusal),
    /// The host broke a rule.
    Broken(RefusalCode, String),
    /// We cannot work; the agent comes back.
    Failed(anyhow::Error),
    /// The agent is to say hello again.
    GreetAgain,
}

impl From<ReadFrameError> for End {
    fn from(error: ReadFrameError) -> Self {
        match error {
            ReadFrameError::Ended | ReadFrameError::Gone(_) => Self::Gone,
            ReadFrameError::Broken { code, detail } => Self::Broken(code, detail),
        }
    }
}

/// The control stream's sending half; acknowledgements of all lanes go through it.
type Control = Arc<Mutex<SendStream>>;

impl Sessions {
    /// Sessions over this store.
    #[must_use]
    pub fn new(
        store: Store,
        intake: Intake,
        pulse: Pulse,
        renewals: Renewals,
        admission: Arc<Admission>,
        key: MarkKey,
    ) -> Self {
        let misbehaviour = Misbehaviour::new(store.clone());

        Self {
            store,
            intake,
            pulse,
            registry: Registry::default(),
            misbehaviour,
            renewals,
            admission,
            handing: Handing::default(),
            key,
        }
    }

    /// Who is connected.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Serves one connection until it ends.
    pub async fn serve(self: Arc<Self>, connection: Connection, certificate: Digest) {
        let address = connection.remote_address();
        let identity = match greet::identify(&self.store, certificate).await {
            Ok(identity) => identity,
            Err(error) => return self.fail(&connection, &error),
        };
        let hello = tokio::time::timeout(
            self.admission.limits.patience.hello,
            Box::pin(greet::read_hello(&connection)),
        );
        let hello = hello.await.unwrap_or_else(|_| {
            self.admission.counts.count(Reason::HelloMissing);
            let (code, detail) = (RefusalCode::LimitBroken, "no hello in time".to_owned());
            Err(ReadFrameError::Broken { code, detail })
        });
        let Some(identity) = identity else {
            warn!("A certificate of our authority is not in the store");
            self.admission.counts.count(Reason::CertificateUnknown);
            if let Ok((mut send, ..)) = hello {
                let refusal = refusal(RefusalCode::IdentityRevoked, "the certificate is not known");
                Box::pin(frames::write_last(&mut send, &Frame::Refused(refusal))).await;
            }
            connection.close(close_code(RefusalCode::IdentityRevoked), b"the certificate is not known");
            return;
        };
        let sender = Sender { host: identity.host, certificate };
        let span = info_span!("session", host = %identity.host, agency = %identity.agency);
        async {
            let end = match hello {
                Ok((send, receive, hello)) => {
                    let control = Arc::new(Mutex::new(send));
                    let end = match self.let_in(&identity) {
                        Ok(_place) => {
                            let said = (receive, hello);
                            Box::pin(self.work(
                                &connection,
                                &control,
                                said,
                                sender,
                                &identity.agency,
                                address,
                            ))
                            .await
                        }
                        Err(refusal) => End::Refused(refusal),
                    };
                    Box::pin(self.say_end(&end, &control)).await;
                    end
                }
                Err(error) => End::from(error),
            };
            Box::pin(self.conclude(end, &connection, sender)).await;
        }
        .instrument(span)
        .await;
    }

    /// A place among its agency's connections.
    fn let_in(&self, identity: &Identity) -> Result<Place<AgencyId>, Refusal> {
        if let Some(left) = self.misbehaviour.avoids(identity.host, clock::instant()) {
            let detail = "this host broke the protocol too often and is not listened to for a while";
            let secs = u32::try_from(left.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
            let refusal = self.admission.busy(Reason::HostAvoided, detail);
            return Err(Refusal { retry_after_secs: Some(secs), ..refusal });
        }

        self.admission.agencies.take(identity.agency.clone()).map_err(|_| {
            self.admission.busy(Reason::ConnectionsOfAgency, "the agency has as many connections as it may")
        })
    }

    async fn work(
        self: &Arc<Self>,
        connection: &Connection,
        control: &Control,
        (receive, mut hello): (RecvStream, Hello),
        sender: Sender,
        agency: &AgencyId,
        address: SocketAddr,
    ) -> End {
        hello.machine.iter_mut().for_each(|machine| self.key.seal(&mut machine.marks));
        let whence = Whence { address: address.to_string(), way: connection.way() };
        let (epoch, held) = (hello.epoch, hello.assignment);
        let about = (Whereabouts::new(connection, &hello), Offers::new(sender.host, &hello));
        let greeted = {
            let ticket = self.admission.hellos.enter(agency.clone(), 1);
            let turn = async { ticket.ok()?.turn().await.ok() };
            let Ok(Some(_turn)) = tokio::time::timeout(self.admission.limits.patience.turn, turn).await
            else {
                let detail = "too many agents say hello at once";
                return End::Refused(self.admission.busy(Reason::HellosWaiting, detail));
            };
            let (promised, offer) = (self.pulse.promised(), self.renewals.offer());
            Box::pin(greet::greet(&self.store, sender, hello, whence, promised, offer)).await
        };
        let mut welcome = match greeted {
            Ok(Greeted::Welcome(welcome)) => welcome,
            Ok(Greeted::Refused(refusal)) => return End::Refused(refusal),
            Ok(Greeted::Twice) => {
                // The other machine may be connected at this moment: it is held too.
                self.registry.close(sender.host, RefusalCode::IdentityHeld);
                return End::Refused(refusal(
                    RefusalCode::IdentityHeld,
                    "another machine used the same identity; a person must release it",
                ));
            }
            Err(error) => return End::Failed(error),
        };
        if let Some(line) = &mut welcome.line {
            line.again_within_secs = Some(self.admission.again_within_secs(self.pulse.fleet()));
        }
        let only_renew = welcome.standing.as_ref().is_some_and(|standing| standing.only_renew);
        let told = welcome.assignment.as_ref().map_or(held, |assignment| assignment.version);
        let _seat = self.registry.enter(sender.host, connection.clone());
        let welcome = Box::new(Frame::Welcome(*welcome));
        if let Err(end) = Box::pin(self.tell(control, &welcome)).await {
            return end;
        }
        drop(welcome);
        self.pulse.heard(sender.host);
        if only_renew {
            info!("Agent connected with a certificate that has ended");
            let renewal = Box::pin(self.only_renew(receive, control, sender));
            return match tokio::time::timeout(RENEW_WITHIN, renewal).await {
                Ok(end) => end,
                Err(_) => End::Broken(RefusalCode::LimitBroken, "no renewal in time".to_owned()),
            };
        }
        info!("Agent connected");

        let control_ends =
            Box::pin(self.listen_to_control(connection, (receive, control), told, about, sender));
        let lanes_end = Box::pin(self.listen_to_lanes(connection, control, epoch, sender, agency));
        tokio::select! {
            end = control_ends => end,
            end = lanes_end => end,
            _ = connection.closed() => End::Gone,
        }
    }

    /// Hears signs of life, and answers one with what is new since the last: where it came from, what was assigned.
    async fn listen_to_control(
        &self,
        connection: &Connection,
        (mut receive, control): (RecvStream, &Control),
        mut told: u64,
        (mut whereabouts, mut offers): (Whereabouts, Offers),
        sender: Sender,
    ) -> End {
        let mut allowance = Allowance::new(clock::instant());
        if let Err(end) = Box::pin(self.offer(&mut offers, control)).await {
            return end;
        }
        loop {
            let frame = frames::read(&mut receive, CONTROL_FRAME_BYTES_MAX).await;
            if !allowance.take(clock::instant()) {
                let detail = "more on the control stream than any agent has to say".to_owned();
                return End::Broken(RefusalCode::LimitBroken, detail);
            }
            match frame {
                Ok(Frame::Heartbeat(_)) => {
                    self.pulse.heard(sender.host);
                    if let Err(end) = self.still_welcome(sender).await {
                        return end;
                    }
                    let newer = match Box::pin(greet::newer(&self.store, sender.host, told)).await {
                        Ok(newer) => newer,
                        Err(error) => return End::Failed(error),
                    };
                    let assign = newer.map(|assignment| {
                        told = assignment.version;
                        Frame::Assign(assignment)
                    });
                    for frame in whereabouts.news(connection).into_iter().chain(assign) {
                        if let Err(end) = Box::pin(self.tell(control, &frame)).await {
                            return end;
                        }
                    }
                    if let Err(end) = Box::pin(self.offer(&mut offers, control)).await {
                        return end;
                    }
                }
                Ok(Frame::ReleaseWanted(wanted)) => {
                    self.pulse.heard(sender.host);
                    match Box::pin(self.hand(&offers, wanted, control)).await {
                        // Who is offered a release asks for the next piece once it has this one: that is its line's pace.
                        Ok(true) => allowance.give_back(),
                        Ok(false) => {}
                        Err(end) => return end,
                    }
                }
                Ok(Frame::Renew(renew)) => {
                    if let Err(end) = Box::pin(self.renew(renew, control, sender)).await {
                        return end;
                    }
                }
                Ok(Frame::StepKept(kept)) => {
                    if let Err(error) = Box::pin(greet::confirm(&self.store, sender.host, kept)).await {
                        return End::Failed(error);
                    }
                }
                Ok(Frame::Goodbye(_)) => {
                    self.pulse.heard(sender.host);
                    return End::Goodbye;
                }
                Ok(_) => {
                    return End::Broken(RefusalCode::Malformed, "a frame that has no place here".to_owned());
                }
                Err(error) => return error.into(),
            }
        }
    }

    /// Whether the identity still is what it was when the connection began.
    async fn still_welcome(&self, sender: Sender) -> Result<(), End> {
        match Box::pin(greet::identify(&self.store, sender.certificate)).await {
            Ok(Some(known)) if known.state == HostState::Active => {
                let is_whole = known.validity(Duration::ZERO, clock::now()) == Validity::Whole;
                if is_whole { Ok(()) } else { Err(End::Refused(renew::ended())) }
            }
            Ok(known) => {
                let state = known.map_or(HostState::Revoked, |known| known.state);
                Err(End::Refused(greet::refusal_of(state)))
            }
            Err(error) => Err(End::Failed(error)),
        }
    }

    /// Offers a release, if there is one that the agent was not told of.
    async fn offer(&self, offers: &mut Offers, control: &Control) -> Result<(), End> {
        match offers.news(&self.store, &self.handing).await.map_err(End::Failed)? {
            Some(frame) => self.tell(control, &frame).await,
            None => Ok(()),
        }
    }

    /// Hands a piece of a release over; says whether there was one.
    async fn hand(&self, offers: &Offers, wanted: ReleaseWanted, control: &Control) -> Result<bool, End> {
        match offers.piece(&self.store, &self.handing, wanted).await.map_err(End::Failed)? {
            Some(Handed { piece, place }) => {
                let is_whole = !piece.packed.is_empty();
                self.tell(control, &Frame::ReleasePiece(piece)).await?;
                drop(place);
                // On a slow line that took a while, in which it read and nobody listened to it.
                self.pulse.heard(offers.host);
                Ok(is_whole)
            }
            None => Ok(false),
        }
    }

    /// Hears one renewal and then nothing but a goodbye.
    async fn only_renew(&self, mut receive: RecvStream, control: &Control, sender: Sender) -> End {
        loop {
            match frames::read(&mut receive, CONTROL_FRAME_BYTES_MAX).await {
                Ok(Frame::Renew(renew)) => {
                    if let Err(end) = self.renew(renew, control, sender).await {
                        return end;
                    }
                }
                Ok(Frame::Goodbye(_)) => return End::Goodbye,
                Ok(_) => return End::Refused(renew::ended()),
                Err(error) => return error.into(),
            }
        }
    }

    async fn renew(&self, renew: Renew, control: &Control, sender: Sender) -> Result<(), End> {
        let renewed = self.renewals.answer(sender, renew).await.map_err(End::Failed)?;
        let frame = Frame::Renewed(renewed);

        self.tell(control, &frame).await
    }

    async fn listen_to_lanes(
        self: &Arc<Self>,
        connection: &Connection,
        control: &Control,
        epoch: Epoch,
        sender: Sender,
        agency: &AgencyId,
    ) -> End {
        // As many as the transport lets the agent open at once.
        let mut lanes = JoinSet::new();
        loop {
            tokio::select! {
                stream = connection.accept_lane() => match stream {
                    Ok(stream) => {
                        let lane = Arc::clone(self).listen_to_lane(
                            stream,
                            Arc::clone(control),
                            epoch,
                            sender,
                            agency.clone(),
                        );
                        lanes.spawn(lane.in_current_span());
                    }
                    Err(_) => return End::Gone,
                },
                Some(ended) = lanes.join_next() => match ended {
                    // A lane that ends between frames may be opened anew.
                    Ok(End::Gone) => {}
                    Ok(end) => return end,
                    Err(error) => return End::Failed(error.into()),
                },
            }
        }
    }

    async fn listen_to_lane(
        self: Arc<Self>,
        mut stream: RecvStream,
        control: Control,
        epoch: Epoch,
        sender: Sender,
        agency: AgencyId,
    ) -> End {
        loop {
            let batch = match self.read_of_lane(&mut stream, &agency).await {
                Ok(Frame::Batch(batch)) => batch,
                Ok(_) => {
                    let detail = "a frame that has no place on a lane".to_owned();
                    return End::Broken(RefusalCode::Malformed, detail);
                }
                Err(error) => return error.into(),
            };
            if batch.epoch != epoch {
                let detail = "a batch of another epoch than the hello named".to_owned();
                return End::Broken(RefusalCode::Malformed, detail);
            }
            self.pulse.heard(sender.host);
            // While the store is slow agents wait here, each with the one batch that it has sent.
            let Some(turn) = self.turn_of_batch(&agency).await else {
                return End::Refused(self.admission.busy(Reason::StoreFailed, "too many batches wait"));
            };
            let kept = self.intake.keep(sender, batch).await;
            drop(turn);
            let (ack, mistake, greet_again) = match kept {
                Ok(Intaken::Ack { ack, mistake, greet_again }) => (ack, mistake, greet_again),
                Ok(Intaken::Barred(state)) => return End::Refused(greet::refusal_of(state)),
                Ok(Intaken::Ended) => return End::Refused(renew::ended()),
                Ok(Intaken::Broken { code, detail }) => return End::Broken(code, detail),
                Err(error) => return End::Failed(error),
            };
            if let Some(mistake) = mistake {
                self.misbehaviour.count(sender.host, mistake).await;
            }
            if let Err(end) = self.tell(&control, &Frame::Ack(ack)).await {
                return end;
            }
            if greet_again {
                return End::GreetAgain;
            }
        }
    }

    /// Reads a frame of a lane; a large one when there is room for it.
    async fn read_of_lane(
        &self,
        stream: &mut RecvStream,
        agency: &AgencyId,
    ) -> Result<Frame, ReadFrameError> {
        let length = frames::begin(stream, FRAME_BYTES_MAX).await?;
        let _room = if length > ROOM_BYTES {
            let ticket = self.admission.large.enter(agency.clone(), length).ok();
            match ticket {
                Some(ticket) => ticket.turn().await.ok(),
                None => None,
            }
            .ok_or_else(|| ReadFrameError::Gone(anyhow::anyhow!("too many large frames wait")))
            .map(Some)?
        } else {
            None
        };

        frames::finish(stream, length, self.admission.limits.patience.frame).await
    }

    async fn turn_of_batch(&self, agency: &AgencyId) -> Option<Turn<AgencyId>> {
        self.admission.batches.enter(agency.clone(), 1).ok()?.turn().await.ok()
    }

    /// Says something to the agent, which must not let us wait for ever. What counts is that it reads at all: a piece of a
    /// release takes minutes on a line of 16 kbit/s, and what else is to be said waits behind it.
    async fn tell(&self, control: &Control, frame: &Frame) -> Result<(), End> {
        let mut stream = control.lock().await;
        for part in frame.encode().chunks(TOLD_AT_ONCE) {
            match tokio::time::timeout(self.admission.limits.patience.reading, stream.write_all(part)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(End::Gone),
                Err(_) => {
                    let detail = "what the collector says is not read".to_owned();
                    return Err(End::Broken(RefusalCode::LimitBroken, detail));
                }
            }
        }

        Ok(())
    }

    async fn say_end(&self, end: &End, control: &Control) {
        let refusal = match end {
            End::Goodbye | End::Gone | End::GreetAgain => return,
            End::Refused(refusal) => refusal.clone(),
            End::Broken(code, detail) => refusal(*code, detail.clone()),
            End::Failed(_) => {
                self.admission.busy(Reason::StoreFailed, "the collector cannot keep anything now")
            }
        };
        // Whoever does not read holds the stream for ever.
        let last = async { frames::write_last(&mut *control.lock().await, &Frame::Refused(refusal)).await };
        drop(tokio::time::timeout(LAST_WORD_WITHIN, last).await);
    }

    async fn conclude(&self, end: End, connection: &Connection, sender: Sender) {
        match end {
            End::Goodbye => {
                info!("Agent said goodbye");
                connection.close(0, b"goodbye");
            }
            End::Gone => debug!("Connection gone"),
            End::GreetAgain => connection.close(0, b"say hello again"),
            End::Refused(refusal) => {
                if refusal.code == RefusalCode::Busy {
                    debug!(detail = refusal.detail, "Host told to come back");
                } else {
                    self.admission.counts.count(Reason::HostBarred);
                    warn!(code = ?refusal.code, "Host refused");
                }
                connection.close(close_code(refusal.code), refusal.detail.as_bytes());
            }
            End::Broken(code, detail) => {
                warn!(?code, "Host broke the protocol");
                self.admission.counts.count(Reason::HostMisbehaved);
                connection.close(close_code(code), detail.as_bytes());
                self.misbehaviour.count(sender.host, &detail).await;
            }
            End::Failed(error) => self.fail(connection, &error),
        }
    }

    fn fail(&self, connection: &Connection, error: &anyhow::Error) {
        warn!(error = format!("{error:#}"), "Session failed");
        connection.close(close_code(RefusalCode::Busy), b"the collector cannot work now");
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
