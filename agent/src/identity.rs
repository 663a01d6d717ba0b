//! Who this machine is to the collector: key, certificate, authority, and the words that go with them.
//!
//! The folder is written whole beside its place and then moved there, so it is there whole or not at all. What changes
//! later changes with one file each, moved into its place: `pair.pem` (a renewed key with its certificate, instead of
//! `key.pem` and `certificate.der`), `roots.pem` (instead of `authority.der`), `collector-time`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use data_encoding::BASE64;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

use crate::keep;
use crate::os::{disk, protect};
use crate::print::Message;
use crate::wire::trust::Trust;

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
    /// SHA-256 of the root's certificate at enrolment.
    pub pin: Digest,
}

/// The whole identity. The key is not shown by `Debug`.
#[derive(Debug)]
pub struct Identity {
    /// What is known by name.
    pub names: Names,
    /// Our certificate.
    pub certificate: CertificateDer<'static>,
    /// The roots that are trusted; never none.
    pub roots: Vec<CertificateDer<'static>>,
    /// The latest moment that a collector of ours told and our own clock had reached.
    pub known: Option<Timestamp>,
    /// Our key.
    pub key: PrivateKeyDer<'static>,
}

const FOLDER: &str = "identity";
const UNFINISHED: &str = "identity.new";
const PREVIOUS: &str = "identity.previous";
const PAIR: &str = "pair.pem";
const ROOTS: &str = "roots.pem";
const KNOWN: &str = "collector-time";

/// The time is kept anew when it is so much later.
const KNOWN_STEP: Duration = Duration::from_secs(24 * 60 * 60);

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            names: self.names.clone(),
            certificate: self.certificate.clone(),
            roots: self.roots.clone(),
            known: self.known,
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
        let pair = folder.join(PAIR);
        let (certificate, key) = if pair.exists() {
            let text = fs::read(&pair).map_err(damaged)?;
            let unreadable = |error: rustls_pki_types::pem::Error| broken().because(error);
            let certificate = CertificateDer::from_pem_slice(&text).map_err(unreadable)?;
            (certificate, PrivateKeyDer::from_pem_slice(&text).map_err(unreadable)?)
        } else {
            let certificate = fs::read(folder.join("certificate.der")).map_err(damaged)?;
            let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))
                .map_err(|error| broken().because(error))?;
            (certificate.into(), key)
        };
        let authority = fs::read(folder.join("authority.der")).map_err(damaged)?;
        if Digest::of(&authority) != names.pin {
            return Err(broken().into());
        }
        let roots = folder.join(ROOTS);
        let roots = if roots.exists() {
            CertificateDer::pem_file_iter(&roots)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| broken().because(error))?
        } else {
            vec![authority.into()]
        };
        if roots.is_empty() {
            return Err(broken().into());
        }
        // Without it only the clock counts.
        let known = fs::read_to_string(folder.join(KNOWN)).ok().and_then(|text| text.trim().parse().ok());

        Ok(Self { names, certificate, roots, known: known.map(Timestamp), key })
    }

    /// Takes a renewed key and its certificate, on the disk first.
    ///
    /// # Errors
    /// If the disk refuses, or the key is none. Then the one before still stands.
    pub fn take_pair(
        &mut self,
        state_dir: &Path,
        key_pem: &str,
        certificate: CertificateDer<'static>,
    ) -> io::Result<()> {
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(io::Error::other)?;
        let text = format!("{key_pem}{}", pem(&certificate));
        keep::write_whole(&state_dir.join(FOLDER).join(PAIR), text.as_bytes())?;
        (self.key, self.certificate) = (key, certificate);

        Ok(())
    }

    /// Removes the key of enrolment, once a renewed one has taken its place and works.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn forget_first_pair(state_dir: &Path) -> io::Result<()> {
        let folder = state_dir.join(FOLDER);
        if !folder.join(PAIR).exists() {
            return Ok(());
        }
        for name in ["key.pem", "certificate.der"] {
            keep::remove_file(&folder.join(name))?;
        }

        disk::sync_dir(&folder)
    }

    /// Takes the roots to trust from now on, on the disk first.
    ///
    /// # Errors
    /// If the disk refuses. Then those before are trusted.
    pub fn take_roots(&mut self, state_dir: &Path, roots: Vec<CertificateDer<'static>>) -> io::Result<()> {
        let text: String = roots.iter().map(|root| pem(root)).collect();
        keep::write_whole(&state_dir.join(FOLDER).join(ROOTS), text.as_bytes())?;
        self.roots = roots;

        Ok(())
    }

    /// Keeps what a collector said the time was, as far as our own clock has come too: one wrong clock moves it nowhere.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn learn_time(&mut self, state_dir: &Path, told: Timestamp, ours: Timestamp) -> io::Result<()> {
        let at = told.min(ours);
        if at.since(self.known.unwrap_or(Timestamp(0))) < KNOWN_STEP {
            return Ok(());
        }
        keep::write_whole(&state_dir.join(FOLDER).join(KNOWN), at.0.to_string().as_bytes())?;
        self.known = Some(at);

        Ok(())
    }

    /// Whom this machine believes.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust::Roots { roots: self.roots.clone(), known: self.known }
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
        let root = self.roots.first().ok_or_else(|| io::Error::other("an identity without a root"))?;
        keep::write_new(&unfinished.join("authority.der"), root)?;
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

/// A certificate as text (RFC 7468).
fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64.encode(certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();

    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
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
