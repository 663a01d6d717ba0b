//! What is watched unless told otherwise, and where our own files live.

use std::path::{Path, PathBuf};

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;

/// What stands between the components of a path.
pub const SEPARATOR: u8 = b'/';

/// The default watch list. A `*` stands for one whole component. The longest path decides a file's area; paths
/// that do not exist are watched for; paths that are one and the same through links are counted once.
#[must_use]
pub fn watched() -> Vec<WatchPath> {
    let lists: [(Area, &[&str]); 7] = [
        (
            Area::Access,
            &[
                "/root/.ssh",
                "/home/*/.ssh",
                "/etc/ssh",
                "/etc/sudoers",
                "/etc/sudoers.d",
                "/etc/pam.d",
                "/etc/passwd",
                "/etc/shadow",
                "/etc/group",
                "/etc/gshadow",
            ],
        ),
        (
            Area::Persistence,
            &[
                "/etc/crontab",
                "/etc/cron.d",
                "/etc/cron.hourly",
                "/etc/cron.daily",
                "/etc/cron.weekly",
                "/etc/cron.monthly",
                "/var/spool/cron",
                "/etc/systemd",
                "/usr/lib/systemd/system",
                "/etc/init.d",
                "/etc/rc.local",
                "/etc/profile.d",
                "/etc/ld.so.preload",
            ],
        ),
        (Area::Web, &["/var/www", "/srv/www", "/usr/share/nginx"]),
        // The package manager's records, beside which its programs are recognised.
        (Area::Configuration, &["/etc", "/var/lib/dpkg/info"]),
        (Area::Boot, &["/boot"]),
        (Area::Programs, &["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]),
        (
            Area::Libraries,
            &[
                "/lib",
                "/lib32",
                "/lib64",
                "/libx32",
                "/usr/lib",
                "/usr/lib32",
                "/usr/lib64",
                "/usr/local/lib",
            ],
        ),
    ];

    lists
        .into_iter()
        .flat_map(|(area, paths)| paths.iter().map(move |path| WatchPath { area, path: (*path).to_owned() }))
        .collect()
}

/// Whether a package manager of this system says of files what they should be. Where none does, nobody else's word on
/// that is taken: a folder that only looks like its database could be made by anybody.
pub const PACKAGES_VOUCH: bool = true;

/// What is never watched whatever anybody asks: views of the kernel, not files.
#[must_use]
pub fn never_watched() -> &'static [&'static str] {
    &["/proc", "/sys", "/dev", "/run"]
}

/// Where the agent keeps its state unless told otherwise.
#[must_use]
pub fn state_dir() -> &'static Path {
    Path::new("/var/lib/vonggac-agent")
}

/// Where the agent's configuration is unless told otherwise.
#[must_use]
pub fn config_path() -> &'static Path {
    Path::new("/etc/vonggac/agent.toml")
}

/// The path as the file system has it, links resolved.
///
/// # Errors
/// If it is not there or out of reach.
pub fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// Bytes of a path in the form in which two that this system takes for one are equal: as they are.
#[must_use]
pub fn folded(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    std::borrow::Cow::Borrowed(bytes)
}

/// The bytes of a path, exactly.
#[must_use]
pub fn to_bytes(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

/// The path of these bytes, exactly; `None` if this system has no such path.
#[must_use]
pub fn from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    let name: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);

    Some(PathBuf::from(name))
}

/// The name of these bytes, exactly; `None` if this system has no such name.
#[must_use]
pub fn name(bytes: &[u8]) -> Option<&std::ffi::OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
}
