//! Which machine and kernel this is.

use std::io;

/// Bytes that tell this installation from every other, for a fingerprint: systemd's machine id.
///
/// # Errors
/// If the machine has none; then a clone of its identity cannot be told by this means.
pub fn machine_id() -> io::Result<Vec<u8>> {
    let id = std::fs::read("/etc/machine-id").or_else(|_| std::fs::read("/var/lib/dbus/machine-id"))?;
    let id = id.trim_ascii().to_vec();
    if id.len() < 32 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the machine id is shorter than 32 digits"));
    }

    Ok(id)
}

/// The release of the running kernel, such as `6.1.0-32-amd64`.
#[must_use]
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The name the machine calls itself.
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
