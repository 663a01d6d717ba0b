//! When to tell that the certificate is about to end: once a day while it is not renewed. By the collector's clock.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use vonggac_protocol::renewal::CertificateEnding;
use vonggac_protocol::time::Timestamp;

use crate::keep;
use crate::status::CertificateSpan;

const FILENAME: &str = "certificate-told";

const ONCE_IN: Duration = Duration::from_secs(24 * 60 * 60);

/// What was said of the certificate, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// The span, and the collector's time at a moment of the steady clock.
    said: Option<(CertificateSpan, Timestamp, Instant)>,
    told: Option<Timestamp>,
}

impl Ending {
    /// Goes on with what a run before has told; a file that is not ours is as good as none.
    pub(super) fn load(state_dir: &Path) -> Self {
        let told = fs::read_to_string(state_dir.join(FILENAME)).ok();

        Self { said: None, told: told.and_then(|told| told.trim().parse().ok()).map(Timestamp) }
    }

    /// The collector said so.
    pub(super) fn handle_said(&mut self, span: CertificateSpan, collector_now: Timestamp, now: Instant) {
        self.said = Some((span, collector_now, now));
    }

    /// What to tell now, if anything. It counts as told once [`keep`](Self::keep) was called.
    pub(super) fn poll(&mut self, connected: bool, now: Instant) -> Option<CertificateEnding> {
        let (span, said_at, at) = self.said?;
        let now = said_at.plus(now.saturating_duration_since(at));
        let is_told = self.told.is_some_and(|told| told <= now && now.since(told) < ONCE_IN);
        if is_told || !span.is_ending(now) {
            return None;
        }
        self.told = Some(now);

        Some(CertificateEnding { issued_at: span.issued_at, not_after: span.not_after, connected })
    }

    /// When to ask next at the latest; `None` before anything is known.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        let (span, said_at, at) = self.said?;
        let life = span.not_after.since(span.issued_at);
        let ending = span.not_after.minus(life / 6).plus(Duration::from_millis(1));
        let again = self.told.map_or(ending, |told| ending.max(told.plus(ONCE_IN)));

        Some(at + again.since(said_at))
    }

    /// Puts on the disk what was told.
    pub(super) fn keep(&self, state_dir: &Path) -> io::Result<()> {
        let Some(told) = self.told else { return Ok(()) };

        keep::write_view(&state_dir.join(FILENAME), told.0.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const ISSUED: Timestamp = Timestamp(1_795_000_000_000);

    fn span() -> CertificateSpan {
        CertificateSpan { issued_at: ISSUED, not_after: ISSUED.plus(DAY * 30) }
    }

    #[test]
    fn the_last_sixth_of_a_life_is_told_once_a_day_also_over_a_restart() {
        let (state, start) = (tempfile::tempdir().unwrap(), clock::instant());
        let mut ending = Ending::load(state.path());
        assert_eq!((ending.poll(true, start), ending.poll_at()), (None, None), "nothing is known yet");
        ending.handle_said(span(), ISSUED.plus(DAY * 10), start);

        assert_eq!(ending.poll(true, start + DAY * 15), None);
        let due = ending.poll_at().unwrap();
        assert!(due > start + DAY * 15 && due < start + DAY * 15 + Duration::from_secs(1));
        let told = ending.poll(false, due).unwrap();
        assert_eq!((told.issued_at, told.not_after, told.connected), (ISSUED, ISSUED.plus(DAY * 30), false));
        assert_eq!(ending.poll(false, due + DAY / 2), None);
        ending.keep(state.path()).unwrap();

        let mut again = Ending::load(state.path());
        again.handle_said(span(), ISSUED.plus(DAY * 25 + DAY / 2), start);
        assert_eq!(again.poll(true, start), None, "told half a day ago");
        assert!(again.poll(true, start + DAY).is_some());
    }

    #[test]
    fn a_renewed_certificate_is_told_again_only_when_it_ends() {
        let start = clock::instant();
        let mut ending = Ending::default();
        ending.handle_said(span(), ISSUED.plus(DAY * 26), start);
        assert!(ending.poll(true, start).is_some());

        let renewed = CertificateSpan { issued_at: ISSUED.plus(DAY * 26), not_after: ISSUED.plus(DAY * 56) };
        ending.handle_said(renewed, ISSUED.plus(DAY * 26), start);

        assert_eq!(ending.poll(true, start + DAY * 2), None);
        assert!(ending.poll_at().unwrap() >= start + DAY * 25);
    }
}
