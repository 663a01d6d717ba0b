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
use crate::os::{disk, keystore, protect};
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
            disk::rename(&previous, &folder).context("put the previous identity back")?;
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
            let text = open_sealed(&pair)?;
            let unreadable = |error: rustls_pki_types::pem::Error| broken().because(error);
            let certificate = CertificateDer::from_pem_slice(&text).map_err(unreadable)?;
            (certificate, PrivateKeyDer::from_pem_slice(&text).map_err(unreadable)?)
        } else {
            let certificate = fs::read(folder.join("certificate.der")).map_err(damaged)?;
            let key = PrivateKeyDer::from_pem_slice(&open_sealed(&folder.join("key.pem"))?)
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
        let (text, _sealed) = keystore::seal(text.as_bytes())?;
        keep::write_whole(&state_dir.join(FOLDER).join(PAIR), &text)?;
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
        let (key, _sealed) = keystore::seal(key_pem.as_bytes())?;
        keep::write_new(&unfinished.join("key.pem"), &key)?;
        keep::write_new(&unfinished.join("certificate.der"), &self.certificate)?;
        let root = self.roots.first().ok_or_else(|| io::Error::other("an identity without a root"))?;
        keep::write_new(&unfinished.join("authority.der"), root)?;
        keep::write_new(&unfinished.join("identity.toml"), names.as_bytes())?;
        disk::sync_dir(&unfinished)?;

        let (folder, previous) = (state_dir.join(FOLDER), state_dir.join(PREVIOUS));
        if folder.exists() {
            remove(&previous)?;
            disk::rename(&folder, &previous)?;
        }
        disk::rename(&unfinished, &folder)?;

        disk::sync_dir(state_dir)
    }
}

/// What was sealed to this machine where the system can do that; a key from before is read as it is.
fn open_sealed(path: &Path) -> Result<Vec<u8>, Message> {
    let kept = fs::read(path)
        .map_err(|error| Message::new("identity-broken").with("path", path.display()).because(error))?;

    keystore::open(&kept)
        .map_err(|error| Message::new("identity-sealed").with("path", path.display()).because(error))
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

#[cfg(test)]
mod tests {
    use rustls::sign::CertifiedKey;

    use super::*;
    use crate::wire::tests::Authority;
    use crate::wire::tls::provider;

    struct World {
        state: tempfile::TempDir,
        first: Identity,
        second: Identity,
        second_pem: String,
    }

    fn world() -> World {
        let (state, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let address = "127.0.0.1:1".parse().unwrap();
        let (first, second) = (authority.identity(address), authority.identity(address));
        let _lock = keep::lock(state.path()).unwrap();
        first.write(state.path(), &authority.key_pem(&first)).unwrap();
        let second_pem = authority.key_pem(&second);

        World { state, first, second, second_pem }
    }

    impl World {
        fn path(&self, name: &str) -> PathBuf {
            self.state.path().join(FOLDER).join(name)
        }

        /// The certificate that stands, with the key that belongs to it.
        fn standing(&self) -> CertificateDer<'static> {
            let identity = Identity::open(self.state.path()).unwrap();
            CertifiedKey::from_der(vec![identity.certificate.clone()], identity.key, &provider()).unwrap();

            identity.certificate
        }
    }

    #[test]
    fn a_crash_at_any_step_of_a_renewal_leaves_one_whole_pair() {
        let world = world();
        let pair = format!("{}{}", world.second_pem, pem(&world.second.certificate));

        // Not begun; the file beside made, half written, whole.
        for written in [0, 1, pair.len() / 2, pair.len()] {
            fs::write(world.path("pair.new"), &pair[..written]).unwrap();
            assert_eq!(world.standing(), world.first.certificate, "{written}");
        }
        // What a crash left beside does not stop the next renewal: moved into its place.
        let mut identity = Identity::open(world.state.path()).unwrap();
        identity.take_pair(world.state.path(), &world.second_pem, world.second.certificate.clone()).unwrap();
        assert_eq!(identity.certificate, world.second.certificate);
        assert_eq!(world.standing(), world.second.certificate);
        assert!(!world.path("pair.new").exists());
        // The first pair removed, one file and then the other.
        fs::remove_file(world.path("key.pem")).unwrap();
        assert_eq!(world.standing(), world.second.certificate);
        Identity::forget_first_pair(world.state.path()).unwrap();
        assert_eq!(world.standing(), world.second.certificate);
        assert!(!world.path("certificate.der").exists());
        assert_ne!(protect::is_only_owners(&world.path(PAIR)).unwrap(), Some(false));
    }

    #[test]
    fn a_renewal_that_the_disk_refuses_leaves_the_pair_before() {
        let mut world = world();
        // Nothing can be written where a folder is in the way.
        fs::create_dir(world.path("pair.new")).unwrap();
        fs::write(world.path("pair.new").join("x"), "").unwrap();

        let second = world.second.certificate.clone();
        let taken = world.first.take_pair(world.state.path(), &world.second_pem, second);

        assert!(taken.is_err());
        assert_eq!(world.standing(), world.first.certificate);
        assert_ne!(world.first.certificate, world.second.certificate);
        Identity::forget_first_pair(world.state.path()).unwrap();
        assert_eq!(world.standing(), world.first.certificate, "the only pair is not removed");
    }

    #[test]
    fn roots_and_the_collectors_time_are_read_back_and_one_wrong_clock_moves_it_nowhere() {
        let mut world = world();
        let (root, state) = (Authority::new().certificate, world.state.path().to_owned());
        let both = vec![root, world.first.roots[0].clone()];
        let day = Duration::from_secs(24 * 60 * 60);
        let (now, years_on) = (Timestamp(1_795_000_000_000), Timestamp(1_795_000_000_000).plus(day * 4_000));

        world.first.take_roots(&state, both.clone()).unwrap();
        world.first.learn_time(&state, now, years_on).unwrap();
        world.first.learn_time(&state, years_on, now).unwrap();
        world.first.learn_time(&state, Timestamp(0), now).unwrap();

        let read = Identity::open(&state).unwrap();
        assert_eq!((read.roots, read.known), (both, Some(now)));
    }
}
