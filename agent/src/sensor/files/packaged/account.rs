//! Which changes the package manager's database accounts for.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use vonggac_protocol::file::{FileAction, FileKind, FileState, FromPackage, PackageVerdict};
use vonggac_protocol::time::Timestamp;

use super::dpkg;
use super::gather::Gather;
use super::index::{Index, Owner};
use super::installation::{Account, Common, Installation, is_plain};
use super::manager::{Manager, may_be_manager};
use crate::clock;
use crate::os::paths;
use crate::sensor::files::claims::Claims;
use crate::sensor::files::compare::{Entry, Verdict, weigh};
use crate::sensor::files::key::Key;
use crate::sensor::files::ledger::{Circumstance, Ledger, Place};
use crate::sensor::files::settings::FilesSettings;

/// Directories of `/` beneath which packages put files.
const GROUNDS: [&[u8]; 11] =
    [b"bin", b"boot", b"etc", b"lib", b"lib32", b"lib64", b"libx32", b"opt", b"sbin", b"usr", b"var"];

/// dpkg's records of each package.
const RECORDS: &[u8] = b"/var/lib/dpkg/info/";

/// While the package manager works its database changes all the time; it is read again this often.
const REFRESH_WORKING: Duration = Duration::from_secs(1);

/// Changes found this long after the database moved are taken for its own, if it accounts for them.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// The database of one system, and what is under way because of it.
#[derive(Debug)]
pub(in super::super) struct Packaged {
    root: PathBuf,
    root_key: Key,
    index_path: PathBuf,
    index: Option<Index>,
    /// The last attempt failed; said once.
    is_failing: bool,
    refreshed_at: Option<Instant>,
    pub(super) manager: Manager,
    pub(super) gather: Gather<(Circumstance, Claims)>,
    /// Until when changes may belong to an installation; `None`: there is none.
    pub(super) window: Option<Instant>,
    /// The first notice of the installation under way.
    pub(super) began: Option<Timestamp>,
    pub(super) added_at: Option<Instant>,
    /// What happened under our eyes, and what while off.
    pub(super) under_way: [Option<Installation>; 2],
}

/// Brings an index of owners up to date with the database under this root, as the sensor does, and asks it for these
/// paths: whether anything differed from before, and how many owners they have.
///
/// # Errors
/// If the index or the database cannot be read.
pub fn read_owners(index: &Path, root: &Path, paths: &[&[u8]]) -> Result<(bool, usize)> {
    let index = Index::open(index)?;
    let Some(stamp) = dpkg::stamp(root) else { return Ok((false, 0)) };
    let differs = dpkg::read(&index, root, &stamp)?;
    let mut owners = 0;
    for path in paths {
        owners += index.owners(path)?.len();
    }

    Ok((differs, owners))
}

impl Packaged {
    pub(in super::super) fn new(settings: &FilesSettings) -> Self {
        Self {
            root_key: Key::of(&settings.package_root),
            root: settings.package_root.clone(),
            index_path: settings.baseline_path.with_file_name("packaged.db"),
            index: None,
            is_failing: false,
            refreshed_at: None,
            manager: Manager::new(&settings.package_root),
            gather: Gather::new(),
            window: None,
            began: None,
            added_at: None,
            under_way: [None, None],
        }
    }

    /// Who owns a path; nobody where the database cannot be read, which is logged and no reason to stop.
    pub(in super::super) fn owners(&mut self, key: &Key) -> Vec<Owner> {
        let Some(path) = self.relative(key) else { return Vec::new() };
        self.refresh(clock::instant());

        self.ask(|index| index.owners(&path))
    }

    /// Reads the package manager's database anew if it changed; then changes may belong to an installation for a while.
    pub(in super::super) fn refresh(&mut self, now: Instant) {
        let is_fresh =
            self.refreshed_at.is_some_and(|at| now.saturating_duration_since(at) < REFRESH_WORKING);
        if is_fresh && self.manager.is_working(now) {
            return;
        }
        let read = self.read();
        if self.or_nothing(read) {
            self.window = Some(now + WINDOW);
            self.began.get_or_insert_with(clock::now);
        }
    }

