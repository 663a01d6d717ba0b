//! Who does it: what every process runs and as whom, kept from events that cannot come too late.
//!
//! Two queues are joined. One tells of files, and of programs opened to be run, in one order but without times
//! ([`What::is_run`](crate::os::fanotify::What::is_run)); the other tells of processes, with times. A *round* empties the
//! first, then the second: whatever a process did before it touched a file is known when that touch is judged. Within a
//! round a process may have run several programs or been several users; then the order of the first queue decides, next
//! the file's own time of change, and in doubt nothing is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use vonggac_protocol::file::Actor;
use vonggac_protocol::path::HostPath;

use crate::os::owner::Names;
use crate::os::paths;
use crate::os::processes::{Deed, ProcessEvent};

/// Processes in memory, about 200 bytes each; what comes beyond is not known.
const PROCESSES_MAX: usize = 65_536;

/// Events that wait for the other queue to be empty; beyond it all that is known is given up and looked up anew.
pub(super) const WAITING_MAX: usize = 65_536;

/// Processes with programs opened and not yet run.
const OPENED_MAX: usize = 8_192;

/// Programs opened by one process and not yet run: a script, its interpreter, the loader, and failed tries.
const OPENED_EACH_MAX: usize = 32;

/// A program that was opened this long ago and not run is not going to be.
const OPENED_FOR_NS: u64 = 5_000_000_000;

/// File systems stamp changes in ticks of at most this.
const TICK_NS: u64 = 10_000_000;

/// What a process runs and as whom; `None` is not known.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct State {
    program: Option<Arc<HostPath>>,
    user: Option<u32>,
}

/// A process from a moment on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Phase {
    from_ns: u64,
    /// The place in the queue of files after which it began; 0 if it left no trace there.
    from_place: u64,
    state: State,
}

#[derive(Debug)]
struct Process {
    /// At least one; more only within a round.
    phases: Vec<Phase>,
    session: Option<u32>,
    /// It has run no program of its own, so far as we know.
    is_copy: bool,
    has_ended: bool,
    /// Two processes bore its number within a round.
    is_doubtful: bool,
    /// What happened before this is known already.
    known_ns: u64,
}

#[derive(Debug)]
struct Opened {
    place: u64,
    at_ns: u64,
    program: Option<Arc<HostPath>>,
    is_binary: bool,
    is_loader: bool,
}

/// What the system says when asked; the real one looks into `/proc`.
pub(super) trait Witness {
    fn all(&self) -> Vec<u32>;
    fn program(&self, process: u32) -> Option<HostPath>;
    fn user(&self, process: u32) -> Option<u32>;
    fn session(&self, process: u32) -> Option<u32>;
    /// When what stands at a path changed last, by the steady clock.
    fn changed_ns(&self, path: &Path) -> Option<u64>;
}

/// A touch of a file that is to be judged.
pub(super) struct Touch<'a> {
    pub(super) process: u32,
    /// Its place in the queue of files.
    pub(super) place: u64,
    /// Whether later touches of the same process may be joined with it.
    pub(super) may_be_joined: bool,
    pub(super) path: &'a Path,
}

/// All processes.
pub(super) struct Actors<W> {
    witness: W,
    names: Names,
    processes: BTreeMap<u32, Process>,
    opened: BTreeMap<u32, Vec<Opened>>,
    waiting: Vec<ProcessEvent>,
    /// Processes of which events wait.
    restless: BTreeSet<u32>,
    /// Since when everything is known.
    sure_from_ns: u64,
    round_from_ns: u64,
}

impl<W: Witness> Actors<W> {
    /// Knows what the witness says at this moment.
    pub(super) fn new(witness: W, now_ns: u64) -> Self {
        let (processes, opened) = (BTreeMap::new(), BTreeMap::new());
        let mut actors = Self {
            witness,
            names: Names::new(),
            processes,
            opened,
            waiting: Vec::new(),
            restless: BTreeSet::new(),
            sure_from_ns: 0,
            round_from_ns: now_ns,
        };
        actors.begin_anew(now_ns);

        actors
    }

