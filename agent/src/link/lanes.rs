//! From spool to batch to stream, one lane at a time, the prompt one first.

use std::path::Path;
use std::sync::PoisonError;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;
use vonggac_carrier::SendStream;
use vonggac_protocol::delivery::outbox::{Due, Outbox};
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::frame::{Batch, Frame};
use vonggac_protocol::id::{Epoch, Lane};

use super::due::Found;
use super::{SharedSpool, now, on_disk, sent};
use crate::clock;

/// Frames that wait for the stream: as many as an outbox lets be on the way.
const FRAMES_WAITING: usize = 4;

/// One lane of one connection.
pub(super) struct LaneLink {
    pub(super) lane: Lane,
    pub(super) outbox: Outbox,
    /// What the collector can unpack with.
    dictionary: Option<Dictionary>,
    frames: mpsc::Sender<Vec<u8>>,
    writer: JoinHandle<()>,
}

/// A batch ready for the stream.
struct Ready {
    count: usize,
    bytes: Vec<u8>,
}

/// What reading for a due batch came to.
enum Read {
    Ready(Ready),
    Else(Found),
}

impl LaneLink {
    pub(super) fn new(
        lane: Lane,
        outbox: Outbox,
        dictionary: Option<Dictionary>,
        mut stream: SendStream,
    ) -> Self {
        let (frames, mut waiting) = mpsc::channel::<Vec<u8>>(FRAMES_WAITING);
        let writer = tokio::spawn(async move {
            while let Some(bytes) = waiting.recv().await {
                if stream.write_all(&bytes).await.is_err() {
                    // The connection is gone, as the reader of the control stream sees too.
                    break;
                }
            }
        });

        Self { lane, outbox, dictionary, frames, writer }
    }

    /// Puts one batch on its way, if one is due and the stream has room; gives the bytes of its frame.
    pub(super) async fn pump(
        &mut self,
        epoch: Epoch,
        spool: &SharedSpool,
        state_dir: &Path,
    ) -> anyhow::Result<Option<u64>> {
        if self.frames.capacity() == 0 {
            return Ok(None);
        }
        let Some(due) = self.outbox.poll_transmit() else { return Ok(None) };
        let (lane, dictionary) = (self.lane, self.dictionary);
        let (spool, state_dir) = (spool.clone(), state_dir.to_owned());
        let ready = match on_disk(move || read(lane, epoch, due, dictionary, &spool, &state_dir)).await? {
            Read::Ready(ready) => ready,
            Read::Else(found) => return Ok(found.pass_over(due, &mut self.outbox).then_some(0)),
        };
        let bytes = u64::try_from(ready.bytes.len()).unwrap_or(u64::MAX);
        if self.frames.try_send(ready.bytes).is_err() {
            return Ok(None);
        }
        self.outbox.handle_transmitted(due.first, ready.count, now());

        Ok(Some(bytes))
    }
}

impl Drop for LaneLink {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

fn read(
    lane: Lane,
    epoch: Epoch,
    due: Due,
    dictionary: Option<Dictionary>,
    spool: &SharedSpool,
    state_dir: &Path,
) -> anyhow::Result<Read> {
    let found = Found::read(&mut spool.lock().unwrap_or_else(PoisonError::into_inner), lane, due)?;
    let Found::Records(observations) = found else { return Ok(Read::Else(found)) };
    let batch = Batch::pack_with(dictionary, epoch, lane, due.first, due.gap_before, &observations);
    let frame = Frame::Batch(batch.clone()).encode();
    let line = sent::line_of_batch(clock::now(), &batch, &observations, frame.len());
    if let Err(error) = sent::note(state_dir, &line) {
        warn!(%error, "What was sent could not be noted");
    }

    Ok(Read::Ready(Ready { count: observations.len(), bytes: frame }))
}
