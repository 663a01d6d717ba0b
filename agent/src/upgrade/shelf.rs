//! Versions on the disk: `upgrade/coming` for what is on its way, `upgrade/versions` for what is whole.
//!
//! A version comes to stand whole by one rename, after everything of it is on the disk.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::limits::RELEASE_PIECE_BYTES;
use vonggac_protocol::release::{Manifest, Platform, ReleaseOffer};

use super::folder;
use super::keys::Keys;
use super::plan::{Plan, Slot};
use crate::keep;
use crate::os::disk::{self, sync_dir};
use crate::os::{programs, protect};

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.json.minisig";

/// What must stay free beside a release: the spool and the baseline go on growing.
const FREE_LEFT: u64 = 32 * 1024 * 1024;

/// The version of a manifest.
#[must_use]
pub fn slot_of(manifest: &Manifest) -> Slot {
    Slot { version: manifest.version.clone(), sha256: manifest.sha256 }
}

/// Versions of one state folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shelf {
    state_dir: PathBuf,
}

impl Shelf {
    /// That of this state folder.
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned() }
    }

    fn coming(&self) -> PathBuf {
        folder(&self.state_dir).join("coming")
    }

    fn versions(&self) -> PathBuf {
        folder(&self.state_dir).join("versions")
    }

    /// Where the program of a version lies.
    #[must_use]
    pub fn program(&self, slot: &Slot) -> PathBuf {
        self.versions().join(slot.name()).join(programs::FILENAME)
    }

    fn unfinished(&self, slot: &Slot) -> PathBuf {
        self.coming().join(format!("{}.program", slot.name()))
    }

    /// Whether a version is there and is what a believed key signed, to the last byte.
    #[must_use]
    pub fn is_sound(&self, slot: &Slot, keys: &Keys) -> bool {
        let dir = self.versions().join(slot.name());
        let read = |name: &str| fs::read_to_string(dir.join(name));
        let (Ok(text), Ok(signature)) = (read(MANIFEST), read(SIGNATURE)) else { return false };
        let Ok(manifest) = keys.open(&text, &signature) else { return false };

        slot_of(&manifest) == *slot
            && manifest.platform == Platform::own()
            && digest_of(&self.program(slot)).is_ok_and(|found| found == (manifest.size, manifest.sha256))
    }

    /// Whether there is room for a release beside what else the agent keeps.
    ///
    /// # Errors
    /// If the file system does not say.
    pub fn has_room(&self, manifest: &Manifest) -> io::Result<bool> {
        let there = fs::metadata(self.unfinished(&slot_of(manifest))).map_or(0, |file| file.len());
        // Whoever gave the versions a disk of their own means that one.
        let folder = folder(&self.state_dir);
        let free = disk::free_bytes(if folder.exists() { &folder } else { &self.state_dir })?;

        Ok(free >= manifest.size.saturating_sub(there).saturating_add(FREE_LEFT))
    }

    /// Pieces that are not on the disk yet. What another release had begun is removed.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn missing(&self, manifest: &Manifest) -> io::Result<BTreeSet<u32>> {
        let _protection = protect::create_private_dir(&self.coming())?;
        let path = self.unfinished(&slot_of(manifest));
        for other in fs::read_dir(self.coming())? {
            let other = other?.path();
            if other != path {
                remove(&other)?;
            }
        }
        let mut file = keep::open(&path)?;
        file.seek(SeekFrom::Start(0))?;
        let mut missing = BTreeSet::new();
        for (number, digest) in (0..).zip(&manifest.pieces) {
            let mut piece = Vec::new();
            let length = manifest.piece_bytes(number).unwrap_or(0);
            io::Read::by_ref(&mut file).take(length).read_to_end(&mut piece)?;
            if Digest::of(&piece) != *digest {
                missing.insert(number);
            }
        }

        Ok(missing)
    }

    /// Keeps a piece that was held against the manifest.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep_piece(&self, manifest: &Manifest, number: u32, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.unfinished(&slot_of(manifest)))?;
        file.seek(SeekFrom::Start(u64::from(number).saturating_mul(RELEASE_PIECE_BYTES)))?;
        file.write_all(bytes)?;

        file.sync_data()
    }

    /// Puts a program that is whole among the versions; `false`: it is not what was signed, and what had come is gone.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn shelve(&self, manifest: &Manifest, offer: &ReleaseOffer) -> io::Result<bool> {
        let slot = slot_of(manifest);
        let unfinished = self.unfinished(&slot);
        OpenOptions::new().write(true).open(&unfinished)?.set_len(manifest.size)?;
        if digest_of(&unfinished)? != (manifest.size, manifest.sha256) {
            remove(&unfinished)?;
            return Ok(false);
        }
        let ready = self.coming().join(slot.name());
        remove(&ready)?;
        let _protection = protect::create_private_dir(&ready)?;
        keep::write_new(&ready.join(MANIFEST), offer.manifest.as_bytes())?;
        keep::write_new(&ready.join(SIGNATURE), offer.signature.as_bytes())?;
        let program = ready.join(programs::FILENAME);
        disk::rename(&unfinished, &program)?;
        programs::allow_to_run(&program)?;
        sync_file(&program)?;
        sync_dir(&ready)?;
        sync_dir(&self.coming())?;
        let _protection = protect::create_private_dir(&self.versions())?;
        let place = self.versions().join(slot.name());
        remove(&place)?;
        disk::rename(&ready, &place)?;
        sync_dir(&self.versions())?;
        sync_dir(&self.coming())?;

        Ok(true)
    }

    /// Removes the versions that no plan speaks of any more.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn tidy(&self, plan: &Plan) -> io::Result<()> {
        let trial = plan.trial.as_ref().map(|trial| &trial.slot);
        let wanted: BTreeSet<String> =
            plan.settled.iter().chain(&plan.previous).chain(trial).map(Slot::name).collect();
        let entries = match fs::read_dir(self.versions()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| wanted.contains(name)) {
                remove(&entry.path())?;
            }
        }

        Ok(())
    }
}

/// Bytes and digest of a file.
fn digest_of(path: &Path) -> io::Result<(u64, Digest)> {
    let mut sha256 = Sha256::new();
    let size = io::copy(&mut File::open(path)?, &mut sha256)?;

    Ok((size, Digest(sha256.finalize().into())))
}

fn sync_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => disk::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
