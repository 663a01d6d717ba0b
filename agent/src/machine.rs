//! What this machine is to a collector: its marks, the step of its life, and whether it may never be enrolled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::limits::MARKS_MAX;
use vonggac_protocol::machine::{Continuity, ContinuitySecret, MachineMarks};

use crate::keep;
use crate::os::{machine, paths};
use crate::print::Message;

/// Beside the configuration, and where that is unless told otherwise: an empty file of this name keeps every byte on the
/// machine, wherever the configuration lies.
const NEVER_ENROL_NAME: &str = "never-enrol";

/// Values that makers leave in firmware of thousands of machines.
const JUNK: [&str; 14] = [
    "",
    "none",
    "default string",
    "to be filled by o.e.m.",
    "system serial number",
    "not specified",
    "not applicable",
    "not available",
    "unknown",
    "0123456789",
    "123456789",
    "empty",
    "o.e.m.",
    "03000200-0400-0500-0006-000700080009",
];

/// Files whose being there forbids enrolment and every connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NeverEnrol(Vec<PathBuf>);

impl NeverEnrol {
    /// The places for a configuration at this path.
    #[must_use]
    pub fn beside(config_path: &Path) -> Self {
        let own = config_path.parent().map(|dir| dir.join(NEVER_ENROL_NAME));

        Self(own.into_iter().chain([paths::config_path().with_file_name(NEVER_ENROL_NAME)]).collect())
    }

    /// Refuses if one of them is there, or if it cannot be told.
    ///
    /// # Errors
    /// With a [`Message`] that names the file.
    pub fn check(&self) -> Result<(), Message> {
        for path in &self.0 {
            match fs::symlink_metadata(path) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Ok(_) | Err(_) => return Err(Message::new("never-enrol").with("path", path.display())),
            }
        }

        Ok(())
    }
}

/// The marks of this machine; what cannot be read is left out.
#[must_use]
pub fn marks() -> MachineMarks {
    let traits = machine::traits();
    let serials: Vec<Digest> =
        traits.serials.iter().filter_map(|serial| mark("serial", serial)).take(MARKS_MAX).collect();
    let mut network: Vec<Digest> =
        traits.network.iter().filter_map(|address| mark("network", address)).collect();
    network.sort_unstable();
    network.dedup();
    network.truncate(MARKS_MAX);

    MachineMarks {
        installation: machine::machine_id()
            .ok()
            .and_then(|id| mark("installation", &String::from_utf8_lossy(&id))),
        hardware: traits.uuid.as_deref().and_then(|uuid| mark("hardware", &canonical(uuid))),
        serials,
        network,
    }
}

/// A digest that says nothing but "the same".
fn mark(sort: &str, value: &str) -> Option<Digest> {
    let value = value.trim().to_lowercase();
    let is_one_character = value.chars().filter(|c| c.is_alphanumeric()).all(|c| value.starts_with(c));
    if JUNK.contains(&value.as_str()) || is_one_character {
        return None;
    }

    Some(Digest::of(format!("vonggac machine\0{sort}\0{value}").as_bytes()))
}

/// Kernels and firmware disagree about the order of bytes in the first three groups of a UUID (SMBIOS 2.6): of both
/// readings the smaller is taken, so that an update does not make another machine.
fn canonical(uuid: &str) -> String {
    let uuid = uuid.trim().to_lowercase();
    let digits: String = uuid.chars().filter(|c| *c != '-').collect();
    let Ok(mut bytes) = HEXLOWER.decode(digits.as_bytes()) else { return uuid };
    if bytes.len() != 16 {
        return uuid;
    }
    let is_junk = JUNK.contains(&uuid.as_str());
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    let turned = HEXLOWER.encode(&bytes);

    if is_junk { uuid } else { digits.min(turned) }
}

const STEP: &str = "continuity";

/// The step that is on the disk for this identity.
///
/// # Errors
/// If the file cannot be read. One that is damaged or speaks of another identity counts as none.
pub fn step(state_dir: &Path, host: HostId) -> anyhow::Result<Option<Continuity>> {
    let text = match fs::read_to_string(state_dir.join(STEP)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.context("read the step of this machine's life")?,
    };
    let mut words = text.split_whitespace();
    let (of, number, secret) = (words.next(), words.next(), words.next());
    if of != Some(host.to_string().as_str()) {
        return Ok(None);
    }
    let number = number.and_then(|number| number.parse().ok());
    let secret = secret.and_then(|secret| HEXLOWER.decode(secret.as_bytes()).ok()?.try_into().ok());

    Ok(number.zip(secret).map(|(number, secret)| Continuity { number, secret: ContinuitySecret(secret) }))
}

/// Puts a step on the disk; when this returns it is there.
///
/// # Errors
/// If the disk refuses: then the old one or the new one is there, and the collector knows both.
pub fn keep_step(state_dir: &Path, host: HostId, step: Continuity) -> io::Result<()> {
    let text = format!("{host} {} {}\n", step.number, HEXLOWER.encode(&step.secret.0));

    keep::write_whole(&state_dir.join(STEP), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostId = HostId([5; 16]);

    #[test]
    fn a_step_is_kept_for_its_identity_alone() {
        let state = tempfile::tempdir().unwrap();
        let one = Continuity { number: 7, secret: ContinuitySecret([0xab; 16]) };

        assert_eq!(step(state.path(), HOST).unwrap(), None);
        keep_step(state.path(), HOST, one).unwrap();

        assert_eq!(step(state.path(), HOST).unwrap(), Some(one));
        assert_eq!(step(state.path(), HostId([6; 16])).unwrap(), None);
        fs::write(state.path().join(STEP), format!("{HOST} 7 ab")).unwrap();
        assert_eq!(step(state.path(), HOST).unwrap(), None);
    }

    #[test]
    fn what_makers_leave_in_the_firmware_of_thousands_of_machines_is_no_mark() {
        for junk in ["", "  None\n", "Default string", "00000000-0000-0000-0000-000000000000", "FFFF", "1111"]
        {
            assert_eq!(mark("serial", junk), None, "{junk:?}");
        }
        let junk = "03000200-0400-0500-0006-000700080009";
        assert_eq!(mark("hardware", &canonical(junk)), None);
        assert_ne!(mark("serial", "PF3XK2"), mark("hardware", "PF3XK2"));
    }

    #[test]
    fn a_uuid_read_in_either_order_of_bytes_is_one_mark() {
        let one = canonical("4C4C4544-0042-3510-8052-B4C04F4E3132");

        assert_eq!(one, canonical("44454c4c-4200-1035-8052-b4c04f4e3132"));
        assert_ne!(one, canonical("4C4C4544-0042-3510-8052-B4C04F4E3133"));
    }

    #[test]
    fn a_file_beside_the_configuration_keeps_every_byte_on_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let marker = NeverEnrol(vec![folder.path().join("never-enrol")]);

        marker.check().unwrap();
        fs::write(folder.path().join("never-enrol"), "").unwrap();

        assert_eq!(marker.check().unwrap_err().id(), "never-enrol");
    }
}
