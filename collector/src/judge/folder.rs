//! Where rules come from: the folder that the configuration names, or those this program was built with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RULE_FILE_BYTES_MAX, RuleSet, RuleSource};
use vonggac_rules::table::{TABLE_BYTES_MAX, TableFile};
use vonggac_rules::words::Language;
use vonggac_rules::{catalogue, plan, support};

/// Files below a rules folder: beyond this it is not a rules folder.
const FILES_MAX: usize = 4_096;

/// Folders below each other.
const DEPTH_MAX: usize = 8;

/// Rules that cannot be used, as lines for people: file, line, what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BrokenRules(pub Vec<String>);

/// The source of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Those this program was built with.
    BuiltIn,
    /// `packs/` and, if there is one, `plans/` below this folder.
    Dir(PathBuf),
}

/// How a folder looks from outside; another one means that something in it changed.
pub type Stamp = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

impl Folder {
    /// The folder that the configuration names, or the program's own.
    #[must_use]
    pub fn of(rules_dir: Option<&Path>) -> Self {
        rules_dir.map_or(Self::BuiltIn, |dir| Self::Dir(dir.to_owned()))
    }

    /// Sizes and times of its files; empty for the program's own.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn stamp(&self) -> anyhow::Result<Stamp> {
        let Self::Dir(dir) = self else { return Ok(Stamp::new()) };
        let mut stamp = Stamp::new();
        for path in files_below(dir)? {
            let metadata = fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
            stamp.insert(path, (metadata.len(), metadata.modified().ok()));
        }

        Ok(stamp)
    }

    /// Loads and checks all rules.
    ///
    /// # Errors
    /// [`BrokenRules`] if there is a mistake in any of them; otherwise if a file cannot be read.
    pub fn load(&self, language: Language) -> anyhow::Result<RuleSet> {
        let register = self.register(language)?;
        let clauses: BTreeSet<String> = register.clauses().map(|clause| clause.id.clone()).collect();

        RuleSet::load(self.sources()?, &clauses).map_err(|mistakes| {
            BrokenRules(mistakes.iter().map(|mistake| mistake.shown(language)).collect()).into()
        })
    }

    /// The rule files as they are.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn sources(&self) -> anyhow::Result<Vec<RuleSource>> {
        match self {
            Self::BuiltIn => Ok(packs::embedded()),
            Self::Dir(dir) => read_packs(dir),
        }
    }

    /// Plans, catalogue and ends of support as they are, by path below the rules folder; what a folder of one's own
    /// does not have comes from this program.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn tables(&self) -> anyhow::Result<Vec<TableFile>> {
        let mut files = Vec::new();
        for (below, built_in) in [
            ("plans", plan::embedded()),
            ("catalogue/software", catalogue::embedded()),
            ("catalogue/support.toml", vec![support::embedded()]),
        ] {
            let own = match self {
                Self::Dir(dir) => Some((dir, dir.join(below))).filter(|(_, path)| path.exists()),
                Self::BuiltIn => None,
            };
            let Some((dir, path)) = own else {
                files.extend(built_in);
                continue;
            };
            let paths = if path.is_dir() { files_below(&path)? } else { vec![path] };
            for path in paths.iter().filter(|path| path.extension().is_some_and(|form| form == "toml")) {
                files.push(TableFile::new(&name_below(dir, path), &read_text(path, TABLE_BYTES_MAX)?));
            }
        }

        Ok(files)
    }

    /// The register of clauses that the rules cite.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn register(&self, language: Language) -> anyhow::Result<Register> {
        let plans = match self {
            Self::Dir(dir) => dir.join("plans"),
            Self::BuiltIn => return Ok(Register::embedded()),
        };
        if !plans.is_dir() {
            return Ok(Register::embedded());
        }
        let mut files = Vec::new();
        for path in files_below(&plans)? {
            let text = read_text(&path, TABLE_BYTES_MAX)?;
            files.push(TableFile::new(&name_below(&plans, &path), &text));
        }

        Register::load(&files).map_err(|mistakes| {
            BrokenRules(mistakes.iter().map(|mistake| mistake.shown(language)).collect()).into()
        })
    }
}

fn read_packs(dir: &Path) -> anyhow::Result<Vec<RuleSource>> {
    let packs = dir.join("packs");
    if !packs.is_dir() {
        bail!("{} is not a rules folder: it has no folder `packs`", dir.display());
    }
    let mut sources = Vec::new();
    for path in files_below(&packs)? {
        if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            sources.push(RuleSource {
                path: name_below(dir, &path),
                text: read_text(&path, RULE_FILE_BYTES_MAX)?,
            });
        }
    }

    Ok(sources)
}

fn read_text(path: &Path, most: usize) -> anyhow::Result<String> {
    let length = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.len();
    if usize::try_from(length).is_ok_and(|length| length <= most) {
        return fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    }
    bail!("{} has {length} bytes, at most {most} are accepted", path.display())
}

fn name_below(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned()
}

/// Regular files below a folder, hidden ones left out, in order.
fn files_below(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![(dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("read the folder {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("read the folder {}", folder.display()))?.path();
            if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
                continue;
            }
            if path.is_dir() && depth < DEPTH_MAX {
                folders.push((path, depth + 1));
            } else if path.is_file() {
                files.push(path);
            }
        }
        if files.len() > FILES_MAX {
            bail!("{} holds more than {FILES_MAX} files: it is not a rules folder", dir.display());
        }
    }
    files.sort();

    Ok(files)
}
