//! Many agents in one process: really enrolled, each with its own key and certificate, each on a connection of its
//! own, with the real agent's TLS, transport and waits. What they leave out is a disk: no sensors, no spool.
//!
//! They share sockets: so many agents have one source address, each address its own socket (127.1.x.y on loopback).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use vonggac_agent::link::backoff::Backoff;
use vonggac_agent::wire::dial::{ANSWER_TIMEOUT, HANDSHAKE_TIMEOUT};
use vonggac_agent::wire::tls::{Credentials, client_config};
use vonggac_agent::wire::trust::Trust;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::enrolment::{EnrolReply, EnrolRequest, EnrolmentString};
use vonggac_protocol::frame::{Frame, Heartbeat};
use vonggac_protocol::hello::{ALPN_ENROL, ALPN_LINK, COLLECTOR_NAME, Hello, Refusal, WIRE_VERSION, Welcome};
use vonggac_protocol::id::Epoch;

/// As the real agent waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Signs of life of an agent that was told nothing else.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// The real agent's idle time at that pace.
const IDLE: Duration = Duration::from_secs(135);

/// Enrolment conversations at once: fewer than the collector has room for.
const ENROLLING: usize = 24;

/// Agents that belong to one collector.
pub struct Crowd {
    collector: SocketAddr,
    endpoints: Vec<Endpoint>,
    members: Vec<Member>,
}

struct Member {
    config: ClientConfig,
    /// Index of its socket.
    endpoint: usize,
    fingerprint: Digest,
}

/// Why an agent is not in.
#[derive(Debug)]
pub enum Out {
    /// The collector refused it.
    Refused(Refusal),
    /// Anything else.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Out {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An agent that was welcomed.
pub struct Session {
    /// Its connection.
    pub connection: Connection,
    /// The control stream.
    pub control: SendStream,
    /// What the collector says on it.
    pub answers: RecvStream,
    /// The welcome.
    pub welcome: Welcome,
}

/// What the crowd has met.
#[derive(Debug, Default)]
pub struct Tally {
    connected: AtomicUsize,
    tries: AtomicUsize,
    refused: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    /// Agents that are welcomed and connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// Tries, refusals and failures since the beginning.
    #[must_use]
    pub fn met(&self) -> (usize, usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);

        (read(&self.tries), read(&self.refused), read(&self.failed))
    }
}

/// The crowd at work.
pub struct Working {
    /// What it met.
    pub tally: Arc<Tally>,
    round: watch::Sender<u64>,
    tasks: JoinSet<()>,
}

impl Working {
    /// Every agent loses its connection at this moment and begins anew.
    pub fn lose_all(&self) {
        self.round.send_modify(|round| *round += 1);
    }