    /// Events were lost: everything is looked up anew, and what happened before cannot be judged.
    pub(super) fn begin_anew(&mut self, now_ns: u64) {
        self.processes.clear();
        self.opened.clear();
        self.waiting.clear();
        for number in self.witness.all().into_iter().take(PROCESSES_MAX) {
            let state = State {
                program: self.witness.program(number).map(Arc::new),
                user: self.witness.user(number),
            };
            let process = Process {
                phases: vec![Phase { from_ns: 0, from_place: 0, state }],
                session: self.witness.session(number),
                is_copy: false,
                has_ended: false,
                is_doubtful: false,
                known_ns: now_ns,
            };
            self.processes.insert(number, process);
        }
        self.sure_from_ns = now_ns;
    }

    /// A process opened a program to run it; a binary, or a text that names an interpreter or cannot be run.
    pub(super) fn handle_opened(
        &mut self,
        process: u32,
        place: u64,
        at_ns: u64,
        program: Option<&Path>,
        is_binary: bool,
    ) {
        if self.opened.len() >= OPENED_MAX && !self.opened.contains_key(&process) {
            return;
        }
        let list = self.opened.entry(process).or_default();
        if list.len() >= OPENED_EACH_MAX {
            list.remove(0);
        }
        list.push(Opened {
            place,
            at_ns,
            program: program.map(|path| Arc::new(HostPath::from_bytes(&paths::to_bytes(path)))),
            is_binary,
            is_loader: program.is_some_and(is_loader),
        });
    }

    /// A process did something. `false`: there is no room, and everything is to [begin anew](Self::begin_anew).
    pub(super) fn handle_event(&mut self, event: ProcessEvent) -> bool {
        if self.waiting.len() >= WAITING_MAX {
            return false;
        }
        self.restless.insert(event.process);
        self.waiting.push(event);

        true
    }

