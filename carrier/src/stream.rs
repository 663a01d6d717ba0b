//! One direction of a channel.

use crate::closed::{Closed, ReadError, of_read};
use crate::tcp;

/// Where to write.
#[derive(Debug)]
pub enum SendStream {
    /// A stream of QUIC.
    Quic(quinn::SendStream),
    /// A channel over TCP.
    Tcp(tcp::SendStream),
}

impl From<tcp::SendStream> for SendStream {
    fn from(stream: tcp::SendStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<quinn::SendStream> for SendStream {
    fn from(stream: quinn::SendStream) -> Self {
        Self::Quic(stream)
    }
}

impl SendStream {
    /// Writes all of it, waiting while the peer does not read.
    ///
    /// # Errors
    /// If the connection ended.
    pub async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        match self {
            Self::Quic(stream) => Ok(stream.write_all(bytes).await?),
            Self::Tcp(stream) => stream.write_all(bytes).await,
        }
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) {
        match self {
            // Only a stream that ended already refuses.
            Self::Quic(stream) => drop(stream.finish()),
            Self::Tcp(stream) => stream.finish(),
        }
    }

    /// Waits until the peer has everything that was written before [`Self::finish`], as far as can be known.
    ///
    /// # Errors
    /// If the connection ended before.
    pub async fn finished(&mut self) -> Result<(), Closed> {
        match self {
            Self::Quic(stream) => match stream.stopped().await {
                Ok(_) => Ok(()),
                Err(quinn::StoppedError::ConnectionLost(error)) => Err(error.into()),
                Err(error @ quinn::StoppedError::ZeroRttRejected) => Err(Closed::Failed(error.to_string())),
            },
            Self::Tcp(stream) => stream.finished().await,
        }
    }
}

/// Where to read.
#[derive(Debug)]
pub enum RecvStream {
    /// A stream of QUIC.
    Quic(quinn::RecvStream),
    /// A channel over TCP.
    Tcp(tcp::RecvStream),
}

impl From<tcp::RecvStream> for RecvStream {
    fn from(stream: tcp::RecvStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<quinn::RecvStream> for RecvStream {
    fn from(stream: quinn::RecvStream) -> Self {
        Self::Quic(stream)
    }
}

impl RecvStream {
    /// Fills the buffer.
    ///
    /// # Errors
    /// If the channel or the connection ended before.
    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ReadError> {
        match self {
            Self::Quic(stream) => Ok(stream.read_exact(buffer).await?),
            Self::Tcp(stream) => stream.read_exact(buffer).await,
        }
    }

    /// The next bytes, at most so many, put at the end of `into`; says how many, 0 at the end of the channel.
    ///
    /// # Errors
    /// If the connection ended.
    pub async fn read_some(&mut self, most: usize, into: &mut Vec<u8>) -> Result<usize, Closed> {
        match self {
            Self::Quic(stream) => match stream.read_chunk(most, true).await.map_err(of_read)? {
                Some(chunk) => {
                    into.extend_from_slice(&chunk.bytes);
                    Ok(chunk.bytes.len())
                }
                None => Ok(0),
            },
            Self::Tcp(stream) => stream.read_some(most, into).await,
        }
    }
}
