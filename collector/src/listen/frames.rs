//! Frames on a stream: read within limits and in time, written whole.

use std::time::Duration;

use vonggac_carrier::{ReadError, RecvStream, SendStream};
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{Refusal, RefusalCode};
use vonggac_protocol::limits::FRAME_BYTES_MAX;

/// A frame that has begun must be there whole within this, unless said otherwise.
const FRAME_WITHIN: Duration = Duration::from_secs(60);

/// Bytes read at a time: memory grows with what has come, not with what was announced.
const PIECE_BYTES: usize = 16 * 1024;

/// Why no frame was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFrameError {
    /// The stream ended between frames.
    #[error("the stream ended")]
    Ended,
    /// The connection is gone.
    #[error("the connection is gone")]
    Gone(#[source] anyhow::Error),
    /// The peer broke a rule of the protocol.
    #[error("{detail}")]
    Broken {
        /// Which kind of rule.
        code: RefusalCode,
        /// What, in English.
        detail: String,
    },
}

fn broken(code: RefusalCode, detail: impl Into<String>) -> ReadFrameError {
    ReadFrameError::Broken { code, detail: detail.into() }
}

/// Reads one frame of at most `most` bytes; waits for its beginning as long as it takes.
///
/// # Errors
/// If the stream or connection ended, or the peer broke a limit or the form.
pub async fn read(stream: &mut RecvStream, most: usize) -> Result<Frame, ReadFrameError> {
    let length = begin(stream, most).await?;

    finish(stream, length, FRAME_WITHIN).await
}

/// Waits for the beginning of a frame of at most `most` bytes, as long as it takes; gives its length.
///
/// # Errors
/// As [`read`].
pub async fn begin(stream: &mut RecvStream, most: usize) -> Result<usize, ReadFrameError> {
    let mut prefix = [0; 4];
    match stream.read_exact(&mut prefix).await {
        Ok(()) => {}
        Err(ReadError::Ended(0)) => return Err(ReadFrameError::Ended),
        Err(ReadError::Ended(_)) => {
            return Err(broken(RefusalCode::Malformed, "the stream ended within a length"));
        }
        Err(ReadError::Gone(error)) => return Err(ReadFrameError::Gone(error.into())),
    }
    let length =
        Frame::length(prefix).map_err(|error| broken(RefusalCode::LimitBroken, error.to_string()))?;
    if length > most.min(FRAME_BYTES_MAX) {
        return Err(broken(
            RefusalCode::LimitBroken,
            format!("frame of {length} bytes, at most {most} are accepted here"),
        ));
    }

    Ok(length)
}

/// Reads the rest of a frame of which [`begin`] gave the length.
///
/// # Errors
/// As [`read`], and if it does not come within this time.
pub async fn finish(
    stream: &mut RecvStream,
    length: usize,
    within: Duration,
) -> Result<Frame, ReadFrameError> {
    let body = tokio::time::timeout(within, read_body(stream, length))
        .await
        .map_err(|_| broken(RefusalCode::LimitBroken, "a frame did not come whole in time"))??;

    Frame::decode(&body).map_err(|error| broken(RefusalCode::Malformed, format!("{error}")))
}

async fn read_body(stream: &mut RecvStream, length: usize) -> Result<Vec<u8>, ReadFrameError> {
    let mut body = Vec::with_capacity(length.min(PIECE_BYTES));
    while body.len() < length {
        let want = (length - body.len()).min(PIECE_BYTES);
        match stream.read_some(want, &mut body).await {
            Ok(0) => return Err(broken(RefusalCode::Malformed, "the stream ended within a frame")),
            Ok(_) => {}
            Err(error) => return Err(ReadFrameError::Gone(error.into())),
        }
    }

    Ok(body)
}

/// Writes one frame.
///
/// # Errors
/// If the connection is gone.
pub async fn write(stream: &mut SendStream, frame: &Frame) -> anyhow::Result<()> {
    stream.write_all(&frame.encode()).await?;

    Ok(())
}

/// Writes the last frame and waits a little until the peer has it, so that closing does not overtake it.
pub async fn write_last(stream: &mut SendStream, frame: &Frame) {
    let told = async {
        write(stream, frame).await?;
        stream.finish();
        stream.finished().await?;
        anyhow::Ok(())
    };
    // A peer that has gone away does not need our last words.
    drop(tokio::time::timeout(Duration::from_secs(3), told).await);
}

/// The number with which a connection is closed for this reason; 0 is an ordinary end.
#[must_use]
pub fn close_code(code: RefusalCode) -> u32 {
    let number: u32 = match code {
        RefusalCode::IdentityRevoked => 0,
        RefusalCode::WaitingForApproval => 1,
        RefusalCode::VersionUnknown => 2,
        RefusalCode::LimitBroken => 3,
        RefusalCode::Malformed => 4,
        RefusalCode::TokenUnknown => 5,
        RefusalCode::TokenUsed => 6,
        RefusalCode::TokenExpired => 7,
        RefusalCode::TokenOfAnotherAgency => 8,
        RefusalCode::IdentityHeld => 9,
        RefusalCode::Busy => 10,
        RefusalCode::RequestUnusable => 11,
        RefusalCode::CertificateExpired => 15,
        RefusalCode::MachineForbidden => 12,
    };

    0x100 + number
}

/// A refusal with the usual time to try again.
#[must_use]
pub fn refusal(code: RefusalCode, detail: impl Into<String>) -> Refusal {
    let retry_after_secs = match code {
        RefusalCode::WaitingForApproval | RefusalCode::Busy => Some(30),
        RefusalCode::IdentityHeld => Some(300),
        RefusalCode::LimitBroken | RefusalCode::Malformed => Some(60),
        RefusalCode::IdentityRevoked
        | RefusalCode::VersionUnknown
        | RefusalCode::TokenUnknown
        | RefusalCode::TokenUsed
        | RefusalCode::TokenExpired
        | RefusalCode::TokenOfAnotherAgency
        | RefusalCode::RequestUnusable
        | RefusalCode::CertificateExpired
        | RefusalCode::MachineForbidden => None,
    };

    Refusal { code, detail: detail.into(), retry_after_secs }
}
