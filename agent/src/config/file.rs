//! The configuration as written, and its check.

use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;
use vonggac_protocol::host::Role;
use vonggac_protocol::limits::{ASSIGNMENT_PATHS_MAX, BUDGET_KIB_MAX, BUDGET_KIB_MIN, PATH_BYTES_MAX};
use vonggac_protocol::record::RecordSubject;

use super::{
    Config, Excluded, FILE_BYTES_MOST, Mistake, ParseConfigError, SPOOL_BYTES_LEAST, SPOOL_BYTES_MOST,
    UpdateSearching,
};
use crate::print::Message;
use crate::sensor::files::{DeclaredText, Share, TEXTS_MAX, WatchBy};

/// The version of this form.
const VERSION: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: Option<Spanned<i64>>,
    state_dir: Option<Spanned<String>>,
    role: Option<Role>,
    watch_defaults: Option<bool>,
    watch_by: Option<WatchBy>,
    #[serde(default)]
    exclude: Vec<Spanned<String>>,
    #[serde(default)]
    watch: Vec<WatchFile>,
    #[serde(default)]
    text: Vec<TextFile>,
    spool_bytes_max: Option<Spanned<u64>>,
    file_bytes_max: Option<Spanned<u64>>,
    cpu_percent: Option<Spanned<u8>>,
    scan_processors: Option<Spanned<u16>>,
    scan_disk_mib_per_second: Option<Spanned<u64>>,
    rehash_days: Option<Spanned<u32>>,
    burst_files: Option<Spanned<u32>>,
    memory_max_mib: Option<Spanned<u32>>,
    heartbeat_secs: Option<Spanned<u32>>,
    inventory_secs: Option<Spanned<u32>>,
    udp_again_secs: Option<Spanned<u32>>,
    upgrade_within_secs: Option<Spanned<u32>>,
    daily_budget_kib: Option<Spanned<u32>>,
    records: Option<Vec<RecordSubject>>,
    records_root: Option<Spanned<String>>,
    update_search: Option<UpdateSearching>,
    update_scan_file: Option<Spanned<String>>,
    package_root: Option<Spanned<String>>,
    language_defaults: Option<bool>,
    #[serde(default)]
    language_roots: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchFile {
    area: Area,
    path: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextFile {
    path: Spanned<String>,
    #[serde(default)]
    share: Share,
}

pub(super) fn parse(text: &str) -> Result<Config, ParseConfigError> {
    let file: ConfigFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, &span));
        ParseConfigError(vec![Mistake { line, message: explain(error.message()) }])
    })?;
    let mut check = Check { text, mistakes: Vec::new() };
    let config = check.file(file);
    if !check.mistakes.is_empty() {
        return Err(ParseConfigError(check.mistakes));
    }

    Ok(config)
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();

    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// What the TOML reader said, in our words where we know its own; values are left out, since a value may be a path
/// that is out of bounds.
fn explain(found: &str) -> Message {
    if let Some((key, expected)) = found.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", "))
    {
        let expected = expected.trim_start_matches("expected one of ").trim_start_matches("expected ");
        return Message::new("config-unknown-key")
            .with("key", key.replace('`', ""))
            .with("expected", expected);
    }
    if let Some((_, expected)) = found.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", "))
    {
        let expected = expected.trim_start_matches("expected one of ").trim_start_matches("expected ");
        return Message::new("config-unknown-word").with("expected", expected);
    }
    if let Some((found, expected)) = found
        .strip_prefix("invalid type: ")
        .or_else(|| found.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        let kind = found.split(['"', '`']).next().unwrap_or_default().trim();
        return Message::new("config-wrong-type").with("found", kind).with("expected", expected);
    }
    if let Some(key) = found.strip_prefix("missing field ") {
        return Message::new("config-missing-key").with("key", key.replace('`', ""));
    }

    Message::new("config-not-toml").with("found", found.split('\n').next().unwrap_or_default())
}

