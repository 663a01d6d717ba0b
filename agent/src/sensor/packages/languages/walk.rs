//! One walk over a declared root: what is looked into, within which bounds. What did not change since the last walk is
//! not read again: a directory whose times are the same is not listed, a file whose times are the same is not opened.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use vonggac_protocol::file::FileKind;

use super::item::Item;
use super::owned::Owned;
use super::zip::Opened;
use super::{jar, npm, python};
use crate::clock;
use crate::os::Stat;
use crate::os::file::Dir;
use crate::os::paths;
use crate::sensor::files::bounds::Bounds;

/// Directories on the way from a root to what it holds.
const DEPTH_MAX: usize = 16;

/// Names of directories in which nothing is installed.
const PASSED_OVER: [&str; 8] =
    [".git", ".hg", ".svn", ".cache", ".npm", "__pycache__", "lost+found", ".snapshots"];

/// What all walks of one reading together may take.
#[derive(Debug)]
pub(super) struct Allowance {
    pub(super) entries: usize,
    pub(super) directories: usize,
    pub(super) until: Instant,
    /// What ran out.
    pub(super) cut: Option<Cut>,
}

/// Why a walk ended before it had seen all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    Size,
    Time,
}

/// How a directory is looked into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// Anything may be in it.
    Any,
    /// Python's packages, with their metadata beside them.
    Site,
    /// `node_modules`, or `node_modules/@scope`.
    Modules { scope: bool },
    /// A module of npm: itself, and what it has for itself alone.
    Module,
    /// `X.dist-info`, `X.egg-info`, `EGG-INFO`: the name of the file that counts.
    Info(&'static str),
    /// `X.egg`, unpacked.
    Egg,
}

impl Way {
    /// Of a declared root, by its name.
    pub(super) fn of_root(name: &OsStr) -> Self {
        match name.to_str() {
            Some("site-packages" | "dist-packages") => Self::Site,
            Some("node_modules") => Self::Modules { scope: false },
            Some(_) | None => Self::Any,
        }
    }

    /// What always is in such a directory; others must be listed.
    fn fixed(self) -> Option<Vec<(&'static str, Child)>> {
        match self {
            Self::Any | Self::Site | Self::Modules { .. } => None,
            Self::Module => Some(vec![
                ("package.json", Child::file(Form::Npm)),
                ("node_modules", Child::dir(Self::Modules { scope: false })),
            ]),
            Self::Info(name) => Some(vec![(name, Child::file(Form::Python))]),
            Self::Egg => Some(vec![("EGG-INFO", Child::dir(Self::Info("PKG-INFO")))]),
        }
    }

    /// How a directory of this name in such a one is looked into; `None`: not at all.
    fn dir(self, name: &str) -> Option<Self> {
        let info = || {
            if name.ends_with(".dist-info") {
                Some(Self::Info("METADATA"))
            } else if name.ends_with(".egg-info") {
                Some(Self::Info("PKG-INFO"))
            } else {
                name.ends_with(".egg").then_some(Self::Egg)
            }
        };
        match self {
            Self::Any => match name {
                "site-packages" | "dist-packages" => Some(Self::Site),
                "node_modules" => Some(Self::Modules { scope: false }),
                _ if PASSED_OVER.contains(&name) => None,
                _ => info().or(Some(Self::Any)),
            },
            Self::Site => info(),
            Self::Modules { scope: false } => match name {
                // pnpm keeps the modules themselves there, and links to them.
                ".pnpm" => Some(Self::Any),
                _ if name.starts_with('.') => None,
                _ if name.starts_with('@') => Some(Self::Modules { scope: true }),
                _ => Some(Self::Module),
            },
            Self::Modules { scope: true } => Some(Self::Module),
            Self::Module | Self::Info(_) | Self::Egg => None,
        }
    }

