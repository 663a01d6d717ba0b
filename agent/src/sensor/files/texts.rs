//! How the text of small declared files differs. The texts and their differences stay in a folder of our own; what
//! leaves is a digest and two counts, and the lines only where the machine's administrator allowed it for that path.
//!
//! Texts are kept under the digest of their content: after a crash the one that the baseline knows is still there, and
//! the same change is told with the same difference. Nothing here stops the sensor: what cannot be read, kept or
//! compared is told without a difference.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use similar::{ChangeTag, TextDiff};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState, TextDifference};
use vonggac_protocol::limits::TEXT_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

use super::bounds::{Bounds, resolve};
use super::key::Key;
use super::roots::Roots;
use super::settings::FilesSettings;
use crate::keep;
use crate::os::file::{self, Dir};
use crate::os::protect;

/// Files that may be declared as text.
pub const TEXTS_MAX: usize = 64;

/// Largest text that is kept: configuration files are far smaller.
const KEPT_BYTES_MAX: u64 = 64 * 1024;

/// Differences kept of each file.
const DIFFERENCES_MAX: usize = 20;

/// What the differences of one file may take on the disk; the last one is kept in any case.
const DIFFERENCES_BYTES_MAX: u64 = 1024 * 1024;

/// After this long lines are no longer matched as closely as can be: two wholly different texts must not hold us up.
const COMPARING_MAX: Duration = Duration::from_millis(300);

/// Unchanged lines around changed ones.
const CONTEXT_LINES: usize = 3;

/// The folder beside the baseline.
const FOLDER: &str = "texts";

/// How the name of a kept text ends.
const TEXT: &str = "text";

/// How the name of a kept difference ends.
const DIFFERENCE: &str = "difference";

/// What of a difference may leave the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Its digest and how many lines came and went.
    #[default]
    Count,
    /// The changed lines as well.
    Lines,
}

/// A file declared as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeclaredText {
    /// Where it stands.
    pub path: PathBuf,
    /// What of its differences may leave the machine.
    pub share: Share,
}

/// A difference as kept on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptDifference {
    /// When the change was noticed.
    pub at: Timestamp,
    /// As it was told.
    pub digest: Digest,
    /// In unified form.
    pub text: String,
}

/// The declared texts, and the folder where they are kept.
#[derive(Debug)]
pub(super) struct Texts {
    folder: PathBuf,
    bounds: Arc<Bounds>,
    declared: BTreeMap<Key, Share>,
}

impl Texts {
    /// Takes the text of every declared file that is watched and within bounds, and forgets all others. `None` if there
    /// is nothing to keep, or no place for it.
    pub(super) fn open(settings: &FilesSettings, bounds: &Arc<Bounds>, roots: &Roots) -> Option<Self> {
        let mut declared = BTreeMap::new();
        for text in settings.texts.iter().take(TEXTS_MAX) {
            let key = key_of(&text.path);
            if bounds.allow(&key) && bounds.allow(&Key::of(&text.path)) && roots.find(&key).is_some() {
                // Declared twice: what lets less out counts.
                let share = declared.entry(key).or_insert(text.share);
                *share = text.share.min(*share);
            }
        }
        let folder = settings.baseline_path.with_file_name(FOLDER);
        let texts = Self { folder, bounds: Arc::clone(bounds), declared };
        if let Err(error) = texts.forget_others() {
            tracing::warn!(%error, "Could not remove texts that are no longer to be kept");
        }
        if texts.declared.is_empty() {
            return None;
        }
        if let Err(error) = protect::create_private_dir(&texts.folder) {
            tracing::warn!(%error, "Kept no texts, changes are told without their lines");
            return None;
        }
        for key in texts.declared.keys() {
            texts.keep_current(key);
        }

        Some(texts)
    }

