//! The console's door: plain HTTP on loopback, HTTPS everywhere else.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, ServerIdentity, read_private};
use crate::clock;
use crate::config::ConsoleConfig;

/// Pages in the making may finish within this; live pages are cut off.
const GRACE: Duration = Duration::from_secs(2);

/// An open door.
pub struct HttpDoor {
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    address: SocketAddr,
}

impl HttpDoor {
    /// Opens it.
    ///
    /// # Errors
    /// If the address is taken, or a certificate or key cannot be used.
    pub fn open(config: &ConsoleConfig, authority: &Authority) -> anyhow::Result<Self> {
        let identity = match &config.certificate {
            Some((certificate, key)) => Some(load_identity(certificate, key)?),
            None if config.listen.ip().is_loopback() => None,
            None => Some(authority.server_identity(&names(config), clock::now())?),
        };
        let listener = TcpListener::bind(config.listen)
            .with_context(|| format!("listen on TCP {} for the console", config.listen))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr().context("ask for our own TCP address")?;
        let tls = identity.map(tls).transpose()?;

        Ok(Self { listener, tls, address })
    }

    /// Whether browsers come over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// How people on this machine reach it, such as `http://127.0.0.1:8700`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.is_tls() { "https" } else { "http" };

        format!("{scheme}://{}", self.address)
    }

    /// Serves these pages until told to stop.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn keep(self, pages: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let handle = Handle::new();
        let (stopping, asked) = (handle.clone(), stop.clone());
        tokio::spawn(async move {
            asked.cancelled().await;
            stopping.graceful_shutdown(Some(GRACE));
        });
        let service = pages.into_make_service_with_connect_info::<SocketAddr>();
        match self.tls {
            Some(tls) => axum_server::from_tcp_rustls(self.listener, tls).handle(handle).serve(service).await,
            None => axum_server::from_tcp(self.listener).handle(handle).serve(service).await,
        }
        .context("serve the console")
    }
}

fn tls(identity: ServerIdentity) -> anyhow::Result<RustlsConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .context("use the console's certificate")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    Ok(RustlsConfig::from_config(Arc::new(config)))
}

fn load_identity(certificate: &Path, key: &Path) -> anyhow::Result<ServerIdentity> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("read the certificates in {}", certificate.display()))?;
    if chain.is_empty() {
        bail!("{} holds no certificate in PEM", certificate.display());
    }
    let key_text = read_private(key)?;
    let key = PrivateKeyDer::from_pem_slice(key_text.as_bytes())
        .with_context(|| format!("read the key in {}", key.display()))?;

    Ok(ServerIdentity { chain, key })
}

/// What the console may be called by: the host of its public address, and where it listens.
fn names(config: &ConsoleConfig) -> Vec<String> {
    let public = config.public_url.as_deref().and_then(|url| {
        let rest = url.split_once("://")?.1;
        let host = rest.split('/').next()?;
        Some(host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned())
    });
    let listen = config.listen.ip();
    let listen = (!listen.is_unspecified()).then(|| listen.to_string());
    let mut names: Vec<String> = public.into_iter().chain(listen).collect();
    if names.is_empty() {
        names.push("localhost".to_owned());
    }

    names
}
