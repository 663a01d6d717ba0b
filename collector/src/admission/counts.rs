//! What was turned away, by reason; since the collector started.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why somebody was turned away, or something noticed at the door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There are as many connections as there may be.
    ConnectionsInAll,
    /// Or from this address.
    ConnectionsOfAddress,
    /// Or of this agency.
    ConnectionsOfAgency,
    /// As many handshakes wait as may, and this address has its share.
    HandshakesWaiting,
    /// A handshake waited so long that its peer has given up.
    WaitedTooLong,
    /// An address was asked to prove that it hears us, because many waited.
    AddressAsked,
    /// Nothing was said on a TCP connection in time, or too many from there said nothing.
    Unspoken,
    /// A handshake came to nothing.
    HandshakeFailed,
    /// A handshake did not end in time.
    HandshakeSlow,
    /// No certificate, or for another protocol.
    CertificateMissing,
    /// A certificate of ours that the store does not know.
    CertificateUnknown,
    /// No hello in time.
    HelloMissing,
    /// Too many hellos waited.
    HellosWaiting,
    /// The host may not work: revoked, held, waiting.
    HostBarred,
    /// The host broke the protocol.
    HostMisbehaved,
    /// The host broke it so often that it was not listened to for a while.
    HostAvoided,
    /// Enrolments in this hour.
    EnrolmentsInAll,
    /// From this address.
    EnrolmentsOfAddress,
    /// Into this agency.
    EnrolmentsOfAgency,
    /// Enrolments at once.
    EnrolmentsAtOnce,
    /// The store could not keep anything.
    StoreFailed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::ConnectionsInAll,
        Self::ConnectionsOfAddress,
        Self::ConnectionsOfAgency,
        Self::HandshakesWaiting,
        Self::WaitedTooLong,
        Self::AddressAsked,
        Self::Unspoken,
        Self::HandshakeFailed,
        Self::HandshakeSlow,
        Self::CertificateMissing,
        Self::CertificateUnknown,
        Self::HelloMissing,
        Self::HellosWaiting,
        Self::HostBarred,
        Self::HostMisbehaved,
        Self::HostAvoided,
        Self::EnrolmentsInAll,
        Self::EnrolmentsOfAddress,
        Self::EnrolmentsOfAgency,
        Self::EnrolmentsAtOnce,
        Self::StoreFailed,
    ];

    /// The word in JSON, and, with hyphens, in the files of words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ConnectionsInAll => "connections_in_all",
            Self::ConnectionsOfAddress => "connections_of_address",
            Self::ConnectionsOfAgency => "connections_of_agency",
            Self::HandshakesWaiting => "handshakes_waiting",
            Self::WaitedTooLong => "waited_too_long",
            Self::AddressAsked => "address_asked",
            Self::Unspoken => "unspoken",
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeSlow => "handshake_slow",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateUnknown => "certificate_unknown",
            Self::HelloMissing => "hello_missing",
            Self::HellosWaiting => "hellos_waiting",
            Self::HostBarred => "host_barred",
            Self::HostMisbehaved => "host_misbehaved",
            Self::HostAvoided => "host_avoided",
            Self::EnrolmentsInAll => "enrolments_in_all",
            Self::EnrolmentsOfAddress => "enrolments_of_address",
            Self::EnrolmentsOfAgency => "enrolments_of_agency",
            Self::EnrolmentsAtOnce => "enrolments_at_once",
            Self::StoreFailed => "store_failed",
        }
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|one| *one == self).unwrap_or(0)
    }
}

/// Counts by reason; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<[AtomicU64; Reason::ALL.len()]>);

impl Counts {
    /// Counts one.
    pub fn count(&self, reason: Reason) {
        self.0[reason.place()].fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.0[reason.place()].load(Ordering::Relaxed)
    }

    /// Those that were counted at all, with their numbers.
    #[must_use]
    pub fn counted(&self) -> Vec<(Reason, u64)> {
        Reason::ALL
            .into_iter()
            .map(|reason| (reason, self.of(reason)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_count_and_word() {
        let counts = Counts::default();
        for reason in Reason::ALL {
            counts.count(reason);
        }

        assert_eq!(counts.counted().len(), Reason::ALL.len());
        assert!(counts.counted().iter().all(|(_, count)| *count == 1));
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
