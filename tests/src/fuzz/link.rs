//! What a peer shows before anybody knows who it is: certificates, certificate requests, pieces on TCP.

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, SigningKey as _};
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};

use vonggac_agent::wire::tls::provider;
use vonggac_agent::wire::trust::{Chain, stands_under};
use vonggac_carrier::tcp::trial::take_in;
use vonggac_collector::authority::Authority;
use vonggac_collector::listen::tls;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

/// When all of this happens: 2026-11-22.
const NOW: Timestamp = Timestamp(1_795_312_345_000);

/// What a channel of the TCP carrier holds unread at most.
const WINDOW_MAX: usize = 64 * 1024;

/// An authority whose name is always the same, and its key; its verifier is the collector's.
struct Issuer {
    key: KeyPair,
    root: CertificateDer<'static>,
    verifier: Arc<dyn ClientCertVerifier>,
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let key = KeyPair::generate().expect("randomness");
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "fuzz");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    let root = params.self_signed(&key).expect("a root").der().clone();
    let verifier = tls::verifier(vec![root.clone()], &provider()).expect("a root that can be read");

    Issuer { key, root, verifier }
});

/// A collector's authority, as `init` makes it.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a place for files");

    Authority::make(&folder.path().join("keys"), NOW).expect("an authority")
});

/// A peer's certificate: as a host's, as a collector's, as a root that a collector names. Once as it is, and once as the
/// signed part of a certificate of our own authority, which the signature would else keep the fuzzer out of.
pub fn certificate(bytes: &[u8]) {
    let issuer = &*ISSUER;
    let foreign = CertificateDer::from(bytes.to_vec());
    assert!(weighed(issuer, &foreign).iter().all(|believed| !believed), "signed by nobody we know");
    let signed = CertificateDer::from(signed(bytes, &issuer.key));
    weighed(issuer, &signed);
    let chain = Chain { end: signed, above: vec![foreign.clone(), issuer.root.clone()] };
    black_box(stands_under(&chain, &[foreign, issuer.root.clone()], &provider()));
}

fn weighed(issuer: &Issuer, certificate: &CertificateDer<'static>) -> [bool; 2] {
    let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(NOW.0).unwrap_or(0)));
    let as_host = issuer.verifier.verify_client_cert(certificate, std::slice::from_ref(&issuer.root), now);
    let chain = Chain { end: certificate.clone(), above: vec![issuer.root.clone()] };

    [as_host.is_ok(), stands_under(&chain, std::slice::from_ref(&issuer.root), &provider())]
}

/// A host's request for a certificate: as it is, and as the signed part of a request of a key of ours. What is issued
/// counts with our own agents and holds what the collector says.
pub fn certificate_request(bytes: &[u8]) {
    let issuer = &*ISSUER;
    for request in [bytes.to_vec(), signed(bytes, &issuer.key)] {
        let agency = "so-y-te".parse::<AgencyId>().expect("an agency");
        let life = Duration::from_secs(30 * 24 * 60 * 60);
        let Ok(issued) = AUTHORITY.issue(&request, HostId([7; 16]), &agency, life, NOW) else { continue };
        assert_eq!(issued.digest, Digest::of(&issued.certificate), "known by what it is");
        assert!(issued.not_after <= NOW.plus(life), "no longer than was said");
        assert!(issued.certificate.len() < 2_048, "nothing of the request but its key");
    }
}

/// `SEQUENCE { bytes, ecdsa-with-SHA256, BIT STRING signature }`
fn signed(bytes: &[u8], key: &KeyPair) -> Vec<u8> {
    const ECDSA_WITH_SHA256: [u8; 12] =
        [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let mut signature = vec![0];
    signature.extend(key.sign(bytes).expect("a key that signs"));
    let mut content = bytes.to_vec();
    content.extend(ECDSA_WITH_SHA256);
    content.extend(element(0x03, &signature));

    element(0x30, &content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut element = vec![tag];
    if content.len() >= 0x80 {
        element.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
    }
    element.extend_from_slice(length);
    element.extend_from_slice(content);

    element
}

/// Bytes on the TCP carrier: however they are cut, the same comes out of them, and no channel holds more than its
/// window. The first byte says how they are cut.
pub fn tcp_pieces(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    for is_agent in [true, false] {
        let whole = take_in(is_agent, false, [bytes]);
        assert_eq!(take_in(is_agent, false, bytes.chunks(1 + usize::from(cut))), whole, "however it is cut");
        for channel in &whole.channels {
            assert!(channel.len() <= WINDOW_MAX.min(bytes.len()), "within the window");
        }
        let read = take_in(is_agent, true, bytes.chunks(1 + usize::from(cut)));
        for (read, unread) in read.channels.iter().zip(&whole.channels) {
            assert!(read.starts_with(unread), "who reads gets no less");
        }
    }
}
