//! Readings of packages, patches, licences and the host: on a blocking thread, told when something changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use vonggac_protocol::activation::Activation;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::{HostDescribed, Role};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{Kind, SensorFailed};
use vonggac_protocol::package::{Package, inventory_digest};
use vonggac_protocol::patch::{PatchState, StaleLibraries};
use vonggac_protocol::posture::Posture;
use vonggac_protocol::time::Timestamp;

use super::system::{System, posture_to_tell};
use crate::keep;
use crate::os::told::AskWhom;
use crate::os::{machine, wmi};
use crate::sensor::packages::{Marks, ReadPackagesError};
use crate::sensor::{activation, host, licences, packages, patches};

/// What does not change is told again once a day, so that a collector knows it is still so.
const TELL_AGAIN: Duration = Duration::from_secs(86_400);

const PACKAGES: &str = "inventory.cbor";
const TOLD: &str = "inventory-told.json";
const PATCHES: &str = "patches.json";
const HOST: &str = "host.json";
const POSTURE: &str = "posture.json";
const USERS: &str = "user-software.json";
const ACTIVATION: &str = "activation.json";

/// Asking the licensing service starts it, which costs a machine some seconds: no more often than this.
const ACTIVATION_EVERY: Duration = Duration::from_secs(3_600);

/// The record that carried the last of an inventory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Told {
    digest: Digest,
    epoch: Epoch,
    seq: u64,
}

/// What is read and when it was told.
#[derive(Debug)]
pub(super) struct Inventory {
    root: PathBuf,
    state_dir: PathBuf,
    stamps: Option<(packages::Stamp, packages::Stamp)>,
    /// What the collector holds once it has read all that is spooled; `None` asks for the whole.
    told: Option<Told>,
    patches: Option<PatchState>,
    host: Option<HostDescribed>,
    posture: Option<Posture>,
    activation: Option<Activation>,
    /// When the licensing service was asked last.
    activation_at: Option<Instant>,
    /// The system itself, asked of its updates.
    system: System,
    role: Option<Role>,
    /// Paths that are neither opened, named nor counted.
    excluded: Vec<PathBuf>,
    /// When patch state and host were told although they might not have changed.
    told_at: Option<Instant>,
    licences: licences::Cache,
    finder: packages::Finder,
    roots: packages::Roots,
    /// What was found of languages the last time.
    languages: Option<packages::Languages>,
    /// What was read of users of Windows who may not be signed in now.
    users: packages::UserSoftware,
    /// Which sensors cannot work, and why.
    failing: BTreeMap<&'static str, String>,
}

/// What a reading found.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// What to spool.
    pub(super) kinds: Vec<Kind>,
    /// To be kept as told once that is spooled.
    packages: Option<BTreeSet<Package>>,
    patches: Option<PatchState>,
    host: Option<HostDescribed>,
    posture: Option<Posture>,
    activation: Option<Activation>,
    /// A package manager was at work: read again soon.
    pub(super) soon: bool,
}

impl Inventory {
    pub(super) fn open(
        root: &Path,
        state_dir: &Path,
        role: Option<Role>,
        excluded: Vec<PathBuf>,
    ) -> anyhow::Result<Self> {
        let told = read_json(&state_dir.join(TOLD)).context("read which inventory was told")?;
        let patches = read_json(&state_dir.join(PATCHES)).context("read which patch state was told")?;
        let host = read_json(&state_dir.join(HOST)).context("read which host was told")?;
        let posture = read_json(&state_dir.join(POSTURE)).context("read which posture was told")?;
        let activation = read_json(&state_dir.join(ACTIVATION)).context("read which activation was told")?;
        let system = System::new(Some(AskWhom::Store), patches.as_ref());

        Ok(Self {
            root: root.to_owned(),
            state_dir: state_dir.to_owned(),
            stamps: None,
            told,
            patches,
            host,
            posture,
            activation,
            activation_at: None,
            system,
            role,
            excluded,
            told_at: None,
            licences: licences::Cache::default(),
            finder: packages::Finder::default(),
            roots: packages::Roots::default(),
            languages: None,
            users: packages::UserSoftware::load(&state_dir.join(USERS)),
            failing: BTreeMap::new(),
        })
    }

    /// Asks Windows Update in this way; `None`: it is not asked.
    pub(super) fn asking(mut self, whom: Option<AskWhom>) -> Self {
        self.system = System::new(whom, self.patches.as_ref());

        self
    }

    /// Where packages of languages are looked for from now on.
    pub(super) fn look_in(&mut self, roots: packages::Roots) {
        self.roots = roots;
    }

    /// Which sensors cannot work.
    pub(super) fn failing(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.failing.keys().copied()
    }

