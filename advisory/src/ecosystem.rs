//! Whose packages: a distribution's release, or the registry of a language. Spelled as OSV spells it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use vonggac_protocol::package::Manager;

use crate::version::Order;

/// Which of Ubuntu's archives a fix comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    /// The archive everybody has.
    Main,
    /// Ubuntu Pro's (ESM): only machines attached to the service get it.
    Pro,
}

/// Whose packages. Two releases of one distribution are two ecosystems.
///
/// Reads and prints OSV's spelling: `Debian:12`, `Ubuntu:22.04:LTS`, `Ubuntu:Pro:22.04:LTS`, `AlmaLinux:9`,
/// `Rocky Linux:9`, `Red Hat:enterprise_linux:9`, `Alpine:v3.19`, `npm`; and `Windows:<product>`, our own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ecosystem {
    /// A release of Debian by its number.
    Debian(u16),
    /// A release of Ubuntu by year and month, and the archive.
    Ubuntu(u16, u8, Channel),
    /// A major version of AlmaLinux.
    AlmaLinux(u16),
    /// A major version of Rocky Linux.
    RockyLinux(u16),
    /// A major version of Red Hat Enterprise Linux; its extended and rebuilt products are not this.
    RedHat(u16),
    /// A release of Alpine.
    Alpine(u16, u16),
    /// A product of Microsoft's catalogue, as their advisories name it.
    Windows(String),
    /// JavaScript.
    Npm,
    /// Python.
    PyPI,
    /// Rust.
    CratesIo,
    /// Go modules.
    Go,
}

/// Nothing of ours is called that.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an ecosystem that is judged here: {0:?}")]
pub struct ParseEcosystemError(pub String);

impl Ecosystem {
    /// The ecosystem of a machine, by `ID` and `VERSION_ID` of its os-release; `None` if no feed is known for such.
    #[must_use]
    pub fn of_system(id: &str, version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse::<u16>);
        let major = numbers.next()?.ok();
        let minor = numbers.next().and_then(Result::ok);
        match id {
            "debian" => major.map(Self::Debian),
            "ubuntu" => ubuntu(version, Channel::Main),
            "almalinux" => major.map(Self::AlmaLinux),
            "rocky" => major.map(Self::RockyLinux),
            "rhel" => major.map(Self::RedHat),
            "alpine" => Some(Self::Alpine(major?, minor?)),
            _ => None,
        }
    }

    /// Whose a manager's packages are on a machine of the system `system`; `None` if nobody's that is known here: another
    /// system's manager, or a registry without feeds.
    #[must_use]
    pub fn of_manager(manager: Manager, system: Option<&Self>) -> Option<&Self> {
        match manager {
            Manager::Python => Some(&Self::PyPI),
            Manager::Npm => Some(&Self::Npm),
            Manager::Dpkg => system.filter(|it| matches!(it, Self::Debian(_) | Self::Ubuntu(..))),
            Manager::Rpm => {
                system.filter(|it| matches!(it, Self::AlmaLinux(_) | Self::RockyLinux(_) | Self::RedHat(_)))
            }
            Manager::Apk => system.filter(|it| matches!(it, Self::Alpine(..))),
            Manager::WindowsUninstall | Manager::WindowsAppx => {
                system.filter(|it| matches!(it, Self::Windows(_)))
            }
            Manager::Jar | Manager::Snap | Manager::Flatpak => None,
        }
    }

    /// Whether it is a registry, of which any machine may have packages, and no system's.
    #[must_use]
    pub const fn is_registry(&self) -> bool {
        matches!(self, Self::Npm | Self::PyPI | Self::CratesIo | Self::Go)
    }

    /// A package's name as the ecosystem compares names: Python's registry takes `Zope.Interface` and `zope-interface` for one.
    #[must_use]
    pub fn name_of<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if *self != Self::PyPI || name.bytes().all(is_plain) {
            return name.into();
        }
        let mut written = String::with_capacity(name.len());
        for letter in name.chars() {
            if !matches!(letter, '-' | '_' | '.') {
                written.push(letter.to_ascii_lowercase());
            } else if !written.ends_with('-') {
                written.push('-');
            }
        }

        written.into()
    }

    /// The order of its versions.
    #[must_use]
    pub const fn order(&self) -> Order {
        match self {
            Self::Debian(_) | Self::Ubuntu(..) => Order::Debian,
            Self::AlmaLinux(_) | Self::RockyLinux(_) | Self::RedHat(_) => Order::Rpm,
            Self::Alpine(..) => Order::Alpine,
            Self::Windows(_) => Order::Numbers,
            Self::Npm | Self::CratesIo | Self::Go => Order::SemVer,
            Self::PyPI => Order::Pep440,
        }
    }
}

/// `22.04` as a release of Ubuntu.
fn ubuntu(release: &str, channel: Channel) -> Option<Ecosystem> {
    let (year, month) = release.split_once('.')?;
    if month.len() != 2 {
        return None;
    }

    Some(Ecosystem::Ubuntu(year.parse().ok()?, month.parse().ok()?, channel))
}

