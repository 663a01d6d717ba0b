//! One statement of an advisory about one package.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vonggac_protocol::time::Timestamp;

use crate::ecosystem::Ecosystem;

/// What all rows of one advisory share; readers make it once and clone the [`Arc`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Advisory {
    /// Its name, as its publisher writes it: `DSA-5360-1`, `ALSA-2024:8127`, or a CVE where the feed has no other.
    pub id: String,
    /// The CVEs it answers, sorted, without doubles; `id` itself is repeated here if it is a CVE.
    pub cves: Vec<String>,
    /// What it is about, in the publisher's words; empty if it does not say.
    pub summary: String,
    /// How bad, in the publisher's own word: `Important`, `medium`; `None` if it does not say.
    pub severity: Option<String>,
    /// Vector of CVSS as written, such as `CVSS:3.1/AV:N/..`; `None` if not given.
    pub cvss: Option<String>,
    /// When it was first published.
    pub published: Option<Timestamp>,
    /// When it was last changed.
    pub modified: Option<Timestamp>,
}

/// Which of a package's two names a row means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// The source package, from which several installed packages may be built (Debian, Ubuntu, Alpine's origin).
    Source,
    /// The package as it is installed (the rpm family, languages, Windows products).
    Binary,
}

/// What the publisher says of the versions from [`Row::introduced`] on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Affected below this version, mended in it.
    Fixed(String),
    /// Affected up to and with this version; the mended one is not named.
    LastAffected(String),
    /// Affected until [`Row::update`], or an update that takes its place, is installed; which version that brings is not
    /// told (older Windows, parts of it).
    ByUpdate,
    /// Affected in every version, no fix is known yet (deferred and postponed ones too: say so in [`Row::note`]).
    NoFix,
    /// Affected, and the publisher said that it will not be mended.
    WillNotFix,
    /// Affected or not examined, because the publisher no longer supports this package or release.
    EndOfLife,
    /// The publisher examined it: not affected.
    NotAffected,
}

/// Minor releases for which an rpm package was built, as the end of its release says: `8.6` for `-8.el8_6` and
/// `.module_el8.6.0+2766`, `8` for `-5.el8`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Minor {
    /// Packages built for this one.
    Of(String),
    /// Packages built for any but these.
    NotOf(Vec<String>),
}

/// One statement: this package of this ecosystem is affected or not, by this advisory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// Name of the package, as the ecosystem writes it.
    pub package: String,
    /// Which of its names that is.
    pub names: Names,
    /// Module and stream of a modular rpm package, `nodejs:18`; `None` if the row is not limited to one.
    pub module: Option<String>,
    /// Architectures it is limited to, as the package manager writes them; empty means all.
    pub architectures: Vec<String>,
    /// Minor releases of the system that it is limited to; `None`: to none.
    pub minor: Option<Minor>,
    /// The first version affected; `None` where all below the fix are.
    pub introduced: Option<String>,
    /// What is said of them.
    pub verdict: Verdict,
    /// The update that brings the fix, where it has a number of its own: `5034122` of Windows.
    pub update: Option<String>,
    /// The publisher's remark on this very row: `no-dsa, minor issue`, `unimportant`; empty if none.
    pub note: String,
    /// The advisory it is a part of.
    pub advisory: Arc<Advisory>,
}