    /// What a collector holds, as it says itself, and how far it has kept the bulk lane; says whether the whole must be
    /// told anew. An inventory that is still on its way decides nothing.
    pub(super) fn compare(&mut self, held: Option<Digest>, epoch: Epoch, kept: Seq, kept_from: Seq) -> bool {
        let Some(told) = self.told else { return true };
        let arrived = told.epoch != epoch || kept.0 >= told.seq;
        let gone = told.epoch == epoch && kept.0 < told.seq && told.seq < kept_from.0;
        if gone || (arrived && held != Some(told.digest)) {
            self.told = None;
            self.stamps = None;
            return true;
        }

        false
    }

    /// Reads what may have changed. Blocks.
    pub(super) fn read(&mut self, now: Timestamp, instant: Instant) -> Reading {
        let stamps = (packages::stamp(&self.root), patches::stamp(&self.root));
        let due = self.told_at.is_none_or(|at| instant.duration_since(at) >= TELL_AGAIN);
        let mut reading = Reading::default();
        self.read_host(due, &mut reading);
        self.read_posture(due, &mut reading);
        self.read_activation(due, instant, &mut reading);
        self.read_system(now, instant, due, &mut reading);
        let languages = self.finder.find(&self.root, &self.roots);
        self.note("languages", languages.problem.map(str::to_owned), &mut reading);
        let is_same = self.stamps.as_ref() == Some(&stamps) && self.languages.as_ref() == Some(&languages);
        if is_same && self.told.is_some() && !due {
            self.look_at_services(&mut reading);
            return reading;
        }
        let read = match self.read_packages() {
            // A system without a database of packages may run programs all the same.
            Err(error @ ReadPackagesError::NoDatabase) if !languages.packages.is_empty() => {
                Ok(packages::Inventory { unread: vec![error], ..packages::Inventory::default() })
            }
            read => read,
        };
        match read {
            Ok(mut found) => {
                let unread = found.unread.first().map(ToString::to_string);
                self.note("packages", unread, &mut reading);
                if found.unread.iter().any(ReadPackagesError::is_passing) {
                    // Without what could not be read now the rest would say that it is gone: the next reading tells.
                    self.stamps = None;
                    reading.soon = true;
                    return reading;
                }
                found.packages.extend(languages.packages.iter().cloned());
                let installed = licences::mark(&self.root, found.packages, &mut self.licences);
                self.read_patches(now, due, installed, &mut reading);
            }
            Err(error) => {
                reading.soon |= error.is_passing();
                self.note("packages", Some(error.to_string()), &mut reading);
            }
        }
        self.stamps = Some(stamps);
        self.languages = Some(languages);
        if due {
            self.told_at = Some(instant);
        }

        reading
    }

    /// Reads the databases of packages; what is learnt of users is kept at once, for it is known again or not at all.
    fn read_packages(&mut self) -> Result<packages::Inventory, ReadPackagesError> {
        let before = self.users.clone();
        let read = packages::read_with(&self.root, &mut self.users);
        if self.users != before && self.users.save(&self.state_dir.join(USERS)).is_err() {
            // Whoever signs out before it can be kept takes his programs along, until he signs in.
            self.users = before;
        }

        read
    }

    fn read_posture(&self, due: bool, reading: &mut Reading) {
        if let Some(found) = posture_to_tell(&self.root, self.posture.as_ref(), due) {
            reading.kinds.push(Kind::Posture(found.clone()));
            reading.posture = Some(found);
        }
    }

    fn read_activation(&mut self, due: bool, instant: Instant, reading: &mut Reading) {
        let rests = |at: Instant| instant.duration_since(at) < ACTIVATION_EVERY;
        if !due && self.activation_at.is_some_and(rests) {
            return;
        }
        self.activation_at = Some(instant);
        let Some(found) = activation::read(&self.root, &self.excluded) else { return };
        if due || self.activation.as_ref() != Some(&found) {
            reading.kinds.push(Kind::Activation(found.clone()));
            reading.activation = Some(found);
        }
    }

    /// The patch state where no package manager tells it.
    fn read_system(&mut self, now: Timestamp, instant: Instant, due: bool, reading: &mut Reading) {
        let Some(found) = self.system.patches(now, instant, self.patches.as_ref()) else { return };
        reading.soon = self.system.is_soon();
        match found {
            Ok(state) => {
                self.note("patches", None, reading);
                if due || self.patches.as_ref() != Some(&state) {
                    reading.kinds.push(Kind::PatchState(state.clone()));
                    reading.patches = Some(state);
                }
            }
            Err(error) => self.note("patches", Some(format!("the registry: {}", error.kind())), reading),
        }
    }

    fn read_host(&mut self, due: bool, reading: &mut Reading) {
        let found = host::read(&self.root, self.role, self.host.as_ref());
        if due || self.host.as_ref() != Some(&found) {
            reading.kinds.push(Kind::HostDescribed(found.clone()));
            reading.host = Some(found);
        }
    }

