//! Who may come in, on the real programs: a revoked agent with a session store, a copied disk, a restored backup, a
//! used string, a token of another agency, machines that are never to be enrolled.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{NamedGroup, RootCertStore};
use vonggac_agent::identity::Identity;
use vonggac_collector::authority::Authority;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::enrolment::EnrolmentString;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{ALPN_LINK, COLLECTOR_NAME, Hello, RefusalCode, WIRE_VERSION};
use vonggac_protocol::id::{AgencyId, Epoch};
use vonggac_tests::programs::{AGENCY, Province, Running, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

fn found(folder: &Path) -> Province {
    Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder).unwrap()
}

/// The first value of the first row in the collector's own file; nothing while there is none.
fn value<T: rusqlite::types::FromSql>(province: &Province, query: &str) -> Option<T> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store =
        rusqlite::Connection::open_with_flags(province.dir.join("collector/collector.db"), flags).ok()?;

    store.query_row(query, [], |row| row.get(0)).ok()
}

fn count(province: &Province, query: &str) -> i64 {
    value(province, query).unwrap_or(0)
}

/// An agent's folder with a configuration and no identity.
fn bare_agent(province: &Province, name: &str) {
    province.configure(name, "watch_defaults = false\n").unwrap();
}

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// Starts an agent and waits until it has been welcomed and has confirmed its step.
fn work(province: &Province, name: &str) -> Running {
    let before = held_step(province);
    let agent = province.watch(name).unwrap();
    wait_for("a confirmed step", PATIENCE, || (held_step(province) > before).then_some(())).unwrap();

    agent
}

fn held_step(province: &Province) -> i64 {
    count(province, "SELECT coalesce(max(held_number), 0) FROM machine")
}

fn state(province: &Province) -> String {
    value(province, "SELECT state FROM host").unwrap_or_default()
}

fn observed(province: &Province, kind: &str) -> i64 {
    count(province, &format!("SELECT count(*) FROM observation WHERE kind = '{kind}'"))
}

#[test]
fn a_used_string_is_refused_counted_and_told_in_the_audit_log_without_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    let string = province.new_string(AGENCY).unwrap();
    bare_agent(&province, "first");
    province.agent("first", &["enrol", &string.to_string()]).unwrap();

    for name in ["second", "third"] {
        assert!(province.refused(name, &string.to_string()).unwrap().contains("used"));
    }

    let of_used = "FROM refused_enrolment WHERE reason = 'token_used'";
    assert_eq!(count(&province, &format!("SELECT count {of_used}")), 2);
    assert_eq!(value::<String>(&province, &format!("SELECT address {of_used}")).unwrap(), "127.0.0.1");
    assert_eq!(value::<String>(&province, &format!("SELECT agency {of_used}")).unwrap(), AGENCY);
    let audited = "SELECT count(*) FROM audit WHERE action = 'host.refused' AND detail LIKE 'token_used%'";
    assert_eq!(count(&province, audited), 1, "the first at once, the number when the hour is over");
    assert_eq!(count(&province, "SELECT count(*) FROM host"), 1);
    province.collector(&["audit", "verify"]).unwrap();
}

#[test]
fn a_token_of_one_agency_enrols_into_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    province.collector(&["agency", "add", "so-khac", "Sở Khác"]).unwrap();
    let _collector = province.serve().unwrap();
    let ours = province.new_string(AGENCY).unwrap();
    // What the agent sends names the other agency, with a token of ours.
    let made_up = EnrolmentString { agency: AgencyId::new("so-khac").unwrap(), ..ours.clone() };

    let told = province.refused("agent", &made_up.to_string()).unwrap();

    assert!(told.contains("agency"), "{told}");
    assert_eq!(count(&province, "SELECT count(*) FROM host"), 0);
    let counted = "SELECT count FROM refused_enrolment WHERE reason = 'token_of_another_agency'";
    assert_eq!(count(&province, counted), 1);
    bare_agent(&province, "rightful");
    province.agent("rightful", &["enrol", &ours.to_string()]).unwrap();
}

