//! TLS 1.3 with the collector: the hybrid post-quantum key exchange first, no resumption, no early data, and nobody
//! believed but who stands under the roots that enrolment and the collector itself gave.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use vonggac_carrier::Way;

use super::congestion::Persistent;
use super::trust::{Chain, Trust};

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
pub struct VerdictCell(Arc<Mutex<(Verdict, Option<Chain>)>>);

impl VerdictCell {
    /// What was found last.
    #[must_use]
    pub fn read(&self) -> Verdict {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The chain that was shown last.
    #[must_use]
    pub fn chain(&self) -> Option<Chain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn set(&self, verdict: Verdict, chain: Chain) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (verdict, Some(chain));
    }
}

/// Believes certificates under the trusted roots only.
#[derive(Debug)]
struct PinVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    verdict: VerdictCell,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let above = intermediates.iter().map(|one| one.clone().into_owned()).collect();
        let chain = Chain { end: end_entity.clone().into_owned(), above };
        let Some(found) = self.trust.verify(&chain, server_name, &self.provider, now) else {
            self.verdict.set(Verdict::PinMissing, chain);
            return Err(CertificateError::UnknownIssuer.into());
        };
        let verdict = match &found {
            Ok(_) => Verdict::Good,
            Err(rustls::Error::InvalidCertificate(error)) => Verdict::Invalid(error.clone()),
            Err(_) => Verdict::Invalid(CertificateError::BadEncoding),
        };
        self.verdict.set(verdict, chain);

        found
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("we speak no TLS before 1.3".to_owned()))
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
    /// Whom to believe.
    pub trust: Trust,
    /// Our certificate and key, once we have them.
    pub own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
}

/// Everything that a connection to the collector needs, by either way; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    /// For QUIC.
    pub quic: ClientConfig,
    /// Where QUIC's verdict on the collector's certificate will be.
    pub quic_verdict: VerdictCell,
    /// For TLS over TCP.
    pub tcp: Arc<rustls::ClientConfig>,
    /// Where TCP's verdict will be.
    pub tcp_verdict: VerdictCell,
    /// A collector that is silent for so long is taken for dead.
    pub idle: Duration,
}

impl Client {
    /// The chain that the collector showed last by this way.
    #[must_use]
    pub fn shown(&self, way: Way) -> Option<Chain> {
        match way {
            Way::Quic => self.quic_verdict.chain(),
            Way::Tcp => self.tcp_verdict.chain(),
        }
    }
}

/// The configuration of a connection.
///
/// # Errors
/// If key and certificate do not fit each other.
pub fn client_config(credentials: &Credentials, alpn: &[u8], idle: Duration) -> anyhow::Result<Client> {
    let (config, quic_verdict) = tls_config(credentials, alpn)?;
    let quic = QuicClientConfig::try_from(config).context("use TLS in QUIC")?;
    let mut quic = ClientConfig::new(Arc::new(quic));
    quic.transport_config(Arc::new(transport(idle)?));
    let (tcp, tcp_verdict) = tls_config(credentials, alpn)?;

    Ok(Client { quic, quic_verdict, tcp: Arc::new(tcp), tcp_verdict, idle })
}

fn tls_config(credentials: &Credentials, alpn: &[u8]) -> anyhow::Result<(rustls::ClientConfig, VerdictCell)> {
    let provider = provider();
    let verdict = VerdictCell::default();
    let verifier = Arc::new(PinVerifier {
        trust: credentials.trust.clone(),
        provider: provider.clone(),
        verdict: verdict.clone(),
    });
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choose TLS 1.3")?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &credentials.own {
        Some((certificate, key)) => builder
            .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
            .context("use the identity of this machine")?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;

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
        .datagram_receive_buffer_size(None)
        .congestion_controller_factory(Arc::new(Persistent::default()));

    Ok(transport)
}
