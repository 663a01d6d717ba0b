//! The task of a connection: between its channels and its socket, until both directions have ended.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::Shared;
use super::state::CHANNELS;
use crate::closed::Closed;

/// What came is answered within this, if nothing else is said: a peer that hears nothing at all takes us for dead.
const ANSWER_AFTER: Duration = Duration::from_secs(10);

/// One record of TLS goes to the system within this, or the peer does not read.
const WRITE_WITHIN: Duration = Duration::from_secs(60);

/// How long the last words may take, and how long the peer may take to end its side.
const END_WITHIN: Duration = Duration::from_secs(3);

/// Bytes read at a time.
const READ_BYTES: usize = 4 * 1024;

/// Drives a connection to its end. Nothing heard for `idle`: it is over.
pub(super) async fn drive<S: AsyncRead + AsyncWrite>(stream: S, shared: Arc<Shared>, idle: Duration) {
    let (reading, writing) = tokio::io::split(stream);
    let both = async {
        tokio::join!(read(reading, &shared, idle), write(writing, &shared));
    };
    let over = async {
        shared.closed().await;
        tokio::time::sleep(END_WITHIN).await;
    };
    // The socket is dropped with both halves, whatever the peer does.
    tokio::select! {
        () = both => {}
        () = over => {}
    }
    shared.driven.send_replace(true);
}

async fn read<S: AsyncRead + AsyncWrite>(mut stream: ReadHalf<S>, shared: &Shared, idle: Duration) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match timeout(idle, stream.read(&mut buffer)).await {
            Ok(Ok(0)) => return shared.end(Closed::Reset, None),
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return shared.end(of_io(&error), None),
            Err(_) => return shared.end(Closed::Silent, None),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        let (fed, over) = {
            let mut state = shared.lock();
            // After the end, what still comes is read and thrown away, so that our last words are not cut off.
            let over = state.closed().is_some();
            (if over { Ok(()) } else { state.feed(bytes) }, over)
        };
        if over {
            continue;
        }
        if let Err(broken) = fed {
            let reason = broken.to_string();
            let last = super::piece::close(BROKEN, reason.as_bytes());
            shared.end(Closed::Failed(reason), Some(last));
        }
        if shared.lock().closed().is_some() {
            shared.announce();
        }
        for channel in 0..CHANNELS {
            shared.ready[channel].notify_one();
        }
        shared.writer.notify_one();
    }
}

/// The number of a connection that is closed because its pieces are not of the protocol.
const BROKEN: u32 = 0x200;

async fn write<S: AsyncRead + AsyncWrite>(mut stream: WriteHalf<S>, shared: &Shared) {
    let mut answer = false;
    loop {
        let (out, over, waits) = {
            let mut state = shared.lock();
            let out = state.take(answer);
            (out, state.closed().is_some(), state.unanswered)
        };
        if !out.is_empty() {
            answer = false;
            let put = async {
                stream.write_all(&out).await?;
                stream.flush().await
            };
            match timeout(WRITE_WITHIN, put).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return shared.end(of_io(&error), None),
                Err(_) => return shared.end(Closed::Silent, None),
            }
            shared.lock().written();
            for room in &shared.room {
                room.notify_one();
            }
            continue;
        }
        if over {
            // A peer that has gone away does not hear that we do.
            stream.shutdown().await.ok();
            return;
        }
        if waits {
            answer = timeout(ANSWER_AFTER, shared.writer.notified()).await.is_err();
        } else {
            shared.writer.notified().await;
        }
    }
}

fn of_io(error: &io::Error) -> Closed {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};

    let kind = error.kind();
    if [ConnectionReset, ConnectionAborted, BrokenPipe, UnexpectedEof].contains(&kind) {
        Closed::Reset
    } else if kind == TimedOut {
        Closed::Silent
    } else {
        Closed::Failed(error.to_string())
    }
}
