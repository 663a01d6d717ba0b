//! Keeping one thread from everything but what it is for.

use std::io;
use std::path::Path;

use crate::os::Confinement;

/// What the thread that talks to the collector may still reach.
#[derive(Debug)]
pub struct Reach;

impl Reach {
    /// As things stand now.
    #[must_use]
    pub fn of(_folder: &Path) -> Self {
        Self
    }

    /// Never: nothing was taken.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        false
    }

    /// Not available here without a binding to the system: takes nothing and says so.
    ///
    /// # Errors
    /// None.
    pub fn confine(&self) -> io::Result<Confinement> {
        Ok(Confinement::NotAvailable)
    }
}
