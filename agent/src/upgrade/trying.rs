//! Whether a program runs here at all: it is asked for its version before anything is planned with it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clock;

/// A program that cannot say its version within this does not run.
const SAYS_WITHIN: Duration = Duration::from_secs(30);

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 256;

/// Whether the program says that it is this version. Catches a folder from which nothing may be started, a library that
/// this system lacks, a program for another machine. Blocks; not for the loop.
#[must_use]
pub fn says_its_version(program: &Path, version: &str) -> bool {
    let started = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else { return false };
    let begun = clock::instant();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if begun.elapsed() < SAYS_WITHIN => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "on a thread of its own; the child tells nobody"
                )]
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(None) | Err(_) => break false,
        }
    };
    if !ended {
        // It may be gone already.
        drop(child.kill());
        drop(child.wait());
        return false;
    }
    let mut said = String::new();
    let read = child.stdout.take().map(|out| out.take(ANSWER_BYTES_MAX).read_to_string(&mut said));

    matches!(read, Some(Ok(_))) && said.split_whitespace().last() == Some(version)
}
