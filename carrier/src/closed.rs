//! Why a connection or a channel ended.

use quinn::{ConnectionError, ReadExactError, WriteError};

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    /// The peer closed it and said why.
    #[error("the peer closed the connection: {reason} ({code})")]
    ByPeer {
        /// The number of the reason; 0 is an ordinary end.
        code: u64,
        /// The reason in English; foreign text.
        reason: String,
    },
    /// We closed it.
    #[error("the connection was closed on this side")]
    ByUs,
    /// Nothing was heard of the peer for too long.
    #[error("the peer fell silent")]
    Silent,
    /// The peer, or a peer in its place, knows nothing of it.
    #[error("the peer knows the connection no longer")]
    Reset,
    /// Otherwise.
    #[error("the connection failed: {0}")]
    Failed(String),
}

impl From<ConnectionError> for Closed {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::ByPeer {
                code: close.error_code.into_inner(),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            ConnectionError::LocallyClosed => Self::ByUs,
            ConnectionError::TimedOut => Self::Silent,
            ConnectionError::Reset => Self::Reset,
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::CidsExhausted => Self::Failed(error.to_string()),
        }
    }
}

impl From<WriteError> for Closed {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(error) => error.into(),
            WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => {
                Self::Failed(error.to_string())
            }
        }
    }
}

/// Why bytes were not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// The channel ended after so many of them.
    #[error("the channel ended")]
    Ended(usize),
    /// The connection did.
    #[error(transparent)]
    Gone(#[from] Closed),
}

impl From<ReadExactError> for ReadError {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(read) => Self::Ended(read),
            ReadExactError::ReadError(error) => Self::Gone(of_read(error)),
        }
    }
}

/// A reading error of QUIC.
pub(crate) fn of_read(error: quinn::ReadError) -> Closed {
    match error {
        quinn::ReadError::ConnectionLost(error) => error.into(),
        quinn::ReadError::Reset(_)
        | quinn::ReadError::ClosedStream
        | quinn::ReadError::IllegalOrderedRead
        | quinn::ReadError::ZeroRttRejected => Closed::Failed(error.to_string()),
    }
}
