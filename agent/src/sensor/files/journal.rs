//! What happened while nobody watched, by the change journals of the volumes: where one reaches back to what the baseline
//! holds, only the paths that it names are looked at, whatever their times say; everywhere else everything is scanned.
//!
//! The place that is kept is one from before a moment at which nothing waited anywhere and all was confirmed, so that a
//! crash reads too much and never too little.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::claims::Claims;
use super::key::Key;
use super::ledger::{Circumstance, lock};
use super::watchman::Watchman;
use crate::clock;
use crate::ntfs::usn::{Journal, Record, Since};
use crate::ntfs::wtf8;
use crate::os::journal::Volume;
use crate::os::paths;

/// Paths looked at because a journal names them; with more a scan is quicker.
const PATHS_MAX: usize = 1_000;

/// Records read at a start: some hundred MiB of a busy month are not worth more than a scan.
const RECORDS_MAX: usize = 500_000;

/// How often the places of the journals are kept.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Where the journals stood a while ago, to be kept once everything from before is told.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By the number of the volume: a path on it, and the place.
    stood: BTreeMap<u64, (PathBuf, Journal)>,
    at: Option<Instant>,
}

/// What a journal names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Named {
    pub(super) paths: BTreeSet<PathBuf>,
    /// Folders that came with all that is in them: what is beneath has no records of its own.
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Named {
    /// Adds what these records say. Pure but for `directory`, which says where a directory stands now.
    pub(super) fn add(
        &mut self,
        records: &[Record],
        directory: &mut dyn FnMut(u128) -> Option<PathBuf>,
        is_watched: &dyn Fn(&Path) -> bool,
    ) {
        for record in records {
            // One that is gone has a record of its own in its parent, and all beneath it went with it.
            let Some(parent) = directory(record.parent) else { continue };
            let bytes = wtf8::from_units(&record.name);
            let Some(name) = paths::name(&bytes) else { continue };
            let path = parent.join(name);
            if !is_watched(&path) {
                continue;
            }
            if record.is_directory() && record.is_renamed() {
                self.folders.insert(path.clone());
            }
            self.paths.insert(path);
        }
    }
}

impl Watchman {
    /// Roots whose volume's journal tells all that happened since are looked at by it, and need no scan at the start.
    /// The watches must stand.
    pub(super) fn catch_up_by_journals(&mut self) -> Result<()> {
        let mut volumes: BTreeMap<u64, (Volume, Vec<Key>)> = BTreeMap::new();
        for (key, _) in self.plans.due.clone() {
            if self.plans.first.contains(&key) || self.plans.absent.contains(&key) {
                continue;
            }
            let Some((device, volume)) = self.roots.get(&key).and_then(|root| Volume::of(&root.path).ok())
            else {
                continue;
            };
            volumes.entry(device).or_insert_with(|| (volume, Vec::new())).1.push(key);
        }
        for (device, (volume, roots)) in volumes {
            let Ok(stands) = volume.journal() else { continue };
            let Some(kept) = lock(&self.ledger).baseline().journal(device)? else { continue };
            let Since::Record(from) = stands.since(&kept) else { continue };
            if let Some(named) = self.read_journal(&volume, &stands, from) {
                self.look_at_named(&named, &roots)?;
            }
        }
        self.stand_by_journals();

        Ok(())
    }

    /// `None` if it cannot be read whole, or names more than is worth it.
    fn read_journal(&self, volume: &Volume, stands: &Journal, from: i64) -> Option<Named> {
        let mut named = Named::default();
        let mut known: BTreeMap<u128, Option<PathBuf>> = BTreeMap::new();
        let (mut next, mut records) = (from, 0);
        while next < stands.next {
            let page = volume.read(stands, next).ok().filter(|page| !page.is_broken && page.next > next)?;
            records += page.records.len();
            let mut directory =
                |number| known.entry(number).or_insert_with(|| volume.directory(number).ok()).clone();
            named.add(&page.records, &mut directory, &|path| self.is_watched(path));
            next = page.next;
            if records > RECORDS_MAX || named.paths.len() > PATHS_MAX {
                return None;
            }
        }

        Some(named)
    }

    fn look_at_named(&mut self, named: &Named, roots: &[Key]) -> Result<()> {
        let owner = |path: &Path| self.roots.find(&Key::of(path)).map(|(root, _)| root.clone());
        let scanned: BTreeSet<Key> = named.folders.iter().filter_map(|path| owner(path)).collect();
        let caught: BTreeSet<&Key> = roots.iter().filter(|root| !scanned.contains(*root)).collect();
        let paths: Vec<&PathBuf> = named
            .paths
            .iter()
            .filter(|path| owner(path).is_some_and(|root| caught.contains(&root)))
            .collect();
        for path in paths {
            let how = Circumstance {
                at: clock::now(),
                watched_from: Some(self.plans.watched_from),
                not_before: self.plans.watched_until,
                actor: None,
            };
            self.look(path, &how, &Claims::default())?;
        }
        for root in caught {
            self.plans.due.retain(|(due, _)| due != root);
            self.plans.unscanned.remove(root);
        }
        tracing::info!(roots = roots.len(), paths = named.paths.len(), "Change journal read");

        Ok(())
    }

    /// Notes where the journals stand.
    fn stand_by_journals(&mut self) {
        let mut stood = BTreeMap::new();
        for (_, root) in self.roots.iter() {
            let Ok((device, volume)) = Volume::of(&root.path) else { continue };
            if !stood.contains_key(&device)
                && let Ok(journal) = volume.journal()
            {
                stood.insert(device, (root.path.clone(), journal));
            }
        }
        self.journals = Places { stood, at: Some(clock::instant()) };
    }

    /// At a moment at which nothing waits anywhere and all is confirmed: what was noted a while ago holds.
    pub(super) fn keep_journals(&mut self, now: Instant) -> Result<()> {
        if self.journals.at.is_none_or(|at| now.duration_since(at) < KEEP_EVERY) {
            return Ok(());
        }
        for (device, (_, journal)) in &self.journals.stood {
            lock(&self.ledger).baseline().set_journal(*device, journal)?;
        }
        self.stand_by_journals();

        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(parent: u128, name: &str, reason: u32, attributes: u32) -> Record {
        Record { file: 1, parent, usn: 1, reason, attributes, name: name.encode_utf16().collect() }
    }

    #[test]
    fn a_journals_records_name_the_paths_as_they_stand_now() {
        let mut named = Named::default();
        let mut directory = |number| (number == 5).then(|| PathBuf::from("/xem"));
        let records = [
            record(5, "Bê.txt", 2, 0x20),
            record(5, "Bê.txt", 0x8000_0002, 0x20),
            record(5, "ngoài", 2, 0x20),
            record(6, "đi rồi", 2, 0x20),
            record(5, "thư mục mới", 0x100, 0x10),
            record(5, "thư mục đến", 0x2000, 0x10),
        ];

        named.add(&records, &mut directory, &|path| !path.ends_with("ngoài"));

        let paths = ["Bê.txt", "thư mục mới", "thư mục đến"].map(|name| Path::new("/xem").join(name));
        assert_eq!(named.paths, BTreeSet::from(paths.clone()));
        assert_eq!(named.folders, BTreeSet::from([paths[2].clone()]));
    }
}
