//! Frames and observations of every released version: they decode for ever, and today's encoding equals the newest.
//!
//! `VONGGAC_WRITE_RELEASED=1 cargo test -p vonggac-protocol --test released` writes files that are missing; it never
//! changes one that is there, for a collector may hold such bytes as evidence.

#[path = "released/records.rs"]
mod records;
#[path = "released/samples.rs"]
mod samples;
#[path = "released/software.rs"]
mod software;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vonggac_protocol::frame::Frame;
use vonggac_protocol::observation::Observation;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released/v1")
}

/// Compares with the file; writes it if it is missing and that is asked for.
fn compare(name: &str, bytes: &[u8]) -> Result<(), String> {
    let path = folder().join(name);
    if !path.exists() && std::env::var_os("VONGGAC_WRITE_RELEASED").is_some() {
        std::fs::write(&path, bytes).map_err(|error| error.to_string())?;
    }
    match std::fs::read(&path) {
        Ok(released) if released == bytes => Ok(()),
        Ok(_) => Err(format!("{name}: what was released is encoded differently today")),
        Err(error) => Err(format!("{name}: {error}; VONGGAC_WRITE_RELEASED=1 writes it")),
    }
}

#[test]
fn every_frame_decodes_and_is_encoded_as_it_was_released() {
    let mut faults = Vec::new();
    for (name, frame) in samples::frames() {
        let bytes = frame.encode();
        // Another zstd may pack otherwise: of a batch the released packing is taken, and unpacked below.
        let frame = match (&frame, std::fs::read(folder().join(&name))) {
            (Frame::Batch(_), Ok(released)) => Frame::decode(&released).unwrap(),
            _ => frame,
        };
        faults.extend(compare(&name, &frame.encode()[4..]).err());
        assert_eq!(Frame::length(bytes[..4].try_into().unwrap()).unwrap(), bytes.len() - 4);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_was_released_says_the_same_today() {
    for (name, frame) in samples::frames() {
        let released = Frame::decode(&std::fs::read(folder().join(&name)).unwrap()).unwrap();
        if let (Frame::Batch(released), Frame::Batch(today)) = (&released, &frame) {
            assert_eq!(released.unpack().unwrap(), today.unpack().unwrap(), "{name}");
            let head = |batch: &vonggac_protocol::frame::Batch| {
                (batch.epoch, batch.lane, batch.first, batch.gap_before, batch.count)
            };
            assert_eq!(head(released), head(today), "{name}");
        } else {
            assert_eq!(released, frame, "{name}");
        }
    }
    for (name, observation) in samples::observations() {
        let released = Observation::decode(&std::fs::read(folder().join(&name)).unwrap()).unwrap();
        assert_eq!(released, observation, "{name}");
    }
}

#[test]
fn every_observation_is_encoded_as_it_was_released() {
    let faults: Vec<String> = samples::observations()
        .into_iter()
        .filter_map(|(name, observation)| compare(&name, &observation.encode()).err())
        .collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_kind_and_every_frame_has_a_sample() {
    let kinds: BTreeSet<u8> = samples::observations()
        .iter()
        .map(|(_, observation)| samples::number_of_kind(&observation.kind))
        .collect();
    let frames: BTreeSet<u8> =
        samples::frames().iter().map(|(_, frame)| samples::number_of_frame(frame)).collect();

    assert_eq!(kinds, BTreeSet::from(samples::KINDS));
    assert_eq!(usize::try_from(vonggac_protocol::observation::KINDS).unwrap(), samples::KINDS.len());
    assert_eq!(frames, BTreeSet::from(samples::FRAMES));
}

#[test]
fn every_released_file_is_still_read() {
    let known: BTreeSet<String> = samples::frames()
        .into_iter()
        .map(|(name, _)| name)
        .chain(samples::observations().into_iter().map(|(name, _)| name))
        .collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name} was released and no sample speaks of it");
    }
}
