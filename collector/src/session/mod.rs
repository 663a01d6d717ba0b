//! One agent's connection, from its hello to its goodbye.
//!
//! | file | subject |
//! |---|---|
//! | [`greet`] | whether the host may work, and where its lanes stand |
//! | [`renew`] | a new certificate for a host that is connected |
//! | [`registry`] | who is connected; closing those who may not be any more |
//! | [`outer`] | where an agent's packets come from |
//! | [`misbehaviour`] | counting what hosts get wrong |

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracing::{Instrument as _, debug, info, info_span, warn};
use vonggac_carrier::{Connection, RecvStream, SendStream};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{Hello, Refusal, RefusalCode};
use vonggac_protocol::id::Epoch;
use vonggac_protocol::limits::{CSR_BYTES_MAX, FRAME_BYTES_MAX};
use vonggac_protocol::renewal::Renew;

use crate::clock;
use crate::intake::{Intake, Intaken, Sender};
use crate::listen::frames::{self, ReadFrameError, close_code, refusal};
use crate::silence::task::Pulse;
use crate::store::Store;
use crate::store::certificates::Validity;
use crate::store::hosts::HostState;

pub mod greet;
pub mod misbehaviour;
mod outer;
pub mod registry;
pub mod renew;

use greet::Greeted;
use misbehaviour::Misbehaviour;
use outer::Whereabouts;
use registry::Registry;
use renew::Renewals;

/// A connection without a hello for this long is not an agent's.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Who is welcome only to renew does it within this.
const RENEW_WITHIN: Duration = Duration::from_secs(60);

/// Bytes of a frame on the control stream: a certificate request is the largest.
const CONTROL_FRAME_BYTES_MAX: usize = CSR_BYTES_MAX + 1024;

/// What sessions need; one for all of them.
pub struct Sessions {
    store: Store,
    intake: Intake,
    pulse: Pulse,
    registry: Registry,
    misbehaviour: Misbehaviour,
    renewals: Renewals,
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
    pub fn new(store: Store, intake: Intake, pulse: Pulse, renewals: Renewals) -> Self {
        let misbehaviour = Misbehaviour::new(store.clone());

        Self { store, intake, pulse, registry: Registry::default(), misbehaviour, renewals }
    }

