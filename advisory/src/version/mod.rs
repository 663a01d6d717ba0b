//! Versions, in the order of their ecosystem.

/// Which order the versions of an ecosystem have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Order {
    /// dpkg's: `epoch:upstream-revision`.
    Debian,
    /// rpm's: `epoch:version-release`.
    Rpm,
    /// apk-tools': `1.2.3_p1-r0`.
    Alpine,
    /// Semantic versioning: npm, crates.io, Go.
    SemVer,
    /// Python's PEP 440.
    Pep440,
    /// Numbers between dots: builds of Windows, `10.0.19045.3803`.
    Numbers,
}
