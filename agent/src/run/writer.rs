//! What is observed goes to the spool here, many records with one wait for the disk, and losses are told there too.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tracing::{error, warn};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{Kind, Observation, SpoolDropped};
use vonggac_protocol::time::Timestamp;

use crate::clock;
use crate::link::SharedSpool;
use crate::spool::{AppendError, Appended, Dropped, Record, Spool};

/// Between two tries on a full disk.
const FULL_DISK_PAUSE: Duration = Duration::from_secs(5);

/// The writing end of the spool.
#[derive(Debug)]
pub(super) struct Writer {
    spool: SharedSpool,
    appended: watch::Sender<u64>,
}

/// Where observations were spooled.
#[derive(Debug)]
pub(super) struct Places {
    /// The life of the spool that numbers them.
    pub(super) epoch: Epoch,
    /// In the order of the observations.
    pub(super) places: Vec<(Lane, Seq)>,
}

/// What an append came to.
#[derive(Debug)]
pub enum Tried {
    /// The records are on the disk.
    Done(Appended),
    /// There is no room, and nothing left to give up.
    DiskFull,
}

impl Writer {
    pub(super) fn new(spool: SharedSpool, appended: watch::Sender<u64>) -> Self {
        Self { spool, appended }
    }

    /// Spools the observations and returns their places once they are on the disk. Waits as long as the disk is full;
    /// the sensors wait behind it.
    ///
    /// # Errors
    /// If the disk fails in a way that only a new start can mend.
    pub(super) async fn spool(&self, observations: &[Observation]) -> anyhow::Result<Places> {
        let records: Vec<Record> = observations.iter().map(record).collect();
        let mut told = false;
        loop {
            let (spool, records) = (self.spool.clone(), records.clone());
            let (epoch, tried) = tokio::task::spawn_blocking(move || {
                let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
                let tried = append(&mut spool, &records, clock::now())?;
                anyhow::Ok((spool.epoch(), tried))
            })
            .await
            .context("write to the spool")??;
            match tried {
                Tried::Done(appended) => {
                    self.appended.send_modify(|count| *count += 1);
                    return Ok(Places { epoch, places: appended.places });
                }
                Tried::DiskFull => {
                    if !std::mem::replace(&mut told, true) {
                        error!("The disk of the spool is full; observing waits for room");
                    }
                    tokio::time::sleep(FULL_DISK_PAUSE).await;
                }
            }
        }
    }
}

/// An observation as the spool takes it.
#[must_use]
pub fn record(observation: &Observation) -> Record {
    Record { lane: observation.kind.lane(), at: observation.at, bytes: observation.encode() }
}

/// Appends, and tells what had to be dropped. A full disk gives up old records before it stops the agent.
///
/// # Errors
/// If the disk fails in a way that only a new start can mend.
pub fn append(spool: &mut Spool, records: &[Record], now: Timestamp) -> anyhow::Result<Tried> {
    loop {
        match spool.append(records) {
            Ok(appended) => {
                tell_dropped(spool, appended.dropped.clone(), now)?;
                return Ok(Tried::Done(appended));
            }
            Err(AppendError::DiskFull(_)) => match spool.drop_oldest() {
                Ok(Some(dropped)) => tell_dropped(spool, vec![dropped], now)?,
                // Dropping the only file needs room for the next one.
                Ok(None) | Err(AppendError::DiskFull(_)) => return Ok(Tried::DiskFull),
                Err(error) => return Err(error).context("make room in the spool"),
            },
            Err(error) => return Err(error).context("write to the spool"),
        }
    }
}

/// Spools an observation of every drop; telling may drop something itself, which is told then.
fn tell_dropped(spool: &mut Spool, mut dropped: Vec<Dropped>, now: Timestamp) -> anyhow::Result<()> {
    while let Some(one) = dropped.pop() {
        warn!(lane = one.lane.word(), count = one.count, "Records were dropped for lack of room");
        let lost = SpoolDropped { lane: one.lane, count: one.count, from: one.from, until: one.until };
        let notice = Observation { at: now, kind: Kind::SpoolDropped(lost) };
        match spool.append_notice(record(&notice)) {
            Ok(appended) => dropped.extend(appended.dropped),
            Err(AppendError::DiskFull(_)) => {
                warn!("No room yet to tell of dropped records");
                spool.tell_later(one);
            }
            Err(error) => return Err(error).context("tell of dropped records"),
        }
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use vonggac_protocol::id::Epoch;
    use vonggac_protocol::observation::AgentStopped;

    use super::*;
    use crate::spool::Limits;

    #[tokio::test]
    async fn what_was_dropped_for_lack_of_room_is_itself_spooled() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes_max: 1024 * 1024, segment_bytes: 64 * 1024 };
        let (spool, _) = Spool::open(&folder.path().join("spool"), limits, Epoch(1)).unwrap();
        let spool = Arc::new(Mutex::new(spool));
        let (appended, _receiver) = watch::channel(0);
        let writer = Writer::new(spool.clone(), appended);
        // Text that cannot be packed to less than half.
        let reason = |number: i64| -> String {
            let mut state = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                format!("{state:016x}")
            };
            std::iter::repeat_with(next).take(180).collect()
        };
        let observation = |number| Observation {
            at: Timestamp(number),
            kind: Kind::AgentStopped(AgentStopped { reason: reason(number) }),
        };

        for group in 0..30 {
            let observations: Vec<_> = (group * 50..group * 50 + 50).map(observation).collect();
            writer.spool(&observations).await.unwrap();
        }

        let mut spool = spool.lock().unwrap();
        let dropped = spool.dropped();
        assert!(dropped > 0 && spool.bytes() <= limits.bytes_max);
        let span = spool.span(Lane::Prompt);
        let (mut from, mut told) = (span.kept_from, 0);
        while from < span.next {
            for (seq, bytes) in spool.read(Lane::Prompt, from, 1000, 1 << 20).unwrap() {
                if let Kind::SpoolDropped(lost) = Observation::decode(&bytes).unwrap().kind {
                    told += lost.count;
                }
                from = seq.next();
            }
        }
        // Earlier notices may have been dropped themselves, counted by later ones.
        assert!(told > 0 && told <= dropped, "{told} of {dropped}");
    }
}
