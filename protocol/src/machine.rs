//! What tells one machine from another, and one life of a machine from its copy.
//!
//! Two means, for what one does not see the other does. **Marks** are digests of what a machine is: an image on other
//! hardware has other marks. **Continuity** is a number with a secret that the collector gives with every welcome and
//! wants to see at the next hello: of two machines that live with one identity, one is always behind.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::digest::Digest;

/// What a machine is, in digests that say nothing else. What cannot be read is left out and is compared with nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct MachineMarks {
    /// Of the installed system: its machine id.
    #[n(0)]
    pub installation: Option<Digest>,
    /// Of the board or virtual machine: its system UUID (SMBIOS).
    #[n(1)]
    pub hardware: Option<Digest>,
    /// Of serial numbers of system and board; at most [`MARKS_MAX`](crate::limits::MARKS_MAX).
    #[n(2)]
    pub serials: Vec<Digest>,
    /// Of addresses burnt into its network cards; at most [`MARKS_MAX`](crate::limits::MARKS_MAX).
    #[n(3)]
    pub network: Vec<Digest>,
}

/// The secret of a [`Continuity`]. Never shown by `Debug`, never written out.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct ContinuitySecret(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Debug for ContinuitySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContinuitySecret(hidden)")
    }
}

/// One step in the life of an identity: each is given once, and replaces the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Continuity {
    /// Grows by one with every step.
    #[n(0)]
    pub number: u64,
    /// Nobody else knows it.
    #[n(1)]
    #[serde(skip)]
    pub secret: ContinuitySecret,
}

/// What an agent says of its machine in a hello.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct MachineTold {
    /// What the machine is.
    #[n(0)]
    pub marks: MachineMarks,
    /// The last step that is on its disk.
    #[n(1)]
    pub continuity: Option<Continuity>,
}

/// The next step, given with a welcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct NextStep {
    /// To be on the disk before it is confirmed.
    #[n(0)]
    pub continuity: Continuity,
    /// The hello came from an older copy of this machine: its spool begins a new epoch before the step is kept, since
    /// places under the old one are taken already.
    #[n(1)]
    pub set_back: bool,
}

/// "The step that you gave me is on my disk."
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct StepKept {
    /// Its number.
    #[n(0)]
    pub number: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_step_is_neither_shown_nor_written_out() {
        let step = Continuity { number: 7, secret: ContinuitySecret([0xab; 16]) };

        assert!(!format!("{step:?}").contains("171") && !format!("{step:?}").contains("ab"));
        assert_eq!(serde_json::to_string(&step).unwrap(), r#"{"number":7}"#);
    }
}