    /// Who is connected.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Serves one connection until it ends.
    pub async fn serve(self: Arc<Self>, connection: Connection, certificate: Digest) {
        let address = connection.remote_address();
        let hello = tokio::time::timeout(HELLO_WITHIN, greet::read_hello(&connection)).await;
        let Ok(hello) = hello else {
            connection.close(close_code(RefusalCode::LimitBroken), b"no hello in time");
            return;
        };
        let identity = match greet::identify(&self.store, certificate).await {
            Ok(identity) => identity,
            Err(error) => return self.fail(&connection, &error),
        };
        let Some(identity) = identity else {
            warn!("A certificate of our authority is not in the store");
            if let Ok((mut send, ..)) = hello {
                let refusal = refusal(RefusalCode::IdentityRevoked, "the certificate is not known");
                frames::write_last(&mut send, &Frame::Refused(refusal)).await;
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
                    let end =
                        self.work(&connection, &control, receive, hello, sender, address.to_string()).await;
                    self.say_end(&end, &control).await;
                    end
                }
                Err(error) => End::from(error),
            };
            self.conclude(end, &connection, sender).await;
        }
        .instrument(span)
        .await;
    }

    async fn work(
        self: &Arc<Self>,
        connection: &Connection,
        control: &Control,
        receive: RecvStream,
        hello: Hello,
        sender: Sender,
        address: String,
    ) -> End {
        let (epoch, held) = (hello.epoch, hello.assignment);
        let whereabouts = Whereabouts::new(connection, &hello);
        let greeted =
            greet::greet(&self.store, sender, hello, address, self.pulse.promised(), self.renewals.offer())
                .await;
        let welcome = match greeted {
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
        let only_renew = welcome.standing.as_ref().is_some_and(|standing| standing.only_renew);
        let told = welcome.assignment.as_ref().map_or(held, |assignment| assignment.version);
        let _seat = self.registry.enter(sender.host, connection.clone());
        if frames::write(&mut *control.lock().await, &Frame::Welcome(*welcome)).await.is_err() {
            return End::Gone;
        }
        self.pulse.heard(sender.host);
        if only_renew {
            info!("Agent connected with a certificate that has ended");
            return match tokio::time::timeout(RENEW_WITHIN, self.only_renew(receive, control, sender)).await {
                Ok(end) => end,
                Err(_) => End::Broken(RefusalCode::LimitBroken, "no renewal in time".to_owned()),
            };
        }
        info!("Agent connected");

        tokio::select! {
            end = self.listen_to_control(connection, (receive, control), told, whereabouts, sender) => end,
            end = self.listen_to_lanes(connection, control, epoch, sender) => end,
            _ = connection.closed() => End::Gone,
        }
    }

    /// Hears signs of life, and answers one with what is new since the last: where it came from, what was assigned.
    async fn listen_to_control(
        &self,
        connection: &Connection,
        (mut receive, control): (RecvStream, &Control),
        mut told: u64,
        mut whereabouts: Whereabouts,
        sender: Sender,
    ) -> End {
        loop {
            match frames::read(&mut receive, CONTROL_FRAME_BYTES_MAX).await {
                Ok(Frame::Heartbeat(_)) => {
                    self.pulse.heard(sender.host);
                    match greet::identify(&self.store, sender.certificate).await {
                        Ok(Some(known)) if known.state == HostState::Active => {
                            if known.validity(Duration::ZERO, clock::now()) != Validity::Whole {
                                return End::Refused(renew::ended());
                            }
                        }
                        Ok(known) => {
                            let state = known.map_or(HostState::Revoked, |known| known.state);
                            return End::Refused(greet::refusal_of(state));
                        }
                        Err(error) => return End::Failed(error),
                    }
                    let newer = match greet::newer(&self.store, sender.host, told).await {
                        Ok(newer) => newer,
                        Err(error) => return End::Failed(error),
                    };
                    let assign = newer.map(|assignment| {
                        told = assignment.version;
                        Frame::Assign(assignment)
                    });
                    for frame in whereabouts.news(connection).into_iter().chain(assign) {
                        if frames::write(&mut *control.lock().await, &frame).await.is_err() {
                            return End::Gone;
                        }
                    }
                }
                Ok(Frame::Renew(renew)) => {
                    if let Err(end) = self.renew(renew, control, sender).await {
                        return end;
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

        frames::write(&mut *control.lock().await, &frame).await.map_err(|_| End::Gone)
    }

    async fn listen_to_lanes(
        self: &Arc<Self>,
        connection: &Connection,
        control: &Control,
        epoch: Epoch,
        sender: Sender,
    ) -> End {
        // As many as the transport lets the agent open at once.
        let mut lanes = JoinSet::new();
        loop {
            tokio::select! {
                stream = connection.accept_lane() => match stream {
                    Ok(stream) => {
                        let lane = Arc::clone(self).listen_to_lane(stream, Arc::clone(control), epoch, sender);
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
    ) -> End {
        loop {
            let batch = match frames::read(&mut stream, FRAME_BYTES_MAX).await {
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
            let (ack, mistake, greet_again) = match self.intake.keep(sender, batch).await {
                Ok(Intaken::Ack { ack, mistake, greet_again }) => (ack, mistake, greet_again),
                Ok(Intaken::Barred(state)) => return End::Refused(greet::refusal_of(state)),
                Ok(Intaken::Ended) => return End::Refused(renew::ended()),
                Ok(Intaken::Broken { code, detail }) => return End::Broken(code, detail),
                Err(error) => return End::Failed(error),
            };
            if let Some(mistake) = mistake {
                self.misbehaviour.count(sender.host, mistake).await;
            }
            if frames::write(&mut *control.lock().await, &Frame::Ack(ack)).await.is_err() {
                return End::Gone;
            }
            if greet_again {
                return End::GreetAgain;
            }
        }
    }

    async fn say_end(&self, end: &End, control: &Control) {
        let refusal = match end {
            End::Goodbye | End::Gone | End::GreetAgain => return,
            End::Refused(refusal) => refusal.clone(),
            End::Broken(code, detail) => refusal(*code, detail.clone()),
            End::Failed(_) => refusal(RefusalCode::Busy, "the collector cannot keep anything now"),
        };
        frames::write_last(&mut *control.lock().await, &Frame::Refused(refusal)).await;
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
                warn!(code = ?refusal.code, "Host refused");
                connection.close(close_code(refusal.code), refusal.detail.as_bytes());
            }
            End::Broken(code, detail) => {
                warn!(?code, "Host broke the protocol");
                self.misbehaviour.count(sender.host, &detail).await;
                connection.close(close_code(code), detail.as_bytes());
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
mod tests;
