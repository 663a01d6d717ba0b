use std::net::SocketAddr;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use vonggac_protocol::frame::{Batch, Heartbeat};
use vonggac_protocol::hello::{ALPN_LINK, COLLECTOR_NAME, WIRE_VERSION};
use vonggac_protocol::id::{AgencyId, HostId, Lane, Seq};
use vonggac_protocol::observation::{AgentStopped, Kind, Observation};
use vonggac_protocol::renewal::Renewed;
use vonggac_protocol::time::Timestamp;

use super::*;
use crate::authority::Authority;
use crate::config::Config;
use crate::store::agencies::{self, Level};
use crate::store::{certificates, hosts};
use crate::{cli, clock, run};

// A client that is not our agent: agent and collector do not know each other.

/// A collector as it is, on free ports, with one enrolled host.
struct World {
    folder: tempfile::TempDir,
    store: Store,
    link: SocketAddr,
    host: Identity,
    stop: CancellationToken,
    life: tokio::task::JoinHandle<anyhow::Result<()>>,
}

#[derive(Clone)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    authority: CertificateDer<'static>,
}

const HOST: HostId = HostId([7; 16]);

fn identity_by(authority: &Authority) -> (Identity, crate::authority::Issued) {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let agency = AgencyId::new("so-tttt").unwrap();
    let issued =
        authority.issue(request.der(), HOST, &agency, Duration::from_secs(3_600), clock::now()).unwrap();
    let chain = vec![CertificateDer::from(issued.certificate.clone())];

    (Identity { chain, key: key.serialize_der(), authority: authority.root().clone() }, issued)
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::with_defaults();
    config.data_dir = folder.path().join("data");
    config.link.listen = "127.0.0.1:0".parse().unwrap();
    config.console.listen = "127.0.0.1:0".parse().unwrap();
    cli::initialise(&config, "quan-tri").await.unwrap();
    let authority = Authority::load(&config.authority_dir()).unwrap();
    let (host, issued) = identity_by(&authority);
    let store = Store::open(&config.database_path()).unwrap();
    store
        .write(move |tx| {
            let (agency, now) = (AgencyId::new("so-tttt")?, clock::now());
            agencies::add(tx, &agency, "Sở", Level::Department, now)?;
            hosts::add(tx, HOST, &agency, "may-1", HostState::Active, 180, now)?;
            certificates::add(tx, &issued, HOST)
        })
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let life =
        tokio::spawn(run::serve(config, stop.clone(), move |running| tell.send(running.link).unwrap()));
    let link = told.await.unwrap();

    World { folder, store, link, host, stop, life }
}

impl World {
    async fn connect(&self, identity: Option<&Identity>) -> anyhow::Result<Connection> {
        let mut roots = RootCertStore::empty();
        roots.add(self.host.authority.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(identity) => config.with_client_auth_cert(
                identity.chain.clone(),
                PrivateKeyDer::try_from(identity.key.clone()).unwrap(),
            )?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN_LINK.to_vec()];
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse()?)?;
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?)));

        Ok(endpoint.connect(self.link, COLLECTOR_NAME)?.await?.into())
    }

    async fn hello(
        &self,
        connection: &Connection,
        fingerprint: &[u8],
    ) -> anyhow::Result<(SendStream, RecvStream, Frame)> {
        let (mut send, mut receive) = connection.open_control().await?;
        let hello = Hello {
            wire: WIRE_VERSION,
            version: "0".to_owned(),
            fingerprint: Digest::of(fingerprint),
            epoch: Epoch(3),
            lanes: Vec::new(),
            now: clock::now(),
            assignment: 0,
            trusts: None,
            tell_outer: None,
            platform: None,
            machine: None,
        };
        frames::write(&mut send, &Frame::Hello(hello)).await?;
        let answer = frames::read(&mut receive, FRAME_BYTES_MAX).await?;

        Ok((send, receive, answer))
    }

    async fn stopped(self) {
        self.stop.cancel();
        self.life.await.unwrap().unwrap();
        drop(self.folder);
    }
}

fn refused(frame: &Frame) -> Option<RefusalCode> {
    let Frame::Refused(refusal) = frame else { return None };

    Some(refusal.code)
}

