//! TLS 1.3 with the collector: the hybrid post-quantum key exchange first, no resumption, no early data, and one
//! authority that is believed: the one whose certificate has the pinned digest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use vonggac_protocol::digest::Digest;

/// Bytes that the collector may send before we read them: its longest word is an assignment.
const RECEIVE_WINDOW: u32 = 512 * 1024;

/// Bytes kept for sending again: the batches on the way of both lanes.
const SEND_WINDOW: u64 = 2 * 1024 * 1024;

/// What the collector's certificate was found to be.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Verdict {
    /// None was shown so far.
    #[default]
    NotShown,
    /// It is the collector's.
    Good,
    /// No certificate of the chain has the pinned digest.
    PinMissing,
    /// The pinned authority does not vouch for it now and under this name.
    Invalid(CertificateError),
}

/// Where a verifier leaves what it found: the connection's own error only carries a number.
#[derive(Clone, Default, Debug)]
pub struct VerdictCell(Arc<Mutex<Verdict>>);

impl VerdictCell {
    /// What was found last.
    #[must_use]
    pub fn read(&self) -> Verdict {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, verdict: Verdict) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
    }
}

/// Believes certificates of one authority only.
#[derive(Debug)]
struct PinVerifier {
    pin: Digest,
    /// The authority itself, once we have it; before that it must be in the chain.
    authority: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    verdict: VerdictCell,
}

impl PinVerifier {
    fn authority<'a>(&'a self, shown: &'a [CertificateDer<'a>]) -> Option<&'a CertificateDer<'a>> {
        self.authority.iter().chain(shown).find(|certificate| Digest::of(certificate) == self.pin)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = self.authority(intermediates) else {
            self.verdict.set(Verdict::PinMissing);
            return Err(CertificateError::UnknownIssuer.into());
        };
        let mut roots = RootCertStore::empty();
        let found = roots.add(authority.clone().into_owned()).and_then(|()| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        });
        self.verdict.set(match &found {
            Ok(_) => Verdict::Good,
            Err(rustls::Error::InvalidCertificate(error)) => Verdict::Invalid(error.clone()),
            Err(_) => Verdict::Invalid(CertificateError::BadEncoding),
        });

        found
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC knows no TLS before 1.3".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The cryptography of every connection: aws-lc-rs, with X25519MLKEM768 offered first.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};

    Arc::new(CryptoProvider {
        kx_groups: vec![X25519MLKEM768, X25519, SECP256R1],
        ..aws_lc_rs::default_provider()
    })
}

/// Whom to believe and who to be on a connection.
#[derive(Debug)]
pub struct Credentials {
    /// SHA-256 of the authority's certificate.
    pub pin: Digest,
    /// The authority, once we have it.
    pub authority: Option<CertificateDer<'static>>,
    /// Our certificate and key, once we have them.
    pub own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
}

/// The configuration of a connection, and where its verdict on the collector's certificate will be.
///
/// # Errors
/// If key and certificate do not fit each other.
pub fn client_config(
    credentials: Credentials,
    alpn: &[u8],
    idle: Duration,
) -> anyhow::Result<(ClientConfig, VerdictCell)> {
    let provider = provider();
    let verdict = VerdictCell::default();
    let verifier = Arc::new(PinVerifier {
        pin: credentials.pin,
        authority: credentials.authority,
        provider: provider.clone(),
        verdict: verdict.clone(),
    });
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choose TLS 1.3")?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match credentials.own {
        Some((certificate, key)) => builder
            .with_client_auth_cert(vec![certificate], key)
            .context("use the identity of this machine")?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    let quic = QuicClientConfig::try_from(config).context("use TLS in QUIC")?;
    let mut config = ClientConfig::new(Arc::new(quic));
    config.transport_config(Arc::new(transport(idle)?));

    Ok((config, verdict))
}

/// Heartbeats are the only sign of life, so no keep-alive. Packets keep the size that every path must carry
/// (RFC 9000, 14): looking for a larger one costs more on an idle line than it gains on a busy one.
fn transport(idle: Duration) -> anyhow::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::try_from(idle).context("set the idle timeout")?))
        .keep_alive_interval(None)
        .mtu_discovery_config(None)
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .send_fairness(false)
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None);

    Ok(transport)
}