    /// Whether the database moved since an earlier reading.
    fn read(&mut self) -> Result<bool> {
        let stamp = dpkg::stamp(&self.root).filter(|_| paths::PACKAGES_VOUCH);
        let Some(stamp) = stamp else { return Ok(false) };
        let is_new = self.index.is_none();
        let index = match &mut self.index {
            Some(index) => index,
            none => none.insert(Index::open(&self.index_path)?),
        };
        if index.stamp()?.as_ref() == Some(&stamp) {
            // What an earlier run recognised and nobody confirmed is found once more.
            return Ok(is_new && index.is_untold()?);
        }
        self.refreshed_at = Some(clock::instant());

        dpkg::read(index, &self.root, &stamp)
    }

    /// Compares what was measured with what is known: the difference becomes part of an installation if the package
    /// manager's database accounts for it and nobody else is known to have made it; else it is told by itself.
    pub(in super::super) fn file(
        &mut self,
        ledger: &mut Ledger,
        key: &Key,
        place: &Place<'_>,
        after: Option<Entry>,
        package: Option<FromPackage>,
        how: &Circumstance,
    ) -> Result<()> {
        if self.window.is_some() && !place.is_new && how.actor.as_ref().is_none_or(|it| may_be_manager(it)) {
            let before = ledger.known(key)?;
            if let Verdict::Changed(action) = weigh(before.as_ref(), after.as_ref()) {
                let before = before.as_ref().map(|entry| &entry.state);
                let state = after.as_ref().map(|entry| &entry.state);
                if let Some(account) = self.account(key, before, state, package.as_ref()) {
                    return match self.add(key.clone(), action, after, account, how) {
                        Some(ended) => ledger.tell_installed(ended, how.at),
                        None => Ok(()),
                    };
                }
            }
        }
        self.forget(key);

        ledger.file(key, place, after, package, how)
    }

    /// The package that accounts for a change, if its database does: what the package recorded or owns came, or what it
    /// owned no longer went.
    fn account(
        &mut self,
        key: &Key,
        before: Option<&FileState>,
        after: Option<&FileState>,
        package: Option<&FromPackage>,
    ) -> Option<Account> {
        let path = self.relative(key)?;
        if !is_plain(before, after) {
            return None;
        }
        if let Some(name) = path.strip_prefix(RECORDS).and_then(recorded_package) {
            let version = self.ask(|index| index.version(&name));
            return Some((name, version));
        }
        let Some(after) = after else {
            return match package {
                // Its package owns it still: somebody else took it away.
                Some(_) => None,
                None => self.ask(|index| index.former(&path)),
            };
        };
        let package = package?;
        let is_accounted = match (after.kind, package.verdict) {
            (FileKind::File, PackageVerdict::Matches)
            | (FileKind::Directory, PackageVerdict::NotRecorded) => true,
            (FileKind::Link, PackageVerdict::NotRecorded) => self.leads_to_a_package(&path, after),
            (FileKind::File | FileKind::Directory | FileKind::Link | FileKind::Other, _) => false,
        };

        is_accounted.then(|| (package.name.clone(), package.version.clone()))
    }

    /// Packages record no targets of links: one that leads to what a package owns is believed.
    fn leads_to_a_package(&mut self, path: &[u8], link: &FileState) -> bool {
        let Some(target) = &link.link_target else { return false };
        let target = target.to_bytes();
        let mut parts: Vec<&[u8]> = Vec::new();
        if !target.starts_with(b"/") {
            parts.extend(path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()));
            parts.pop();
        }
        for part in target.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let resolved: Vec<u8> =
            parts.iter().flat_map(|part| std::iter::once(&b'/').chain(*part)).copied().collect();

