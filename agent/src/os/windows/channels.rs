//! Channels of the event log: when something was last written to one. By the event's number; its text is never asked for.
//!
//! Contracts: learn.microsoft.com, winevt.h.

#![expect(unsafe_code, reason = "the event log is reached by calls of the system alone")]

use std::io;

use vonggac_protocol::posture::{Unknown, Why};
use vonggac_protocol::time::Timestamp;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_EVT_CHANNEL_NOT_FOUND, ERROR_NO_MORE_ITEMS, ERROR_TIMEOUT,
};
use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EVT_VARIANT, EvtClose, EvtCreateRenderContext, EvtNext, EvtQuery, EvtQueryChannelPath,
    EvtQueryReverseDirection, EvtRender, EvtRenderContextValues, EvtRenderEventValues, EvtVarTypeFileTime,
};

/// How long one event is waited for.
const NEXT_MILLIS: u32 = 30_000;

/// 100 ns between 1601, where the system's times begin, and 1970.
const TO_1970: u64 = 116_444_736_000_000_000;

/// An open handle; dropping it closes it.
struct Handle(EVT_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from the event log, is not null and is closed only here.
        let _closed = unsafe { EvtClose(self.0) };
    }
}

impl Handle {
    fn of(handle: EVT_HANDLE) -> Result<Self, Unknown> {
        if handle == 0 { Err(last()) } else { Ok(Self(handle)) }
    }
}

/// When the newest event of this number was written to a channel; `None` if there is none.
///
/// # Errors
/// If there is no such channel, or it may not be read.
pub fn newest(channel: &str, event: u32) -> Result<Option<Timestamp>, Unknown> {
    let (channel, query) = (wide(channel), wide(&format!("*[System[(EventID={event})]]")));
    let flags = EvtQueryChannelPath | EvtQueryReverseDirection;
    // SAFETY: both texts end in a zero and live beyond the call; no session means this machine.
    let found = Handle::of(unsafe { EvtQuery(0, channel.as_ptr(), query.as_ptr(), flags) })?;
    let (mut next, mut count) = ([0_isize], 0);
    // SAFETY: there is room for the one event asked for.
    let is_there = unsafe { EvtNext(found.0, 1, next.as_mut_ptr(), NEXT_MILLIS, 0, &raw mut count) };
    if is_there == 0 {
        let is_end = io::Error::last_os_error().raw_os_error() == i32::try_from(ERROR_NO_MORE_ITEMS).ok();
        return if is_end { Ok(None) } else { Err(last()) };
    }
    let event = Handle::of(next[0])?;

    written(&event).map(Some)
}

fn written(event: &Handle) -> Result<Timestamp, Unknown> {
    let path = wide("Event/System/TimeCreated/@SystemTime");
    let paths = [path.as_ptr()];
    // SAFETY: one text, which ends in a zero and lives beyond the call.
    let context = unsafe { EvtCreateRenderContext(1, paths.as_ptr(), EvtRenderContextValues) };
    let context = Handle::of(context)?;
    let mut value = EVT_VARIANT::default();
    let size = u32::try_from(size_of::<EVT_VARIANT>()).unwrap_or(0);
    let (mut used, mut count) = (0, 0);
    // SAFETY: the buffer is one value of the size that is named; a moment needs no room beside it.
    let rendered = unsafe {
        EvtRender(
            context.0,
            event.0,
            EvtRenderEventValues,
            size,
            (&raw mut value).cast(),
            &raw mut used,
            &raw mut count,
        )
    };
    if rendered == 0 {
        return Err(last());
    }
    let is_moment = count == 1 && i32::try_from(value.Type) == Ok(EvtVarTypeFileTime);
    // SAFETY: any bits are a number, and the union was zero before, so that it is never unset; `Type` says what they mean.
    let held = unsafe { value.Anonymous.FileTimeVal };
    let since = is_moment.then_some(held);
    let millis = since.and_then(|since| since.checked_sub(TO_1970)).map(|since| since / 10_000);

    millis
        .and_then(|millis| i64::try_from(millis).ok())
        .map(Timestamp)
        .ok_or_else(|| Unknown { why: Why::Failed, detail: Some("an event without a moment".to_owned()) })
}

/// Why the last call on this thread failed.
fn last() -> Unknown {
    let code = io::Error::last_os_error().raw_os_error().and_then(|code| u32::try_from(code).ok());
    let why = match code {
        Some(ERROR_EVT_CHANNEL_NOT_FOUND) => Why::NotAvailable,
        Some(ERROR_ACCESS_DENIED) => Why::Refused,
        Some(ERROR_TIMEOUT) => Why::NoAnswer,
        _ => Why::Failed,
    };

    Unknown { why, detail: code.map(|code| format!("event log: {code}")) }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
