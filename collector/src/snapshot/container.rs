//! The container: a zip of stored entries whose bytes follow from its content alone.

use std::io::{Cursor, Read as _, Write as _};

use anyhow::Context as _;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// One file in the container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Name: letters, digits, `.`, `_`, `-`, with `/` between folders; no accents.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// What of a container cannot be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damaged {
    /// The entry; `None`: the container's own structure.
    pub entry: Option<String>,
    /// The cause, for the chain.
    pub cause: String,
}

/// The container of these entries, in their order.
///
/// # Errors
/// If a name is not plain, appears twice, or an entry is beyond what a zip can hold.
pub fn encode(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        anyhow::ensure!(is_plain(&entry.name), "the name {:?} is not plain", entry.name);
        writer.start_file(entry.name.as_str(), options).with_context(|| entry.name.clone())?;
        writer.write_all(&entry.bytes)?;
    }

    Ok(writer.finish()?.into_inner())
}

/// The entries of a container, which must be exactly as [`encode`] writes it.
///
/// # Errors
/// If it is not a zip, an entry does not fit its checksum, or any byte differs from the one form of this content.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry>, Damaged> {
    let structure = |cause: String| Damaged { entry: None, cause };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| structure(error.to_string()))?;
    let mut entries: Vec<Entry> = Vec::new();
    for at in 0..archive.len() {
        let name = archive.name_for_index(at).map(str::to_owned);
        let damaged = |cause: String| Damaged { entry: name.clone(), cause };
        let mut file = archive.by_index(at).map_err(|error| damaged(error.to_string()))?;
        if file.compression() != CompressionMethod::Stored || !is_plain(file.name()) {
            return Err(damaged("not a plainly named, stored entry".to_owned()));
        }
        let mut content = Vec::new();
        // The announced size may be false: an entry cannot be longer than the file it lies in.
        let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        file.by_ref().take(most).read_to_end(&mut content).map_err(|error| damaged(error.to_string()))?;
        entries.push(Entry { name: file.name().to_owned(), bytes: content });
    }
    let again = encode(&entries).map_err(|error| structure(format!("{error:#}")))?;
    if again == bytes {
        return Ok(entries);
    }

    Err(Damaged {
        entry: entry_at(&again, first_difference(&again, bytes)),
        cause: "not in its one form".to_owned(),
    })
}

/// Whether this may be a name in a container.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let letters =
        |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));

    name.len() <= 200
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with("..") && letters(part))
}

fn first_difference(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).position(|(a, b)| a != b).unwrap_or_else(|| one.len().min(other.len()))
}

/// The entry whose header or content lies at this place of a sound container.
fn entry_at(sound: &[u8], place: usize) -> Option<String> {
    let mut archive = ZipArchive::new(Cursor::new(sound)).ok()?;
    (0..archive.len()).find_map(|at| {
        let file = archive.by_index(at).ok()?;
        let end = file.data_start() + file.size();
        let here = (file.header_start()..end).contains(&u64::try_from(place).ok()?);
        here.then(|| file.name().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Entry> {
        vec![
            Entry { name: "a.json".to_owned(), bytes: b"{}".to_vec() },
            Entry { name: "rules/packs/b.yml".to_owned(), bytes: Vec::new() },
            Entry { name: "c.bin".to_owned(), bytes: vec![0, 159, 146, 150] },
        ]
    }

    #[test]
    fn the_same_entries_give_the_same_bytes_and_come_back() {
        let bytes = encode(&sample()).unwrap();

        assert_eq!(bytes, encode(&sample()).unwrap());
        assert_eq!(decode(&bytes).unwrap(), sample());
    }

    #[test]
    fn no_byte_of_a_container_can_change_without_notice() {
        let bytes = encode(&sample()).unwrap();

        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut altered = bytes.clone();
                altered[at] ^= flip;
                // Content is covered by digests; here only the container is looked at.
                if let Ok(entries) = decode(&altered) {
                    assert_ne!(entries, sample(), "byte {at}");
                }
            }
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode(&longer).is_err());
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        let mut before = vec![0];
        before.extend(&bytes);
        assert!(decode(&before).is_err());
    }

    #[test]
    fn names_with_accents_or_ways_out_are_refused() {
        for name in ["../a", "/a", "a//b", "a/..", "báo-cáo", "a b", ""] {
            assert!(encode(&[Entry { name: name.to_owned(), bytes: Vec::new() }]).is_err(), "{name}");
        }
    }
}
