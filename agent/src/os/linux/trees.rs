//! Notices of whole trees. Not available: inotify watches single directories, fanotify whole file systems.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::os::TreeNotice;

/// Whether this system has such notices.
pub const AVAILABLE: bool = false;

/// Never there.
#[derive(Debug)]
pub struct Trees(Infallible);

impl Trees {
    /// Says that there is none.
    ///
    /// # Errors
    /// Always.
    pub fn open(_take: Arc<dyn Fn(TreeNotice) + Send + Sync>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be reached.
    ///
    /// # Errors
    /// Cannot be reached.
    pub fn add(&mut self, _dir: &Path) -> io::Result<()> {
        match self.0 {}
    }
}
