//! The life of a service under the service manager, and being asked to stop.

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
use tokio_util::sync::CancellationToken;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{ServiceControlHandlerResult, ServiceStatusHandle, register};
use windows_service::{define_windows_service, service_dispatcher};

use super::eventlog;
use super::manager::NAME;
use crate::clock;
use crate::os::{LifeEvent, Started};

/// How often the manager hears that a start or a stop goes on.
const BEAT: Duration = Duration::from_secs(1);

/// The manager gives up on us when it hears nothing for so long.
const HINT: Duration = Duration::from_secs(10);

/// A start that takes longer is no longer vouched for: the manager may judge it.
const START_MAX: Duration = Duration::from_secs(120);

/// A stop that takes longer is cut off: what was spooled is on the disk, and a service that cannot be stopped is worse.
pub(super) const STOP_MAX: Duration = Duration::from_secs(20);

/// What the process ends with when a stop is cut off.
const CUT_OFF: u8 = 1;

type Body = Box<dyn FnOnce(Started) -> u8 + Send>;

/// What the manager's thread is to run.
static BODY: Mutex<Option<Body>> = Mutex::new(None);

/// What it ended with.
static ENDED: OnceLock<u8> = OnceLock::new();

/// There from the moment that the manager called us.
static MANAGED: OnceLock<Managed> = OnceLock::new();

define_windows_service!(called_by_manager, service_main);

/// Runs `body`: as a service if it was the manager that started this process, otherwise just so. Returns what it
/// returned. A process can be a service once.
pub fn live(body: impl FnOnce(Started) -> u8 + Send + 'static) -> u8 {
    *whole(&BODY) = Some(Box::new(body));
    // Fails at once in a process that the manager did not start.
    let dispatched = service_dispatcher::start(NAME, called_by_manager);
    let body = whole(&BODY).take();
    match (dispatched, body) {
        (_, Some(body)) => body(Started::Plainly),
        (_, None) => ENDED.get().copied().unwrap_or(CUT_OFF),
    }
}

fn service_main(_arguments: Vec<OsString>) {
    let Some(body) = whole(&BODY).take() else { return };
    let Ok(managed) = Managed::register() else { return };
    let managed = MANAGED.get_or_init(|| managed);
    let code = body(Started::ByManager);
    // Before the word to the manager: after that the process may be gone at any moment.
    ENDED.set(code).ok();
    managed.go(ServiceState::Stopped, told(code, managed.stop.is_cancelled()));
}

/// What the manager is told that the service ended with. Whoever stops it wants it stopped: anything but 0 is a failure,
/// after which the manager starts the service again, also in the middle of an upgrade by its installer. What went wrong
/// then stands in the event log and in ours.
fn told(code: u8, was_asked: bool) -> u8 {
    if was_asked { 0 } else { code }
}

/// A lock of ours holds plain values: what a thread left that panicked is as good as any.
fn whole<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Managed {
    handle: ServiceStatusHandle,
    stop: CancellationToken,
    told: Arc<(Mutex<Told>, Condvar)>,
}

/// What the manager was told last.
struct Told {
    state: ServiceState,
    since: Instant,
    beats: u32,
}

impl Managed {
    fn register() -> windows_service::Result<Self> {
        let stop = CancellationToken::new();
        let first = Told { state: ServiceState::StartPending, since: clock::instant(), beats: 0 };
        let told = Arc::new((Mutex::new(first), Condvar::new()));
        let handle = register(NAME, answer)?;
        handle.set_service_status(status(ServiceState::StartPending, 0, 0))?;
        let (in_thread, shared) = (handle, told.clone());
        let beating = std::thread::Builder::new()
            .name("service manager".to_owned())
            .spawn(move || beat(in_thread, &shared));
        // Without it a slow start or stop looks hung; that is no reason not to watch.
        drop(beating);

        Ok(Self { handle, stop, told })
    }

    /// Tells the manager of a state that comes after the one it knows; what lies behind us is not told again.
    fn go(&self, state: ServiceState, code: u8) {
        let (told, changed) = &*self.told;
        let mut told = whole(told);
        if rank(state) <= rank(told.state) {
            return;
        }
        *told = Told { state, since: clock::instant(), beats: 0 };
        // If the manager is gone, nobody waits for the word.
        self.handle.set_service_status(status(state, 0, code)).ok();
        changed.notify_all();
    }
}

