//! What is watched unless told otherwise, and where our own files live.

use std::path::{Path, PathBuf};

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;

/// What stands between the components of a path.
pub const SEPARATOR: u8 = b'\\';

/// Whether every directory needs a watch of its own; otherwise one watch covers a tree.
pub const WATCH_EACH_DIRECTORY: bool = false;

/// The default watch list. A `*` stands for one whole component.
#[must_use]
pub fn watched() -> Vec<WatchPath> {
    let list = [
        (Area::Access, r"C:\ProgramData\ssh"),
        (Area::Configuration, r"C:\Windows\System32\drivers\etc"),
        (Area::Persistence, r"C:\Windows\System32\Tasks"),
        (Area::Persistence, r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp"),
        (Area::Programs, r"C:\Windows\System32"),
        (Area::Web, r"C:\inetpub\wwwroot"),
    ];

    list.into_iter().map(|(area, path)| WatchPath { area, path: path.to_owned() }).collect()
}

/// What is never watched whatever anybody asks.
#[must_use]
pub fn never_watched() -> &'static [&'static str] {
    &[]
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

/// The bytes of a path: the text where it is Unicode; lone surrogates are lost (docs/limits.md).
#[must_use]
pub fn to_bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// The path of these bytes; `None` if this system has no such path.
#[must_use]
pub fn from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The name of these bytes; `None` if this system has no such name.
#[must_use]
pub fn name(bytes: &[u8]) -> Option<&std::ffi::OsStr> {
    std::str::from_utf8(bytes).ok().map(std::ffi::OsStr::new)
}
