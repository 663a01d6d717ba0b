//! Makes the file of a dictionary from what a real agent says of the training half.
//!
//! Written to `VONGGAC_DICTIONARY_OUT`. A released file is never written again: the next one gets the next number.

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::PackagesChanged;

use super::corpus::{Half, observe};

/// What it may take in every agent and collector.
const BYTES_MAX: usize = 32 * 1024;

/// Bytes of the file before the number that is packed with each frame.
const MAGIC_BYTES: usize = 4;

pub(in crate::measure) fn measure() -> anyhow::Result<Map<String, Value>> {
    let out = std::env::var_os("VONGGAC_DICTIONARY_OUT").context("VONGGAC_DICTIONARY_OUT names the file")?;
    let bytes_max = std::env::var("VONGGAC_DICTIONARY_BYTES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(BYTES_MAX)
        .min(BYTES_MAX);
    let corpus = observe(Half::Training)?;
    let mut samples: Vec<Vec<u8>> = Vec::new();
    for bytes in &corpus.observations {
        let read = Observation::decode(bytes)?;
        // What names this machine goes into no file of ours.
        if matches!(read.kind, Kind::HostDescribed(_)) {
            continue;
        }
        samples.push(sample(std::slice::from_ref(bytes)));
    }
    samples.extend(of_packages()?);
    let mut dictionary = zstd::dict::from_samples(&samples, bytes_max).context("train")?;
    // The trainer makes a number up; ours is the one of the release, in little-endian as RFC 8878 has it.
    let number = u32::from(Dictionary::NEWEST.number());
    dictionary
        .get_mut(MAGIC_BYTES..MAGIC_BYTES + 4)
        .context("a dictionary has a number")?
        .copy_from_slice(&number.to_le_bytes());
    std::fs::write(&out, &dictionary).context("write the dictionary")?;

    let mut map = Map::new();
    map.insert("samples".to_owned(), samples.len().into());
    map.insert("sample_bytes".to_owned(), samples.iter().map(Vec::len).sum::<usize>().into());
    map.insert("dictionary_bytes".to_owned(), dictionary.len().into());

    Ok(map)
}

/// A batch of these as it is before it is packed.
fn sample(observations: &[Vec<u8>]) -> Vec<u8> {
    let content: Vec<minicbor::bytes::ByteVec> = observations.iter().cloned().map(Into::into).collect();

    minicbor::to_vec(&content).unwrap_or_default()
}

/// Differences of inventories, each of a few of this machine's packages.
fn of_packages() -> anyhow::Result<Vec<Vec<u8>>> {
    let inventory = vonggac_agent::sensor::packages::read(std::path::Path::new("/"))?;
    let packages: Vec<_> = inventory.packages.into_iter().collect();
    let digest = vonggac_protocol::digest::Digest::of;
    let at = vonggac_agent::clock::now();
    let samples = packages
        .chunks(2)
        .take(150)
        .map(|some| {
            let removed = some.iter().take(1).map(vonggac_protocol::package::Package::key).collect();
            let name = some[0].name.as_bytes();
            let changed = PackagesChanged {
                before: digest(name),
                after: digest(some[0].version.as_bytes()),
                added: some.to_vec(),
                removed,
            };
            sample(&[Observation { at, kind: Kind::PackagesChanged(changed) }.encode()])
        })
        .collect();

    Ok(samples)
}
