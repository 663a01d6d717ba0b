//! Versions, in the order of their ecosystem, as byte keys: comparing two keys byte by byte compares the versions.
//!
//! A key is made once for a version of the fleet and once for a version of an advisory; matching is then a search in
//! a sorted list that knows nothing of ecosystems. How each order is written as bytes stands in its file.
//!
//! | file | order |
//! |---|---|
//! | [`debian`] | dpkg's |
//! | [`rpm`] | rpm's |
//! | [`alpine`] | apk-tools' |
//! | [`semver`] | semantic versioning |
//! | [`pep440`] | Python's |
//! | [`numbers`] | numbers between dots, as Windows counts its builds |
//! | [`bytes`] | numbers of any length as bytes that sort |

pub mod alpine;
mod bytes;
pub mod debian;
pub mod numbers;
pub mod pep440;
pub mod rpm;
pub mod semver;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

/// A longer text is no version: nobody reads one of this length, and keys stay small.
pub const VERSION_MAX: usize = 1_024;

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

/// A version as bytes; keys of one [`Order`] compare as their versions do, keys of two orders mean nothing together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(Box<[u8]>);

impl Key {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key above this one and below that of every newer version: no key of a version starts with another's.
    #[must_use]
    pub fn just_after(&self) -> Self {
        Self([&*self.0, &[0]].concat().into_boxed_slice())
    }
}

/// The text is no version in this order; nothing is concluded from it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a version: {0}")]
pub struct BadVersion(pub &'static str);

impl Order {
    /// The key of a version.
    ///
    /// # Errors
    /// If the text is empty, longer than [`VERSION_MAX`], has blanks or control characters in it, or breaks what the
    /// order cannot do without (an epoch that is no number).
    pub fn key(self, version: &str) -> Result<Key, BadVersion> {
        let version = version.trim();
        if version.is_empty() {
            return Err(BadVersion("it is empty"));
        }
        if version.len() > VERSION_MAX {
            return Err(BadVersion("it is longer than 1,024 bytes"));
        }
        if version.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(BadVersion("it has blanks or control characters"));
        }
        let mut out = Vec::with_capacity(version.len() * 2);
        match self {
            Self::Debian => debian::write(version, &mut out)?,
            Self::Rpm => rpm::write(version, &mut out),
            Self::Alpine => alpine::write(version, &mut out)?,
            Self::SemVer => semver::write(version, &mut out)?,
            Self::Pep440 => pep440::write(version, &mut out),
            Self::Numbers => numbers::write(version, &mut out)?,
        }

        Ok(Key(out.into_boxed_slice()))
    }

    /// Which of two versions is the newer.
    ///
    /// # Errors
    /// If either has no key.
    pub fn compare(self, left: &str, right: &str) -> Result<Ordering, BadVersion> {
        Ok(self.key(left)?.cmp(&self.key(right)?))
    }
}
