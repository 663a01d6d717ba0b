//! From spool to batch to stream, one lane at a time, the prompt one first.

use std::path::Path;
use std::sync::PoisonError;

use quinn::SendStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;
use vonggac_protocol::delivery::outbox::{Due, Outbox};
use vonggac_protocol::frame::{Batch, Frame};
use vonggac_protocol::id::{Epoch, Lane, Seq};

use super::{SharedSpool, now, on_disk, sent};
use crate::clock;

/// Raw bytes in a batch unless one observation is longer. Well below the protocol's limit: it bounds the memory of an
/// agent, and 256 KiB of file changes compress as well as four megabytes.
const BATCH_BYTES: usize = 256 * 1024;

/// Frames that wait for the stream: as many as an outbox lets be on the way.
const FRAMES_WAITING: usize = 4;

/// One lane of one connection.
pub(super) struct LaneLink {
    pub(super) lane: Lane,
    pub(super) outbox: Outbox,
    frames: mpsc::Sender<Vec<u8>>,
    writer: JoinHandle<()>,
}

/// A batch ready for the stream.
struct Ready {
    first: Seq,
    count: usize,
    bytes: Vec<u8>,
}

/// What reading for a due batch found.
enum Found {
    Ready(Ready),
    /// The spool's next record is this one, further on than what is due.
    Later(Seq),
    Nothing,
}

impl LaneLink {
    pub(super) fn new(lane: Lane, outbox: Outbox, mut stream: SendStream) -> Self {
        let (frames, mut waiting) = mpsc::channel::<Vec<u8>>(FRAMES_WAITING);
        let writer = tokio::spawn(async move {
            while let Some(bytes) = waiting.recv().await {
                if stream.write_all(&bytes).await.is_err() {
                    // The connection is gone, as the reader of the control stream sees too.
                    break;
                }
            }
        });

        Self { lane, outbox, frames, writer }
    }

    /// Puts one batch on its way, if one is due and the stream has room; says whether it did.
    pub(super) async fn pump(
        &mut self,
        epoch: Epoch,
        spool: &SharedSpool,
        state_dir: &Path,
    ) -> anyhow::Result<bool> {
        if self.frames.capacity() == 0 {
            return Ok(false);
        }
        let Some(due) = self.outbox.poll_transmit() else { return Ok(false) };
        let (lane, spool, state_dir) = (self.lane, spool.clone(), state_dir.to_owned());
        match on_disk(move || read(lane, epoch, due, &spool, &state_dir)).await? {
            Found::Ready(ready) => {
                if self.frames.try_send(ready.bytes).is_err() {
                    return Ok(false);
                }
                self.outbox.handle_transmitted(ready.first, ready.count, now());

                Ok(true)
            }
            // The places before it never come. The collector is told with the batch that follows them, which must
            // not overtake what is still on its way: only when everything before is confirmed.
            Found::Later(seq) if self.outbox.kept().next() == due.first || due.gap_before > 0 => {
                self.outbox.handle_dropped(seq);

                Ok(true)
            }
            Found::Later(_) | Found::Nothing => Ok(false),
        }
    }
}

impl Drop for LaneLink {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

fn read(lane: Lane, epoch: Epoch, due: Due, spool: &SharedSpool, state_dir: &Path) -> anyhow::Result<Found> {
    let records = {
        let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
        spool.read(lane, due.first, due.count_max, BATCH_BYTES)?
    };
    let Some((first, _)) = records.first() else { return Ok(Found::Nothing) };
    if *first != due.first {
        return Ok(Found::Later(*first));
    }
    let observations: Vec<Vec<u8>> = records.into_iter().map(|(_, bytes)| bytes).collect();
    let batch = Batch::pack(epoch, lane, due.first, due.gap_before, &observations);
    let frame = Frame::Batch(batch.clone()).encode();
    let line = sent::line_of_batch(clock::now(), &batch, &observations, frame.len());
    if let Err(error) = sent::note(state_dir, &line) {
        warn!(%error, "What was sent could not be noted");
    }

    Ok(Found::Ready(Ready { first: due.first, count: observations.len(), bytes: frame }))
}