        !self.ask(|index| index.owners(&resolved)).is_empty()
    }

    /// Adds a change that the database accounts for to the installation under way. Returned: an installation of another
    /// kind that this one ends, to be told first.
    fn add(
        &mut self,
        key: Key,
        action: FileAction,
        after: Option<Entry>,
        account: Account,
        how: &Circumstance,
    ) -> Option<Installation> {
        let now = clock::instant();
        // What the scan at the start found may be looked at once more because its directory is new: it stays where it is.
        let found_by_scan =
            self.under_way[1].as_ref().filter(|off| off.holds(&key)).map(|off| off.common.clone());
        let common = found_by_scan.unwrap_or_else(|| Common {
            while_off: how.is_while_off(after.as_ref()),
            not_before: how.not_before,
        });
        let while_off = common.while_off;
        self.forget(&key);
        let told = how.actor.as_deref().cloned();
        let actor = told.or_else(|| if while_off { None } else { self.manager.worker() });
        let from = if while_off { how.at } else { self.began.unwrap_or(how.at) };
        let slot = &mut self.under_way[usize::from(while_off)];
        let ended = slot.take_if(|known| known.is_full() || known.common != common);
        let installation = slot.get_or_insert_with(|| Installation::new(common, from, now));
        installation.add(key, action, after, account);
        installation.see(actor);
        self.added_at = Some(now);

        ended
    }

    /// The path is told by itself, or as it was.
    fn forget(&mut self, key: &Key) {
        for installation in self.under_way.iter_mut().flatten() {
            installation.forget(key);
        }
    }

    /// Whether something waits or is yet to be told.
    pub(in super::super) fn is_under_way(&self) -> bool {
        !self.gather.is_empty() || self.under_way.iter().any(Option::is_some)
    }

    /// What comes now belongs to another transaction.
    pub(super) fn end_transaction(&mut self) {
        self.began = None;
        self.manager.forget_worker();
    }

    /// All of the installation was told: what was owned before it is of no interest any more.
    pub(super) fn close_window(&mut self) {
        self.window = None;
        self.end_transaction();
        self.ask(Index::set_told);
    }

    /// The path as the package manager knows it, if packages put files there.
    pub(super) fn relative(&self, key: &Key) -> Option<Vec<u8>> {
        let rest =
            key.is_within(&self.root_key).then(|| &key.as_bytes()[self.root_key.as_bytes().len()..])?;
        let first = rest.get(1..)?.split(|byte| *byte == 0).next()?;

        GROUNDS
            .contains(&first)
            .then(|| rest.iter().map(|&byte| if byte == 0 { b'/' } else { byte }).collect())
    }

    fn ask<T: Default>(&mut self, question: impl FnOnce(&Index) -> Result<T>) -> T {
        let answer = self.index.as_ref().map_or_else(|| Ok(T::default()), question);

        self.or_nothing(answer)
    }

    fn or_nothing<T: Default>(&mut self, found: Result<T>) -> T {
        match found {
            Ok(found) => {
                self.is_failing = false;
                found
            }
            Err(error) => {
                if !self.is_failing {
                    tracing::warn!(error = %format!("{error:#}"), "Package database could not be read");
                }
                self.is_failing = true;
                self.index = None;
                T::default()
            }
        }
    }
}

/// The package of one of dpkg's records, such as `libc6:amd64.md5sums`.
fn recorded_package(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| !name.contains('/'))?;
    let (stem, _) = name.rsplit_once('.')?;
    let (name, _) = stem.split_once(':').unwrap_or((stem, ""));

    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_stands_in_the_journal_too_does_not_differ_at_every_reading() {
        let folder = tempfile::tempdir().unwrap();
        let dpkg = folder.path().join("var/lib/dpkg");
        for name in ["info", "updates"] {
            std::fs::create_dir_all(dpkg.join(name)).unwrap();
        }
        let entry = |version: &str, state: &str| {
            format!("Package: a\nStatus: install ok {state}\nArchitecture: amd64\nVersion: {version}\n\n")
        };
        std::fs::write(dpkg.join("info/a.list"), "/.\n/usr/bin/a\n").unwrap();
        std::fs::write(dpkg.join("status"), entry("1", "installed")).unwrap();
        std::fs::write(dpkg.join("updates/0001"), entry("2", "unpacked")).unwrap();
        std::fs::write(dpkg.join("updates/0002"), entry("3", "installed")).unwrap();
        let index = folder.path().join("packaged.db");
        let read = || read_owners(&index, folder.path(), &[b"/usr/bin/a"]).unwrap();

        assert_eq!([read(), read(), read()], [(false, 1); 3], "only the journal's newest word counts");

        std::fs::write(dpkg.join("updates/0003"), entry("3", "not-installed")).unwrap();
        assert_eq!([read(), read()], [(true, 0), (false, 0)], "removed once, by the journal");
        std::fs::write(dpkg.join("status"), entry("4", "installed")).unwrap();
        for name in ["0001", "0002", "0003"] {
            std::fs::remove_file(dpkg.join("updates").join(name)).unwrap();
        }
        assert_eq!([read(), read()], [(true, 1), (false, 1)], "the journal was merged");
    }

    #[test]
    fn the_package_of_a_record_is_found_in_its_name() {
        assert_eq!(recorded_package(b"libc6:amd64.md5sums"), Some("libc6".into()));
        assert_eq!(recorded_package(b"python3.11.list"), Some("python3.11".into()));
        assert_eq!(recorded_package(b"x/y.list"), None);
        assert_eq!(recorded_package(b"format"), None);
    }
}