    /// Everything that was opened before this moment has been handed in: what processes did until then is applied.
    pub(super) fn apply(&mut self, until_ns: u64) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|event| event.at_ns);
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|event| event.at_ns <= until_ns);
        self.waiting = later;
        let mut runs: BTreeMap<u32, usize> = BTreeMap::new();
        for event in now.iter().filter(|event| event.deed == Deed::Ran) {
            *runs.entry(event.process).or_default() += 1;
        }
        for event in now {
            match event.deed {
                Deed::Forked { parent } => self.fork(event.process, parent, event.at_ns),
                Deed::Ran => {
                    let left = runs.entry(event.process).or_insert(1);
                    let still = *left;
                    *left = left.saturating_sub(1);
                    self.run(event.process, still, event.at_ns);
                }
                Deed::BecameUser(user) => self.become_user(event.process, Some(user), event.at_ns),
                Deed::IsSeveralUsers => self.become_user(event.process, None, event.at_ns),
                Deed::Ended => {
                    if let Some(process) = self.processes.get_mut(&event.process) {
                        process.has_ended = true;
                    }
                }
            }
        }
        self.restless = self.waiting.iter().map(|event| event.process).collect();
    }

    fn fork(&mut self, number: u32, parent: u32, at_ns: u64) {
        let known = self.processes.get(&number);
        if known.is_some_and(|process| at_ns <= process.known_ns) {
            return;
        }
        let is_doubtful = known.is_some();
        if !is_doubtful && self.processes.len() >= PROCESSES_MAX {
            return;
        }
        let parent = self.processes.get(&parent).filter(|parent| !parent.is_doubtful);
        let state = parent.and_then(|parent| parent.phases.last()).map(|phase| phase.state.clone());
        let process = Process {
            phases: vec![Phase { from_ns: 0, from_place: 0, state: state.unwrap_or_default() }],
            session: parent.and_then(|parent| parent.session),
            is_copy: true,
            has_ended: false,
            is_doubtful,
            known_ns: 0,
        };
        self.processes.insert(number, process);
    }

    /// `left` runs of this process are to come in this round, this one included.
    fn run(&mut self, number: u32, left: usize, at_ns: u64) {
        let (program, place) = self.take_opened(number);
        let is_restless = self.waiting.iter().any(|event| event.process == number);
        let Some(process) = self.processes.get_mut(&number) else { return };
        if at_ns <= process.known_ns {
            return;
        }
        // Opened where nobody told us: the system is asked, if nothing can have happened since.
        let asked = program.is_none() && left == 1 && !is_restless && !process.has_ended;
        let program = if asked { self.witness.program(number).map(Arc::new) } else { program };
        if process.session.is_none() {
            process.session = self.witness.session(number);
        }
        process.is_copy = false;
        let user = process.phases.last().and_then(|phase| phase.state.user);
        process.phases.push(Phase { from_ns: at_ns, from_place: place, state: State { program, user } });
    }

    /// The program of the next run among those opened, and its place. The kernel opens what was asked for; if that is a
    /// script, its interpreter; and the loader of whichever is a binary. Texts that could not be run are passed over.
    fn take_opened(&mut self, number: u32) -> (Option<Arc<HostPath>>, u64) {
        let Some(list) = self.opened.get_mut(&number) else { return (None, 0) };
        // A loader in front is left over from the run before, for the kernel joins what one process opens twice.
        let run = list.iter().position(|opened| opened.is_binary && !opened.is_loader);
        let mut found = (None, 0);
        if let Some(at) = run {
            let is_loaded = list.get(at + 1).is_some_and(|opened| opened.is_loader);
            let group: Vec<Opened> = list.drain(..=at + usize::from(is_loaded)).collect();
            let place = group.last().map_or(0, |last| last.place);
            found = (group.get(at).and_then(|opened| opened.program.clone()), place);
        } else {
            list.clear();
        }
        if list.is_empty() {
            self.opened.remove(&number);
        }

        found
    }

    fn become_user(&mut self, number: u32, user: Option<u32>, at_ns: u64) {
        let Some(process) = self.processes.get_mut(&number).filter(|process| at_ns > process.known_ns) else {
            return;
        };
        if let Some(last) = process.phases.last() {
            let state = State { program: last.state.program.clone(), user };
            process.phases.push(Phase { from_ns: at_ns, from_place: 0, state });
        }
    }

    /// Who touched a file; never more than is sure. `is_drained`: the round emptied the queue of files.
    pub(super) fn judge(&mut self, touch: &Touch<'_>, is_drained: bool) -> Option<Actor> {
        let number = touch.process;
        if number == 0 {
            return None;
        }
        let unknown = Actor { process: number, program: None, user: None, session: None };
        if self.round_from_ns < self.sure_from_ns || (!is_drained && self.restless.contains(&number)) {
            return Some(unknown);
        }
        let Some(process) = self.processes.get_mut(&number).filter(|process| !process.is_doubtful) else {
            return Some(unknown);
        };
        if process.is_copy && !process.has_ended && process.phases.len() == 1 {
            // A child that was given another parent than the one it is a copy of.
            let now = self.witness.program(number);
            if let Some(phase) = process.phases.first_mut()
                && now.is_some()
                && now.as_ref() != phase.state.program.as_deref()
            {
                phase.state.program = None;
            }
            process.is_copy = false;
        }
        let state =
            settle(&process.phases, touch, self.round_from_ns, || self.witness.changed_ns(touch.path));

        Some(Actor {
            program: state.program.as_deref().cloned(),
            user: state.user.map(|user| self.names.user(user)),
            session: process.session,
            ..unknown
        })
    }

    /// The round is over: what was between its ends is forgotten.
    pub(super) fn end_round(&mut self, until_ns: u64) {
        self.processes.retain(|_, process| !process.has_ended);
        for process in self.processes.values_mut() {
            if process.phases.len() > 1 {
                process.phases.drain(..process.phases.len() - 1);
            }
            if let Some(phase) = process.phases.first_mut() {
                (phase.from_ns, phase.from_place) = (0, 0);
            }
            process.is_doubtful = false;
        }
        self.opened.retain(|_, list| {
            list.retain(|opened| opened.at_ns.saturating_add(OPENED_FOR_NS) > until_ns);
            !list.is_empty()
        });
        self.round_from_ns = until_ns;
    }

    pub(super) fn refresh_names(&mut self) {
        self.names.refresh();
    }
}

