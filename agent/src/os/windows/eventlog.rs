//! The system's event log: when our own program started, stopped or failed, and what it waits for.
#![expect(unsafe_code, reason = "the event log is written by plain functions of the system")]

use std::io;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    REPORT_EVENT_TYPE, RegisterEventSourceW, ReportEventW,
};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, REG_DWORD, REG_SZ, RegDeleteTreeW, RegSetKeyValueW,
};

use super::manager::{NAME, wide};
use crate::os::{LifeEvent, Protection};

/// Where the system looks up who may write to its log, and by which words.
fn key() -> Vec<u16> {
    wide(format!(r"SYSTEM\CurrentControlSet\Services\EventLog\Application\{NAME}"))
}

/// Makes our name known to the event log, with the program that holds the words.
///
/// # Errors
/// If the caller is no administrator.
pub(super) fn register(program: &Path) -> io::Result<()> {
    let (key, words) = (key(), wide(program));
    let bytes = u32::try_from(words.len() * 2).map_err(io::Error::other)?;
    let name = wide("EventMessageFile");
    // SAFETY: key and name end with a zero; the data is as long as is said and ends with a zero.
    let said = unsafe {
        RegSetKeyValueW(HKEY_LOCAL_MACHINE, key.as_ptr(), name.as_ptr(), REG_SZ, words.as_ptr().cast(), bytes)
    };
    result(said)?;
    let types = u32::from(EVENTLOG_ERROR_TYPE)
        | u32::from(EVENTLOG_WARNING_TYPE)
        | u32::from(EVENTLOG_INFORMATION_TYPE);
    let name = wide("TypesSupported");
    // SAFETY: key and name end with a zero; the data is four bytes, as is said.
    let said = unsafe {
        RegSetKeyValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            REG_DWORD,
            (&raw const types).cast(),
            4,
        )
    };

    result(said)
}

/// Makes our name unknown again.
///
/// # Errors
/// If the caller is no administrator.
pub(super) fn forget() -> io::Result<()> {
    let key = key();
    // SAFETY: the key's name ends with a zero.
    match unsafe { RegDeleteTreeW(HKEY_LOCAL_MACHINE, key.as_ptr()) } {
        ERROR_FILE_NOT_FOUND => Ok(()),
        said => result(said),
    }
}

fn result(said: u32) -> io::Result<()> {
    match said {
        ERROR_SUCCESS => Ok(()),
        code => Err(io::Error::from_raw_os_error(i32::try_from(code).unwrap_or(0))),
    }
}

/// Writes what happened to us, with a short word for it. Nobody's life hangs on it: what the log does not take is lost
/// there, and stands in our own.
pub fn tell(event: LifeEvent, detail: &str) -> Protection {
    let (kind, id) = number(event);
    let (name, detail) = (wide(NAME), wide(detail.replace('\0', " ")));
    // SAFETY: the name ends with a zero; no server means this system.
    let source = unsafe { RegisterEventSourceW(ptr::null(), name.as_ptr()) };
    if source.is_null() {
        return Protection::NotAvailable;
    }
    let words = [detail.as_ptr()];
    // SAFETY: the source is open; one string is named and there, ended by a zero; there is no identifier and no data.
    let said =
        unsafe { ReportEventW(source, kind, 0, id, ptr::null_mut(), 1, 0, words.as_ptr(), ptr::null()) };
    // SAFETY: opened above, closed once.
    unsafe { DeregisterEventSource(source) };
    if said == 0 { Protection::NotAvailable } else { Protection::InForce }
}

/// Kind and number of an entry; the numbers are those of `agent/windows/messages.mc`, severity and all, and are never
/// given to another meaning.
fn number(event: LifeEvent) -> (REPORT_EVENT_TYPE, u32) {
    const INFORMATION: u32 = 0x4000_0000;
    const WARNING: u32 = 0x8000_0000;
    const ERROR: u32 = 0xC000_0000;
    match event {
        LifeEvent::Started => (EVENTLOG_INFORMATION_TYPE, INFORMATION | 1),
        LifeEvent::Stopped => (EVENTLOG_INFORMATION_TYPE, INFORMATION | 2),
        LifeEvent::Failed => (EVENTLOG_ERROR_TYPE, ERROR | 3),
        LifeEvent::WaitsForEnrolment => (EVENTLOG_WARNING_TYPE, WARNING | 4),
        LifeEvent::Enrolled => (EVENTLOG_INFORMATION_TYPE, INFORMATION | 5),
        LifeEvent::EnrolmentFailed => (EVENTLOG_WARNING_TYPE, WARNING | 6),
        LifeEvent::Settled => (EVENTLOG_WARNING_TYPE, WARNING | 7),
    }
}