    /// What a file of this name in such a directory is; `None`: nothing that is looked for.
    fn file(self, name: &str) -> Option<Form> {
        match self {
            Self::Any | Self::Site if name.ends_with(".egg-info") => Some(Form::Python),
            Self::Any | Self::Site if name.ends_with(".egg") => Some(Form::Egg),
            Self::Any if jar::is_archive(name) => Some(Form::Jar),
            Self::Any | Self::Site | Self::Modules { .. } | Self::Module | Self::Info(_) | Self::Egg => None,
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Python,
    Egg,
    Npm,
    Jar,
}

/// What tells whether something changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    device: u64,
    inode: u64,
    modified_ns: i64,
    changed_ns: i64,
    size: u64,
}

impl Stamp {
    const fn of(stat: &Stat) -> Self {
        Self {
            device: stat.device,
            inode: stat.inode,
            modified_ns: stat.modified_ns,
            changed_ns: stat.changed_ns,
            size: stat.size,
        }
    }
}

/// What is remembered of a directory.
#[derive(Debug, Default)]
pub(super) struct Node {
    stamp: Option<Stamp>,
    children: Vec<(Box<OsStr>, Child)>,
}

#[derive(Debug)]
enum Child {
    Dir(Way, Node),
    File(Form, Known),
}

impl Child {
    fn dir(way: Way) -> Self {
        Self::Dir(way, Node::default())
    }

    fn file(form: Form) -> Self {
        Self::File(form, Known::default())
    }

    /// Whether this is looked into as that would be.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dir(way, _), Self::Dir(other, _)) => way == other,
            (Self::File(form, _), Self::File(other, _)) => form == other,
            (Self::Dir(..), Self::File(..)) | (Self::File(..), Self::Dir(..)) => false,
        }
    }
}

/// What is remembered of a file.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<Stamp>,
    items: Box<[Item]>,
    damaged: bool,
}

/// A walk over one root.
pub(super) struct Walk<'a> {
    pub(super) bounds: &'a Bounds,
    pub(super) owned: &'a Owned,
    /// What stands before the paths of the system.
    pub(super) root: &'a Path,
    /// Directories that are walked for themselves, or lie on other machines.
    pub(super) apart: &'a [PathBuf],
    pub(super) allowance: &'a mut Allowance,
    pub(super) damaged: u64,
    pub(super) buffer: Vec<u8>,
}

