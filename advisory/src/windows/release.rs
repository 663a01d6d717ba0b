//! What Microsoft's advisories call a system: by build number, architecture, and whether it is a client or a server.
//! Names and languages that a system shows to people are never looked at, but for the word `Server`.

use vonggac_protocol::windows::WindowsState;

/// A release by its build number.
struct Release {
    build: u32,
    /// Numbers before the build in a full version: 10.0.
    version: (u32, u32),
    client: Option<Name>,
    server: Option<Name>,
}

/// How a release is named for an architecture.
#[derive(Clone, Copy)]
enum Name {
    /// `Windows 10 Version 22H2 for x64-based Systems`.
    For(&'static str),
    /// `Windows Server 2019`: one architecture.
    Plain(&'static str),
    /// `Windows Vista x64 Edition Service Pack 2`.
    Edition(&'static str),
    /// Of XP the client for x64 has a name of its own.
    Xp,
}

const fn release(build: u32, version: (u32, u32), client: Option<Name>, server: Option<Name>) -> Release {
    Release { build, version, client, server }
}

const TEN: (u32, u32) = (10, 0);

/// All that Microsoft's advisories have rows of; a build that is not here is not judged.
const RELEASES: [Release; 32] = [
    release(2600, (5, 1), Some(Name::Xp), None),
    release(3790, (5, 2), Some(Name::Xp), Some(Name::Edition("Microsoft Windows Server 2003"))),
    release(6000, (6, 0), Some(Name::Edition("Windows Vista")), None),
    release(6001, (6, 0), Some(Name::Edition("Windows Vista")), Some(Name::For("Windows Server 2008"))),
    release(6002, (6, 0), Some(Name::Edition("Windows Vista")), Some(Name::For("Windows Server 2008"))),
    release(6003, (6, 0), None, Some(Name::For("Windows Server 2008"))),
    release(7600, (6, 1), Some(Name::For("Windows 7")), Some(Name::For("Windows Server 2008 R2"))),
    release(7601, (6, 1), Some(Name::For("Windows 7")), Some(Name::For("Windows Server 2008 R2"))),
    release(9200, (6, 2), Some(Name::For("Windows 8")), Some(Name::Plain("Windows Server 2012"))),
    release(9600, (6, 3), Some(Name::For("Windows 8.1")), Some(Name::Plain("Windows Server 2012 R2"))),
    release(10_240, TEN, Some(Name::For("Windows 10")), None),
    release(10_586, TEN, Some(Name::For("Windows 10 Version 1511")), None),
    release(
        14_393,
        TEN,
        Some(Name::For("Windows 10 Version 1607")),
        Some(Name::Plain("Windows Server 2016")),
    ),
    release(15_063, TEN, Some(Name::For("Windows 10 Version 1703")), None),
    release(
        16_299,
        TEN,
        Some(Name::For("Windows 10 Version 1709")),
        Some(Name::Plain("Windows Server, version 1709")),
    ),
    release(
        17_134,
        TEN,
        Some(Name::For("Windows 10 Version 1803")),
        Some(Name::Plain("Windows Server, version 1803")),
    ),
    release(
        17_763,
        TEN,
        Some(Name::For("Windows 10 Version 1809")),
        Some(Name::Plain("Windows Server 2019")),
    ),
    release(
        18_362,
        TEN,
        Some(Name::For("Windows 10 Version 1903")),
        Some(Name::Plain("Windows Server, version 1903")),
    ),
    release(
        18_363,
        TEN,
        Some(Name::For("Windows 10 Version 1909")),
        Some(Name::Plain("Windows Server, version 1909")),
    ),
    release(
        19_041,
        TEN,
        Some(Name::For("Windows 10 Version 2004")),
        Some(Name::Plain("Windows Server, version 2004")),
    ),
    release(
        19_042,
        TEN,
        Some(Name::For("Windows 10 Version 20H2")),
        Some(Name::Plain("Windows Server, version 20H2")),
    ),
    release(19_043, TEN, Some(Name::For("Windows 10 Version 21H1")), None),
    release(19_044, TEN, Some(Name::For("Windows 10 Version 21H2")), None),
    release(19_045, TEN, Some(Name::For("Windows 10 Version 22H2")), None),
    release(20_348, TEN, None, Some(Name::Plain("Windows Server 2022"))),
    release(22_000, TEN, Some(Name::For("Windows 11 version 21H2")), None),
    release(22_621, TEN, Some(Name::For("Windows 11 Version 22H2")), None),
    release(22_631, TEN, Some(Name::For("Windows 11 Version 23H2")), None),
    release(25_398, TEN, None, Some(Name::Plain("Windows Server 2022, 23H2 Edition"))),
    release(
        26_100,
        TEN,
        Some(Name::For("Windows 11 Version 24H2")),
        Some(Name::Plain("Windows Server 2025")),
    ),
    release(26_200, TEN, Some(Name::For("Windows 11 Version 25H2")), None),
    release(28_000, TEN, Some(Name::For("Windows 11 Version 26H1")), None),
];

/// What a system is called, and what its full version begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct System {
    /// The product, as Microsoft's advisories name it.
    pub product: String,
    /// Numbers before the revision: 10.0.19045.
    pub version: (u32, u32, u32),
}

/// A machine that cannot be named as Microsoft's advisories name products; nothing is concluded about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnknownSystem {
    /// The number of a preview, or of a release that is newer than this program.
    #[error("no release of Windows is known with the build {0}")]
    Build(u32),
    /// A client's build on a server, or the other way round.
    #[error("no {} is known with the build {build}", if *server { "Windows Server" } else { "client of Windows" })]
    Sort {
        /// The build.
        build: u32,
        /// Whether the machine is a server.
        server: bool,
    },
    /// None of x64, x86, arm64.
    #[error("not an architecture of Windows that is known here: {0}")]
    Architecture(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Architecture {
    X64,
    X86,
    Arm64,
}

/// The name of a machine's system.
///
/// # Errors
/// If there is none that is known.
pub fn system(state: &WindowsState) -> Result<System, UnknownSystem> {
    let build = state.build;
    let release = RELEASES.iter().find(|it| it.build == build).ok_or(UnknownSystem::Build(build))?;
    let architecture = match state.architecture.to_ascii_lowercase().as_str() {
        "x64" | "x86_64" | "amd64" => Architecture::X64,
        "x86" | "i386" | "i686" => Architecture::X86,
        "arm64" | "aarch64" => Architecture::Arm64,
        _ => return Err(UnknownSystem::Architecture(state.architecture.clone())),
    };
    let installation = state.installation.as_deref().unwrap_or_default();
    let server = if installation.is_empty() {
        state.product_name.to_ascii_lowercase().contains("server")
    } else {
        installation.starts_with("Server")
    };
    let name = if server { release.server } else { release.client };
    let name = name.ok_or(UnknownSystem::Sort { build, server })?;
    let pack = match build {
        6001 | 7601 => 1,
        6002 | 6003 => 2,
        2600 | 3790 => state.service_pack.unwrap_or(0),
        _ => 0,
    };
    // The first Windows Server 2008 has the build of a service pack 1 and is called by none.
    let pack = if server && build == 6001 { 0 } else { pack };
    let mut product = named(name, architecture, build);
    if pack > 0 {
        product.push_str(&format!(" Service Pack {pack}"));
    }
    if installation.eq_ignore_ascii_case("Server Core") {
        product.push_str(" (Server Core installation)");
    }
    let (major, minor) = release.version;

    Ok(System { product, version: (major, minor, build) })
}

fn named(name: Name, architecture: Architecture, build: u32) -> String {
    let is_x64 = architecture == Architecture::X64;
    match name {
        Name::For(name) => format!("{name} for {} Systems", word(architecture)),
        Name::Plain(name) => name.to_owned(),
        Name::Edition(name) if is_x64 => format!("{name} x64 Edition"),
        Name::Edition(name) => name.to_owned(),
        Name::Xp if is_x64 && build == 3790 => "Microsoft Windows XP Professional x64 Edition".to_owned(),
        Name::Xp => "Microsoft Windows XP".to_owned(),
    }
}

const fn word(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X64 => "x64-based",
        Architecture::X86 => "32-bit",
        Architecture::Arm64 => "ARM64-based",
    }
}

/// Whether a product of Microsoft's advisories is a release of Windows that may be judged here.
#[must_use]
pub fn is_windows(product: &str) -> bool {
    let key = key(product);
    let is = |name: Name| {
        let name = match name {
            Name::For(name) | Name::Plain(name) | Name::Edition(name) => name,
            Name::Xp => "Microsoft Windows XP",
        };
        key.strip_prefix(&name.to_ascii_lowercase()).is_some_and(|rest| {
            rest.is_empty()
                || [" for ", " service pack ", " x64 edition", " professional x64 edition", " (server core"]
                    .iter()
                    .any(|start| rest.starts_with(start))
        })
    };

    RELEASES.iter().flat_map(|release| [release.client, release.server]).flatten().any(is)
}

/// What two spellings of one product have in common: advisories write `Systems` and `systems`, `Version` and `version`.
#[must_use]
pub fn key(product: &str) -> String {
    product.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}
