//! A host's folder as bytes, and what a power cut leaves of it. Works on whatever files are there: it knows no format.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fuzz::mutation::Numbers;

/// Every file of a folder.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

/// Reads every file under `dir`.
///
/// # Errors
/// If the folder cannot be read.
pub fn image(dir: &Path) -> anyhow::Result<Image> {
    let mut found = Image::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(dir)?.to_owned();
                found.insert(name, fs::read(entry.path())?);
            }
        }
    }

    Ok(found)
}

/// Makes `dir` hold exactly these files.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(dir: &Path, image: &Image) -> anyhow::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    for (name, bytes) in image {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }

    Ok(())
}

/// What a disk may hold that lost power between `before` and `after`: of every file that changed, the first so many
/// changed bytes; a deleted one perhaps still; a new one, whose name is synced when it is made, wholly or, if
/// `new_may_tear`, in part.
#[must_use]
pub fn torn(before: &Image, after: &Image, new_may_tear: bool, numbers: &mut Numbers) -> Image {
    let mut left = Image::new();
    for (name, new) in after {
        match before.get(name) {
            Some(old) if old == new => {
                left.insert(name.clone(), new.clone());
            }
            Some(old) => {
                left.insert(name.clone(), torn_file(old, new, numbers));
            }
            None => {
                let cut = if new_may_tear { numbers.below(new.len() + 1) } else { new.len() };
                left.insert(name.clone(), new[..cut].to_vec());
            }
        }
    }
    for (name, old) in before {
        if !after.contains_key(name) && numbers.once_in(2) {
            left.insert(name.clone(), old.clone());
        }
    }

    left
}

fn torn_file(old: &[u8], new: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let cut = same + numbers.below(new.len() - same + 1);
    let mut left = new[..cut].to_vec();
    // The rest is as it was; or the file has its new length and zeros where nothing was written.
    if old.len() > cut {
        left.extend_from_slice(&old[cut..]);
    } else if numbers.once_in(2) {
        left.resize(new.len(), 0);
    }

    left
}
