//! The service manager's entry for us: made, brought to how it should be, removed.
#![expect(unsafe_code, reason = "the library cannot name the privileges of a service")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceExitCode,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceSidType, ServiceStartType,
    ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_GEN_FAILURE, ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DOES_NOT_EXIST,
    ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_SERVICE_NOT_ACTIVE,
};
use windows_sys::Win32::System::Services::{
    ChangeServiceConfig2W, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, SERVICE_REQUIRED_PRIVILEGES_INFOW,
};

use super::{disk, eventlog, paths, privileges, protect, service, settings};
use crate::os::{ServiceEntry, ServiceLife, ServiceSeen};
use crate::{clock, keep};

/// The service's name: of the registry, the event log and its own security identifier; never changed.
pub const NAME: &str = "VongGacAgent";

/// Whether this program can make its own entry.
pub const AVAILABLE: bool = true;

/// In what [`settle`] returns: our folder is in the hands of another account, or behind a link; nothing in it is to be
/// believed.
pub const FOLDER: &str = "folder";

/// What the list of services shows.
const SHOWN: &str = "Vọng Gác: tác tử giám sát an toàn thông tin";

const DESCRIPTION: &str = "Theo dõi các tệp hệ thống, phần mềm, bản vá và bản quyền đã công bố của máy này và báo về \
máy chủ của tỉnh. Không đọc tài liệu của người dùng. / Watches the declared system files, software, patches and \
licences of this machine and reports to the province's collector. It does not read people's documents.";

/// How long after a first, a second and every further failure the manager starts us again.
const AGAIN: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(600)];

/// After so long without a failure the next one counts as the first.
const FORGIVEN: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the shutdown of the system waits for us; we need less.
const PRESHUTDOWN: Duration = Duration::from_secs(20);

/// How long a start or a stop is waited for, longer than the service itself takes at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the manager is asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Puts the program where only administrators write, and makes an entry that starts it with these arguments when the
/// system starts. An entry that is there is brought to that; its service is stopped for it.
///
/// # Errors
/// If the caller is no administrator, or the manager or the disk refuses.
pub fn install(arguments: &[OsString]) -> io::Result<ServiceEntry> {
    let manager = open_manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    let before = open(&manager, ServiceAccess::ALL_ACCESS)?;
    if let Some(service) = &before {
        stop_and_wait(service)?;
    }
    own_folder()?;
    let program = put_in_place()?;
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: SHOWN.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program.clone(),
        launch_arguments: arguments.to_vec(),
        dependencies: Vec::new(),
        account_name: None,
        account_password: None,
    };
    match &before {
        Some(service) => service.change_config(&info).map_err(plain)?,
        None => drop(manager.create_service(&info, ServiceAccess::ALL_ACCESS).map_err(plain)?),
    }

    Ok(ServiceEntry { refused: settle_as(&program), program })
}

/// Stops the service and removes its entry and its name in the event log; and the program that was put in its place,
/// unless an installer keeps it. Returns what could not be removed now because it is in use, such as this very program.
///
/// # Errors
/// If the caller is no administrator, or the manager or the disk refuses.
pub fn uninstall(program_stays: bool) -> io::Result<Vec<PathBuf>> {
    let manager = open_manager(ServiceManagerAccess::CONNECT)?;
    if let Some(service) = open(&manager, ServiceAccess::ALL_ACCESS)? {
        stop_and_wait(&service)?;
        match service.delete().map_err(plain) {
            // By somebody who was here before us.
            Err(error) if is(&error, ERROR_SERVICE_MARKED_FOR_DELETE) => {}
            deleted => deleted?,
        }
    }
    eventlog::forget()?;
    if program_stays {
        return Ok(Vec::new());
    }
    let place = place();
    let mut left = Vec::new();
    // A service that has stopped may still be ending as a process.
    match disk::remove_file(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) if place.exists() => left.push(place.clone()),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    if left.is_empty() {
        // Only if nothing of somebody else lies there.
        for folder in place.ancestors().skip(1).take(2) {
            fs::remove_dir(folder).ok();
        }
    }

    Ok(left)
}

