//! Sums over a root.

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::path::HostPath;

use super::super::key::Key;
use super::block::Place;
use super::{Baseline, entry};

/// Sums over a root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Sums {
    pub(in super::super) paths: u64,
    pub(in super::super) bytes: u64,
    pub(in super::super) unreadable: u64,
    pub(in super::super) digest: Digest,
}

impl Baseline {
    /// Sums over what is kept of a root; `ours` tells which of it belongs to this root and not to one within it.
    pub(in super::super) fn sums(
        &self,
        root: &Key,
        hash_bytes_max: u64,
        ours: &dyn Fn(&Key) -> bool,
    ) -> Result<Sums> {
        let end = root.beneath().1;
        let mut hasher = Sha256::new();
        let mut sums = Sums { paths: 0, bytes: 0, unreadable: 0, digest: Digest([0; 32]) };
        let (mut body, mut place) = (Vec::new(), Place::new());
        let mut found = self.blocks().around(root.as_bytes(), &mut body)?;
        while found {
            place.rewind();
            while let Some(fields) = place.next(&body)? {
                if place.key() < root.as_bytes() {
                    continue;
                }
                if place.key() >= end.as_bytes() {
                    break;
                }
                let key = Key::from_stored(place.key().to_vec());
                if !ours(&key) {
                    continue;
                }
                let state = entry::entry(&self.names, &fields)?.state;
                sums.paths += 1;
                match (state.kind, state.digest) {
                    (FileKind::File, Some(_)) => sums.bytes += state.size,
                    (FileKind::File, None) if state.size <= hash_bytes_max => sums.unreadable += 1,
                    (FileKind::File | FileKind::Directory | FileKind::Link | FileKind::Other, _) => {}
                }
                hash_entry(&mut hasher, &key, &state);
            }
            found = place.key() < end.as_bytes() && self.blocks().after(place.key(), &mut body)?;
        }
        sums.digest = Digest(hasher.finalize().into());

        Ok(sums)
    }
}

/// Everything of a state that an equal tree elsewhere shares: times are left out.
fn hash_entry(hasher: &mut Sha256, key: &Key, state: &FileState) {
    let mut field = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(bytes);
    };
    field(key.as_bytes());
    field(&kind_number(state.kind).to_le_bytes());
    field(&state.size.to_le_bytes());
    field(state.digest.as_ref().map_or(&[], |digest| digest.0.as_slice()));
    field(&state.mode.to_le_bytes());
    field(state.owner.as_bytes());
    field(state.group.as_bytes());
    field(&state.link_target.as_ref().map(HostPath::to_bytes).unwrap_or_default());
    field(state.attributes.as_ref().map_or(&[], |digest| digest.0.as_slice()));
}

fn kind_number(kind: FileKind) -> i64 {
    match kind {
        FileKind::File => 0,
        FileKind::Directory => 1,
        FileKind::Link => 2,
        FileKind::Other => 3,
    }
}
