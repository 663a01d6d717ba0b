//! What is watched unless told otherwise, where our own files live, and paths as bytes.
#![expect(unsafe_code, reason = "std borrows no name from bytes that we have checked")]

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf, Prefix};
use std::sync::LazyLock;

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;

use crate::ntfs::wtf8;

/// What stands between the components of a path.
pub const SEPARATOR: u8 = b'\\';

/// Where this machine keeps its parts, as it says itself.
struct Places {
    system: String,
    data: String,
    drive: String,
    programs: Vec<String>,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let said = |name: &str| std::env::var(name).ok().filter(|path| Path::new(path).is_absolute());
    let system = said("SystemRoot").unwrap_or_else(|| r"C:\Windows".to_owned());
    let drive = system.get(..2).unwrap_or("C:").to_owned();
    let mut programs: Vec<String> =
        ["ProgramW6432", "ProgramFiles", "ProgramFiles(x86)"].into_iter().filter_map(said).collect();
    programs.sort();
    programs.dedup();

    Places {
        data: said("ProgramData").unwrap_or_else(|| format!(r"{drive}\ProgramData")),
        programs,
        system,
        drive,
    }
});

/// The default watch list. A `*` stands for one whole component.
#[must_use]
pub fn watched() -> Vec<WatchPath> {
    const START: &str = r"Microsoft\Windows\Start Menu\Programs\Startup";
    let Places { system, data, drive, programs } = &*PLACES;
    let users = format!(r"{drive}\Users\*");
    let mut list = vec![
        (Area::Access, format!(r"{data}\ssh")),
        (Area::Access, format!(r"{users}\.ssh")),
        (Area::Persistence, format!(r"{system}\System32\Tasks")),
        (Area::Persistence, format!(r"{system}\Tasks")),
        (Area::Persistence, format!(r"{data}\{START}")),
        (Area::Persistence, format!(r"{users}\AppData\Roaming\{START}")),
        (Area::Persistence, format!(r"{system}\System32\GroupPolicy")),
        (Area::Persistence, format!(r"{system}\System32\WindowsPowerShell\v1.0\profile.ps1")),
        (Area::Configuration, format!(r"{system}\System32\drivers\etc")),
        (Area::Configuration, format!(r"{system}\System32\inetsrv\config")),
        (Area::Web, format!(r"{drive}\inetpub\wwwroot")),
        (Area::Boot, format!(r"{system}\Boot")),
        (Area::Programs, format!(r"{system}\System32")),
        (Area::Programs, format!(r"{system}\SysWOW64")),
    ];
    list.extend(programs.iter().map(|path| (Area::Programs, path.clone())));

    list.into_iter().map(|(area, path)| WatchPath { area, path }).collect()
}

/// Whether a package manager of this system says of files what they should be. Where none does, nobody else's word on
/// that is taken: a folder that only looks like its database could be made by anybody.
pub const PACKAGES_VOUCH: bool = false;

/// What is never watched whatever anybody asks: what the system itself writes all the time and keeps locked.
#[must_use]
pub fn never_watched() -> &'static [&'static str] {
    static LIST: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        const BENEATH: [&str; 13] = [
            "config",
            "LogFiles",
            "SleepStudy",
            "WDI",
            "catroot2",
            "sru",
            "winevt",
            r"spool\PRINTERS",
            r"wbem\AutoRecover",
            r"wbem\Logs",
            r"wbem\Repository",
            r"Microsoft\Protect",
            r"Tasks\Microsoft\Windows\UpdateOrchestrator",
        ];

        // Made once and kept to the end of the process.
        BENEATH
            .iter()
            .map(|name| &*Box::leak(format!(r"{}\System32\{name}", PLACES.system).into_boxed_str()))
            .collect()
    });

    &LIST
}

/// Where the agent keeps its state unless told otherwise.
#[must_use]
pub fn state_dir() -> &'static Path {
    Path::new(r"C:\ProgramData\VongGac\agent")
}

/// Where the agent's configuration is unless told otherwise.
#[must_use]
pub fn config_path() -> &'static Path {
    Path::new(r"C:\ProgramData\VongGac\agent.toml")
}

/// The path as the file system has it, links resolved, without the prefix that only programs need.
///
/// # Errors
/// If it is not there or out of reach.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    let full = std::fs::canonicalize(path)?;
    let mut components = full.components();
    let Some(Component::Prefix(prefix)) = components.next() else { return Ok(full) };
    let begin = match prefix.kind() {
        Prefix::VerbatimDisk(letter) => OsString::from(format!("{}:", char::from(letter))),
        Prefix::VerbatimUNC(server, share) => {
            let mut begin = OsString::from(r"\\");
            begin.push(server);
            begin.push(r"\");
            begin.push(share);
            begin
        }
        Prefix::Verbatim(_) | Prefix::DeviceNS(_) | Prefix::UNC(..) | Prefix::Disk(_) => return Ok(full),
    };
    let mut plain = PathBuf::from(begin);
    plain.extend(components);

    Ok(plain)
}

/// Bytes of a path in the form in which two that this system takes for one are equal.
#[must_use]
pub fn folded(bytes: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(wtf8::fold(bytes))
}

/// The bytes of a path, exactly: WTF-8.
#[must_use]
pub fn to_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// The path of these bytes, exactly; `None` if this system has no such path. A drive alone is its root.
#[must_use]
pub fn from_bytes(mut bytes: Vec<u8>) -> Option<PathBuf> {
    if matches!(bytes.as_slice(), [letter, b':'] if letter.is_ascii_alphabetic()) {
        bytes.push(SEPARATOR);
    }

    Some(PathBuf::from(OsString::from_wide(&wtf8::to_units(&bytes)?)))
}

/// The name of these bytes, exactly; `None` if this system has no such name.
#[must_use]
pub fn name(bytes: &[u8]) -> Option<&OsStr> {
    wtf8::to_units(bytes)?;

    // SAFETY: OsStr of Windows is WTF-8, and these bytes just proved to be well-formed WTF-8: they are the only form of
    // the units that were read from them. Std says of as_encoded_bytes only that it is a superset of UTF-8; the test
    // below holds the two against each other.
    Some(unsafe { OsStr::from_encoded_bytes_unchecked(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_lone_surrogate_is_the_same_in_bytes_and_back() {
        let units = [0x48, 0xD800, 0x1EF1, 0xDC00];
        let own = OsString::from_wide(&units);

        assert_eq!(name(&wtf8::from_units(&units)), Some(own.as_os_str()));
        assert_eq!(from_bytes(to_bytes(Path::new(&own))), Some(PathBuf::from(&own)));
        assert_eq!(name(&[0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]), None);
    }

    #[test]
    fn a_drive_alone_is_its_root() {
        assert_eq!(from_bytes(b"C:".to_vec()), Some(PathBuf::from(r"C:\")));
        assert!(from_bytes(b"C:".to_vec()).unwrap().is_absolute());
    }

    #[test]
    fn a_canonical_path_is_written_as_people_write_it() {
        let dir = tempfile::tempdir().unwrap();

        let found = canonical(dir.path()).unwrap();

        assert!(
            matches!(found.components().next(), Some(Component::Prefix(prefix))
            if matches!(prefix.kind(), Prefix::Disk(_))),
            "{}",
            found.display()
        );
    }
}
