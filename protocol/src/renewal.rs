//! How a host's certificate is replaced before it ends, and how a new root becomes known.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::hello::Refusal;
use crate::time::Timestamp;

/// Roots that a collector may name at once: the present one and the one before it, with room.
pub const ROOTS_MAX: usize = 4;

/// Bytes of one certificate that is sent; ours have some 500.
pub const CERTIFICATE_BYTES_MAX: usize = 4 * 1024;

/// What a host asks on its working connection. Who it is, the connection's certificate says; the subject of the
/// request is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Renew {
    /// Certificate request (PKCS#10, DER) for a new key, which stays on the machine. At most
    /// [`CSR_BYTES_MAX`](crate::limits::CSR_BYTES_MAX).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub request: Vec<u8>,
}

/// What the collector answers.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Renewed {
    /// A new certificate. The one before it counts until this one was used in a connection.
    #[n(0)]
    Accepted(#[n(0)] Renewal),
    /// None; the connection goes on.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}

/// A new certificate.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Renewal {
    /// It (DER), at most [`CERTIFICATE_BYTES_MAX`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// When it was issued, by the collector's clock.
    #[n(1)]
    pub issued_at: Timestamp,
    /// Until when it counts.
    #[n(2)]
    pub not_after: Timestamp,
}

/// More than five sixths of the certificate's life are over and it could not be renewed: after its end the host is heard
/// for a renewal only, and some time later not at all. Told once a day at most.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct CertificateEnding {
    /// When it was issued, by the collector's clock.
    #[n(0)]
    pub issued_at: Timestamp,
    /// Until when it counts.
    #[n(1)]
    pub not_after: Timestamp,
    /// Whether there was a connection when this was observed.
    #[n(2)]
    pub connected: bool,
}

/// How the certificate of this connection stands, and which roots are to be trusted; part of a welcome.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Standing {
    /// When it was issued, by the collector's clock.
    #[n(0)]
    pub issued_at: Timestamp,
    /// Until when it counts.
    #[n(1)]
    pub not_after: Timestamp,
    /// Whether nothing but a renewal is heard on this connection, because the certificate has ended.
    #[n(2)]
    pub only_renew: bool,
    /// The roots (DER) to trust from now on instead of those in the hello; `None`: those are the right ones. At most
    /// [`ROOTS_MAX`] of at most [`CERTIFICATE_BYTES_MAX`].
    #[n(3)]
    #[serde(skip)]
    pub roots: Option<Vec<ByteVec>>,
}
