//! Whether the package manager is at work, by the locks that it holds.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vonggac_protocol::file::Actor;
use vonggac_protocol::path::HostPath;

use super::dpkg;
use crate::os::{locks, paths};

/// An answer is good for this long.
const FRESH: Duration = Duration::from_millis(20);

/// A front end keeps its own lock between two runs of dpkg; so long a pause is not the end.
const BETWEEN_RUNS: Duration = Duration::from_secs(3);

/// Where dpkg's program stands; whoever else changes files is not the package manager, its own scripts included.
const PROGRAMS: [&str; 2] = ["/usr/bin/dpkg", "/bin/dpkg"];

/// Whether a change by this actor may be the package manager's; one whose program is not known may be.
pub(super) fn may_be_manager(actor: &Actor) -> bool {
    actor.program.as_ref().is_none_or(|program| PROGRAMS.contains(&program.as_str()))
}

/// dpkg and whoever runs it.
#[derive(Debug)]
pub(super) struct Manager {
    folder: PathBuf,
    answer: Option<(Instant, bool)>,
    worked_at: Option<Instant>,
    worker: Worker,
}

/// Who was seen at work.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Worker {
    Nobody,
    One(Actor),
    Several,
}

impl Manager {
    pub(super) fn new(root: &Path) -> Self {
        Self { folder: dpkg::folder(root), answer: None, worked_at: None, worker: Worker::Nobody }
    }

    /// Whether it changes files now. A front end that holds dpkg's lock while it downloads does not.
    pub(super) fn is_working(&mut self, now: Instant) -> bool {
        if let Some((at, answer)) = self.answer
            && now.saturating_duration_since(at) < FRESH
        {
            return answer;
        }
        let answer = self.ask(now);
        self.answer = Some((now, answer));

        answer
    }

    fn ask(&mut self, now: Instant) -> bool {
        if let Ok(Some(holder)) = locks::holder(&self.folder.join("lock")) {
            let is_dpkg =
                holder.program.as_ref().is_none_or(|it| it.file_name().is_some_and(|it| it == "dpkg"));
            if is_dpkg {
                self.worked_at = Some(now);
                self.see(&holder);
                return true;
            }
        }
        let worked_just_now =
            self.worked_at.is_some_and(|at| now.saturating_duration_since(at) < BETWEEN_RUNS);

        worked_just_now && matches!(locks::holder(&self.folder.join("lock-frontend")), Ok(Some(_)))
    }

    fn see(&mut self, holder: &locks::Holder) {
        let Some(process) = holder.process else { return };
        let program = holder.program.as_ref().map(|program| HostPath::from_bytes(&paths::to_bytes(program)));
        self.worker = match &self.worker {
            Worker::Nobody => Worker::One(Actor { process, program, user: None, session: None }),
            Worker::One(known) if known.process == process => return,
            Worker::One(_) | Worker::Several => Worker::Several,
        };
    }

    /// The one process that was seen at work since [`forget_worker`](Self::forget_worker), if it was one.
    pub(super) fn worker(&self) -> Option<Actor> {
        match &self.worker {
            Worker::One(actor) => Some(actor.clone()),
            Worker::Nobody | Worker::Several => None,
        }
    }

    pub(super) fn forget_worker(&mut self) {
        self.worker = Worker::Nobody;
    }
}
