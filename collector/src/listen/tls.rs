//! TLS of the link: version 1.3 only, the hybrid key exchange preferred, certificates of our own authority, and no
//! memory between connections, because a resumed one would not look at the certificate again.

use std::sync::Arc;

use anyhow::Context as _;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::RootCertStore;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use vonggac_protocol::hello::{ALPN_ENROL, ALPN_LINK};
use vonggac_protocol::time::Timestamp;

use crate::authority::Authority;

/// TLS for the endpoint.
///
/// # Errors
/// If the authority cannot issue our own certificate.
pub fn server(authority: &Authority, now: Timestamp) -> anyhow::Result<QuicServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).context("trust our own authority")?;
    // A machine that enrols has no certificate yet; the door refuses it on any other protocol.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .context("build the verifier of certificates")?;
    let identity = authority.collector_identity(now)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("choose TLS 1.3")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)
        .context("use our own certificate")?;
    config.alpn_protocols = vec![ALPN_LINK.to_vec(), ALPN_ENROL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;

    QuicServerConfig::try_from(config).context("use TLS for QUIC")
}
