//! Frames on a channel.

use vonggac_carrier::{Closed, ReadError, RecvStream, SendStream};
use vonggac_protocol::frame::{DecodeFrameError, Frame};

/// A frame that did not come.
#[derive(Debug, thiserror::Error)]
pub enum ReadFrameError {
    /// The stream or the connection ended.
    #[error("the stream ended")]
    Ended(#[source] ReadError),
    /// The bytes are not of the protocol.
    #[error("the collector sent what is not of the protocol")]
    Foreign(#[source] DecodeFrameError),
}

/// Reads the next frame. Not cancel-safe: a task of its own reads a stream.
///
/// # Errors
/// If the stream ends or what comes is not a frame.
pub async fn read(stream: &mut RecvStream) -> Result<Frame, ReadFrameError> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.map_err(ReadFrameError::Ended)?;
    let mut bytes = vec![0; Frame::length(prefix).map_err(ReadFrameError::Foreign)?];
    stream.read_exact(&mut bytes).await.map_err(ReadFrameError::Ended)?;

    Frame::decode(&bytes).map_err(ReadFrameError::Foreign)
}

/// Puts a frame on the stream.
///
/// # Errors
/// If the stream or the connection ended.
pub async fn write(stream: &mut SendStream, frame: &Frame) -> Result<(), Closed> {
    stream.write_all(&frame.encode()).await
}
