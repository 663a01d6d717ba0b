//! Programs that the agent keeps in its own folder: what they are called, and the right to run them.

use std::io;
use std::path::Path;

/// What the agent's program is called.
pub const FILENAME: &str = "vonggac-agent.exe";

/// Does nothing: whoever may read a file of this name may start it.
///
/// # Errors
/// Never.
pub fn allow_to_run(_path: &Path) -> io::Result<()> {
    Ok(())
}
