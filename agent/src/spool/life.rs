//! The life of a spool: how an epoch begins, how it is found again, how another takes its place.
//!
//! The folder `DIR` holds `epoch` (its 16 digits), `prompt/` and `bulk/`. It is made whole as `DIR.new` and then
//! renamed, so that a crash leaves either the old life or the new one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::id::{Epoch, Lane};

use crate::os::disk::{self, sync_dir};
use crate::os::protect;

use super::block::pack;
use super::lane::LaneFiles;
use super::recovery::{Recovered, list_segments, open_lane};
use super::segment::{HEADER_BYTES, Identity};
use super::{Limits, OpenSpoolError, Record, Spool};

/// Records carried over at once when a life is renewed.
const CARRIED_AT_ONCE: usize = 512;

pub(super) fn open(
    dir: &Path,
    limits: Limits,
    new_epoch: Epoch,
) -> Result<(Spool, Recovered), OpenSpoolError> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(OpenSpoolError::disk("make the folder", parent))?;
    }
    let lock = lock(&beside(dir, "lock"))?;
    finish_renewal(dir).map_err(OpenSpoolError::disk("finish the renewal of", dir))?;
    let mut recovered = Recovered::default();
    let epoch = find_epoch(dir).map_err(OpenSpoolError::disk("read the epoch of", dir))?;
    if epoch.is_none() {
        recovered.epoch_is_new = true;
        give_up(dir, &mut recovered).map_err(OpenSpoolError::disk("set aside", dir))?;
        make(dir, new_epoch).map_err(OpenSpoolError::disk("make a new spool in", dir))?;
    }
    // A lane without any file lost its numbering: it cannot go on under the same epoch.
    let numbering_lost = Lane::ALL
        .iter()
        .map(|lane| list_segments(&dir.join(lane.word())))
        .collect::<io::Result<Vec<_>>>()
        .map_err(OpenSpoolError::disk("list", dir))?
        .iter()
        .any(Vec::is_empty);
    let epoch = epoch.unwrap_or(new_epoch);
    let [prompt, bulk] = open_lanes(dir, epoch, &mut recovered)?;
    let mut spool = Spool {
        dir: dir.to_owned(),
        limits,
        epoch,
        prompt,
        bulk,
        held: Default::default(),
        dropped: 0,
        untold: Vec::new(),
        broken: false,
        lock,
    };
    if numbering_lost && !recovered.epoch_is_new {
        recovered.epoch_is_new = true;
        renew(&mut spool, new_epoch)?;
    }

    Ok((spool, recovered))
}

pub(super) fn renew(spool: &mut Spool, new_epoch: Epoch) -> Result<(), OpenSpoolError> {
    let (dir, made) = (spool.dir.clone(), beside(&spool.dir, "new"));
    let fail = |path: &Path| OpenSpoolError::disk("renew the spool in", path);
    if made.exists() {
        fs::remove_dir_all(&made).map_err(fail(&made))?;
    }
    let mut lanes = open_lanes(&made, new_epoch, &mut Recovered::default())?;
    for lane in Lane::ALL {
        let new = &mut lanes[usize::from(lane.code())];
        carry_over(spool, lane, new).map_err(fail(&made))?;
    }
    drop(lanes);
    write_epoch(&made, new_epoch).map_err(fail(&made))?;
    let old = beside(&dir, "old");
    if old.exists() {
        fs::remove_dir_all(&old).map_err(fail(&old))?;
    }
    let elsewhere = spool.lock.try_clone().map_err(fail(&dir))?;
    for lane in Lane::ALL {
        spool.lane_mut(lane).leave(&elsewhere).map_err(fail(&dir))?;
    }
    disk::rename(&dir, &old).map_err(fail(&dir))?;
    finish_renewal(&dir).map_err(fail(&dir))?;
    let [prompt, bulk] = open_lanes(&dir, new_epoch, &mut Recovered::default())?;
    spool.prompt = prompt;
    spool.bulk = bulk;
    spool.held = Default::default();
    spool.epoch = new_epoch;

    Ok(())
}

fn carry_over(spool: &mut Spool, lane: Lane, new: &mut LaneFiles) -> io::Result<()> {
    let segment_bytes = spool.limits.segment_bytes;
    let mut from = spool.span(lane).kept_from;
    loop {
        let records = spool
            .lane_mut(lane)
            .read(from, CARRIED_AT_ONCE, 1024 * 1024)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let Some((last, ..)) = records.last() else { break };
        from = last.next();
        let records: Vec<Record> =
            records.into_iter().map(|(_, at, bytes)| Record { lane, at, bytes }).collect();
        new.write(&pack(&records), segment_bytes, 0)?;
    }

    new.sync()
}

