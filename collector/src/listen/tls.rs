//! TLS of the link: version 1.3 only, the hybrid key exchange preferred, certificates of our own authority, and no
//! memory between connections, because a resumed one would not look at the certificate again.

use std::sync::Arc;

use anyhow::Context as _;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use vonggac_protocol::hello::{ALPN_ENROL, ALPN_LINK};
use vonggac_protocol::time::Timestamp;

use crate::authority::Authority;

/// Believes the authority's certificates, also those that have ended: whether such a host is heard, and for what, is
/// decided above TLS, where the store is. Every other check is rustls's own.
#[derive(Debug)]
struct LateComers {
    checks: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for LateComers {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match self.checks.verify_client_cert(end_entity, intermediates, now) {
            // Checked once more as of its last moment.
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => self.checks.verify_client_cert(end_entity, intermediates, not_after),
            decided => decided,
        }
    }

    fn offer_client_auth(&self) -> bool {
        self.checks.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.checks.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.checks.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.checks.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.checks.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checks.supported_verify_schemes()
    }
}

/// Shows roots only to who enrols: everybody else has one.
#[derive(Debug)]
struct Shown {
    link: Arc<CertifiedKey>,
    enrol: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let enrols = hello.alpn().is_some_and(|mut names| names.any(|name| name == ALPN_ENROL));

        Some(Arc::clone(if enrols { &self.enrol } else { &self.link }))
    }
}

/// Who believes the certificates of hosts that one of these signed.
///
/// # Errors
/// If one of them cannot be read.
pub fn verifier(
    issuers: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for issuer in issuers {
        roots.add(issuer).context("trust our own authority")?;
    }
    // A machine that enrols has no certificate yet; the door refuses it on any other protocol.
    let checks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .clear_root_hint_subjects()
        .build()
        .context("build the verifier of certificates")?;

    Ok(Arc::new(LateComers { checks }))
}

/// TLS for both doors.
///
/// # Errors
/// If the authority cannot issue our own certificate.
pub fn server(authority: &Authority, now: Timestamp) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let checks = verifier(authority.issuers(), &provider)?;
    let identity = authority.collector_identity(now)?;
    let shown = |chain| {
        CertifiedKey::from_der(chain, identity.key.clone_key(), &provider)
            .map(Arc::new)
            .context("use our own certificate")
    };
    let roots = authority.roots();
    let above = identity.chain.iter().filter(|one| !roots.contains(one)).cloned().collect();
    let shown = Shown { link: shown(above)?, enrol: shown(identity.chain.clone())? };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choose TLS 1.3")?
        .with_client_cert_verifier(checks)
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![ALPN_LINK.to_vec(), ALPN_ENROL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;

    Ok(Arc::new(config))
}

/// The same for QUIC.
///
/// # Errors
/// If QUIC cannot use it.
pub fn quic(config: Arc<ServerConfig>) -> anyhow::Result<QuicServerConfig> {
    QuicServerConfig::try_from(config).context("use TLS for QUIC")
}
