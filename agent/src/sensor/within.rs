//! Questions to the system that may never be answered: each on a thread of its own, waited for within a limit.
//!
//! A question that is still open is not asked again: a service of the system that hangs costs one thread, not one for
//! each reading.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vonggac_protocol::posture::{Unknown, Why};

/// Questions that are open.
static OPEN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Closes a question also when its thread panics.
struct Closes(&'static str);

impl Drop for Closes {
    fn drop(&mut self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(self.0);
    }
}

/// Asks on a thread of its own; where the answer will be. The thread goes on, and its answer is lost, if that is dropped.
/// The caller holds the place until the answer is there, so that there is one thread for one question.
///
/// # Errors
/// If there is no thread to spare.
pub(crate) fn begin<T: Send + 'static>(
    what: &'static str,
    ask: impl FnOnce() -> Result<T, Unknown> + Send + 'static,
) -> Result<Receiver<Result<T, Unknown>>, Unknown> {
    // One answer is all that ever comes.
    let (teller, told) = sync_channel(1);
    let thread = std::thread::Builder::new().name(what.to_owned()).spawn(move || {
        let _nobody_waits = teller.send(ask());
    });

    match thread {
        Ok(_) => Ok(told),
        Err(_) => Err(Unknown { why: Why::Failed, detail: Some("no thread to spare".to_owned()) }),
    }
}

/// Asks and waits for the answer at most so long. A question of this name that is still open is not asked again.
///
/// # Errors
/// If the system says so, or does not answer in time.
pub(crate) fn within<T: Send + 'static>(
    what: &'static str,
    limit: Duration,
    ask: impl FnOnce() -> Result<T, Unknown> + Send + 'static,
) -> Result<T, Unknown> {
    if !OPEN.lock().unwrap_or_else(PoisonError::into_inner).insert(what) {
        return Err(no_answer());
    }
    let closes = Closes(what);
    let told = begin(what, move || {
        let _closes = closes;
        ask()
    })?;
    match told.recv_timeout(limit) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(no_answer()),
        Err(RecvTimeoutError::Disconnected) => Err(ended()),
    }
}

/// The system did not answer in time.
pub(crate) fn no_answer() -> Unknown {
    Unknown { why: Why::NoAnswer, detail: None }
}

/// The thread that asked is gone without an answer.
pub(crate) fn ended() -> Unknown {
    Unknown { why: Why::Failed, detail: Some("the question ended without an answer".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_time_is_the_answer() {
        assert_eq!(within("test-in-time", Duration::from_secs(60), || Ok(7)), Ok(7));
    }

    #[test]
    fn a_question_that_hangs_is_given_up_and_not_asked_again_while_it_does() {
        let (release, hold) = sync_channel::<()>(0);
        let hangs = move || {
            let _released = hold.recv();
            Ok(1)
        };

        let first = within("test-hangs", Duration::from_millis(1), hangs);
        let second = within("test-hangs", Duration::from_secs(60), || Ok(2));
        drop(release);
        let deadline = crate::clock::instant() + Duration::from_secs(60);
        let third = loop {
            match within("test-hangs", Duration::from_secs(60), || Ok(3)) {
                Ok(answer) => break answer,
                Err(_) => assert!(crate::clock::instant() < deadline, "never closed"),
            }
        };

        assert_eq!((first, second, third), (Err(no_answer()), Err(no_answer()), 3));
    }
}
