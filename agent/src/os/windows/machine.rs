//! Which machine and kernel this is.

use std::io;

use crate::os::MachineTraits;

/// Not available here yet: it is in the registry, which std does not read.
///
/// # Errors
/// Always, of kind `Unsupported`; a clone of an identity cannot be told by this means here.
pub fn machine_id() -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "the machine id is not read on this system yet"))
}

/// The version of the system's core.
#[must_use]
pub fn kernel_release() -> String {
    sysinfo::System::kernel_version().unwrap_or_default()
}

/// Not said: the version tells it.
#[must_use]
pub fn kernel_build() -> Option<String> {
    None
}

/// The name the machine calls itself.
#[must_use]
pub fn name() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// Not available here yet: nothing is told of the hardware, so that only the steps of its life tell a copy.
#[must_use]
pub fn traits() -> MachineTraits {
    MachineTraits::default()
}
