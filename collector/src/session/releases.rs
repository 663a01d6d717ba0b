//! Releases of the agent, offered and handed over on the control stream.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{info, warn};
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::Hello;
use vonggac_protocol::id::HostId;
use vonggac_protocol::release::{Platform, ReleasePiece, ReleaseWanted};

use crate::clock;
use crate::store::{Store, releases};

/// Pieces that are read from the disk and written to lines at once, all agents together: a release must not be in the way of
/// what hosts observe, and a quarter of a mebibyte for each of ten thousand hosts that read slowly would be.
const AT_ONCE: usize = 64;

/// Who waits for a place for longer comes back with the same question.
const TURN: Duration = Duration::from_secs(60);

/// How an order goes is looked at this often, not for each host that it is offered to: who fell silent did so long ago.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Places for pieces, and when each order was looked at last; one for all sessions.
#[derive(Debug)]
pub(super) struct Handing {
    places: Semaphore,
    looked: Mutex<BTreeMap<u64, Instant>>,
}

impl Default for Handing {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), looked: Mutex::default() }
    }
}

impl Handing {
    /// Whether it is time to look at how an order goes; only the first who asks is told so.
    fn is_due(&self, order: u64, now: Instant) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = looked.get(&order).is_none_or(|at| now.saturating_duration_since(*at) >= LOOK_EVERY);
        if is_due {
            looked.retain(|_, at| now.saturating_duration_since(*at) < LOOK_EVERY);
            looked.insert(order, now);
        }

        is_due
    }
}

/// A piece, and its place until it is on the line.
#[derive(Debug)]
pub(super) struct Handed<'a> {
    pub(super) piece: ReleasePiece,
    pub(super) place: SemaphorePermit<'a>,
}

/// What one agent was told of releases on this connection.
#[derive(Clone, Debug)]
pub(super) struct Offers {
    pub(super) host: HostId,
    platform: Option<Platform>,
    running: String,
    told: Option<u64>,
}

impl Offers {
    pub(super) fn new(host: HostId, hello: &Hello) -> Self {
        let platform = hello.platform.clone().filter(Platform::is_named);

        Self { host, platform, running: hello.version.clone(), told: None }
    }

    /// What is offered to it and it was not told yet.
    pub(super) async fn news(&mut self, store: &Store, handing: &Handing) -> anyhow::Result<Option<Frame>> {
        let Some(platform) = self.platform.clone() else { return Ok(None) };
        let (host, running, told) = (self.host, self.running.clone(), self.told);
        let found = store.read(move |db| releases::offer(db, host, &platform, &running, told)).await?;
        let Some(offer) = found else { return Ok(None) };
        let order = offer.order;
        self.told = Some(order);
        let look = handing.is_due(order, clock::instant());
        let stands = store.write(move |tx| releases::offered(tx, order, host, look, clock::now())).await?;
        if !stands {
            warn!(order, "Release halted: hosts that took it do not run it");
            return Ok(None);
        }

        Ok(Some(Frame::ReleaseOffer(offer)))
    }

    /// The piece that it asked for.
    pub(super) async fn piece<'a>(
        &self,
        store: &Store,
        handing: &'a Handing,
        wanted: ReleaseWanted,
    ) -> anyhow::Result<Option<Handed<'a>>> {
        let turn = tokio::time::timeout(TURN, handing.places.acquire());
        let Ok(Ok(place)) = turn.await else { return Ok(None) };
        let host = self.host;
        let (piece, is_last) = store.read(move |db| releases::piece(db, host, wanted)).await?;
        if is_last {
            info!("Release handed over");
            store.write(move |tx| releases::taken(tx, host, clock::now())).await?;
        }

        Ok(Some(Handed { piece, place }))
    }
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::digest::Digest;

    use super::*;

    #[tokio::test]
    async fn a_piece_keeps_its_place_until_it_is_on_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db")).unwrap();
        let handing = Handing::default();
        let offers = Offers { host: HostId([1; 16]), platform: None, running: "0".to_owned(), told: None };
        let wanted = ReleaseWanted { sha256: Digest([1; 32]), piece: 0 };

        let handed = offers.piece(&store, &handing, wanted).await.unwrap().unwrap();

        assert!(handed.piece.packed.is_empty(), "nothing is offered to it");
        assert_eq!(handing.places.available_permits(), AT_ONCE - 1);
        drop(handed);
        assert_eq!(handing.places.available_permits(), AT_ONCE);
    }

    #[test]
    fn an_order_is_looked_at_once_a_minute_however_many_hosts_hear_of_it() {
        let (handing, start) = (Handing::default(), clock::instant());

        assert!(handing.is_due(1, start) && handing.is_due(2, start));
        assert!((0..10_000).all(|_| !handing.is_due(1, start)));
        assert!(handing.is_due(1, start + LOOK_EVERY) && !handing.is_due(1, start + LOOK_EVERY));
        assert_eq!(handing.looked.lock().unwrap().len(), 1, "what is long over is forgotten");
    }
}