    /// Whether this path is declared as text.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.declared.contains_key(key)
    }

    /// Keeps the text that stands there now beside what is kept already.
    fn keep_current(&self, key: &Key) {
        let Some(text) = self.read(key) else { return };
        self.keep(key, &text, Digest::of(text.as_bytes()));
    }

    /// Keeps what a change left there without comparing it: it is told as part of something larger.
    pub(super) fn keep_after(&self, key: &Key, confirmed: Option<Digest>, after: Option<Digest>) {
        let Some(after) = after.filter(|_| self.holds(key)) else { return };
        if let Some(text) = self.read_as(key, after) {
            self.keep(key, &text, after);
            self.prune_texts(key, &[confirmed, Some(after)]);
        }
    }

    /// How a declared text differs, in a change about to be told; `None` where it is not known before or after.
    pub(super) fn handle_change(
        &self,
        key: &Key,
        confirmed: Option<Digest>,
        before: Option<&FileState>,
        after: Option<&FileState>,
        at: Timestamp,
    ) -> Option<TextDifference> {
        let share = *self.declared.get(key)?;
        let digest = |state: Option<&FileState>| state.and_then(|state| state.digest);
        let (from, to) = (digest(before), digest(after));
        let new = match after {
            None => Some(String::new()),
            Some(state) if state.kind == FileKind::File => self.read_as(key, to?),
            Some(_) => None,
        };
        if let (Some(text), Some(to)) = (&new, to) {
            self.keep(key, text, to);
        }
        let old = match before {
            None => Some(String::new()),
            Some(_) => from.and_then(|from| self.kept(key, from)),
        };
        self.prune_texts(key, &[confirmed, from, to]);
        if from == to {
            return None;
        }
        let difference = Compared::of(&old?, &new?, from, to);
        self.keep_difference(key, &difference.text, at);

        Some(difference.told(share))
    }

    /// The text that stands at a declared path, if it may be kept.
    fn read(&self, key: &Key) -> Option<String> {
        let path = key.path()?;
        let (parent, name) = (path.parent()?, path.file_name()?);
        let dir = Dir::open(parent).ok()?;
        let found = dir.stat(name).ok()?;
        if !self.bounds.allow(key) || found.kind != FileKind::File || !self.bounds.allow_file(&found) {
            return None;
        }
        let file = dir.open_file(name).ok()?;
        let opened = file::stat_open(&file).ok()?;
        let is_the_same = opened.kind == FileKind::File
            && (opened.device, opened.inode) == (found.device, found.inode)
            && opened.size <= KEPT_BYTES_MAX;
        if !is_the_same {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(KEPT_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        let is_small = u64::try_from(bytes.len()).is_ok_and(|length| length <= KEPT_BYTES_MAX);

        String::from_utf8(bytes).ok().filter(|_| is_small)
    }

    /// The text that stands there, if it still is the one that was measured.
    fn read_as(&self, key: &Key, digest: Digest) -> Option<String> {
        self.read(key).filter(|text| Digest::of(text.as_bytes()) == digest)
    }

    /// The kept text of this content.
    fn kept(&self, key: &Key, digest: Digest) -> Option<String> {
        let bytes = fs::read(self.text_path(key, digest)).ok()?;

        (Digest::of(&bytes) == digest).then(|| String::from_utf8(bytes).ok()).flatten()
    }

    fn keep(&self, key: &Key, text: &str, digest: Digest) {
        let path = self.text_path(key, digest);
        if self.kept(key, digest).is_none()
            && let Err(error) = keep::write_whole(&path, text.as_bytes())
        {
            tracing::warn!(%error, "Could not keep a text, its next change is told without its lines");
        }
    }

    fn text_path(&self, key: &Key, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.{digest}.{TEXT}", name_of(key)))
    }

    /// Forgets every text of a path but those of these digests.
    fn prune_texts(&self, key: &Key, wanted: &[Option<Digest>]) {
        let prefix = name_of(key);
        for path in names(&self.folder).unwrap_or_default() {
            let Some((of, digest, TEXT)) = parts(&path) else { continue };
            let is_wanted = digest.parse().is_ok_and(|digest: Digest| wanted.contains(&Some(digest)));
            if of == prefix && !is_wanted {
                remove(&self.folder.join(&path));
            }
        }
    }

    /// Keeps a difference, unless the last one kept is the same: then it was told before a crash and is told again.
    fn keep_difference(&self, key: &Key, text: &str, at: Timestamp) {
        let digest = Digest::of(text.as_bytes());
        let mut kept = differences(&self.folder, &name_of(key)).unwrap_or_default();
        if kept.last().is_some_and(|(_, last, _)| *last == digest) {
            return;
        }
        let name = format!("{}.{:015}-{digest}.{DIFFERENCE}", name_of(key), at.0.max(0));
        let path = self.folder.join(name);
        if let Err(error) = keep::write_whole(&path, text.as_bytes()) {
            tracing::warn!(%error, "Could not keep a difference, it was told all the same");
            return;
        }
        let mut bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        kept.reverse();
        for (place, (_, _, path)) in kept.iter().enumerate() {
            bytes = bytes.saturating_add(fs::metadata(path).map_or(0, |found| found.len()));
            if place + 1 >= DIFFERENCES_MAX || bytes > DIFFERENCES_BYTES_MAX {
                remove(path);
            }
        }
    }

    /// What is kept of paths that are no longer declared, or that went out of bounds, is removed; so is what a crash
    /// left unfinished.
    fn forget_others(&self) -> io::Result<()> {
        let wanted: Vec<String> =
            self.declared.keys().filter(|key| !self.is_out_of_bounds(key)).map(name_of).collect();
        for name in names(&self.folder)? {
            if !parts(&name).is_some_and(|(of, ..)| wanted.iter().any(|wanted| wanted == of)) {
                remove(&self.folder.join(name));
            }
        }

        Ok(())
    }

    /// Whether what stands there is another name of something excluded.
    fn is_out_of_bounds(&self, key: &Key) -> bool {
        let found = key.path().and_then(|path| Dir::open(path.parent()?).ok()?.stat(path.file_name()?).ok());

        !self.bounds.allow(key) || found.is_some_and(|found| !self.bounds.allow_file(&found))
    }
}

/// Two texts compared.
struct Compared {
    text: String,
    added: u32,
    removed: u32,
}

impl Compared {
    fn of(old: &str, new: &str, from: Option<Digest>, to: Option<Digest>) -> Self {
        let diff = TextDiff::configure().timeout(COMPARING_MAX).diff_lines(old, new);
        let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
        let name = |digest: Option<Digest>| {
            digest.map_or_else(|| "/dev/null".to_owned(), |it| format!("sha256:{it}"))
        };
        let text =
            diff.unified_diff().context_radius(CONTEXT_LINES).header(&name(from), &name(to)).to_string();

        Self {
            added: u32::try_from(count(ChangeTag::Insert)).unwrap_or(u32::MAX),
            removed: u32::try_from(count(ChangeTag::Delete)).unwrap_or(u32::MAX),
            text,
        }
    }

    /// As it leaves the machine.
    fn told(self, share: Share) -> TextDifference {
        let digest = Digest::of(self.text.as_bytes());
        let lines = match share {
            Share::Count => None,
            Share::Lines => Some(cut(&self.text).to_owned()),
        };

        TextDifference { digest, added: self.added, removed: self.removed, lines }
    }
}

/// How these texts differ, as it may leave the machine.
#[must_use]
pub fn difference(old: &str, new: &str, share: Share) -> TextDifference {
    Compared::of(old, new, None, None).told(share)
}

/// As many whole lines as may be told.
fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let most = text.as_bytes().get(..TEXT_BYTES_MAX).unwrap_or_default();
    let end = most.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);

    text.get(..end).unwrap_or_default()
}

