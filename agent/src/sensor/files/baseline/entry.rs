//! Entries as the sensor has them, and as a block keeps them.

use anyhow::Result;
use rusqlite::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileState;
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::super::compare::Entry;
use super::block::{Damaged, Fields, Rights};
use super::names::Names;

/// Permission bits; the flags of the file system, plus one, lie above them (0: not known).
const MODE_BITS: u32 = 0o7777;
const FLAGS_AT: u32 = 16;

fn pack(mode: u32, flags: Option<u32>) -> u32 {
    let flags = flags.map_or(0, |flags| (flags & 0x7fff) + 1);

    (mode & MODE_BITS) | flags << FLAGS_AT
}

/// What a block keeps of an entry; its names are numbered with the change under way.
pub(super) fn fields<'a>(db: &Connection, names: &mut Names, entry: &'a Entry) -> Result<Fields<'a>> {
    let state = &entry.state;
    let (owner, group) = (names.number(db, &state.owner)?, names.number(db, &state.group)?);

    Ok(Fields {
        kind: state.kind,
        size: state.size,
        mark: entry.mark,
        modified: state.modified.0,
        changed: state.changed.0,
        rights: Rights { mode: pack(state.mode, state.flags), owner, group },
        digest: state.digest.as_ref().map(|digest| &digest.0),
        attributes: state.attributes.as_ref().map(|digest| &digest.0),
        target: state.link_target.as_ref().map(HostPath::as_str),
    })
}

/// The entry that was kept as these.
pub(super) fn entry(names: &Names, fields: &Fields<'_>) -> Result<Entry, Damaged> {
    Ok(Entry {
        state: FileState {
            kind: fields.kind,
            size: fields.size,
            digest: fields.digest.copied().map(Digest),
            mode: fields.rights.mode & MODE_BITS,
            owner: names.name(fields.rights.owner)?.to_owned(),
            group: names.name(fields.rights.group)?.to_owned(),
            modified: Timestamp(fields.modified),
            changed: Timestamp(fields.changed),
            link_target: fields.target.map(HostPath::from_text),
            attributes: fields.attributes.copied().map(Digest),
            flags: (fields.rights.mode >> FLAGS_AT).checked_sub(1),
        },
        mark: fields.mark,
    })
}
