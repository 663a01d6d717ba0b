//! What a running collector says of itself in `running.json`: on which addresses it can be reached.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;

use crate::config::{Config, is_address};

/// Where a running collector can be reached; the file is there as long as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// UDP address for agents.
    pub link: SocketAddr,
    /// Address of the console, such as `http://127.0.0.1:8700`.
    pub console: String,
    /// SHA-256 of the authority's certificate.
    pub pin: Digest,
}

impl Running {
    /// Reads it, if a collector runs on this data folder.
    #[must_use]
    pub fn read(config: &Config) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(config.running_path()).ok()?).ok()
    }

    /// Writes it in one step.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(&beside, path))
            .with_context(|| format!("write {}", path.display()))
    }
}

/// How people reach the console, if that is known: as configured, as running, as it will listen.
pub(super) fn console_url(config: &Config) -> Option<String> {
    if let Some(url) = &config.console.public_url {
        return Some(url.clone());
    }
    if let Some(running) = Running::read(config) {
        return Some(running.console);
    }
    let listen = config.console.listen;
    let scheme = if listen.ip().is_loopback() { "http" } else { "https" };

    (listen.port() != 0 && !listen.ip().is_unspecified()).then(|| format!("{scheme}://{listen}"))
}

/// How agents reach the link, if that is known.
pub(super) fn link_address(config: &Config) -> Option<String> {
    if let Some(address) = &config.public_address {
        return Some(address.clone());
    }
    let listen = Running::read(config).map_or(config.link.listen, |running| running.link);

    (!listen.ip().is_unspecified() && is_address(&listen.to_string())).then(|| listen.to_string())
}
