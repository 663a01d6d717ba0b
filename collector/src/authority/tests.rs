use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::ServerName;

use super::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

struct World {
    folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    Authority::make(&folder.path().join("data/authority"), NOW).unwrap();

    World { folder }
}

impl World {
    fn dir(&self) -> PathBuf {
        self.folder.path().join("data/authority")
    }

    fn load(&self) -> Authority {
        Authority::load(&self.dir()).unwrap()
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }
}

/// An authority as it was made before there were intermediates.
fn single() -> World {
    let world = World { folder: tempfile::tempdir().unwrap() };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let params = authority_params("Vong Gac authority", 0, NOW, NOW.plus(DAY * ROOT_DAYS)).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    make_private_dir(&world.dir()).unwrap();
    write_private(&world.dir().join("authority.key"), key.serialize_pem().as_bytes()).unwrap();
    fs::write(world.dir().join("authority.der"), certificate.der()).unwrap();

    world
}

fn request() -> Vec<u8> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();

    CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
}

fn issue(authority: &Authority, request: &[u8]) -> anyhow::Result<Issued> {
    authority.issue(request, HostId([1; 16]), &AgencyId::new("so-tttt").unwrap(), LIFE, NOW)
}

/// Whether an agent that trusts this root believes the collector.
fn believes(root: &CertificateDer<'static>, authority: &Authority) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let chain = authority.collector_identity(NOW).unwrap().chain;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000));

    verifier
        .verify_server_cert(&chain[0], &chain[1..], &ServerName::try_from(COLLECTOR_NAME).unwrap(), &[], now)
        .is_ok()
}

/// Whether a host's certificate is accepted on the link.
fn accepts(authority: &Authority, issued: &Issued) -> bool {
    let mut issuers = RootCertStore::empty();
    for issuer in authority.issuers() {
        issuers.add(issuer).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(issuers), provider).build().unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000));

    verifier.verify_client_cert(&issued.certificate.clone().into(), &[], now).is_ok()
}

#[test]
fn an_authority_loads_again_with_the_same_pin() {
    let world = world();

    assert_eq!(world.load().pin(), Digest::of(&fs::read(world.dir().join("authority.der")).unwrap()));
    assert!(Authority::make(&world.dir(), NOW).is_err());
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    for name in ["authority.key", "issuer.pem"] {
        let world = world();

        fs::set_permissions(world.dir().join(name), fs::Permissions::from_mode(0o644)).unwrap();

        assert!(format!("{:#}", Authority::load(&world.dir()).err().unwrap()).contains("644"), "{name}");
    }
}

#[test]
fn a_request_whose_signature_is_wrong_is_refused() {
    let authority = world().load();
    let mut wrong = request();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;

    assert!(issue(&authority, &request()).is_ok());
    assert!(issue(&authority, &wrong).is_err());
    assert!(issue(&authority, b"nonsense").is_err());
}

#[test]
fn a_certificate_says_itself_what_is_kept_of_it() {
    let authority = world().load();

    let issued = issue(&authority, &request()).unwrap();
    let (from, until) = validity(&issued.certificate.clone().into()).unwrap();

    assert_eq!((from, until), (NOW.minus(CLOCK_TOLERANCE), issued.not_after));
    assert_eq!(issued.not_after, NOW.plus(LIFE));
    assert!(issued.certificate.windows(16).any(|bytes| bytes == issued.serial), "its serial number");
}

#[test]
fn nothing_is_issued_beyond_the_end_of_the_issuer() {
    let authority = world().load();
    let late = authority.issuer_ends().minus(DAY);

    let issued =
        authority.issue(&request(), HostId([1; 16]), &AgencyId::new("so-tttt").unwrap(), LIFE, late).unwrap();

    assert_eq!(issued.not_after, authority.issuer_ends());
}

