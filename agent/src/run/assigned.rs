//! The last assignment that was accepted; `assignment.toml`. Taken whole or refused whole.

use std::path::Path;
use std::{fs, io};

use tracing::warn;
use vonggac_protocol::assignment::Assignment;

use crate::config::Config;
use crate::keep;
use crate::link::Pace;

const FILENAME: &str = "assignment.toml";

/// What the agent follows now.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    current: Assignment,
}

impl Assigned {
    /// The last one accepted. One that can no longer be read is put aside, and the configuration is followed.
    pub(super) fn load(state_dir: &Path, config: &Config) -> io::Result<Self> {
        let own = Assignment {
            version: 0,
            watch: Vec::new(),
            heartbeat_secs: config.heartbeat_secs,
            inventory_secs: config.inventory_secs,
            rebaseline: None,
            daily_budget_kib: None,
            language_roots: None,
            records: None,
        };
        let path = state_dir.join(FILENAME);
        let current = match fs::read_to_string(&path) {
            Ok(text) => match toml::from_str::<Assignment>(&text) {
                Ok(assignment) if assignment.check().is_ok() => assignment,
                Ok(_) | Err(_) => {
                    warn!("Kept assignment cannot be used; it was put aside");
                    fs::rename(&path, path.with_extension("aside"))?;
                    own.clone()
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => own.clone(),
            Err(error) => return Err(error),
        };

        Ok(Self { current })
    }

    /// Forgets what the collector of another identity assigned.
    pub(super) fn forget(state_dir: &Path) -> io::Result<()> {
        match fs::remove_file(state_dir.join(FILENAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What is followed.
    pub(super) fn current(&self) -> &Assignment {
        &self.current
    }

    /// What the link follows of it.
    pub(super) fn pace(&self) -> Pace {
        Pace { version: self.current.version, heartbeat_secs: self.current.heartbeat_secs }
    }

    /// Takes a newer assignment and keeps it; an older or the same one changes nothing. Says whether it was taken, or
    /// why it cannot be.
    pub(super) fn take(&mut self, assignment: Assignment, state_dir: &Path) -> Result<bool, String> {
        if assignment.version <= self.current.version {
            return Ok(false);
        }
        assignment.check().map_err(|error| error.to_string())?;
        let text = toml::to_string(&assignment).map_err(|error| error.to_string())?;
        keep::write_whole(&state_dir.join(FILENAME), text.as_bytes())
            .map_err(|error| format!("the assignment cannot be kept: {}", error.kind()))?;
        self.current = assignment;

        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::assignment::WatchPath;
    use vonggac_protocol::file::Area;

    use super::*;

    fn assignment(version: u64, path: &str) -> Assignment {
        let watch = vec![WatchPath { area: Area::Web, path: path.to_owned() }];
        Assignment { version, watch, heartbeat_secs: 30, inventory_secs: 600, ..Assignment::default() }
    }

    #[test]
    fn an_assignment_is_followed_after_a_restart_and_a_wrong_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut assigned = Assigned::load(folder.path(), &Config::default()).unwrap();
        assert_eq!(assigned.current(), &Assignment::default());

        assert_eq!(assigned.take(assignment(2, "/srv/web"), folder.path()), Ok(true));
        assert_eq!(assigned.take(assignment(1, "/srv/old"), folder.path()), Ok(false));
        let refused = assigned.take(assignment(3, "not absolute"), folder.path()).unwrap_err();
        let again = Assigned::load(folder.path(), &Config::default()).unwrap();

        assert!(refused.contains("not absolute") && !refused.contains("srv"), "{refused}");
        assert_eq!(again.current(), &assignment(2, "/srv/web"));
    }
}