#[test]
fn of_a_copied_disk_both_machines_are_held_and_the_one_that_a_person_chooses_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    province.enrol("first", "watch_defaults = false\n").unwrap();
    work(&province, "first").stop(PATIENCE).unwrap();
    bare_agent(&province, "second");
    copy(&province.dir.join("first/state"), &province.dir.join("second/state"));

    // Alike in every mark: here they are one machine. The first goes on, the second takes its turn, the first is back.
    work(&province, "first").stop(PATIENCE).unwrap();
    work(&province, "second").stop(PATIENCE).unwrap();
    let first = province.watch("first").unwrap();
    wait_for("that both are held", PATIENCE, || (state(&province) == "held").then_some(())).unwrap();
    let second = province.watch("second").unwrap();
    let log = || std::fs::read_to_string(province.dir.join("second.log")).unwrap_or_default();
    wait_for("that the other is refused", PATIENCE, || log().contains("IdentityHeld").then_some(())).unwrap();

    assert_eq!(observed(&province, "identity_twice"), 1);
    let incidents = || {
        let items = province.get("/api/v1/incidents").ok()?["items"].as_array()?.clone();
        items.iter().any(|item| item["rule"] == "identity-twice").then_some(())
    };
    wait_for("an incident", PATIENCE, incidents).unwrap();
    drop((first, second));
    let id: String = value(&province, "SELECT lower(hex(id)) FROM host").unwrap();
    province
        .collector(&["host", "release", &id, "--keep", "known", "--reason", "bản sao đã bị hủy"])
        .unwrap();
    drop(work(&province, "second"));
    let first = province.watch("first").unwrap();
    let log = || std::fs::read_to_string(province.dir.join("first.log")).unwrap_or_default();
    // Once when it was held, once now.
    wait_for("that the first is turned away", PATIENCE, || {
        (log().matches("IdentityHeld").count() >= 2).then_some(())
    })
    .unwrap();
    drop(first);
    assert_eq!(state(&province), "active", "one that was turned away holds nobody");
}

#[test]
fn a_restored_backup_of_the_same_machine_is_let_in_observed_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    province.enrol("agent", "watch_defaults = false\n").unwrap();
    work(&province, "agent").stop(PATIENCE).unwrap();
    let state_dir = province.dir.join("agent/state");
    copy(&state_dir, &province.dir.join("backup"));
    for _ in 0..2 {
        work(&province, "agent").stop(PATIENCE).unwrap();
    }
    let started = observed(&province, "agent_started");

    std::fs::remove_dir_all(&state_dir).unwrap();
    copy(&province.dir.join("backup"), &state_dir);
    work(&province, "agent").stop(PATIENCE).unwrap();
    work(&province, "agent").stop(PATIENCE).unwrap();

    assert_eq!(state(&province), "active");
    assert_eq!(observed(&province, "machine_set_back"), 1);
    assert_eq!(observed(&province, "identity_twice"), 0);
    let epochs = "SELECT count(DISTINCT epoch) FROM observation WHERE epoch <> 0";
    assert_eq!(count(&province, epochs), 2, "its spool began a new epoch");
    wait_for("what it observed since", PATIENCE, || {
        (observed(&province, "agent_started") >= started + 2).then_some(())
    })
    .unwrap();
}

#[test]
fn a_machine_on_the_list_is_refused_an_enrolled_one_cut_off_and_a_marker_keeps_every_byte_at_home() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    let forbid = ["--by", "an", "--reason", "máy cơ yếu"];
    province.collector(&[&["host", "forbid", "--name", "co-yeu-*"][..], &forbid].concat()).unwrap();
    let string = province.new_string(AGENCY).unwrap();

    bare_agent(&province, "listed");
    let told = province
        .agent("listed", &["--lang", "vi", "enrol", "--name", "CO-YEU-01", &string.to_string()])
        .unwrap_err()
        .to_string();
    assert!(told.contains("không bao giờ được ghi danh"), "{told}");
    bare_agent(&province, "marked");
    std::fs::write(province.dir.join("marked/never-enrol"), "").unwrap();
    let told =
        province.agent("marked", &["--lang", "vi", "enrol", &string.to_string()]).unwrap_err().to_string();
    assert!(told.contains("never-enrol") && told.contains("không có gì được gửi đi"), "{told}");
    bare_agent(&province, "agent");
    province.agent("agent", &["enrol", &string.to_string()]).unwrap();
    let refusals = "SELECT coalesce(sum(count), 0) FROM refused_enrolment";
    assert_eq!(count(&province, refusals), 1, "the marked machine sent nothing, the token stayed good");

    let _agent = work(&province, "agent");
    let name: String = value(&province, "SELECT name FROM host").unwrap();
    province.collector(&[&["host", "forbid", "--name", &name][..], &forbid].concat()).unwrap();
    let log = || std::fs::read_to_string(province.dir.join("agent.log")).unwrap_or_default();
    wait_for("that it is told", PATIENCE, || log().contains("MachineForbidden").then_some(())).unwrap();
    assert_eq!(state(&province), "revoked");
}

/// Keeps every ticket that a server gives, and counts.
#[derive(Debug)]
struct Tickets {
    kept: ClientSessionMemoryCache,
    given: AtomicUsize,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.kept.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.kept.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.kept.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.given.fetch_add(1, Ordering::SeqCst);
        self.kept.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.kept.take_tls13_ticket(server_name)
    }
}