/// Starts the service and waits until it runs.
///
/// # Errors
/// If there is none, the caller may not, or it does not come to run.
pub fn start() -> io::Result<()> {
    let manager = open_manager(ServiceManagerAccess::CONNECT)?;
    let service = needed(&manager, ServiceAccess::START | ServiceAccess::QUERY_STATUS)?;
    let none: [&str; 0] = [];
    match service.start(&none).map_err(plain) {
        Err(error) if is(&error, ERROR_SERVICE_ALREADY_RUNNING) => {}
        started => started?,
    }
    let status = wait_while(&service, ServiceState::StartPending)?;
    match status.current_state {
        ServiceState::Running => Ok(()),
        ServiceState::Stopped => Err(io::Error::other(format!("it ended with {}", code(status.exit_code)))),
        ServiceState::StartPending
        | ServiceState::StopPending
        | ServiceState::ContinuePending
        | ServiceState::PausePending
        | ServiceState::Paused => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Stops the service and waits until it has.
///
/// # Errors
/// If there is none, the caller may not, or it does not stop.
pub fn stop() -> io::Result<()> {
    let manager = open_manager(ServiceManagerAccess::CONNECT)?;

    stop_and_wait(&needed(&manager, ServiceAccess::STOP | ServiceAccess::QUERY_STATUS)?)
}

/// How the service fares; `None` if there is no entry.
///
/// # Errors
/// If the manager does not say.
pub fn seen() -> io::Result<Option<ServiceSeen>> {
    let manager = open_manager(ServiceManagerAccess::CONNECT)?;
    let Some(service) = open(&manager, ServiceAccess::QUERY_STATUS)? else { return Ok(None) };
    let status = service.query_status().map_err(plain)?;
    let life = match status.current_state {
        ServiceState::Stopped => ServiceLife::Stopped,
        ServiceState::StartPending => ServiceLife::Starting,
        ServiceState::StopPending => ServiceLife::Stopping,
        ServiceState::Running
        | ServiceState::ContinuePending
        | ServiceState::PausePending
        | ServiceState::Paused => ServiceLife::Running,
    };

    Ok(Some(ServiceSeen { life, process: status.process_id, ended_with: code(status.exit_code) }))
}

/// Brings the entry to how it should be, whoever made it: an installer's tables can say only a part. Done at each start;
/// privileges and the service's own identifier count from the start after. Returns what the system did not take.
#[must_use]
pub fn settle() -> Vec<(&'static str, i32)> {
    match std::env::current_exe() {
        Ok(program) => settle_as(&program),
        Err(error) => vec![("program", number(&error))],
    }
}

fn settle_as(program: &Path) -> Vec<(&'static str, i32)> {
    let mut refused = Vec::new();
    let mut note = |what: &'static str, done: io::Result<()>| {
        if let Err(error) = done {
            refused.push((what, number(&error)));
        }
    };
    note("event log", eventlog::register(program));
    note(FOLDER, own_folder());
    let service = open_manager(ServiceManagerAccess::CONNECT)
        .and_then(|manager| needed(&manager, ServiceAccess::ALL_ACCESS));
    let service = match service {
        Ok(service) => service,
        Err(error) => {
            note("service", Err(error));
            return refused;
        }
    };
    let restart = |delay| ServiceAction { action_type: ServiceActionType::Restart, delay };
    let recovery = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(FORGIVEN),
        reboot_msg: None,
        command: None,
        actions: Some(AGAIN.into_iter().map(restart).collect()),
    };
    note("description", service.set_description(DESCRIPTION).map_err(plain));
    note("recovery", service.update_failure_actions(recovery).map_err(plain));
    note("recovery of failures", service.set_failure_actions_on_non_crash_failures(true).map_err(plain));
    note("shutdown", service.set_preshutdown_timeout(PRESHUTDOWN).map_err(plain));
    note("identifier", service.set_config_service_sid_info(ServiceSidType::Unrestricted).map_err(plain));
    note("privileges", require_privileges(&service));

    refused
}

/// What is beside the configuration decides what we watch: nobody else may write there, or have written there.
fn own_folder() -> io::Result<()> {
    let config = paths::config_path();
    if let Some(folder) = config.parent() {
        let _protection = protect::create_private_dir(folder)?;
    }
    match protect::restrict_to_owner(config) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bring_configuration(config),
        narrowed => narrowed.map(drop),
    }
}

