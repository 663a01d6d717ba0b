//! One distinct package: all that its verdict depends on, and nothing of the machine.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use vonggac_protocol::package::{Manager, Package};

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
    manager: Manager,
    pub(super) name: Box<str>,
    pub(super) architecture: Box<str>,
    pub(super) version: Box<str>,
    /// As the package says, for telling items apart.
    written_source: Option<Box<str>>,
    written_source_version: Option<Box<str>>,
    /// As advisories call it.
    pub(super) source: Box<str>,
    pub(super) source_version: Box<str>,
    origin: Origin,
    stream: Stream<'static>,
    pub(super) kernel: Kernel,
}

/// A hash of what tells items apart.
pub(super) fn hash(whose: usize, package: &Package, origin: Origin) -> u64 {
    let mut hasher = DefaultHasher::new();
    (whose, package.manager, &package.name, &package.architecture, &package.version).hash(&mut hasher);
    (&package.source, &package.source_version, origin).hash(&mut hasher);

    hasher.finish()
}

impl Item {
    pub(super) fn new(whose: usize, ecosystem: &Ecosystem, package: &Package, origin: Origin) -> Self {
        let (source, source_version) = source_of(package, ecosystem);
        let boxed = |text: &Option<String>| text.as_deref().map(Box::from);

        Self {
            whose,
            manager: package.manager,
            name: package.name.as_str().into(),
            architecture: package.architecture.as_str().into(),
            version: package.version.as_str().into(),
            source: source.as_ref().into(),
            source_version: source_version.into(),
            written_source: boxed(&package.source),
            written_source_version: boxed(&package.source_version),
            origin,
            stream: stream(package),
            kernel: kernel(package),
        }
    }

    /// Whether this is that package.
    pub(super) fn is(&self, whose: usize, package: &Package, origin: Origin) -> bool {
        self.whose == whose
            && self.origin == origin
            && self.manager == package.manager
            && *self.name == *package.name
            && *self.version == *package.version
            && *self.architecture == *package.architecture
            && self.written_source.as_deref() == package.source.as_deref()
            && self.written_source_version.as_deref() == package.source_version.as_deref()
    }

    pub(super) const fn whose(&self) -> usize {
        self.whose
    }

    /// The names that rows may speak of it by.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain((self.source != self.name).then_some(&*self.source))
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
        for (names, package, version) in
            [(Names::Source, &self.source, &self.source_version), (Names::Binary, &self.name, &self.version)]
        {
            let subject = Subject {
                ecosystem,
                names,
                package,
                version,
                architecture: &self.architecture,
                stream: self.stream,
            };
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