/// The differences kept of a path, the oldest first.
///
/// # Errors
/// If the folder or one of them cannot be read.
pub fn kept_differences(state_dir: &Path, path: &Path) -> io::Result<Vec<KeptDifference>> {
    let found = differences(&state_dir.join(FOLDER), &name_of(&key_of(path)))?;

    found
        .into_iter()
        .map(|(at, digest, path)| Ok(KeptDifference { at, digest, text: fs::read_to_string(path)? }))
        .collect()
}

fn differences(folder: &Path, of: &str) -> io::Result<Vec<(Timestamp, Digest, PathBuf)>> {
    let mut found = Vec::new();
    for name in names(folder)? {
        if let Some((path, rest, DIFFERENCE)) = parts(&name)
            && path == of
            && let Some((at, digest)) = rest.split_once('-')
            && let (Ok(at), Ok(digest)) = (at.parse(), digest.parse())
        {
            found.push((Timestamp(at), digest, folder.join(&name)));
        }
    }
    found.sort();

    Ok(found)
}

/// The path as it is told: links on the way resolved, the last name as it stands.
fn key_of(path: &Path) -> Key {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Key::of(&resolve(parent).join(name)),
        _ => Key::of(path),
    }
}

/// What the names of a path's files begin with.
fn name_of(key: &Key) -> String {
    Digest::of(&key.host_path().to_bytes()).to_string()
}

/// Path, which of its files, and what it is.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (path, rest) = name.split_once('.')?;
    let (which, kind) = rest.split_once('.')?;

    matches!(kind, TEXT | DIFFERENCE).then_some((path, which, kind))
}

/// All names in the folder; none if it is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };

    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, "Could not remove a text that is no longer needed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_cut_behind_a_whole_line() {
        let line = "ă".repeat(50);
        let text = format!("{line}\n").repeat(60);

        let told = cut(&text);

        assert!(told.len() <= TEXT_BYTES_MAX && told.len() > TEXT_BYTES_MAX - 102);
        assert!(told.ends_with('\n') && text.starts_with(told));
        assert_eq!(cut("short, without an end"), "short, without an end");
        assert_eq!(cut(&"x".repeat(TEXT_BYTES_MAX + 1)), "");
    }
}