/// Puts the configuration that came with the program in its place, where none stands. It says the defaults, so that a
/// machine without it does the same.
fn bring_configuration(config: &Path) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let came = own.with_file_name("agent.toml");
    let text = match fs::read(&came) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };

    keep::write_new(config, &text)
}

/// The manager takes every other privilege from the service's token before its first instruction.
fn require_privileges(service: &Service) -> io::Result<()> {
    let mut list = privileges::needed_names();
    list.push(0);
    let info = SERVICE_REQUIRED_PRIVILEGES_INFOW { pmszRequiredPrivileges: list.as_mut_ptr() };
    // SAFETY: the handle is open while `service` lives; the structure is the one that this level wants, and points to a
    // list of strings, each ended by a zero and all by another, that lives until after the call.
    let done = unsafe {
        ChangeServiceConfig2W(
            service.raw_handle(),
            SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
            (&raw const info).cast(),
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn open_manager(access: ServiceManagerAccess) -> io::Result<ServiceManager> {
    ServiceManager::local_computer(None::<&str>, access).map_err(plain)
}

fn open(manager: &ServiceManager, access: ServiceAccess) -> io::Result<Option<Service>> {
    match manager.open_service(NAME, access).map_err(plain) {
        Err(error) if is(&error, ERROR_SERVICE_DOES_NOT_EXIST) => Ok(None),
        opened => opened.map(Some),
    }
}

fn needed(manager: &ServiceManager, access: ServiceAccess) -> io::Result<Service> {
    manager.open_service(NAME, access).map_err(plain)
}

fn stop_and_wait(service: &Service) -> io::Result<()> {
    match service.stop().map_err(plain) {
        Err(error) if is(&error, ERROR_SERVICE_NOT_ACTIVE) => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let status = wait_while(service, ServiceState::StopPending)?;
    if status.current_state == ServiceState::Stopped { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}

/// Waits until the service is in another state, or patience is over.
fn wait_while(service: &Service, state: ServiceState) -> io::Result<ServiceStatus> {
    let until = clock::instant() + PATIENCE.max(service::STOP_MAX);
    loop {
        let status = service.query_status().map_err(plain)?;
        if status.current_state != state || clock::instant() >= until {
            return Ok(status);
        }
        #[expect(clippy::disallowed_methods, reason = "older systems tell nobody when a service changes")]
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Where the program of the service lies.
fn place() -> PathBuf {
    const KEY: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion";
    let programs = settings::text(KEY, OsStr::new("ProgramFilesDir")).ok().flatten();
    let programs = programs.unwrap_or_else(|| r"C:\Program Files".to_owned());

    PathBuf::from(programs).join("VongGac").join("Agent").join("vonggac-agent.exe")
}

/// Copies this program there, if it is not there already: what runs with the system's rights must not lie where others
/// write.
fn put_in_place() -> io::Result<PathBuf> {
    let (own, place) = (std::env::current_exe()?, place());
    if fs::canonicalize(&place).ok() == Some(fs::canonicalize(&own)?) {
        return Ok(place);
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = place.with_extension("new");
    fs::copy(&own, &beside)?;
    // A service that has stopped may still be ending as a process, and its program cannot be replaced before.
    disk::rename(&beside, &place)?;

    Ok(place)
}

fn code(code: ServiceExitCode) -> u32 {
    match code {
        ServiceExitCode::Win32(code) | ServiceExitCode::ServiceSpecific(code) => code,
    }
}

fn plain(error: windows_service::Error) -> io::Error {
    if let windows_service::Error::Winapi(error) = error { error } else { io::Error::other(error) }
}

fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error().and_then(|raw| u32::try_from(raw).ok()) == Some(code)
}

/// The system's number; of a refusal of our own, one that says as much: 0 would read "done".
fn number(error: &io::Error) -> i32 {
    let own =
        if error.kind() == io::ErrorKind::PermissionDenied { ERROR_ACCESS_DENIED } else { ERROR_GEN_FAILURE };

    error.raw_os_error().unwrap_or_else(|| own.cast_signed())
}

/// A text as Windows takes it, with the zero at its end.
pub(super) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}