    /// Services are restarted without a change on the disk: while some were stale, it is looked whether they still are.
    fn look_at_services(&self, reading: &mut Reading) {
        let is_stale = |stale: &StaleLibraries| stale.services_count > 0;
        let Some(told) = self.patches.as_ref().filter(|told| told.stale.as_ref().is_some_and(is_stale))
        else {
            return;
        };
        let stale = patches::stale(&self.root, &self.excluded);
        // How many could not be looked into changes all the time.
        let services = |stale: &Option<StaleLibraries>| stale.as_ref().map(|it| it.services.clone());
        if services(&stale) != services(&told.stale) {
            let state = PatchState { stale, ..told.clone() };
            reading.kinds.push(Kind::PatchState(state.clone()));
            reading.patches = Some(state);
        }
    }

    /// The patch state by files of package managers, and what they tell of packages.
    fn read_lists(
        &mut self,
        now: Timestamp,
        due: bool,
        installed: &BTreeSet<Package>,
        reading: &mut Reading,
    ) -> Marks {
        let kernel = patches::Running { release: machine::kernel_release(), build: machine::kernel_build() };
        let mut found = patches::read(&self.root, now, installed, &kernel, self.patches.as_ref());
        let told = self.patches.as_ref().and_then(|told| told.stale.as_ref());
        found.state.stale = as_told(patches::stale(&self.root, &self.excluded), told);
        let problems = (!found.problems.is_empty()).then(|| found.problems.join("; "));
        self.note("patches", problems, reading);
        if due || self.patches.as_ref() != Some(&found.state) {
            reading.kinds.push(Kind::PatchState(found.state.clone()));
            reading.patches = Some(found.state);
        }

        found.marks
    }

    fn read_patches(
        &mut self,
        now: Timestamp,
        due: bool,
        installed: BTreeSet<Package>,
        reading: &mut Reading,
    ) {
        // Where the system tells its own patches (`read_system`), no files are read for them.
        let marks =
            if wmi::AVAILABLE { Marks::default() } else { self.read_lists(now, due, &installed, reading) };
        let before = match packages::load(&self.state_dir.join(PACKAGES)) {
            Ok(before) => before,
            Err(error) => {
                self.note("packages", Some(format!("{error:#}")), reading);
                None
            }
        };
        let installed = packages::mark(installed, &marks, before.as_ref());
        match packages::report(before.as_ref(), self.told.map(|told| told.digest), &installed) {
            Ok(kinds) if kinds.is_empty() => {}
            Ok(kinds) => {
                // Last, so that the place of the last record is that of the inventory.
                reading.kinds.extend(kinds);
                reading.packages = Some(installed);
            }
            Err(error) => self.note("packages", Some(error.to_string()), reading),
        }
    }

    /// Tells that a sensor cannot work, or works again, once per change.
    fn note(&mut self, sensor: &'static str, reason: Option<String>, reading: &mut Reading) {
        let Some(reason) = reason else {
            self.failing.remove(sensor);
            return;
        };
        if self.failing.insert(sensor, reason.clone()).as_ref() != Some(&reason) {
            reading.kinds.push(Kind::SensorFailed(SensorFailed { sensor: sensor.to_owned(), reason }));
        }
    }

    /// What was read is spooled, at these places: keeps it as told. Blocks.
    pub(super) fn confirm(
        &mut self,
        reading: Reading,
        epoch: Epoch,
        places: &[(Lane, Seq)],
    ) -> anyhow::Result<()> {
        if let Some(installed) = reading.packages {
            let last = places.iter().filter(|(lane, _)| *lane == Lane::Bulk).map(|(_, seq)| seq.0).max();
            let told = Told { digest: inventory_digest(&installed), epoch, seq: last.unwrap_or(0) };
            packages::save(&self.state_dir.join(PACKAGES), &installed)?;
            write_json(&self.state_dir.join(TOLD), &told).context("keep which inventory was told")?;
            self.told = Some(told);
        }
        if let Some(state) = reading.patches {
            write_json(&self.state_dir.join(PATCHES), &state).context("keep which patch state was told")?;
            self.patches = Some(state);
        }
        if let Some(found) = reading.host {
            write_json(&self.state_dir.join(HOST), &found).context("keep which host was told")?;
            self.host = Some(found);
        }
        if let Some(found) = reading.activation {
            write_json(&self.state_dir.join(ACTIVATION), &found).context("keep which activation was told")?;
            self.activation = Some(found);
        }
        if let Some(found) = reading.posture {
            write_json(&self.state_dir.join(POSTURE), &found).context("keep which posture was told")?;
            self.posture = Some(found);
        }

        Ok(())
    }

