//! One distinct package: all that its verdict depends on, and nothing of the machine.

use std::hash::{DefaultHasher, Hasher as _};

use vonggac_protocol::package::{LicenceBasis, Manager, Package};

use super::count::Counts;
use crate::book::{Book, Span, Stream, Subject};
use crate::ecosystem::Ecosystem;
use crate::kernel::{Kernel, kernel, source_of};
use crate::origin::{Origin, stream};
use crate::row::Names;

/// Whether a package could be judged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// It was.
    Judged,
    /// Comes from a kernel's source without carrying one: nothing to attack.
    KernelCompanion,
    /// No feed in the book speaks for its ecosystem.
    NoFeed,
    /// It does not come from where the feeds speak for.
    Foreign(Origin),
    /// Its version has no place in the order of its ecosystem.
    BadVersion,
}

/// A package as machines have it.
pub(super) struct Item {
    whose: usize,
    /// What tells it apart, in one piece: every package of every inventory is compared with one of these.
    identity: Box<[u8]>,
    pub(super) name: Box<str>,
    pub(super) architecture: Box<str>,
    pub(super) version: Box<str>,
    /// As advisories call it.
    pub(super) source: Box<str>,
    pub(super) source_version: Box<str>,
    origin: Origin,
    module: Option<Box<str>>,
    /// Part of a module that is not named.
    is_modular: bool,
    pub(super) kernel: Kernel,
}

/// Writes what tells items apart: each text with its length before it, so that no two packages write the same.
pub(super) fn identity(ecosystem: &str, package: &Package, origin: Origin, out: &mut Vec<u8>) {
    let manager = Manager::ALL.iter().position(|known| *known == package.manager);
    let origin = ORIGINS.iter().position(|known| *known == origin);
    let number = |at: Option<usize>| at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
    out.clear();
    out.extend([number(manager), number(origin)]);
    for text in [ecosystem, &package.name, &package.version, &package.architecture] {
        write_text(Some(text), out);
    }
    write_text(package.source.as_deref(), out);
    write_text(package.source_version.as_deref(), out);
    write_text(package.module.as_deref(), out);
}

const ORIGINS: [Origin; 6] = [
    Origin::Distribution,
    Origin::Backports,
    Origin::Other,
    Origin::Unlisted,
    Origin::Local,
    Origin::Elsewhere,
];

fn write_text(text: Option<&str>, out: &mut Vec<u8>) {
    let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
    out.extend(length.to_le_bytes());
    out.extend(text.unwrap_or_default().as_bytes());
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length == u32::MAX {
        *rest = after;
        return Some(None);
    }
    let (text, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;

    Some(Some(std::str::from_utf8(text).ok()?))
}

/// What an identity was written from: the ecosystem, as much of the package as counts here, its origin.
pub(super) fn package_of(identity: &[u8]) -> Option<(Ecosystem, Package, Origin)> {
    let ([manager, origin], mut rest) = identity.split_first_chunk::<2>()?;
    let mut text = || read_text(&mut rest);
    let ecosystem = text()??.parse().ok()?;
    let mut owned = || text().map(|text| text.map(str::to_owned));
    let package = Package {
        manager: *Manager::ALL.get(usize::from(*manager))?,
        name: owned()??,
        version: owned()??,
        architecture: owned()??,
        source: owned()?,
        source_version: owned()?,
        module: owned()?,
        section: None,
        vendor: None,
        licence: None,
        licence_basis: LicenceBasis::Unknown,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    };

    rest.is_empty().then_some((ecosystem, package, *ORIGINS.get(usize::from(*origin))?))
}

/// A hash of an identity.
pub(super) fn hash(identity: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(identity);

    hasher.finish()
}

impl Item {
    pub(super) fn new(
        whose: usize,
        ecosystem: &Ecosystem,
        package: &Package,
        origin: Origin,
        identity: &[u8],
    ) -> Self {
        let name = ecosystem.name_of(&package.name);
        let (source, source_version) = source_of(package, ecosystem);
        let source = if source == package.name.as_str() { name.clone() } else { source };

        Self {
            whose,
            identity: identity.into(),
            name: name.into(),
            architecture: package.architecture.as_str().into(),
            version: package.version.as_str().into(),
            source: source.as_ref().into(),
            source_version: source_version.into(),
            origin,
            module: package.module.as_deref().map(Into::into),
            is_modular: stream(package) == Stream::Untold,
            kernel: kernel(package),
        }
    }

    pub(super) fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// Whether this is that package.
    pub(super) fn is(&self, identity: &[u8]) -> bool {
        *self.identity == *identity
    }

    pub(super) const fn whose(&self) -> usize {
        self.whose
    }

    /// The names that rows may speak of it by.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain((self.source != self.name).then_some(&*self.source))
    }

    fn stream(&self) -> Stream<'_> {
        match &self.module {
            Some(module) => Stream::Named(module),
            None if self.is_modular => Stream::Untold,
            None => Stream::None,
        }
    }

    /// What rows may speak of: its source and itself.
    pub(super) fn subjects<'a>(&'a self, ecosystem: &'a Ecosystem) -> [Subject<'a>; 2] {
        let own = |names, package, version| Subject {
            ecosystem,
            names,
            package,
            version,
            architecture: &self.architecture,
            stream: self.stream(),
        };

        [
            own(Names::Source, &self.source, &self.source_version),
            own(Names::Binary, &self.name, &self.version),
        ]
    }

    pub(super) fn judge(&self, book: &Book, ecosystem: &Ecosystem) -> (Vec<Span>, Standing) {
        let nothing = |standing| (Vec::new(), standing);
        if self.kernel == Kernel::Companion {
            return nothing(Standing::KernelCompanion);
        }
        if book.covering(ecosystem).next().is_none() {
            return nothing(Standing::NoFeed);
        }
        if self.origin != Origin::Distribution {
            return nothing(Standing::Foreign(self.origin));
        }
        let mut spans = Vec::new();
        for subject in self.subjects(ecosystem) {
            if book.judge(&subject, &mut spans).is_err() {
                return nothing(Standing::BadVersion);
            }
        }

        (spans, Standing::Judged)
    }
}

/// What was found of an item; shared by all items of which the same was found.
pub(super) struct Verdict {
    pub(super) spans: Box<[Span]>,
    pub(super) standing: Standing,
    /// Its rows by state, as they count on any machine but for kernels.
    pub(super) counts: Counts,
}

impl Verdict {
    pub(super) fn new(book: &Book, spans: Box<[Span]>, standing: Standing) -> Self {
        let mut counts = Counts::default();
        for span in &spans {
            for (_, row) in book.rows_of(*span) {
                counts.add(super::finding::plain_state(row.said, span.doubt), 1);
            }
        }

        Self { spans, standing, counts }
    }
}