    /// Ends all of them.
    pub async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Crowd {
    /// Enrols so many agents by a counted string, `per_address` of them from each source address.
    ///
    /// # Errors
    /// If one is not taken in.
    pub async fn enrol(string: &EnrolmentString, count: usize, per_address: usize) -> anyhow::Result<Self> {
        let collector = tokio::net::lookup_host(&string.address).await?.next().context("an address")?;
        let endpoints: Vec<Endpoint> = (0..count.div_ceil(per_address))
            .map(|at| Ok(Endpoint::client(SocketAddr::new(source(at)?.into(), 0))?))
            .collect::<anyhow::Result<_>>()?;
        let permits = Arc::new(Semaphore::new(ENROLLING));
        let mut enrolling = JoinSet::new();
        for at in 0..count {
            let permit = Arc::clone(&permits).acquire_owned().await?;
            let (string, endpoint) = (string.clone(), endpoints[at / per_address].clone());
            enrolling.spawn(async move {
                let enrolled = enrol_one(&endpoint, collector, &string, at).await;
                drop(permit);
                enrolled.map(|(config, fingerprint)| Member {
                    config,
                    endpoint: at / per_address,
                    fingerprint,
                })
            });
        }
        let mut members = Vec::with_capacity(count);
        while let Some(enrolled) = enrolling.join_next().await {
            members.push(enrolled??);
        }

        Ok(Self { collector, endpoints, members })
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Begins a connection of one agent and says nothing on it.
    ///
    /// # Errors
    /// If it does not come about.
    pub async fn connect(&self, at: usize) -> anyhow::Result<Connection> {
        let member = self.members.get(at).context("an agent of the crowd")?;
        let mut connecting = self.endpoints[member.endpoint].connect_with(
            member.config.clone(),
            self.collector,
            COLLECTOR_NAME,
        )?;

        tokio::time::timeout(ANSWER_TIMEOUT, connecting.handshake_data()).await??;

        Ok(tokio::time::timeout(HANDSHAKE_TIMEOUT - ANSWER_TIMEOUT, connecting).await??)
    }

    /// Connects one agent and says hello.
    ///
    /// # Errors
    /// If it is not welcomed.
    pub async fn join(&self, at: usize) -> Result<Session, Out> {
        let connection = self.connect(at).await?;
        let (mut control, mut answers) = connection.open_bi().await?;
        let hello = Hello {
            wire: WIRE_VERSION,
            version: "crowd".to_owned(),
            fingerprint: self.members[at].fingerprint,
            epoch: Epoch(1),
            lanes: Vec::new(),
            now: vonggac_agent::clock::now(),
            assignment: 0,
            trusts: None,
            tell_outer: None,
            platform: None,
            machine: None,
        };
        write(&mut control, &Frame::Hello(hello)).await?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, read(&mut answers)).await??;

        #[expect(clippy::wildcard_enum_match_arm, reason = "every other word is as wrong as the next")]
        match answer {
            Frame::Welcome(welcome) => Ok(Session { connection, control, answers, welcome }),
            Frame::Refused(refusal) => {
                connection.close(0_u32.into(), b"refused");
                Err(Out::Refused(refusal))
            }
            other => Err(Out::Failed(anyhow::anyhow!("a hello was answered with {other:?}"))),
        }
    }

    /// Sets every agent to work as the real one does: connect, say hello, show life each minute, come back after an
    /// end with the real agent's waits. At most `at_once` begin in the first round.
    #[must_use]
    pub fn work(self: &Arc<Self>, at_once: usize) -> Working {
        let (round, rounds) = watch::channel(0);
        let (tally, mut tasks) = (Arc::new(Tally::default()), JoinSet::new());
        let gate = Arc::new(Semaphore::new(at_once));
        for at in 0..self.members.len() {
            let (crowd, tally) = (Arc::clone(self), Arc::clone(&tally));
            let (gate, rounds) = (Arc::clone(&gate), rounds.clone());
            tasks.spawn(async move { crowd.live(at, &tally, &gate, rounds).await });
        }

        Working { tally, round, tasks }
    }

    async fn live(&self, at: usize, tally: &Tally, gate: &Semaphore, mut rounds: watch::Receiver<u64>) {
        let mut backoff = Backoff::new();
        let mut permit = gate.acquire().await.ok();
        loop {
            rounds.mark_unchanged();
            tally.tries.fetch_add(1, Ordering::Relaxed);
            let wait = match self.join(at).await {
                Ok(session) => {
                    drop(permit.take());
                    tally.connected.fetch_add(1, Ordering::Relaxed);
                    backoff.reset();
                    let within = session.welcome.line.as_ref().and_then(|line| line.again_within_secs);
                    stay(session, &mut rounds).await;
                    tally.connected.fetch_sub(1, Ordering::Relaxed);
                    backoff.after_loss(within, chance())
                }
                Err(Out::Refused(refusal)) => {
                    tally.refused.fetch_add(1, Ordering::Relaxed);
                    backoff.after_refusal(refusal.retry_after_secs, chance())
                }
                Err(Out::Failed(_)) => {
                    tally.failed.fetch_add(1, Ordering::Relaxed);
                    backoff.after_failure(chance())
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// Stays connected and shows life until the connection ends or is taken away.
async fn stay(mut session: Session, rounds: &mut watch::Receiver<u64>) {
    let first = HEARTBEAT.mul_f64(chance());
    let mut beat = Box::pin(tokio::time::sleep(first));
    loop {
        tokio::select! {
            _ = session.connection.closed() => return,
            _ = rounds.changed() => return session.connection.close(0_u32.into(), b""),
            () = &mut beat => {
                let frame = Frame::Heartbeat(Heartbeat { now: vonggac_agent::clock::now() });
                if write(&mut session.control, &frame).await.is_err() {
                    return;
                }
                beat = Box::pin(tokio::time::sleep(HEARTBEAT));
            }
        }
    }
}

async fn enrol_one(
    endpoint: &Endpoint,
    collector: SocketAddr,
    string: &EnrolmentString,
    number: usize,
) -> anyhow::Result<(ClientConfig, Digest)> {
    let credentials = Credentials { trust: Trust::Pin(string.pin), own: None };
    let config = client_config(&credentials, ALPN_ENROL, ANSWER_WITHIN)?.quic;
    let connection =
        endpoint.connect_with(config, collector, COLLECTOR_NAME)?.await.context("connect to enrol")?;
    let (mut send, mut receive) = connection.open_bi().await?;
    let key = KeyPair::generate()?;
    let request = EnrolRequest {
        wire: WIRE_VERSION,
        agency: string.agency.clone(),
        token: string.token,
        request: CertificateParams::default().serialize_request(&key)?.der().to_vec(),
        name: format!("may-{number:05}"),
        version: "crowd".to_owned(),
        marks: None,
    };
    write(&mut send, &Frame::EnrolRequest(request)).await?;
    send.finish()?;
    let answer = tokio::time::timeout(ANSWER_WITHIN, read(&mut receive)).await??;
    connection.close(0_u32.into(), b"done");
    let Frame::EnrolReply(EnrolReply::Accepted(enrolled)) = answer else { bail!("not enrolled: {answer:?}") };
    ensure!(enrolled.approved, "the token asks for approval");
    let own = (
        CertificateDer::from(enrolled.certificate),
        PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?,
    );
    let trust = Trust::Roots { roots: vec![CertificateDer::from(enrolled.authority)], known: None };
    let credentials = Credentials { trust, own: Some(own) };
    let config = client_config(&credentials, ALPN_LINK, IDLE)?.quic;

    Ok((config, Digest::of(&enrolled.host.0)))
}

/// The address of a socket: 127.1.0.1 and on.
fn source(at: usize) -> anyhow::Result<Ipv4Addr> {
    let at = u32::try_from(at)?;
    ensure!(at < 1 << 16, "more source addresses than there are");

    Ok(Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + at))
}

fn chance() -> f64 {
    let mut bytes = [0; 4];

    getrandom::fill(&mut bytes).map_or(0.5, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

async fn write(stream: &mut SendStream, frame: &Frame) -> anyhow::Result<()> {
    stream.write_all(&frame.encode()).await?;

    Ok(())
}

/// Reads one frame.
///
/// # Errors
/// If the stream ends or what comes is no frame.
pub async fn read(stream: &mut RecvStream) -> anyhow::Result<Frame> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let mut bytes = vec![0; Frame::length(prefix)?];
    stream.read_exact(&mut bytes).await?;

    Ok(Frame::decode(&bytes)?)
}