    /// Forgets what another identity told.
    pub(super) fn forget(state_dir: &Path) -> io::Result<()> {
        for name in [TOLD, PATCHES, HOST, POSTURE, PACKAGES, USERS, ACTIVATION] {
            match fs::remove_file(state_dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }

        Ok(())
    }
}

/// `None` if the file is not there or not of this version: then all is told anew.
fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    keep::write_whole(path, &serde_json::to_vec(value).map_err(io::Error::other)?)
}

/// What is stale, in the words told last if nothing but the number of processes out of reach differs: that moves with every
/// program that starts, and is no news.
fn as_told(found: Option<StaleLibraries>, told: Option<&StaleLibraries>) -> Option<StaleLibraries> {
    let known = |stale: &StaleLibraries| (stale.services.clone(), stale.services_count, stale.unreadable > 0);

    if found.as_ref().map(known) == told.map(known) { told.cloned() } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with a dpkg database of these packages.
    fn install(root: &Path, names: &[&str]) {
        let folder = root.join("var/lib/dpkg");
        fs::create_dir_all(&folder).unwrap();
        let text: String = names
            .iter()
            .map(|name| {
                format!(
                    "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\
                     Maintainer: A <a@b>\nDescription: x\n\n"
                )
            })
            .collect();
        fs::write(folder.join("status"), text).unwrap();
    }

    fn read_and_confirm(inventory: &mut Inventory, seq: u64) -> Vec<&'static str> {
        let reading = inventory.read(Timestamp(1), crate::clock::instant());
        let words = reading.kinds.iter().map(Kind::word).collect();
        inventory.confirm(reading, Epoch(1), &[(Lane::Bulk, Seq(seq))]).unwrap();
        words
    }

    #[test]
    fn the_whole_is_told_once_then_differences_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (root, state_dir) = (folder.path().join("root"), folder.path().join("state"));
        fs::create_dir_all(&state_dir).unwrap();
        install(&root, &["bash", "nginx"]);
        let mut inventory = Inventory::open(&root, &state_dir, None, Vec::new()).unwrap();

        let first = read_and_confirm(&mut inventory, 5);
        let nothing_new = read_and_confirm(&mut inventory, 6);
        let mut inventory = Inventory::open(&root, &state_dir, None, Vec::new()).unwrap();
        install(&root, &["bash", "nginx", "curl"]);
        let after_restart = read_and_confirm(&mut inventory, 7);

        assert_eq!(first, ["host_described", "patch_state", "packages_listed"]);
        assert!(nothing_new.is_empty());
        assert_eq!(after_restart, ["host_described", "patch_state", "packages_changed"]);
    }

    #[test]
    fn a_collector_that_holds_another_inventory_gets_the_whole_unless_ours_is_on_its_way() {
        let folder = tempfile::tempdir().unwrap();
        let (root, state_dir) = (folder.path().join("root"), folder.path().join("state"));
        fs::create_dir_all(&state_dir).unwrap();
        install(&root, &["bash"]);
        let mut inventory = Inventory::open(&root, &state_dir, None, Vec::new()).unwrap();
        read_and_confirm(&mut inventory, 5);
        let told = inventory.told.map(|told| told.digest);

        assert!(!inventory.compare(None, Epoch(1), Seq(4), Seq(5)), "it is on its way");
        assert!(!inventory.compare(told, Epoch(1), Seq(9), Seq(10)), "it is there");
        assert!(inventory.compare(None, Epoch(1), Seq(9), Seq(10)), "it was lost there");
        assert_eq!(read_and_confirm(&mut inventory, 11), ["packages_listed"]);
        assert!(inventory.compare(None, Epoch(1), Seq(4), Seq(12)), "it was dropped here");
    }

    #[test]
    fn another_number_of_processes_out_of_reach_is_no_news() {
        let of = |unreadable, services_count| StaleLibraries {
            unreadable,
            services_count,
            ..StaleLibraries::default()
        };
        let told = of(7, 0);

        assert_eq!(as_told(Some(of(9, 0)), Some(&told)), Some(of(7, 0)));
        assert_eq!(as_told(Some(of(0, 0)), Some(&told)), Some(of(0, 0)));
        assert_eq!(as_told(Some(of(7, 1)), Some(&told)), Some(of(7, 1)));
        assert_eq!(as_told(None, Some(&told)), None);
        assert_eq!(as_told(Some(of(9, 0)), None), Some(of(9, 0)));
    }

    #[test]
    fn a_sensor_that_cannot_work_says_so_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut inventory =
            Inventory::open(&folder.path().join("empty"), folder.path(), None, Vec::new()).unwrap();

        let words = [read_and_confirm(&mut inventory, 1), read_and_confirm(&mut inventory, 2)];

        assert_eq!(words[0], ["host_described", "sensor_failed"]);
        assert!(words[1].is_empty(), "{words:?}");
        assert_eq!(inventory.failing().collect::<Vec<_>>(), ["packages"]);
    }
}