/// What the manager wants, on its own thread: answered at once.
fn answer(control: ServiceControl) -> ServiceControlHandlerResult {
    if matches!(control, ServiceControl::Stop | ServiceControl::Shutdown | ServiceControl::Preshutdown) {
        if let Some(managed) = MANAGED.get() {
            managed.go(ServiceState::StopPending, 0);
            managed.stop.cancel();
        }
        return ServiceControlHandlerResult::NoError;
    }
    if matches!(control, ServiceControl::Interrogate) {
        return ServiceControlHandlerResult::NoError;
    }

    ServiceControlHandlerResult::NotImplemented
}

/// The states in the order of a life.
fn rank(state: ServiceState) -> u8 {
    match state {
        ServiceState::StartPending => 0,
        ServiceState::Running => 1,
        ServiceState::StopPending => 2,
        ServiceState::Stopped => 3,
        // We cannot be paused.
        ServiceState::ContinuePending | ServiceState::PausePending | ServiceState::Paused => 1,
    }
}

/// Vouches for a start or a stop that goes on, and ends a stop that does not.
fn beat(handle: ServiceStatusHandle, told: &(Mutex<Told>, Condvar)) {
    let (told, changed) = told;
    let mut told = whole(told);
    loop {
        let pending = match told.state {
            ServiceState::StartPending => Some(START_MAX),
            ServiceState::StopPending => Some(STOP_MAX),
            ServiceState::Stopped => return,
            ServiceState::Running
            | ServiceState::ContinuePending
            | ServiceState::PausePending
            | ServiceState::Paused => None,
        };
        let Some(longest) = pending else {
            told = changed.wait(told).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let lasted = told.since.elapsed();
        if lasted < longest {
            told.beats += 1;
            handle.set_service_status(status(told.state, told.beats, 0)).ok();
        } else if told.state == ServiceState::StopPending {
            let _told = eventlog::tell(LifeEvent::Failed, "stop cut off");
            // Only what was asked for is cut off, or what ends by itself; the one is no failure to the manager.
            let was_asked = MANAGED.get().is_none_or(|managed| managed.stop.is_cancelled());
            handle.set_service_status(status(ServiceState::Stopped, 0, self::told(CUT_OFF, was_asked))).ok();
            std::process::exit(i32::from(CUT_OFF));
        }
        told = changed.wait_timeout(told, BEAT).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn status(state: ServiceState, beats: u32, code: u8) -> ServiceStatus {
    let pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
    let accepted =
        ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN | ServiceControlAccept::PRESHUTDOWN;
    let none = ServiceControlAccept::empty();

    ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: if state == ServiceState::Running { accepted } else { none },
        exit_code: match code {
            0 => ServiceExitCode::Win32(0),
            code => ServiceExitCode::ServiceSpecific(u32::from(code)),
        },
        checkpoint: if pending { beats } else { 0 },
        wait_hint: if pending { HINT } else { Duration::ZERO },
        process_id: None,
    }
}

/// Returns when the service manager, a person at the console, the closing of the console or the shutdown of the system
/// asks us to stop.
///
/// # Errors
/// If the control handler cannot be set; then we must not run, for nobody could stop us in order.
pub async fn stop_requested() -> io::Result<()> {
    let manager = async {
        match MANAGED.get() {
            Some(managed) => managed.stop.cancelled().await,
            None => std::future::pending().await,
        }
    };
    let (mut person, mut close, mut shutdown) = (ctrl_c()?, ctrl_close()?, ctrl_shutdown()?);
    tokio::select! {
        () = manager => {}
        _ = person.recv() => {}
        _ = close.recv() => {}
        _ = shutdown.recv() => {}
    }

    Ok(())
}

/// Tells the service manager a state in systemd's words: `READY=1`, `STOPPING=1`; does nothing where no manager listens,
/// and for words that Windows has no ear for.
///
/// # Errors
/// Never.
pub fn notify(state: &str) -> io::Result<()> {
    let Some(managed) = MANAGED.get() else { return Ok(()) };
    match state {
        "READY=1" => managed.go(ServiceState::Running, 0),
        "STOPPING=1" => managed.go(ServiceState::StopPending, 0),
        _ => {}
    }

    Ok(())
}

/// No manager of this system asks for signs of life.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_was_asked_for_is_never_a_failure_to_the_manager_and_an_end_by_itself_is() {
        assert_eq!((told(CUT_OFF, true), told(CUT_OFF, false), told(0, false)), (0, CUT_OFF, 0));
        assert_eq!(status(ServiceState::Stopped, 0, told(1, true)).exit_code, ServiceExitCode::Win32(0));
        assert_eq!(status(ServiceState::Stopped, 0, 1).exit_code, ServiceExitCode::ServiceSpecific(1));
    }
}
