//! Programs that the agent keeps in its own folder: what they are called, and the right to run them.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What the agent's program is called.
pub const FILENAME: &str = "vonggac-agent";

/// Lets its owner, and nobody else, start this file.
///
/// # Errors
/// If it is missing or not ours.
pub fn allow_to_run(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}