/// A client that takes every ticket it is given and offers it, with early data, at the next connection.
struct Resumer {
    endpoint: Endpoint,
    tickets: Arc<Tickets>,
}

impl Resumer {
    fn new(roots: &[CertificateDer<'static>], own: Option<&Identity>) -> Self {
        let tickets =
            Arc::new(Tickets { kept: ClientSessionMemoryCache::new(16), given: AtomicUsize::new(0) });
        let mut trusted = RootCertStore::empty();
        for root in roots {
            trusted.add(root.clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(trusted);
        let mut config = match own {
            Some(own) => {
                config.with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key()).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN_LINK.to_vec()];
        config.resumption = Resumption::store(tickets.clone());
        config.enable_early_data = true;
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(
            QuicClientConfig::try_from(config).unwrap(),
        )));

        Self { endpoint, tickets }
    }

    fn given(&self) -> usize {
        self.tickets.given.load(Ordering::SeqCst)
    }

    /// Connects, with early data if a ticket allows it; says whether it did.
    async fn connect(&self, to: std::net::SocketAddr) -> (Connection, bool) {
        match self.endpoint.connect(to, COLLECTOR_NAME).unwrap().into_0rtt() {
            Ok((connection, _accepted)) => (connection, true),
            Err(connecting) => (connecting.await.unwrap(), false),
        }
    }
}

async fn hello(connection: &Connection) -> (SendStream, RecvStream, Frame) {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let hello = Hello {
        wire: WIRE_VERSION,
        version: "0".to_owned(),
        fingerprint: Digest::of(b"machine"),
        epoch: Epoch(3),
        lanes: Vec::new(),
        now: vonggac_agent::clock::now(),
        assignment: 0,
        trusts: None,
        tell_outer: None,
        platform: None,
        machine: None,
    };
    send.write_all(&Frame::Hello(hello).encode()).await.unwrap();
    let mut length = [0; 4];
    receive.read_exact(&mut length).await.unwrap();
    let mut body = vec![0; Frame::length(length).unwrap()];
    receive.read_exact(&mut body).await.unwrap();

    (send, receive, Frame::decode(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_agent_that_keeps_sessions_is_refused_and_was_never_given_a_ticket() {
    let folder = tempfile::tempdir().unwrap();
    let province = found(folder.path());
    let _collector = province.serve().unwrap();
    province.enrol("agent", "watch_defaults = false\n").unwrap();
    let identity = Identity::open(&province.dir.join("agent/state")).unwrap();
    let client = Resumer::new(&identity.roots, Some(&identity));
    let collector = format!("127.0.0.1:{}", province.link_port).parse().unwrap();
    let (first, _) = client.connect(collector).await;
    let (_send, _receive, answer) = hello(&first).await;
    assert!(matches!(answer, Frame::Welcome(_)), "{answer:?}");

    let id: String = value(&province, "SELECT lower(hex(id)) FROM host").unwrap();
    province.collector(&["host", "revoke", &id]).unwrap();
    let cut = tokio::time::timeout(Duration::from_secs(10), first.closed()).await;
    let (again, with_early_data) = client.connect(collector).await;
    let (.., answer) = hello(&again).await;

    assert!(cut.is_ok(), "the connection that stood is closed");
    let Frame::Refused(refusal) = answer else { panic!("not refused: {answer:?}") };
    assert_eq!(refusal.code, RefusalCode::IdentityRevoked);
    assert_eq!((client.given(), with_early_data), (0, false), "no ticket, so no way around the look-up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_that_keeps_sessions_would_have_come_back_by_a_ticket_where_one_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let now = vonggac_agent::clock::now();
    let authority = Authority::make(&folder.path().join("authority"), now).unwrap();
    let identity = authority.collector_identity(now).unwrap();
    let root = identity.chain.last().unwrap().clone();
    let key: PrivateKeyDer<'static> = identity.key.clone_key();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, key)
        .unwrap();
    config.alpn_protocols = vec![ALPN_LINK.to_vec()];
    config.max_early_data_size = u32::MAX;
    let config = QuicServerConfig::try_from(config).unwrap();
    let server =
        Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(config)), "127.0.0.1:0".parse().unwrap())
            .unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            let connection = incoming.await.unwrap();
            tokio::spawn(async move { connection.closed().await });
        }
    });
    let client = Resumer::new(&[root], None);

    let (first, _) = client.connect(address).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while client.given() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("an ordinary server gives a ticket");
    first.close(0_u32.into(), b"");
    let (_again, with_early_data) = client.connect(address).await;

    assert!(with_early_data, "the client does offer what it was given");
}
