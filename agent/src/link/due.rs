//! What the spool has for a batch that fell due, and what to do if it has something else; no task, no socket.

use vonggac_protocol::delivery::outbox::{Due, Outbox};
use vonggac_protocol::id::{Lane, Seq};

use crate::spool::{ReadSpoolError, Spool};

/// Raw bytes in a batch unless one observation is longer. Well below the protocol's limit: it bounds the memory of an
/// agent, and 256 KiB of file changes compress as well as four megabytes.
const BATCH_BYTES: usize = 256 * 1024;

/// What reading for a due batch found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The encoded observations from the first due place on.
    Records(Vec<Vec<u8>>),
    /// The spool's next record is this one, further on than what is due.
    Later(Seq),
    /// Nothing.
    Nothing,
}

impl Found {
    /// Reads what is due.
    ///
    /// # Errors
    /// If the spool cannot be read.
    pub fn read(spool: &mut Spool, lane: Lane, due: Due) -> Result<Self, ReadSpoolError> {
        let records = spool.read(lane, due.first, due.count_max, BATCH_BYTES)?;

        Ok(match records.first() {
            None => Self::Nothing,
            Some((first, _)) if *first != due.first => Self::Later(*first),
            Some(_) => Self::Records(records.into_iter().map(|(_, bytes)| bytes).collect()),
        })
    }

    /// Passes over places that never come, if it may; says whether something else is due now.
    pub fn pass_over(&self, due: Due, outbox: &mut Outbox) -> bool {
        match self {
            // The collector is told with the batch that follows them, which must not overtake what is still on its
            // way: only when everything before is confirmed.
            Self::Later(seq) if outbox.kept().next() == due.first || due.gap_before > 0 => {
                outbox.handle_dropped(*seq);

                true
            }
            Self::Later(_) | Self::Records(_) | Self::Nothing => false,
        }
    }
}