/// What all phases agree upon in which the touch can have happened.
fn settle(
    phases: &[Phase],
    touch: &Touch<'_>,
    round_from_ns: u64,
    changed_ns: impl FnOnce() -> Option<u64>,
) -> State {
    let first = phases.iter().rposition(|phase| phase.from_place > 0 && phase.from_place <= touch.place);
    let mut possible = &phases[first.unwrap_or(0)..];
    if !touch.may_be_joined
        && let Some(end) = possible.iter().position(|phase| phase.from_place > touch.place)
    {
        possible = &possible[..end];
    }
    if agreed(possible) != possible.last().map(|phase| phase.state.clone()).unwrap_or_default()
        && let Some(changed) = changed_ns()
        && changed.saturating_add(TICK_NS) >= round_from_ns
    {
        let begins = |at: usize| possible.get(at).map_or(u64::MAX, |phase| phase.from_ns);
        let meets = |at: &usize| begins(*at) <= changed.saturating_add(TICK_NS) && begins(*at + 1) > changed;
        let met: Vec<Phase> =
            (0..possible.len()).filter(meets).filter_map(|at| possible.get(at)).cloned().collect();
        return agreed(&met);
    }

    agreed(possible)
}

fn agreed(phases: &[Phase]) -> State {
    let Some((first, rest)) = phases.split_first() else { return State::default() };
    let mut state = first.state.clone();
    for phase in rest {
        if phase.state.program != state.program {
            state.program = None;
        }
        if phase.state.user != state.user {
            state.user = None;
        }
    }

    state
}

/// Whether this is the system's dynamic loader, which the kernel opens besides the program itself.
fn is_loader(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_named =
        ["ld-linux", "ld-musl-", "ld.so", "ld64.so", "ld-2."].iter().any(|one| name.starts_with(one));

    is_named && (path.starts_with("/lib") || path.starts_with("/usr/lib") || is_in_lib64(path))
}

