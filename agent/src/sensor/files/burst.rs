//! Very many files changed in a short time: counted by process, or by root where the system does not say who.
//!
//! Pure: time is given. What counts is a distinct file that was there before and was rewritten or taken away (a
//! rename takes away the old name); names that came are told along, and never make a burst by themselves, so that
//! copying a folder is none. A burst is told once when it reaches the threshold, then with its grown totals at most
//! every [`AGAIN_AFTER`], and a last time when it has ended. Files that are as their package brought them are the
//! package manager's work and not counted; nor is what went with its directory, for moving a folder is one deed.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use vonggac_protocol::file::{Actor, Area, ChangeBurst, FileAction, FileChanged, FileKind, PackageVerdict};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

/// Distinct files in [`BURST_SPAN`] that make a burst.
pub(super) const BURST_FILES: u32 = 100;

/// The span in which they are counted.
pub(super) const BURST_SPAN: Duration = Duration::from_secs(10);

/// While a burst goes on its totals are told this often.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Processes (or roots) counted at once; beyond it the one that has been still for longest is forgotten.
const TALLIES_MAX: usize = 64;

/// Roots remembered with one process; what it does in others is counted and not told apart.
const ROOTS_MAX: usize = 16;

/// Directories that went, remembered to know what went with them.
const WENT_MAX: usize = 16;

/// A change whose span is longer than this cannot be said to be part of a burst.
const SPAN_MAX: Duration = Duration::from_secs(60);

/// Who or where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Whose {
    Process(u32),
    Root(HostPath),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Rewritten,
    Gone,
    Came,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    when: Instant,
    at: Timestamp,
    path: u64,
    deed: Deed,
}

/// What one process did, or what happened below one root.
#[derive(Debug)]
struct Tally {
    actor: Option<Actor>,
    /// What lies in the span, oldest first; at most twice the threshold.
    seen: VecDeque<Seen>,
    /// The paths of `seen`, each with what was done to it.
    known: BTreeSet<(u64, u8)>,
    roots: BTreeMap<HostPath, (Area, u64)>,
    last: Instant,
    going: Option<Going>,
}

/// A burst under way.
#[derive(Clone, Copy, Debug)]
struct Going {
    rewritten: u64,
    renamed: u64,
    from: Timestamp,
    until: Timestamp,
    told: Instant,
    /// Counted since it was told last.
    has_grown: bool,
}

/// Counts changes and tells bursts.
#[derive(Debug)]
pub(super) struct Bursts {
    files: usize,
    span: Duration,
    tallies: BTreeMap<Whose, Tally>,
    /// Directories that went, the last of them at the end.
    went: VecDeque<(HostPath, Instant)>,
}

impl Bursts {
    /// A counter that tells a burst at so many files within that span.
    pub(super) fn new(files: u32, span: Duration) -> Self {
        Self {
            files: usize::try_from(files).unwrap_or(usize::MAX).max(1),
            span,
            tallies: BTreeMap::new(),
            went: VecDeque::new(),
        }
    }

    /// Counts a change that was told at `at`; `Some` if a burst is to be told now.
    pub(super) fn handle(
        &mut self,
        change: &FileChanged,
        at: Timestamp,
        now: Instant,
    ) -> Option<ChangeBurst> {
        if change.action == FileAction::Deleted && self.went_with_its_directory(change, now) {
            return None;
        }
        let deed = deed_of(change, at)?;
        let mut hasher = DefaultHasher::new();
        change.path.hash(&mut hasher);
        let seen = Seen { when: now, at, path: hasher.finish(), deed };
        if let Some(actor) = &change.actor {
            let whose = Whose::Process(actor.process);
            if let Some(told) = self.count(whose.clone(), change, seen) {
                return Some(told);
            }
            // One burst is told once: with the process, not once more by its root.
            if self.tallies.get(&whose).is_some_and(|tally| tally.going.is_some()) {
                return None;
            }
        }

        self.count(Whose::Root(change.root.clone()), change, seen)
    }

