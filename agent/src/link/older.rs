//! Whether this disk is an older copy of itself, as when a virtual machine is set back to a snapshot.
//!
//! Going on under the old epoch would give places a second time that the collector knows already: it would take new
//! records for known ones, and the agent would forget them unsent.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::LaneMark;

use crate::spool::{ReadSpoolError, Spool};

/// Whether the collector has of this epoch what this spool has not: more than was ever written, or, at the place of
/// its mark, another record. What the spool has let go of or lost cannot be compared.
///
/// # Errors
/// If the spool cannot be read.
pub fn is_older_copy(spool: &mut Spool, marks: &[LaneMark]) -> Result<bool, ReadSpoolError> {
    for mark in marks {
        if mark.kept >= spool.span(mark.lane).next {
            return Ok(true);
        }
        let Some(digest) = mark.digest else { continue };
        let found = spool.read(mark.lane, mark.kept, 1, 0)?;
        if found.iter().any(|(seq, bytes)| *seq == mark.kept && Digest::of(bytes) != digest) {
            return Ok(true);
        }
    }

    Ok(false)
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::id::{Epoch, Lane, Seq};
    use vonggac_protocol::time::Timestamp;

    use super::*;
    use crate::spool::{Limits, Record};

    fn record(bytes: &[u8]) -> Record {
        Record { lane: Lane::Prompt, at: Timestamp(0), bytes: bytes.to_vec() }
    }

    fn mark(kept: u64, bytes: Option<&[u8]>) -> LaneMark {
        LaneMark { lane: Lane::Prompt, kept: Seq(kept), digest: bytes.map(Digest::of) }
    }

    #[test]
    fn another_record_at_the_same_place_tells_an_older_copy_that_went_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(&folder.path().join("spool"), Limits::default(), Epoch(1)).unwrap();
        spool.append(&[record(b"one"), record(b"two"), record(b"three")]).unwrap();

        let mut older = |mark: LaneMark| is_older_copy(&mut spool, &[mark]).unwrap();

        assert!(!older(mark(0, None)) && !older(mark(3, Some(b"three"))) && !older(mark(2, Some(b"two"))));
        assert!(older(mark(2, Some(b"another"))) && older(mark(4, None)));
        assert!(!older(mark(2, None)), "a collector that does not say is believed");
        spool.forget(Lane::Prompt, Seq(2)).unwrap();
        assert!(
            !is_older_copy(&mut spool, &[mark(2, Some(b"another"))]).unwrap(),
            "nothing is left to compare"
        );
    }
}
