//! Who this machine is to the collector: key, certificate, authority, and the words that go with them.
//!
//! The folder is written whole beside its place and then moved there, so it is there whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};

use crate::keep;
use crate::os::{disk, protect};
use crate::print::Message;

/// What is known by name; `identity.toml`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The host.
    pub host: HostId,
    /// Its agency.
    pub agency: AgencyId,
    /// The agency's name for people.
    pub agency_name: String,
    /// `host:port` of the collector.
    pub address: String,
    /// SHA-256 of the authority's certificate.
    pub pin: Digest,
}

/// The whole identity. The key is not shown by `Debug`.
#[derive(Debug)]
pub struct Identity {
    /// What is known by name.
    pub names: Names,
    /// Our certificate.
    pub certificate: CertificateDer<'static>,
    /// The authority's.
    pub authority: CertificateDer<'static>,
    /// Our key.
    pub key: PrivateKeyDer<'static>,
}

const FOLDER: &str = "identity";
const UNFINISHED: &str = "identity.new";
const PREVIOUS: &str = "identity.previous";

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            names: self.names.clone(),
            certificate: self.certificate.clone(),
            authority: self.authority.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl Identity {
    /// Whether this state folder has an identity.
    #[must_use]
    pub fn stands(state_dir: &Path) -> bool {
        state_dir.join(FOLDER).exists() || state_dir.join(PREVIOUS).exists()
    }

    /// Reads the identity of a state folder.
    ///
    /// # Errors
    /// If there is none, or a part is missing or does not fit the others.
    pub fn open(state_dir: &Path) -> anyhow::Result<Self> {
        let folder = state_dir.join(FOLDER);
        let previous = state_dir.join(PREVIOUS);
        if !folder.exists() && previous.exists() {
            // The machine stopped between the two moves of `write`.
            fs::rename(&previous, &folder).context("put the previous identity back")?;
        }
        if !folder.exists() {
            return Err(Message::new("identity-missing").with("path", folder.display()).into());
        }
        let broken = || Message::new("identity-broken").with("path", folder.display());
        let damaged = |error: io::Error| broken().because(error);
        let names = fs::read_to_string(folder.join("identity.toml")).map_err(damaged)?;
        let names: Names = toml::from_str(&names).map_err(|error| broken().because(error))?;
        let certificate = fs::read(folder.join("certificate.der")).map_err(damaged)?;
        let authority = fs::read(folder.join("authority.der")).map_err(damaged)?;
        let key =
            PrivateKeyDer::from_pem_file(folder.join("key.pem")).map_err(|error| broken().because(error))?;
        if Digest::of(&authority) != names.pin {
            return Err(broken().into());
        }

        Ok(Self { names, certificate: certificate.into(), authority: authority.into(), key })
    }

    /// Writes a new identity; one that stands is kept aside as `identity.previous`.
    ///
    /// # Errors
    /// If the disk refuses. Then what stood still stands.
    pub fn write(&self, state_dir: &Path, key_pem: &str) -> io::Result<()> {
        let unfinished = state_dir.join(UNFINISHED);
        remove(&unfinished)?;
        let _protection = protect::create_private_dir(&unfinished)?;
        let names = toml::to_string(&self.names).map_err(io::Error::other)?;
        keep::write_new(&unfinished.join("key.pem"), key_pem.as_bytes())?;
        keep::write_new(&unfinished.join("certificate.der"), &self.certificate)?;
        keep::write_new(&unfinished.join("authority.der"), &self.authority)?;
        keep::write_new(&unfinished.join("identity.toml"), names.as_bytes())?;
        disk::sync_dir(&unfinished)?;

        let (folder, previous) = (state_dir.join(FOLDER), state_dir.join(PREVIOUS));
        if folder.exists() {
            remove(&previous)?;
            fs::rename(&folder, &previous)?;
        }
        fs::rename(&unfinished, &folder)?;

        disk::sync_dir(state_dir)
    }
}

fn remove(folder: &PathBuf) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What tells this machine from a copy of its disk, without telling what the machine's identity is: the digest of the
/// host id and the system's own machine identity.
#[must_use]
pub fn fingerprint(host: HostId, machine: Option<&[u8]>, name: &str) -> Digest {
    let mut bytes = host.0.to_vec();
    match machine {
        Some(machine) => bytes.extend_from_slice(machine),
        None => bytes.extend_from_slice(format!("name:{name}").as_bytes()),
    }

    Digest::of(&bytes)
}