    /// Whether a path that is gone lay in a directory that went just before; a directory is remembered.
    fn went_with_its_directory(&mut self, change: &FileChanged, now: Instant) -> bool {
        self.went.retain(|(_, at)| now.duration_since(*at) <= self.span);
        let path = change.path.as_str();
        let is_in = |dir: &HostPath| {
            path.strip_prefix(dir.as_str()).is_some_and(|rest| rest.starts_with(['/', '\\']))
        };
        let is_with = self.went.iter().any(|(dir, _)| is_in(dir));
        if !is_with && change.before.as_ref().is_some_and(|state| state.kind == FileKind::Directory) {
            if self.went.len() >= WENT_MAX {
                self.went.pop_front();
            }
            self.went.push_back((change.path.clone(), now));
        }

        is_with
    }

    /// What is to be told although nothing new came: totals that grew, of bursts that go on or have ended.
    pub(super) fn poll(&mut self, now: Instant) -> Vec<ChangeBurst> {
        let span = self.span;
        let mut due = Vec::new();
        for tally in self.tallies.values_mut() {
            let Some(going) = &mut tally.going else { continue };
            let has_ended = now.duration_since(tally.last) >= span;
            let is_late = now.duration_since(going.told) >= AGAIN_AFTER;
            if going.has_grown && (has_ended || is_late) {
                (going.told, going.has_grown) = (now, false);
                due.extend(tally.burst());
            }
            if has_ended {
                tally.going = None;
            }
        }
        self.tallies.retain(|_, tally| tally.going.is_some() || now.duration_since(tally.last) < span);

        due
    }

    /// Whether nothing is being counted, so nothing is ever due.
    pub(super) fn is_idle(&self) -> bool {
        self.tallies.is_empty()
    }

    fn count(&mut self, whose: Whose, change: &FileChanged, seen: Seen) -> Option<ChangeBurst> {
        if !self.tallies.contains_key(&whose) && self.tallies.len() >= TALLIES_MAX {
            let stillest =
                self.tallies.iter().min_by_key(|(_, tally)| tally.last).map(|(whose, _)| whose.clone());
            self.tallies.remove(&stillest?);
        }
        let actor = if matches!(whose, Whose::Process(_)) { change.actor.clone() } else { None };
        let tally = self.tallies.entry(whose).or_insert_with(|| Tally::new(actor, seen.when));
        tally.add(change, seen, self.span, self.files.saturating_mul(2));

        tally.weigh(self.files, seen.when)
    }
}

impl Tally {
    fn new(actor: Option<Actor>, now: Instant) -> Self {
        let (seen, known, roots) = (VecDeque::new(), BTreeSet::new(), BTreeMap::new());

        Self { actor, seen, known, roots, last: now, going: None }
    }

    fn add(&mut self, change: &FileChanged, seen: Seen, span: Duration, most: usize) {
        let is_past = |first: &Seen| seen.when.duration_since(first.when) > span;
        while let Some(first) = self.seen.front().copied()
            && (is_past(&first) || self.seen.len() >= most)
        {
            self.seen.pop_front();
            self.known.remove(&(first.path, first.deed.code()));
        }
        if self.seen.is_empty() && self.going.is_none() {
            self.roots.clear();
        }
        self.last = seen.when;
        if !self.known.insert((seen.path, seen.deed.code())) {
            return;
        }
        self.seen.push_back(seen);
        if self.roots.contains_key(&change.root) || self.roots.len() < ROOTS_MAX {
            self.roots.entry(change.root.clone()).or_insert((change.area, 0)).1 += 1;
        }
        if let Some(going) = &mut self.going {
            going.add(seen);
        }
    }

    /// Begins a burst, or goes on with one; `Some` if it is to be told now.
    fn weigh(&mut self, files: usize, now: Instant) -> Option<ChangeBurst> {
        match &mut self.going {
            Some(going) if now.duration_since(going.told) >= AGAIN_AFTER => {
                (going.told, going.has_grown) = (now, false);
            }
            Some(_) => return None,
            None => {
                if self.seen.iter().filter(|seen| seen.deed != Deed::Came).count() < files {
                    return None;
                }
                let first = self.seen.front()?.at;
                let mut going = Going {
                    rewritten: 0,
                    renamed: 0,
                    from: first,
                    until: first,
                    told: now,
                    has_grown: false,
                };
                self.seen.iter().for_each(|seen| going.add(*seen));
                going.has_grown = false;
                self.going = Some(going);
            }
        }

        self.burst()
    }