struct Check<'a> {
    text: &'a str,
    mistakes: Vec<Mistake>,
}

/// The longest that anything is put off.
const DAY_SECS: u32 = 86_400;

impl Check<'_> {
    fn file(&mut self, file: ConfigFile) -> Config {
        let standard = Config::default();
        self.version(file.version.as_ref());
        let state_dir = self.path_or("state_dir", file.state_dir, standard.state_dir);
        let package_root = self.path_or("package_root", file.package_root, standard.package_root);
        let records_root = self.path_or("records_root", file.records_root, standard.records_root);
        self.count("exclude", file.exclude.len(), ASSIGNMENT_PATHS_MAX);
        let watch = self.watch(file.watch);
        let language_roots = self.language_roots(file.language_roots);
        let exclude =
            file.exclude.into_iter().map(|path| PathBuf::from(self.path("exclude", path))).collect();
        let (scan_processors, scan_disk_mib_per_second) =
            self.scan_limits(file.scan_processors, file.scan_disk_mib_per_second);
        let (burst_files, memory_max_mib) = self.warnings(file.burst_files, file.memory_max_mib);
        let mut secs = |key, found, standard, range| self.range(key, found, standard, range);
        let heartbeat_secs = secs("heartbeat_secs", file.heartbeat_secs, standard.heartbeat_secs, 5..=3_600);
        let inventory_secs =
            secs("inventory_secs", file.inventory_secs, standard.inventory_secs, 60..=DAY_SECS);
        let udp_again_secs =
            secs("udp_again_secs", file.udp_again_secs, standard.udp_again_secs, 5..=DAY_SECS);
        let upgrade_within_secs =
            secs("upgrade_within_secs", file.upgrade_within_secs, standard.upgrade_within_secs, 5..=DAY_SECS);

        Config {
            state_dir,
            never_enrol: standard.never_enrol,
            release_keys: standard.release_keys,
            role: file.role,
            watch_defaults: file.watch_defaults.unwrap_or(standard.watch_defaults),
            watch_by: file.watch_by.unwrap_or(standard.watch_by),
            watch,
            exclude: Excluded(exclude),
            package_root,
            language_defaults: file.language_defaults.unwrap_or(standard.language_defaults),
            language_roots,
            texts: self.texts(file.text),
            spool_bytes_max: self.range(
                "spool_bytes_max",
                file.spool_bytes_max,
                standard.spool_bytes_max,
                SPOOL_BYTES_LEAST..=SPOOL_BYTES_MOST,
            ),
            file_bytes_max: self.range(
                "file_bytes_max",
                file.file_bytes_max,
                standard.file_bytes_max,
                0..=FILE_BYTES_MOST,
            ),
            cpu_percent: self.range("cpu_percent", file.cpu_percent, standard.cpu_percent, 1..=100),
            scan_processors,
            scan_disk_mib_per_second,
            rehash_days: self.range("rehash_days", file.rehash_days, standard.rehash_days, 0..=365),
            burst_files,
            memory_max_mib,
            heartbeat_secs,
            inventory_secs,
            udp_again_secs,
            upgrade_within_secs,
            daily_budget_kib: file.daily_budget_kib.map(|found| {
                self.range("daily_budget_kib", Some(found), BUDGET_KIB_MIN, BUDGET_KIB_MIN..=BUDGET_KIB_MAX)
            }),
            records: file.records,
            records_root,
            update_search: file.update_search.unwrap_or(standard.update_search),
            update_scan_file: self.scan_file(file.update_scan_file),
        }
    }

    /// The file that Windows Update is to search.
    fn scan_file(&mut self, path: Option<Spanned<String>>) -> Option<PathBuf> {
        path.map(|path| PathBuf::from(self.path("update_scan_file", path)))
    }

    /// Paths watched beside the defaults.
    fn watch(&mut self, watch: Vec<WatchFile>) -> Vec<WatchPath> {
        self.count("watch", watch.len(), ASSIGNMENT_PATHS_MAX);

        watch
            .into_iter()
            .map(|entry| WatchPath { area: entry.area, path: self.path("watch.path", entry.path) })
            .collect()
    }

    /// Folders in which packages of languages are looked for.
    fn language_roots(&mut self, roots: Vec<Spanned<String>>) -> Vec<PathBuf> {
        self.count("language_roots", roots.len(), ASSIGNMENT_PATHS_MAX);

        roots.into_iter().map(|path| PathBuf::from(self.path("language_roots", path))).collect()
    }

    /// Files that are declared as text.
    fn texts(&mut self, texts: Vec<TextFile>) -> Vec<DeclaredText> {
        self.count("text", texts.len(), TEXTS_MAX);

        texts
            .into_iter()
            .map(|text| DeclaredText {
                path: PathBuf::from(self.path("text.path", text.path)),
                share: text.share,
            })
            .collect()
    }

    /// How much of the machine a scan may use: processors, disk.
    fn scan_limits(&mut self, processors: Option<Spanned<u16>>, disk: Option<Spanned<u64>>) -> (u16, u64) {
        let standard = Config::default();

        (
            self.range("scan_processors", processors, standard.scan_processors, 1..=64),
            self.range("scan_disk_mib_per_second", disk, standard.scan_disk_mib_per_second, 0..=65_536),
        )
    }

    /// Beyond what the agent speaks up: of a burst, of its own memory.
    fn warnings(&mut self, burst_files: Option<Spanned<u32>>, memory: Option<Spanned<u32>>) -> (u32, u32) {
        let standard = Config::default();

        (
            self.range("burst_files", burst_files, standard.burst_files, 10..=1_000),
            self.range("memory_max_mib", memory, standard.memory_max_mib, 16..=4_096),
        )
    }

    fn version(&mut self, version: Option<&Spanned<i64>>) {
        match version {
            Some(version) if *version.get_ref() == VERSION => {}
            Some(version) => {
                let message =
                    Message::new("config-version").with("found", version.get_ref()).with("expected", VERSION);
                self.mistake(Some(&version.span()), message);
            }
            None => self.mistake(None, Message::new("config-missing-key").with("key", "version = 1")),
        }
    }

    fn path_or(&mut self, key: &'static str, path: Option<Spanned<String>>, standard: PathBuf) -> PathBuf {
        path.map_or(standard, |path| PathBuf::from(self.path(key, path)))
    }

    /// A path that must be absolute. The message does not repeat it: it may be out of bounds.
    fn path(&mut self, key: &'static str, path: Spanned<String>) -> String {
        let absolute = PathBuf::from(path.get_ref()).is_absolute();
        let parents = path.get_ref().split(['/', '\\']).any(|part| part == "..");
        let length = path.get_ref().len();
        if !absolute || parents || length > PATH_BYTES_MAX || path.get_ref().contains('\0') {
            self.mistake(Some(&path.span()), Message::new("config-path").with("key", key));
        }

        path.into_inner()
    }

    fn range<T: Copy + PartialOrd + std::fmt::Display>(
        &mut self,
        key: &'static str,
        value: Option<Spanned<T>>,
        standard: T,
        accepted: std::ops::RangeInclusive<T>,
    ) -> T {
        let Some(value) = value else { return standard };
        if !accepted.contains(value.get_ref()) {
            let message = Message::new("config-out-of-range")
                .with("key", key)
                .with("found", value.get_ref())
                .with("least", accepted.start())
                .with("most", accepted.end());
            self.mistake(Some(&value.span()), message);
        }

        *value.get_ref()
    }

    fn count(&mut self, key: &'static str, found: usize, most: usize) {
        if found > most {
            let message =
                Message::new("config-too-many").with("key", key).with("found", found).with("most", most);
            self.mistake(None, message);
        }
    }

    fn mistake(&mut self, span: Option<&Range<usize>>, message: Message) {
        self.mistakes.push(Mistake { line: span.map(|span| line_of(self.text, span)), message });
    }
}
