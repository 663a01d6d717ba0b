//! What the simulated machines tell: real observations, no two alike.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{
    Area, BaselineTaken, FileAction, FileChanged, FileKind, FileState, TextDifference,
};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use crate::fuzz::mutation::Numbers;

/// The file went from one version to another; with a difference of so many bytes.
pub(super) fn change(
    before: u64,
    after: u64,
    text: usize,
    at: Timestamp,
    numbers: &mut Numbers,
) -> Observation {
    let path = HostPath::from_text("/etc/passwd");
    let difference =
        TextDifference { digest: Digest([1; 32]), added: 1, removed: 1, lines: Some(noise(text, numbers)) };
    let change = FileChanged {
        path: path.clone(),
        area: Area::Configuration,
        root: path,
        action: FileAction::Modified,
        before: Some(state(before)),
        after: Some(state(after)),
        while_off: false,
        not_before: None,
        actor: None,
        package: None,
        text: (text > 0).then_some(difference),
    };

    Observation { at, kind: Kind::FileChanged(change) }
}

/// Something that can wait, with so many bytes of filling.
pub(super) fn report(number: u64, filling: usize, at: Timestamp, numbers: &mut Numbers) -> Observation {
    let taken = BaselineTaken {
        root: HostPath::from_text("/etc"),
        area: Area::Configuration,
        paths: number,
        bytes: 0,
        digest: Digest([2; 32]),
        unreadable: 0,
        took_ms: 0,
        by: None,
        reason: (filling > 0).then(|| noise(filling, numbers)),
        previous: None,
    };

    Observation { at, kind: Kind::BaselineTaken(taken) }
}

fn state(version: u64) -> FileState {
    FileState {
        kind: FileKind::File,
        size: version,
        digest: None,
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: Timestamp(0),
        changed: Timestamp(0),
        link_target: None,
        attributes: None,
        flags: None,
    }
}

/// Text that does not compress well.
fn noise(bytes: usize, numbers: &mut Numbers) -> String {
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        text.push_str(&data_of(numbers.next_number()));
    }
    text.truncate(bytes);

    text
}

fn data_of(number: u64) -> String {
    number.to_be_bytes().iter().map(|byte| char::from(b'!' + byte % 90)).collect()
}