    fn burst(&self) -> Option<ChangeBurst> {
        let going = self.going?;
        let (root, (area, _)) = self.roots.iter().max_by_key(|(_, (_, count))| *count)?;

        Some(ChangeBurst {
            root: root.clone(),
            area: *area,
            actor: self.actor.clone(),
            rewritten: going.rewritten,
            renamed: going.renamed,
            from: going.from,
            until: going.until,
        })
    }
}

impl Going {
    fn add(&mut self, seen: Seen) {
        match seen.deed {
            Deed::Rewritten => self.rewritten += 1,
            Deed::Gone | Deed::Came => self.renamed += 1,
        }
        self.until = self.until.max(seen.at);
        self.has_grown = true;
    }
}

impl Deed {
    fn code(self) -> u8 {
        match self {
            Self::Rewritten => 0,
            Self::Gone => 1,
            Self::Came => 2,
        }
    }
}

/// What was done to a file; `None` if it is not counted.
fn deed_of(change: &FileChanged, at: Timestamp) -> Option<Deed> {
    let kind = |state: &Option<vonggac_protocol::file::FileState>| state.as_ref().map(|state| state.kind);
    let is_file = kind(&change.after).or_else(|| kind(&change.before)) == Some(FileKind::File);
    let is_package = change.package.as_ref().is_some_and(|from| from.verdict == PackageVerdict::Matches);
    let is_vague = change.not_before.is_some_and(|from| at.since(from) > SPAN_MAX);
    if !is_file || is_package || change.while_off || is_vague {
        return None;
    }
    match change.action {
        FileAction::Modified => Some(Deed::Rewritten),
        FileAction::Deleted => Some(Deed::Gone),
        FileAction::Created => Some(Deed::Came),
        FileAction::MetadataChanged => None,
    }
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::digest::Digest;
    use vonggac_protocol::file::{FileState, FromPackage};

    use super::*;

    const ROOT: &str = "/srv/data";

    fn state() -> FileState {
        FileState {
            kind: FileKind::File,
            size: 1,
            digest: Some(Digest::of(b"a")),
            mode: 0o644,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            modified: Timestamp(1),
            changed: Timestamp(1),
            link_target: None,
            attributes: None,
            flags: None,
        }
    }

    fn change(n: u32, action: FileAction, process: Option<u32>) -> FileChanged {
        FileChanged {
            path: HostPath::from_text(format!("{ROOT}/{n}")),
            area: Area::Data,
            root: HostPath::from_text(ROOT),
            action,
            before: (action != FileAction::Created).then(state),
            after: (action != FileAction::Deleted).then(state),
            while_off: false,
            not_before: None,
            actor: process.map(|process| Actor {
                process,
                program: Some(HostPath::from_text("/tmp/x")),
                user: None,
                session: None,
            }),
            package: None,
            text: None,
        }
    }

    struct Trial {
        bursts: Bursts,
        start: Instant,
        told: Vec<ChangeBurst>,
    }

    impl Trial {
        fn new() -> Self {
            let bursts = Bursts::new(BURST_FILES, BURST_SPAN);

            Self { bursts, start: crate::clock::instant(), told: Vec::new() }
        }

        fn see(&mut self, ms: u32, change: &FileChanged) {
            let now = self.start + Duration::from_millis(u64::from(ms));
            self.told.extend(self.bursts.handle(change, Timestamp(i64::from(ms)), now));
        }

        fn poll(&mut self, ms: u64) {
            self.told.extend(self.bursts.poll(self.start + Duration::from_millis(ms)));
        }

        fn sums(&self) -> Vec<(u64, u64)> {
            self.told.iter().map(|told| (told.rewritten, told.renamed)).collect()
        }
    }

    #[test]
    fn a_hundred_files_rewritten_by_one_process_are_told_once_with_it_and_once_more_at_the_end() {
        let mut trial = Trial::new();
        for n in 0..300 {
            trial.see(n, &change(n, FileAction::Modified, Some(7)));
        }
        assert_eq!(trial.sums(), [(100, 0)]);
        trial.poll(5_000);
        assert_eq!(trial.told.len(), 1);
        trial.poll(11_000);
        trial.poll(60_000);

        assert_eq!(trial.sums(), [(100, 0), (300, 0)]);
        let first = &trial.told[0];
        assert_eq!(first.actor.as_ref().map(|actor| actor.process), Some(7));
        assert_eq!((first.from, first.until), (Timestamp(0), Timestamp(99)));
        assert!(trial.bursts.is_idle());
    }

    #[test]
    fn without_a_process_the_root_is_counted() {
        let mut trial = Trial::new();
        for n in 0..100 {
            trial.see(n, &change(n, FileAction::Deleted, None));
        }

        assert_eq!(trial.sums(), [(0, 100)]);
        assert_eq!((trial.told[0].root.as_str(), &trial.told[0].actor), (ROOT, &None));
    }

    #[test]
    fn many_processes_of_one_file_each_are_seen_by_their_root() {
        let mut trial = Trial::new();
        for n in 0..100 {
            trial.see(n, &change(n, FileAction::Modified, Some(1_000 + n)));
        }

        assert_eq!(trial.sums(), [(100, 0)]);
        assert_eq!(trial.told[0].actor, None);
    }

    #[test]
    fn a_burst_that_goes_on_is_told_every_half_minute_with_grown_totals() {
        let mut trial = Trial::new();
        for n in 0..3_000 {
            trial.see(n * 30, &change(n, FileAction::Modified, Some(7)));
        }

        assert_eq!(trial.sums(), [(100, 0), (1_100, 0), (2_100, 0)]);
    }

    #[test]
    fn ninety_nine_or_a_hundred_over_a_longer_time_are_none() {
        let mut trial = Trial::new();
        for n in 0..99 {
            trial.see(n, &change(n, FileAction::Modified, Some(7)));
        }
        for n in 0..1_000 {
            trial.see(60_000 + n * 110, &change(n, FileAction::Modified, Some(8)));
        }

        assert_eq!(trial.sums(), []);
    }

    #[test]
    fn one_file_written_over_and_over_new_files_packages_and_vague_spans_are_none() {
        let mut trial = Trial::new();
        let package = |verdict| Some(FromPackage { name: "p".to_owned(), version: "1".to_owned(), verdict });
        for n in 0..500 {
            let modified = change(n, FileAction::Modified, Some(7));
            trial.see(n, &change(1, FileAction::Modified, Some(7)));
            trial.see(n, &change(n, FileAction::Created, Some(7)));
            trial.see(n, &change(n, FileAction::MetadataChanged, Some(7)));
            let matches = package(PackageVerdict::Matches);
            trial.see(n, &FileChanged { package: matches, ..modified.clone() });
            trial.see(n, &FileChanged { while_off: true, ..modified.clone() });
            trial.see(n, &FileChanged { not_before: Some(Timestamp(-100_000)), ..modified });
        }

        assert_eq!(trial.sums(), []);
    }

    #[test]
    fn renames_count_the_old_name_and_tell_both() {
        let mut trial = Trial::new();
        for n in 0..100 {
            trial.see(n, &change(n + 10_000, FileAction::Created, Some(7)));
            trial.see(n, &change(n, FileAction::Deleted, Some(7)));
        }

        assert_eq!(trial.sums(), [(0, 200)]);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut trial = Trial::new();
        for n in 0..20_000 {
            trial.see(n / 100, &change(n, FileAction::Modified, Some(n % 1_000)));
        }

        assert!(trial.bursts.tallies.len() <= TALLIES_MAX);
        assert!(
            trial.bursts.tallies.values().all(|tally| tally.seen.len() <= 200 && tally.known.len() <= 200)
        );
    }

    #[test]
    fn moving_a_folder_is_one_deed_and_taking_its_files_away_one_by_one_is_many() {
        let mut moved = Trial::new();
        let mut folder = change(0, FileAction::Deleted, None);
        folder.path = HostPath::from_text(ROOT);
        folder.before = folder.before.map(|before| FileState { kind: FileKind::Directory, ..before });
        moved.see(0, &folder);
        let mut emptied = Trial::new();
        for n in 0..2 * BURST_FILES {
            moved.see(n, &change(n, FileAction::Deleted, None));
            emptied.see(n, &change(n, FileAction::Deleted, None));
        }

        assert!(moved.told.is_empty());
        assert_eq!(emptied.told.len(), 1);
    }
}
