//! By which way the collector was reached last: `way.json`, so that a machine in a network that blocks UDP does not
//! wait for it at every start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;
use vonggac_carrier::Way;
use vonggac_protocol::time::Timestamp;

use crate::keep;

const FILENAME: &str = "way.json";

/// A machine that was off for longer may be in another network.
const BELIEVED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Serialize, Deserialize)]
struct Noted {
    way: String,
    at: Timestamp,
}

/// What is remembered.
#[derive(Debug)]
pub struct Ways {
    path: PathBuf,
    first: Way,
}

impl Ways {
    /// Reads what was noted. QUIC goes first unless TCP worked within the last day.
    #[must_use]
    pub fn load(state_dir: &Path, now: Timestamp) -> Self {
        let path = state_dir.join(FILENAME);
        let noted: Option<Noted> =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let is_tcp = noted.is_some_and(|noted| {
            noted.way == Way::Tcp.word() && noted.at <= now && now.since(noted.at) < BELIEVED_FOR
        });

        Self { path, first: if is_tcp { Way::Tcp } else { Way::Quic } }
    }

    /// Which way to try first.
    #[must_use]
    pub fn first(&self) -> Way {
        self.first
    }

    /// This way worked.
    pub fn worked(&mut self, way: Way, now: Timestamp) {
        if way == Way::Quic && self.first == way {
            return;
        }
        self.first = way;
        let noted = Noted { way: way.word().to_owned(), at: now };
        let written = serde_json::to_vec(&noted)
            .map_err(std::io::Error::other)
            .and_then(|json| keep::write_view(&self.path, &json));
        if let Err(error) = written {
            warn!(%error, "By which way the collector was reached could not be noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_is_tried_first_for_a_day_after_it_worked() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp(1_795_312_345_000);
        assert_eq!(Ways::load(folder.path(), now).first(), Way::Quic);

        Ways::load(folder.path(), now).worked(Way::Tcp, now);

        assert_eq!(Ways::load(folder.path(), now.plus(BELIEVED_FOR / 2)).first(), Way::Tcp);
        assert_eq!(Ways::load(folder.path(), now.plus(BELIEVED_FOR)).first(), Way::Quic);
        assert_eq!(Ways::load(folder.path(), Timestamp(0)).first(), Way::Quic, "a clock that was set back");
        Ways::load(folder.path(), now).worked(Way::Quic, now);
        assert_eq!(Ways::load(folder.path(), now).first(), Way::Quic);
    }
}
