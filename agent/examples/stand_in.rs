//! An agent that stands in for a later version of itself, for tests of upgrades: the words at the end of its own file say which.
//!
//! `…VONGGAC-STAND-IN 9.0.1` calls itself 9.0.1; `… slow` takes a while for everything, `… crash` ends at each start, `… mute`
//! runs and does nothing; without such words it is the agent of this tree.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::ExitCode;
use std::time::Duration;

/// Becomes it.
pub(crate) fn main() -> ExitCode {
    if let Some(words) = words_at_the_end() {
        let mut words = words.split_whitespace();
        let version = words.next().unwrap_or("0").to_owned();
        let is_asked = std::env::args().any(|arg| arg == "--version");
        match words.next() {
            Some("slow") => rest(Duration::from_secs(2)),
            Some("crash") if !is_asked => return ExitCode::from(101),
            Some("mute") if !is_asked => rest(Duration::MAX),
            _ => {}
        }
        vonggac_agent::version::stand_in_for(version.leak());
    }

    vonggac_agent::main_with(std::env::args_os())
}

fn rest(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a program that does nothing for a while")]
    std::thread::sleep(duration);
}

fn words_at_the_end() -> Option<String> {
    let mut file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
    file.seek(SeekFrom::End(-64)).ok()?;
    let mut last = Vec::new();
    file.read_to_end(&mut last).ok()?;
    let text = String::from_utf8_lossy(&last).into_owned();

    text.rsplit_once("VONGGAC-STAND-IN ").map(|(_, version)| version.trim().to_owned())
}