/// Digits only: `u16::from_str` would take a sign.
fn number(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// What stands behind the first colon, by what stands before it.
fn numbered(family: &str, rest: &str) -> Option<Ecosystem> {
    match family {
        "Debian" => number(rest).map(Ecosystem::Debian),
        "Ubuntu" => {
            let rest = rest.strip_suffix(":LTS").unwrap_or(rest);
            match rest.strip_prefix("Pro:") {
                Some(release) => ubuntu(release, Channel::Pro),
                None => ubuntu(rest, Channel::Main),
            }
        }
        "AlmaLinux" => number(rest).map(Ecosystem::AlmaLinux),
        "Rocky Linux" => number(rest).map(Ecosystem::RockyLinux),
        "Red Hat" => {
            // What follows the major version names a repository: `enterprise_linux:9::appstream`.
            let mut parts = rest.strip_prefix("enterprise_linux:")?.split(':');
            number(parts.next()?).map(Ecosystem::RedHat)
        }
        "Alpine" => {
            let (major, minor) = rest.strip_prefix('v')?.split_once('.')?;
            Some(Ecosystem::Alpine(number(major)?, number(minor)?))
        }
        "Windows" if !rest.is_empty() => Some(Ecosystem::Windows(rest.to_owned())),
        _ => None,
    }
}

impl FromStr for Ecosystem {
    type Err = ParseEcosystemError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = match text {
            "npm" => Some(Self::Npm),
            "PyPI" => Some(Self::PyPI),
            "crates.io" => Some(Self::CratesIo),
            "Go" => Some(Self::Go),
            _ => text.split_once(':').and_then(|(family, rest)| numbered(family, rest)),
        };

        found.ok_or_else(|| ParseEcosystemError(text.to_owned()))
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian(release) => write!(f, "Debian:{release}"),
            Self::Ubuntu(year, month, channel) => {
                let pro = if *channel == Channel::Pro { "Pro:" } else { "" };
                // Every other April.
                let lts = if year % 2 == 0 && *month == 4 { ":LTS" } else { "" };
                write!(f, "Ubuntu:{pro}{year}.{month:02}{lts}")
            }
            Self::AlmaLinux(major) => write!(f, "AlmaLinux:{major}"),
            Self::RockyLinux(major) => write!(f, "Rocky Linux:{major}"),
            Self::RedHat(major) => write!(f, "Red Hat:enterprise_linux:{major}"),
            Self::Alpine(major, minor) => write!(f, "Alpine:v{major}.{minor}"),
            Self::Windows(product) => write!(f, "Windows:{product}"),
            Self::Npm => f.write_str("npm"),
            Self::PyPI => f.write_str("PyPI"),
            Self::CratesIo => f.write_str("crates.io"),
            Self::Go => f.write_str("Go"),
        }
    }
}

impl Serialize for Ecosystem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ecosystem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;

        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_prints_as_osv_spells_it() {
        for text in [
            "Debian:12",
            "Ubuntu:22.04:LTS",
            "Ubuntu:Pro:22.04:LTS",
            "Ubuntu:24.10",
            "AlmaLinux:9",
            "Rocky Linux:8",
            "Red Hat:enterprise_linux:9",
            "Alpine:v3.19",
            "Windows:Windows 10 Version 22H2 for x64-based Systems",
            "npm",
            "PyPI",
            "crates.io",
            "Go",
        ] {
            assert_eq!(text.parse::<Ecosystem>().unwrap().to_string(), text);
        }
        assert_eq!(
            "Red Hat:enterprise_linux:9::appstream".parse::<Ecosystem>().unwrap(),
            Ecosystem::RedHat(9)
        );
    }

    #[test]
    fn what_is_not_the_plain_product_is_refused() {
        for text in [
            "",
            "Debian",
            "Debian:+12",
            "Debian:sid",
            "Ubuntu:Pro:FIPS:22.04:LTS",
            "Ubuntu:22.4",
            "Red Hat:rhel_eus:9.2::appstream",
            "Alpine:3.19",
            "Windows:",
            "Wolfi",
        ] {
            assert!(text.parse::<Ecosystem>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_machine_is_known_by_its_os_release() {
        let of = |id, version| Ecosystem::of_system(id, version).map(|found| found.to_string());

        assert_eq!(of("debian", "12").as_deref(), Some("Debian:12"));
        assert_eq!(of("ubuntu", "22.04").as_deref(), Some("Ubuntu:22.04:LTS"));
        assert_eq!(of("almalinux", "9.4").as_deref(), Some("AlmaLinux:9"));
        assert_eq!(of("alpine", "3.19.1").as_deref(), Some("Alpine:v3.19"));
        assert_eq!(of("debian", ""), None, "testing has no number");
        assert_eq!(of("centos", "9"), None);
    }
}
