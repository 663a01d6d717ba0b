//! Bytes of an event on the wire: whole frames of the batches that an agent would send.

use serde_json::{Map, Value};
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::frame::{Batch, Frame};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{Kind, Observation};

use super::corpus::{Half, observe};
use crate::measure::rounded;

const SIZES: [usize; 4] = [1, 10, 100, 500];

/// Of an agent with a random life that has sent some: what its numbers take in CBOR.
const EPOCH: Epoch = Epoch(0x9d3c_41aa_70be_1252);
const FIRST: Seq = Seq(123_456);

pub(in crate::measure) fn measure() -> anyhow::Result<Map<String, Value>> {
    let observations = observe(Half::Measuring)?.observations;
    let changes = observations
        .iter()
        .filter(|bytes| {
            Observation::decode(bytes).is_ok_and(|read| matches!(read.kind, Kind::FileChanged(_)))
        })
        .count();
    let mut map = Map::new();
    map.insert("events".to_owned(), observations.len().into());
    map.insert("events_file_changed".to_owned(), changes.into());
    let raw: usize = observations.iter().map(Vec::len).sum();
    map.insert("cbor_bytes_per_event".to_owned(), per_event(raw, observations.len())?);
    // Nothing makes a digest shorter: this much is left of every event at least.
    let digests: usize = observations.iter().map(|bytes| digest_bytes(bytes)).sum();
    map.insert("digest_bytes_per_event".to_owned(), per_event(digests, observations.len())?);
    for size in SIZES {
        let with = frames(&observations, size, Some(Dictionary::NEWEST));
        let without = frames(&observations, size, None);
        map.insert(format!("bytes_per_event_{size}"), per_event(with.0, with.1)?);
        map.insert(format!("bytes_per_event_{size}_without_dictionary"), per_event(without.0, without.1)?);
    }
    map.insert("dictionary".to_owned(), Dictionary::NEWEST.number().into());
    map.insert("dictionary_bytes".to_owned(), Dictionary::NEWEST.bytes().len().into());
    map.insert(
        "split".to_owned(),
        "trained on copies of /etc, /usr/bin, /usr/lib, /usr/share/doc; measured on /usr/sbin, /usr/include, \
         other folders of /usr/share and /var/lib/dpkg/info, in another run; paths as if the copies were the folders \
         themselves; whole frames, without TLS and headers"
            .into(),
    );

    Ok(map)
}

fn digest_bytes(observation: &[u8]) -> usize {
    let Ok(Kind::FileChanged(change)) = Observation::decode(observation).map(|read| read.kind) else {
        return 0;
    };
    let digests = [&change.before, &change.after].map(|state| state.as_ref().and_then(|state| state.digest));

    match digests {
        [Some(before), Some(after)] if before != after => 64,
        [None, None] => 0,
        [Some(_), _] | [_, Some(_)] => 32,
    }
}

/// Bytes of all frames with so many events each, and how many events those are; what is left over is left out.
fn frames(observations: &[Vec<u8>], size: usize, dictionary: Option<Dictionary>) -> (usize, usize) {
    let batches = observations.chunks_exact(size);
    let events = batches.len() * size;
    let bytes = batches
        .map(|batch| Batch::pack_with(dictionary, EPOCH, Lane::Prompt, FIRST, 0, batch))
        .map(|batch| Frame::Batch(batch).encode().len())
        .sum();

    (bytes, events)
}

fn per_event(bytes: usize, events: usize) -> anyhow::Result<Value> {
    let (bytes, events) = (f64::from(u32::try_from(bytes)?), f64::from(u32::try_from(events)?));

    Ok(rounded(bytes / events))
}