fn is_in_lib64(path: &Path) -> bool {
    ["/lib32", "/lib64", "/libx32", "/usr/lib32", "/usr/lib64", "/usr/libx32"]
        .iter()
        .any(|dir| path.starts_with(dir))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Says what it was told to say.
    #[derive(Default)]
    struct Told {
        programs: BTreeMap<u32, &'static str>,
        changed_ns: Option<u64>,
    }

    impl Witness for Told {
        fn all(&self) -> Vec<u32> {
            self.programs.keys().copied().collect()
        }

        fn program(&self, process: u32) -> Option<HostPath> {
            self.programs.get(&process).map(|path| HostPath::from_bytes(path.as_bytes()))
        }

        fn user(&self, process: u32) -> Option<u32> {
            self.programs.contains_key(&process).then_some(0)
        }

        fn session(&self, _process: u32) -> Option<u32> {
            None
        }

        fn changed_ns(&self, _path: &Path) -> Option<u64> {
            self.changed_ns
        }
    }

    const SECOND: u64 = 1_000_000_000;

    fn shell() -> Actors<Told> {
        let witness = Told { programs: BTreeMap::from([(1, "/bin/sh")]), changed_ns: None };

        Actors::new(witness, SECOND)
    }

    fn event(at_ns: u64, process: u32, deed: Deed) -> ProcessEvent {
        ProcessEvent { at_ns: SECOND + at_ns, process, deed }
    }

    fn program(actors: &mut Actors<Told>, process: u32, place: u64, may_be_joined: bool) -> Option<String> {
        let path = PathBuf::from("/f");
        let touch = Touch { process, place, may_be_joined, path: &path };

        actors.judge(&touch, true)?.program.map(|program| program.as_str().to_owned())
    }

    /// A child of the shell that opens these programs one after the other.
    fn child(opened: &[&str]) -> Actors<Told> {
        let mut actors = shell();
        for (place, path) in opened.iter().enumerate() {
            let place = u64::try_from(place).unwrap() + 10;
            let is_binary = !path.ends_with(".sh");
            actors.handle_opened(2, place, SECOND + 5, Some(Path::new(path)), is_binary);
        }
        actors.handle_event(event(1, 2, Deed::Forked { parent: 1 }));

        actors
    }

    #[test]
    fn a_script_is_its_interpreter_and_the_loader_is_nobody() {
        let loader = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
        let cases = [
            (vec!["/bin/cp", loader], "/bin/cp"),
            (vec!["/sbin/static"], "/sbin/static"),
            (vec!["/opt/job.sh", "/bin/dash", loader], "/bin/dash"),
            (vec![loader, "/bin/cp"], "/bin/cp"),
            (vec!["/bin/cp", "/bin/next", loader], "/bin/cp"),
        ];
        for (opened, wanted) in cases {
            let mut actors = child(&opened);
            actors.handle_event(event(2, 2, Deed::Ran));
            actors.apply(2 * SECOND);

            assert_eq!(program(&mut actors, 2, 20, true).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn what_was_touched_between_two_programs_is_the_firsts_and_after_both_the_seconds() {
        let mut actors =
            child(&["/usr/bin/setpriv", "/usr/lib/ld-linux.so.2", "/bin/tee", "/usr/lib/ld-linux.so.2"]);
        actors.handle_event(event(2, 2, Deed::Ran));
        actors.handle_event(event(3, 2, Deed::BecameUser(65_534)));
        actors.handle_event(event(4, 2, Deed::Ran));
        actors.apply(2 * SECOND);

        assert_eq!(program(&mut actors, 2, 11, false).as_deref(), Some("/usr/bin/setpriv"));
        assert_eq!(program(&mut actors, 2, 14, true).as_deref(), Some("/bin/tee"));
        let path = PathBuf::from("/f");
        let touch = Touch { process: 2, place: 14, may_be_joined: true, path: &path };
        assert_eq!(actors.judge(&touch, true).unwrap().user.as_deref(), Some("nobody"));
    }

    #[test]
    fn a_touch_that_may_be_joined_with_a_later_one_is_settled_by_the_files_own_time_or_not_at_all() {
        let touched = |changed_ns| {
            let mut actors = child(&["/bin/cat"]);
            actors.handle_event(event(100_000_000, 2, Deed::Ran));
            actors.apply(2 * SECOND);
            actors.witness.changed_ns = changed_ns;
            program(&mut actors, 2, 5, true)
        };

        assert_eq!(touched(None), None);
        assert_eq!(touched(Some(SECOND + 150_000_000)).as_deref(), Some("/bin/cat"));
        assert_eq!(touched(Some(SECOND + 50_000_000)).as_deref(), Some("/bin/sh"));
        assert_eq!(touched(Some(SECOND + 95_000_000)), None, "within one tick of the run");
    }

    #[test]
    fn after_lost_events_nothing_is_said_of_what_happened_before() {
        let mut actors = shell();
        actors.begin_anew(5 * SECOND);

        assert_eq!(program(&mut actors, 1, 1, true), None);
        actors.end_round(6 * SECOND);
        assert_eq!(program(&mut actors, 1, 2, true).as_deref(), Some("/bin/sh"));
    }

    #[test]
    fn a_number_borne_by_two_processes_in_one_round_names_no_program() {
        let mut actors = child(&["/bin/a"]);
        actors.handle_event(event(2, 2, Deed::Ran));
        actors.handle_event(event(3, 2, Deed::Ended));
        actors.handle_event(event(4, 2, Deed::Forked { parent: 1 }));
        actors.apply(2 * SECOND);

        assert_eq!(program(&mut actors, 2, 30, true), None);
    }

    #[test]
    fn memory_stays_bounded_whatever_is_told() {
        let mut actors = shell();
        for number in 10..(10 + 70_000) {
            actors.handle_opened(number, 1, SECOND, Some(Path::new("/bin/a")), true);
            if !actors.handle_event(event(1, number, Deed::Forked { parent: 1 })) {
                actors.apply(2 * SECOND);
            }
        }

        assert!(actors.opened.len() <= OPENED_MAX && actors.processes.len() <= PROCESSES_MAX);
    }
}