#[test]
fn a_root_key_goes_offline_and_issuing_goes_on() {
    let world = world();

    change::export_root(&world.dir(), &world.outside()).unwrap();

    assert!(!world.dir().join("authority.key").exists());
    assert_eq!(fs::metadata(world.outside()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(accepts(&world.load(), &issue(&world.load(), &request()).unwrap()));
    assert!(change::export_root(&world.dir(), &world.folder.path().join("again.pem")).is_err());
    assert!(change::rotate(&world.dir(), None, NOW).is_err(), "without the key nothing new is signed");
    change::rotate(&world.dir(), Some(&world.outside()), NOW).unwrap();
}

#[test]
fn a_root_key_is_not_put_into_the_data_folder_nor_over_a_file() {
    let world = world();
    fs::write(world.outside(), "something else").unwrap();

    assert!(change::export_root(&world.dir(), &world.dir().join("root.pem")).is_err());
    assert!(change::export_root(&world.dir(), &world.outside()).is_err());

    assert!(world.dir().join("authority.key").exists());
    assert_eq!(fs::read_to_string(world.outside()).unwrap(), "something else");
}

#[test]
fn a_foreign_root_key_signs_nothing() {
    let (ours, theirs) = (world(), world());
    change::export_root(&theirs.dir(), &theirs.outside()).unwrap();

    assert!(change::rotate(&ours.dir(), Some(&theirs.outside()), NOW).is_err());
    assert!(change::rotate_root(&ours.dir(), Some(&theirs.outside()), NOW).is_err());
}

#[test]
fn after_a_new_intermediate_older_certificates_count_and_agents_follow() {
    let world = world();
    let before = world.load();
    let issued = issue(&before, &request()).unwrap();

    change::rotate(&world.dir(), None, NOW).unwrap();
    let after = world.load();

    assert_eq!(after.pin(), before.pin());
    assert!(accepts(&after, &issued) && accepts(&after, &issue(&after, &request()).unwrap()));
    assert!(!accepts(&before, &issue(&after, &request()).unwrap()), "another intermediate signs");
    assert!(believes(before.root(), &after));
}

#[test]
fn after_a_new_root_agents_of_either_root_believe_until_the_old_one_is_let_go() {
    let world = world();
    let before = world.load();
    let issued = issue(&before, &request()).unwrap();

    change::rotate_root(&world.dir(), None, NOW).unwrap();
    let during = world.load();
    assert_ne!(during.pin(), before.pin());
    assert_eq!(during.roots(), [during.root().clone(), before.root().clone()]);
    assert!(believes(before.root(), &during) && believes(during.root(), &during));
    assert!(accepts(&during, &issued) && accepts(&during, &issue(&during, &request()).unwrap()));
    assert!(change::rotate_root(&world.dir(), None, NOW).is_err(), "one change at a time");

    change::retire(&world.dir()).unwrap();
    let after = world.load();
    assert!(!believes(before.root(), &after) && believes(after.root(), &after));
    assert!(accepts(&after, &issued), "hosts keep their certificates");
    assert!(change::retire(&world.dir()).is_err());
}

#[test]
fn a_folder_of_before_there_were_intermediates_works_and_gets_one() {
    let world = single();
    let before = world.load();
    let issued = issue(&before, &request()).unwrap();

    assert!(believes(before.root(), &before) && accepts(&before, &issued));
    assert!(change::export_root(&world.dir(), &world.outside()).is_err(), "nothing could sign then");
    change::rotate(&world.dir(), None, NOW).unwrap();
    change::export_root(&world.dir(), &world.outside()).unwrap();
    let after = world.load();

    assert_eq!(after.pin(), before.pin());
    assert!(believes(before.root(), &after));
    assert!(accepts(&after, &issued) && accepts(&after, &issue(&after, &request()).unwrap()));
    change::rotate_root(&world.dir(), Some(&world.outside()), NOW).unwrap();
    assert!(believes(before.root(), &world.load()) && accepts(&world.load(), &issued));
}

#[test]
fn what_a_crash_left_beside_does_not_disturb_the_next_change() {
    let world = world();
    // As after a crash before the exchange, with a half-written folder, or before the last removal.
    let beside = world.folder.path().join("data/authority.new");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("authority.key"), "half").unwrap();
    fs::write(world.dir().join("issuer.new"), "half").unwrap();
    let pin = world.load().pin();

    change::rotate(&world.dir(), None, NOW).unwrap();
    assert_eq!(world.load().pin(), pin);
    change::rotate_root(&world.dir(), None, NOW).unwrap();

    assert_ne!(world.load().pin(), pin);
    assert!(!beside.exists());
}
