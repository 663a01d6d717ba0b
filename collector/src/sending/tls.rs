//! Whom we trust: the certificates written down with a destination, or else those that the system trusts.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::outcome::Failure;

/// The certificates of a PEM text.
///
/// # Errors
/// If there is none, or what is there is none.
pub fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| anyhow::anyhow!("read certificates: {error}"))?;
    if all.is_empty() {
        bail!("no certificate is there");
    }

    Ok(all)
}

fn config(ca: Option<&str>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in certificates(pem)? {
                roots.add(certificate).context("trust a certificate")?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());

    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Speaks TLS over a connection to the server of this name.
///
/// # Errors
/// If the server shows no certificate that we trust, or the line breaks.
pub async fn over(stream: TcpStream, host: &str, ca: Option<&str>) -> Result<TlsStream<TcpStream>, Failure> {
    let refused = |error: anyhow::Error| Failure::Refused(format!("{error:#}"));
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|error| refused(error.into()))?;
    let connector = TlsConnector::from(Arc::new(config(ca).map_err(refused)?));

    // A wrong certificate may be mended tomorrow, and nothing has been sent: the destination rests.
    connector.connect(name, stream).await.map_err(|error| Failure::Unreachable(format!("speak TLS: {error}")))
}
