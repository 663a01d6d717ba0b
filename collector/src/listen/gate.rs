//! What every way in asks before anything is spent on who knocks: a place, and a turn to shake hands.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::admission::Admission;
use crate::admission::counts::Reason;
use crate::admission::lobby::Guest;
use crate::admission::origin::Origin;
use crate::admission::places::{Place, Taken};
use crate::admission::turnstile::{Ticket, Turn};

/// Who waited longer than this for a turn has given up by now: an agent waits ten seconds for a handshake.
const TURN_WITHIN: Duration = Duration::from_secs(9);

/// What we have to do in a handshake takes milliseconds. One that takes longer waits for its peer, and keeps nobody
/// else from their turn meanwhile.
const OURS_WITHIN: Duration = Duration::from_secs(1);

/// The gate; cheap to clone. The same for every way in.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Admission>);

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub struct Pass {
    _place: Place<Origin>,
}

/// Why there was no turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// It took too long; nobody waits for an answer any more.
    Late,
    /// The queue is full and this address had more in it than others.
    PushedOut,
}

/// The peer showed no certificate where one is needed.
#[derive(Debug, thiserror::Error)]
#[error("no certificate")]
pub struct NoCertificate;

impl Gate {
    /// A gate that keeps to these limits.
    #[must_use]
    pub fn new(admission: Arc<Admission>) -> Self {
        Self(admission)
    }

    /// Whether so many wait that an address which did not prove itself is asked to.
    #[must_use]
    pub fn asks_for_proof(&self) -> bool {
        let pressed = self.0.is_pressed();
        if pressed {
            self.0.counts.count(Reason::AddressAsked);
        }

        pressed
    }

    /// A place among those who have connected over TCP and said nothing yet.
    #[must_use]
    pub fn let_sit(&self, address: IpAddr) -> Guest<Origin> {
        self.0.unspoken.enter(Origin::of(address))
    }

    /// Waits for the first words of one of them; `None` if they did not come in time, or it had to make room for others.
    /// Counted.
    pub async fn hear<T>(
        &self,
        guest: Guest<Origin>,
        words: impl Future<Output = io::Result<T>>,
    ) -> Option<T> {
        let heard = tokio::select! {
            heard = tokio::time::timeout(self.0.limits.patience.first_words, words) => heard.ok(),
            () = guest.made_room() => None,
        };
        if heard.is_none() {
            self.0.counts.count(Reason::Unspoken);
        }

        // Whoever left by itself is nobody's trouble.
        heard?.ok()
    }

    /// A place and a ticket for a handshake; `None` if this address, or everybody together, has enough. Counted.
    #[must_use]
    pub fn knock(&self, address: IpAddr) -> Option<(Pass, Ticket<Origin>)> {
        let origin = Origin::of(address);
        let place = match self.0.connections.take(origin) {
            Ok(place) => place,
            Err(taken) => {
                self.0.counts.count(match taken {
                    Taken::All => Reason::ConnectionsInAll,
                    Taken::Key => Reason::ConnectionsOfAddress,
                });
                return None;
            }
        };
        let Ok(ticket) = self.0.handshakes.enter(origin, 1) else {
            self.0.counts.count(Reason::HandshakesWaiting);
            return None;
        };

        Some((Pass { _place: place }, ticket))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// If it did not come. Counted.
    pub async fn turn(&self, ticket: Ticket<Origin>) -> Result<Turn<Origin>, Missed> {
        let (missed, reason) = match tokio::time::timeout(TURN_WITHIN, ticket.turn()).await {
            Ok(Ok(turn)) => return Ok(turn),
            Ok(Err(_)) => (Missed::PushedOut, Reason::HandshakesWaiting),
            Err(_) => (Missed::Late, Reason::WaitedTooLong),
        };
        self.0.counts.count(reason);

        Err(missed)
    }

    /// Goes through a handshake within its time; `None` if nothing came of it. Counted.
    pub async fn shake<T>(
        &self,
        address: IpAddr,
        turn: Turn<Origin>,
        handshake: impl Future<Output = anyhow::Result<T>>,
    ) -> Option<T> {
        let mut handshake = pin!(handshake);
        let shaken = match tokio::time::timeout(OURS_WITHIN, &mut handshake).await {
            Ok(shaken) => Ok(shaken),
            Err(_) => {
                // Without such a place it keeps its turn: then we are the slow ones.
                let waits = self.0.slow.take(Origin::of(address));
                let turn = waits.is_err().then_some(turn);
                let left = self.0.limits.patience.handshake.saturating_sub(OURS_WITHIN);
                let shaken = tokio::time::timeout(left, handshake).await;
                drop(turn);
                shaken
            }
        };
        let reason = match shaken {
            Ok(Ok(arrived)) => return Some(arrived),
            Ok(Err(error)) if error.is::<NoCertificate>() => Reason::CertificateMissing,
            Ok(Err(error)) => {
                debug!(%error, "Handshake failed");
                Reason::HandshakeFailed
            }
            Err(_) => Reason::HandshakeSlow,
        };
        self.0.counts.count(reason);

        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::limits::Limits;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn an_address_with_enough_connections_waits_until_one_leaves() {
        let limits = Limits { connections_per_address_max: 2, ..Limits::default() };
        let admission = Admission::shared(limits);
        let gate = Gate::new(Arc::clone(&admission));

        let first = gate.knock(HERE).unwrap();
        let _second = gate.knock(HERE).unwrap();

        assert!(gate.knock(HERE).is_none());
        assert!(gate.knock(THERE).is_some());
        assert_eq!(admission.counts.of(Reason::ConnectionsOfAddress), 1);
        drop(first);
        assert!(gate.knock(HERE).is_some());
    }

    #[tokio::test]
    async fn a_peer_that_never_finishes_its_handshake_keeps_nobody_from_theirs() {
        let admission = Admission::shared(Limits { handshakes_max: 4, ..Limits::default() });
        let gate = Gate::new(Arc::clone(&admission));
        let stuck: Vec<_> = (0..40).map(|_| gate.knock(HERE).unwrap()).collect();
        let mut stuck = stuck.into_iter();
        let first = gate.turn(stuck.next().unwrap().1).await.unwrap();
        let held = tokio::spawn({
            let gate = gate.clone();
            async move { gate.shake(HERE, first, std::future::pending::<anyhow::Result<()>>()).await }
        });

        let (_pass, ticket) = gate.knock(THERE).unwrap();
        assert!(!ticket.must_wait(), "one address never has all turns");
        let turn = gate.turn(ticket).await.unwrap();
        assert_eq!(gate.shake(THERE, turn, async { Ok(7) }).await, Some(7));

        // The stuck one gives its turn back after a second and goes on waiting for its peer.
        let next = tokio::time::timeout(OURS_WITHIN * 5, gate.turn(stuck.next().unwrap().1)).await;
        assert!(next.is_ok_and(|turn| turn.is_ok()));
        assert_eq!(admission.slow.taken(), 1);
        held.abort();
    }
}