impl Walk<'_> {
    /// Looks into `path`, a directory, and hands on all items.
    pub(super) fn root(&mut self, path: &Path, node: &mut Node, each: &mut dyn FnMut(&Item)) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
        let Ok(parent) = Dir::open(parent) else {
            *node = Node::default();
            return;
        };
        let mut at = path.to_owned();
        self.dir(&parent, name, Way::of_root(name), &mut at, 0, node, each);
    }

    #[expect(clippy::too_many_arguments, reason = "a step of a recursion")]
    fn dir(
        &mut self,
        parent: &Dir,
        name: &OsStr,
        way: Way,
        at: &mut PathBuf,
        depth: usize,
        node: &mut Node,
        each: &mut dyn FnMut(&Item),
    ) {
        let allowed = self.may_go_on() && depth <= DEPTH_MAX && self.bounds.allow_path(at);
        let stat = if allowed { parent.stat(name).ok() } else { None };
        let stat = stat.filter(|stat| stat.kind == FileKind::Directory && self.bounds.allow_file(stat));
        let Some(stat) = stat else {
            *node = Node::default();
            return;
        };
        self.allowance.directories -= 1;
        let stamp = Some(Stamp::of(&stat));
        if node.stamp != stamp {
            self.list(parent, name, way, node);
            // What was cut short is listed again.
            node.stamp = stamp.filter(|_| self.allowance.cut.is_none());
        }
        if node.children.is_empty() {
            return;
        }
        let Ok(dir) = parent.open_child(name) else { return };
        for (name, child) in &mut node.children {
            at.push(&**name);
            match child {
                Child::Dir(way, node) if !self.apart.contains(at) => {
                    self.dir(&dir, name, *way, at, depth + 1, node, each);
                }
                Child::Dir(_, node) => *node = Node::default(),
                Child::File(form, known) => {
                    self.file(&dir, name, *form, at, known);
                    self.damaged += u64::from(known.damaged);
                    known.items.iter().for_each(&mut *each);
                }
            }
            at.pop();
        }
    }

    /// Whether there is time and room left.
    fn may_go_on(&mut self) -> bool {
        if self.allowance.directories == 0 || self.allowance.entries == 0 {
            self.allowance.cut = self.allowance.cut.or(Some(Cut::Size));
        } else if self.allowance.directories.is_multiple_of(64) && clock::instant() >= self.allowance.until {
            self.allowance.cut = Some(Cut::Time);
        }

        self.allowance.cut.is_none()
    }

    /// Lists a directory anew; what is still there of what was remembered stays.
    fn list(&mut self, parent: &Dir, name: &OsStr, way: Way, node: &mut Node) {
        let mut found: Vec<(Box<OsStr>, Child)> = match way.fixed() {
            Some(fixed) => fixed.into_iter().map(|(name, child)| (OsStr::new(name).into(), child)).collect(),
            None => self.listed(parent, name, way),
        };
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut old: Vec<(Box<OsStr>, Child)> = std::mem::take(&mut node.children);
        for (name, child) in &mut found {
            let same = old.binary_search_by(|(known, _)| known.cmp(name)).ok().and_then(|at| old.get_mut(at));
            if let Some((_, known)) = same
                && known.is_like(child)
            {
                std::mem::swap(known, child);
            }
        }
        found.shrink_to_fit();
        node.children = found;
    }

    fn listed(&mut self, parent: &Dir, name: &OsStr, way: Way) -> Vec<(Box<OsStr>, Child)> {
        let Ok(dir) = parent.open_child_to_list(name) else { return Vec::new() };
        let mut found: Vec<(OsString, Option<FileKind>)> = Vec::new();
        let left = &mut self.allowance.entries;
        let result = dir.visit(&mut self.buffer, &mut |name, kind| {
            let is_wanted = name.to_str().is_some_and(|name| match kind {
                Some(FileKind::Directory) => way.dir(name).is_some(),
                Some(FileKind::File) => way.file(name).is_some(),
                Some(FileKind::Link | FileKind::Other) => false,
                None => way.dir(name).is_some() || way.file(name).is_some(),
            });
            if is_wanted {
                found.push((name.to_owned(), kind));
            }
            *left -= 1;
            *left > 0
        });
        if result.is_err() {
            return Vec::new();
        }
        let child = |(name, kind): (OsString, Option<FileKind>)| {
            let text = name.to_str()?;
            let kind = kind.or_else(|| dir.stat(&name).ok().map(|stat| stat.kind))?;
            let child = match kind {
                FileKind::Directory => Child::dir(way.dir(text)?),
                FileKind::File => Child::file(way.file(text)?),
                FileKind::Link | FileKind::Other => return None,
            };
            Some((name.into_boxed_os_str(), child))
        };

        found.into_iter().filter_map(child).collect()
    }

    /// Reads a file if it changed.
    fn file(&mut self, dir: &Dir, name: &OsStr, form: Form, at: &Path, known: &mut Known) {
        let inside = at.strip_prefix(self.root).unwrap_or(at);
        let allowed = self.bounds.allow_path(at) && !self.owned.holds(&paths::to_bytes(inside));
        let stat = if allowed { dir.stat(name).ok() } else { None };
        let stat = stat.filter(|stat| stat.kind == FileKind::File && self.bounds.allow_file(stat));
        let Some(stat) = stat else {
            *known = Known::default();
            return;
        };
        let stamp = Some(Stamp::of(&stat));
        if known.stamp == stamp {
            return;
        }
        let items = read(dir, name, form, stat.size);
        known.stamp = stamp;
        known.damaged = items.is_none();
        known.items = items.unwrap_or_default().into_boxed_slice();
    }
}

/// The packages that a file tells of; `None` if it is not what its name says.
fn read(dir: &Dir, name: &OsStr, form: Form, size: u64) -> Option<Vec<Item>> {
    let file = dir.open_file(name).ok()?;
    let text = |most: u64| {
        let mut bytes = Vec::new();
        file.try_clone().ok()?.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    match form {
        Form::Python => Some(vec![python::read(&text(python::BYTES_MAX)?)?]),
        Form::Npm if size > npm::BYTES_MAX => None,
        Form::Npm => match npm::read(&text(npm::BYTES_MAX)?) {
            npm::Read::Module(item) => Some(vec![item]),
            npm::Read::None => Some(Vec::new()),
            npm::Read::Damaged => None,
        },
        Form::Egg => Some(vec![python::read(&jar::egg_info(&Opened::of(file, size))?)?]),
        Form::Jar => jar::read_from(&Opened::of(file, size), name.to_str()?),
    }
}