fn batch(first: u64) -> Frame {
    let kind = Kind::AgentStopped(AgentStopped { reason: "service".to_owned() });
    let body = Observation { at: Timestamp(5), kind }.encode();

    Frame::Batch(Batch::pack(Epoch(3), Lane::Prompt, Seq(first), 0, &[body]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_welcomed_its_batch_acknowledged_and_a_revocation_felt_at_once() {
    let world = world().await;
    let connection = world.connect(Some(&world.host)).await.unwrap();
    let (_send, mut receive, answer) = world.hello(&connection, b"machine").await.unwrap();
    assert!(matches!(answer, Frame::Welcome(_)), "{answer:?}");

    let mut lane = connection.open_lane(Lane::Prompt).await.unwrap();
    frames::write(&mut lane, &batch(1)).await.unwrap();
    let ack = frames::read(&mut receive, FRAME_BYTES_MAX).await.unwrap();
    world.store.write(|tx| hosts::set_state(tx, HOST, HostState::Revoked)).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), connection.closed()).await;

    assert!(matches!(ack, Frame::Ack(ack) if ack.kept == Seq(1) && !ack.resend), "{ack:?}");
    assert!(ended.is_ok(), "a revoked host's connection is closed though it says nothing");
    let again = world.connect(Some(&world.host)).await.unwrap();
    let (.., answer) = world.hello(&again, b"machine").await.unwrap();
    assert_eq!(refused(&answer), Some(RefusalCode::IdentityRevoked));
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_or_none_opens_nothing() {
    let world = world().await;
    let elsewhere = Authority::make(&world.folder.path().join("elsewhere"), clock::now()).unwrap();
    let (foreign, _) = identity_by(&elsewhere);
    let own = Authority::load(&world.folder.path().join("data/authority")).unwrap();
    let (unknown, _) = identity_by(&own);

    for identity in [Some(&foreign), None] {
        // The client's handshake may end before the collector has looked at the certificate.
        let said = async {
            let connection = world.connect(identity).await?;
            world.hello(&connection, b"machine").await
        };
        assert!(said.await.is_err(), "nobody is answered without a certificate of our authority");
    }
    let connection = world.connect(Some(&unknown)).await.unwrap();
    let (.., answer) = world.hello(&connection, b"machine").await.unwrap();
    assert_eq!(refused(&answer), Some(RefusalCode::IdentityRevoked));
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_identity_on_two_machines_holds_both() {
    let world = world().await;
    let first = world.connect(Some(&world.host)).await.unwrap();
    let (_send, _receive, answer) = world.hello(&first, b"machine").await.unwrap();
    assert!(matches!(answer, Frame::Welcome(_)), "{answer:?}");

    let second = world.connect(Some(&world.host)).await.unwrap();
    let (.., answer) = world.hello(&second, b"another machine").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), first.closed()).await;

    assert_eq!(refused(&answer), Some(RefusalCode::IdentityHeld));
    assert!(ended.is_ok(), "the first machine is held too");
    let host = world.store.read(|db| hosts::find(db, HOST)).await.unwrap().unwrap();
    assert_eq!(host.state, HostState::Held);
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_breaks_the_protocol_is_told_closed_and_counted() {
    let world = world().await;
    let connection = world.connect(Some(&world.host)).await.unwrap();
    let (_send, mut receive, _) = world.hello(&connection, b"machine").await.unwrap();

    let mut lane = connection.open_lane(Lane::Prompt).await.unwrap();
    let out_of_place = Frame::Heartbeat(Heartbeat { now: Timestamp(0) });
    frames::write(&mut lane, &out_of_place).await.unwrap();
    let answer = frames::read(&mut receive, FRAME_BYTES_MAX).await.unwrap();
    connection.closed().await;

    assert_eq!(refused(&answer), Some(RefusalCode::Malformed));
    let counted = async {
        loop {
            let query = "SELECT count(*) FROM observation WHERE kind = 'host_misbehaved'";
            let found: i64 =
                world.store.read(|db| Ok(db.query_row(query, [], |row| row.get(0))?)).await.unwrap();
            if found > 0 {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    // It is written down a moment after the connection is closed.
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), counted).await, Ok(1));
    world.stopped().await;
}

impl World {
    async fn sql(&self, statement: &'static str) {
        self.store.write(move |tx| Ok(tx.execute_batch(statement)?)).await.unwrap();
    }

    /// What the collector answers to a hello under this identity.
    async fn welcome(&self, identity: &Identity) -> Frame {
        let connection = self.connect(Some(identity)).await.unwrap();

        self.hello(&connection, b"machine").await.unwrap().2
    }
}

/// A request of a new key for a certificate in another host's name.
fn request_as(host: HostId) -> (KeyPair, Frame) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_string()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, host.to_string());
    let request = params.serialize_request(&key).unwrap().der().to_vec();

    (key, Frame::Renew(Renew { request }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_for_the_host_of_the_connection_and_the_old_certificate_counts_until_the_new_is_used() {
    let world = world().await;
    world.sql("UPDATE certificate SET issued_at = issued_at - 172800000").await;
    let connection = world.connect(Some(&world.host)).await.unwrap();
    let (mut send, mut receive, _) = world.hello(&connection, b"machine").await.unwrap();
    let other = HostId([9; 16]);

    let (key, renew) = request_as(other);
    frames::write(&mut send, &renew).await.unwrap();
    let answer = frames::read(&mut receive, FRAME_BYTES_MAX).await.unwrap();
    frames::write(&mut send, &request_as(HOST).1).await.unwrap();
    let again = frames::read(&mut receive, FRAME_BYTES_MAX).await.unwrap();

    let Frame::Renewed(Renewed::Accepted(renewal)) = answer else { panic!("{answer:?}") };
    let names = |host: HostId| {
        let name = host.to_string();
        renewal.certificate.windows(name.len()).any(|bytes| bytes == name.as_bytes())
    };
    assert!(names(HOST) && !names(other));
    let digest = Digest::of(&renewal.certificate);
    let known = world.store.read(move |db| certificates::identify(db, digest)).await.unwrap().unwrap();
    assert_eq!((known.host, known.not_after), (HOST, renewal.not_after));
    let Frame::Renewed(Renewed::Refused(refusal)) = again else { panic!("{again:?}") };
    assert!(refusal.code == RefusalCode::Busy && refusal.retry_after_secs.is_some(), "{refusal:?}");

    let chain = vec![CertificateDer::from(renewal.certificate)];
    let new = Identity { chain, key: key.serialize_der(), authority: world.host.authority.clone() };
    assert!(matches!(world.welcome(&world.host).await, Frame::Welcome(_)), "until the new one is used");
    assert!(matches!(world.welcome(&new).await, Frame::Welcome(_)));
    assert_eq!(refused(&world.welcome(&world.host).await), Some(RefusalCode::CertificateExpired));
    world.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_with_a_certificate_that_has_ended_is_heard_for_nothing_but_a_renewal() {
    let world = world().await;
    world.sql("UPDATE certificate SET issued_at = 0, not_after = not_after - 7200000").await;
    for words in [batch(1), Frame::Heartbeat(Heartbeat { now: Timestamp(0) })] {
        let connection = world.connect(Some(&world.host)).await.unwrap();
        let (mut send, mut receive, answer) = world.hello(&connection, b"machine").await.unwrap();
        let Frame::Welcome(welcome) = answer else { panic!("{answer:?}") };
        assert!(welcome.standing.unwrap().only_renew);
        if matches!(words, Frame::Batch(_)) {
            let mut lane = connection.open_lane(Lane::Prompt).await.unwrap();
            frames::write(&mut lane, &words).await.unwrap();
        }
        frames::write(&mut send, &words).await.unwrap();
        let answer = frames::read(&mut receive, FRAME_BYTES_MAX).await.unwrap();
        assert_eq!(refused(&answer), Some(RefusalCode::CertificateExpired));
    }
    let kept = |db: &rusqlite::Connection| {
        Ok(db.query_row("SELECT count(*) FROM observation", [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(world.store.read(kept).await.unwrap(), 0);

    let connection = world.connect(Some(&world.host)).await.unwrap();
    let (mut send, mut receive, _) = world.hello(&connection, b"machine").await.unwrap();
    frames::write(&mut send, &request_as(HOST).1).await.unwrap();
    let answer = frames::read(&mut receive, FRAME_BYTES_MAX).await.unwrap();
    assert!(matches!(answer, Frame::Renewed(Renewed::Accepted(_))), "{answer:?}");
    // Beyond the grace of ninety days nothing helps but a person.
    world.sql("UPDATE certificate SET not_after = not_after - 7862400000").await;
    assert_eq!(refused(&world.welcome(&world.host).await), Some(RefusalCode::CertificateExpired));
    world.stopped().await;
}
