//! Folders to scan, made once and used again: `VONGGAC_FIM_DIR`, or a folder under the system's temporary one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::progress;

/// Bytes of `/usr` that are copied where no copy stands yet: enough to tell a trend, few enough for minutes.
const USR_BYTES_MAX: u64 = 2 << 30;

const FILES_A_FOLDER: u32 = 20;

/// A copy of this machine's programs: files of every size.
pub(super) fn programs() -> anyhow::Result<PathBuf> {
    stand("usr", |dir| {
        let mut left = USR_BYTES_MAX;
        copy(Path::new("/usr"), dir, &mut left)
    })
}

/// So many files of 0 to 8 KiB, 2 KiB on average, 20 to a folder, four folders deep.
pub(super) fn small_files(count: u32) -> anyhow::Result<PathBuf> {
    let name = if count == 200_000 { "small".to_owned() } else { format!("small-{count}") };

    stand(&name, |dir| make_small(dir, count))
}

/// The folder, made under another name first so that one cut short is never taken for a whole one.
fn stand(name: &str, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("VONGGAC_FIM_DIR")
        .map_or_else(|| std::env::temp_dir().join("vonggac-fim"), PathBuf::from);
    let dir = base.join(name);
    if !dir.is_dir() {
        progress(&format!("making {}", dir.display()));
        let under_way = base.join(format!("{name}.under-way"));
        if under_way.exists() {
            fs::remove_dir_all(&under_way)?;
        }
        fs::create_dir_all(&under_way)?;
        make(&under_way).with_context(|| format!("make {}", dir.display()))?;
        fs::rename(&under_way, &dir)?;
    }

    Ok(dir.canonicalize()?)
}

fn copy(from: &Path, to: &Path, left: &mut u64) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(from)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target, left)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() && entry.metadata()?.len() <= *left {
            *left -= fs::copy(entry.path(), &target)?;
        }
    }

    Ok(())
}

fn make_small(dir: &Path, count: u32) -> anyhow::Result<()> {
    let mut chance = Chance(20_240_601);
    let pool: Vec<u8> = (0..1 << 20).map(|_| chance.next().to_le_bytes()[4]).collect();
    for folder in 0..count.div_ceil(FILES_A_FOLDER) {
        let path = dir
            .join(format!("l{:02}/m{:02}", folder % 10, folder / 10 % 10))
            .join(format!("n{:02}/d{folder:05}", folder / 100 % 10));
        fs::create_dir_all(&path)?;
        for file in 0..FILES_A_FOLDER.min(count - folder * FILES_A_FOLDER) {
            let (length, from) = (chance.length(), chance.below(pool.len() - 8_192));
            let name = format!("file-{:06}.conf", folder * FILES_A_FOLDER + file);
            let bytes = pool.get(from..from + length).context("a piece of the pool")?;
            File::create(path.join(name))?.write_all(bytes)?;
        }
    }

    Ok(())
}

/// The same numbers on every machine (xorshift).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;

        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(0) % limit.max(1)
    }

    /// Small ones are many and large ones few: about 2 KiB on average.
    fn length(&mut self) -> usize {
        let part = self.below(1_000_000);

        // Halved with even odds, from 8 KiB down: 1/2 of them above 2 KiB would be too many.
        match part {
            0..100_000 => 4_096 + self.below(4_096),
            100_000..350_000 => 2_048 + self.below(2_048),
            350_000..650_000 => 1_024 + self.below(1_024),
            _ => self.below(1_024),
        }
    }
}

/// Files and bytes in a folder, for the figures.
pub(super) fn size(dir: &Path) -> anyhow::Result<(u64, u64)> {
    let (mut files, mut bytes, mut dirs) = (0, 0, vec![dir.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                dirs.push(entry.path());
            } else if kind.is_file() {
                files += 1;
                bytes += entry.metadata()?.len();
            }
        }
    }

    Ok((files, bytes))
}