/// After a crash between the two renames: the new life is whole as soon as it has its epoch.
fn finish_renewal(dir: &Path) -> io::Result<()> {
    let (made, old) = (beside(dir, "new"), beside(dir, "old"));
    if !dir.exists() && made.join("epoch").exists() {
        disk::rename(&made, dir)?;
        dir.parent().map_or(Ok(()), sync_dir)?;
    } else if !dir.exists() && old.exists() {
        disk::rename(&old, dir)?;
    }
    for rest in [made, old] {
        if rest.exists() {
            fs::remove_dir_all(rest)?;
        }
    }

    Ok(())
}

fn make(dir: &Path, epoch: Epoch) -> io::Result<()> {
    for lane in Lane::ALL {
        let lane_dir = dir.join(lane.word());
        fs::create_dir_all(&lane_dir)?;
        let first = Identity::new(epoch, lane, vonggac_protocol::id::Seq(1));
        super::lane::create_segment(&lane_dir, first)?;
    }

    write_epoch(dir, epoch)
}

fn write_epoch(dir: &Path, epoch: Epoch) -> io::Result<()> {
    let made = dir.join("epoch.new");
    let mut file = File::create(&made)?;
    writeln!(file, "{epoch}")?;
    file.sync_all()?;
    disk::rename(&made, &dir.join("epoch"))?;
    sync_dir(dir)?;

    dir.parent().map_or(Ok(()), sync_dir)
}

/// The epoch that the folder belongs to: as its file says, or else as the first readable segment header says.
fn find_epoch(dir: &Path) -> io::Result<Option<Epoch>> {
    match fs::read_to_string(dir.join("epoch")) {
        Ok(text) => {
            if let Ok(epoch) = text.trim_end().parse() {
                return Ok(Some(epoch));
            }
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {}
        Err(error) => return Err(error),
    }
    for lane in Lane::ALL {
        for (_, path) in list_segments(&dir.join(lane.word()))? {
            let mut header = Vec::new();
            io::Read::read_to_end(
                &mut io::Read::take(File::open(path)?, u64::try_from(HEADER_BYTES).unwrap_or(0)),
                &mut header,
            )?;
            if let Some(identity) = Identity::of_header(&header) {
                write_epoch(dir, identity.epoch)?;
                return Ok(Some(identity.epoch));
            }
        }
    }

    Ok(None)
}

/// Moves a folder away that cannot be understood, so that a person can look at it.
fn give_up(dir: &Path, recovered: &mut Recovered) -> io::Result<()> {
    let something = Lane::ALL.iter().any(|lane| dir.join(lane.word()).exists());
    if !something {
        return Ok(());
    }
    let aside = beside(dir, "aside");
    let _protection = protect::create_private_dir(&aside)?;
    let Some(free) = (0..u32::MAX).map(|n| aside.join(format!("spool-{n}"))).find(|path| !path.exists())
    else {
        return Ok(());
    };
    disk::rename(dir, &free)?;
    recovered.aside.push(free);

    Ok(())
}

fn open_lanes(dir: &Path, epoch: Epoch, recovered: &mut Recovered) -> Result<[LaneFiles; 2], OpenSpoolError> {
    let aside = beside(dir, "aside");
    let _protection =
        protect::create_private_dir(dir).map_err(OpenSpoolError::disk("keep to ourselves", dir))?;
    let mut open = |lane: Lane| {
        let lane_dir = dir.join(lane.word());
        open_lane(&lane_dir, &aside, lane, epoch, recovered)
            .map_err(OpenSpoolError::disk("open the lane in", &lane_dir))
    };

    Ok([open(Lane::Prompt)?, open(Lane::Bulk)?])
}

fn lock(path: &Path) -> Result<File, OpenSpoolError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(OpenSpoolError::disk("open the lock", path))?;
    match crate::keep::lock_patiently(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenSpoolError::Locked { lock: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenSpoolError::disk("lock", path)(source)),
    }
}

/// A neighbour of the folder: `DIR.what`.
fn beside(dir: &Path, what: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".");
    name.push(what);

    PathBuf::from(name)
}
