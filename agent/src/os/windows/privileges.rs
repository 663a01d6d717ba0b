//! Giving up, at the start, every right that the agent has no use for, however it was started.
#![expect(unsafe_code, reason = "the token is changed by plain functions of the system")]

use std::io;
use std::mem::{offset_of, size_of};
use std::ptr;

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_INSUFFICIENT_BUFFER, ERROR_NOT_ALL_ASSIGNED, ERROR_SUCCESS, GetLastError, HANDLE, LUID,
};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, GetTokenInformation, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW,
    SE_PRIVILEGE_ENABLED, SE_PRIVILEGE_REMOVED, TOKEN_ACCESS_MASK, TOKEN_ADJUST_PRIVILEGES,
    TOKEN_INFORMATION_CLASS, TOKEN_PRIVILEGES, TOKEN_QUERY, TokenPrivileges,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::manager::wide;
use crate::os::Protection;

/// Reaching a file without a right to each folder above it, which everybody has; reading what an access list keeps from
/// the system's own account too, for integrity covers that file as well. docs/decisions/0046.
const NEEDED: [&str; 2] = ["SeChangeNotifyPrivilege", "SeBackupPrivilege"];

/// The names, each ended by a zero.
pub(super) fn needed_names() -> Vec<u16> {
    NEEDED.iter().flat_map(wide).collect()
}

/// Leaves this process only what the agent needs, for good: a privilege that was removed from a token does not come
/// back. What is left and needs it is switched on. Works without any privilege too: then there is nothing to give up.
///
/// # Errors
/// If the system refuses; what was not given up is still there.
pub fn give_up() -> io::Result<Protection> {
    let token = Token::of_process(TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES)?;
    let needed = NEEDED.iter().map(|name| number_of(name)).collect::<io::Result<Vec<_>>>()?;
    for (mut one, _) in token.privileges()? {
        let keep = needed.iter().any(|luid| same(*luid, one.Luid));
        one.Attributes = if keep { SE_PRIVILEGE_ENABLED } else { SE_PRIVILEGE_REMOVED };
        token.adjust(one)?;
    }
    let left = token.privileges()?;
    let whole = left.iter().all(|(one, _)| needed.iter().any(|luid| same(*luid, one.Luid)));

    Ok(if whole { Protection::InForce } else { Protection::NotAvailable })
}

fn same(one: LUID, other: LUID) -> bool {
    (one.LowPart, one.HighPart) == (other.LowPart, other.HighPart)
}

fn number_of(name: &str) -> io::Result<LUID> {
    let (name, mut luid) = (wide(name), LUID::default());
    // SAFETY: `name` ends with a zero, `luid` is ours; no system name means this system.
    let found = unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut luid) };
    if found == 0 { Err(io::Error::last_os_error()) } else { Ok(luid) }
}

/// An open token.
pub(super) struct Token(HANDLE);

impl Token {
    /// The token of this process.
    pub(super) fn of_process(access: TOKEN_ACCESS_MASK) -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: the pseudo handle of this process needs no closing; `token` takes the new handle, closed by Drop.
        let opened = unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut token) };
        if opened == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(token)) }
    }

    /// What the system says of the token, in words of eight bytes so that every structure in it is aligned; and how
    /// many bytes of it count.
    pub(super) fn information(&self, class: TOKEN_INFORMATION_CLASS) -> io::Result<(Vec<u64>, usize)> {
        let mut buffer = vec![0_u64; 64];
        loop {
            let room = u32::try_from(buffer.len() * size_of::<u64>()).map_err(io::Error::other)?;
            let mut length = 0;
            // SAFETY: the buffer is ours and has `room` bytes; the system writes at most so many.
            let got = unsafe {
                GetTokenInformation(self.0, class, buffer.as_mut_ptr().cast(), room, &raw mut length)
            };
            if got != 0 {
                return Ok((buffer, usize::try_from(length.min(room)).map_err(io::Error::other)?));
            }
            // SAFETY: reads a number of this thread.
            if unsafe { GetLastError() } != ERROR_INSUFFICIENT_BUFFER || length <= room {
                return Err(io::Error::last_os_error());
            }
            let words = usize::try_from(length).map_err(io::Error::other)?.div_ceil(size_of::<u64>());
            buffer.resize(words, 0);
        }
    }

    /// The privileges of the token, each with whether it is switched on.
    fn privileges(&self) -> io::Result<Vec<(LUID_AND_ATTRIBUTES, bool)>> {
        let (buffer, length) = self.information(TokenPrivileges)?;
        let begin = offset_of!(TOKEN_PRIVILEGES, Privileges);
        let room = length.saturating_sub(begin) / size_of::<LUID_AND_ATTRIBUTES>();
        // SAFETY: the system filled the buffer with this structure; it is aligned, and the count is read as a plain number.
        let count = unsafe { (*buffer.as_ptr().cast::<TOKEN_PRIVILEGES>()).PrivilegeCount };
        let count = room.min(usize::try_from(count).map_err(io::Error::other)?);
        // SAFETY: `begin` lies in the buffer, and `count` elements of plain numbers fit behind it.
        let found = unsafe {
            std::slice::from_raw_parts(
                buffer.as_ptr().cast::<u8>().add(begin).cast::<LUID_AND_ATTRIBUTES>(),
                count,
            )
        };

        Ok(found.iter().map(|one| (*one, one.Attributes & SE_PRIVILEGE_ENABLED != 0)).collect())
    }

    fn adjust(&self, one: LUID_AND_ATTRIBUTES) -> io::Result<()> {
        let wanted = TOKEN_PRIVILEGES { PrivilegeCount: 1, Privileges: [one] };
        // SAFETY: the structure is ours and holds as many privileges as it says; nothing of before is asked for.
        let done = unsafe {
            AdjustTokenPrivileges(self.0, 0, &raw const wanted, 0, ptr::null_mut(), ptr::null_mut())
        };
        // SAFETY: reads a number of this thread; the call sets it also when it succeeds.
        match (done, unsafe { GetLastError() }) {
            (0, _) => Err(io::Error::last_os_error()),
            // What is not there need not be taken.
            (_, ERROR_SUCCESS | ERROR_NOT_ALL_ASSIGNED) => Ok(()),
            (_, code) => Err(io::Error::from_raw_os_error(i32::try_from(code).unwrap_or(0))),
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: the handle was opened for this value and is closed once.
        unsafe { CloseHandle(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_is_left() {
        // The tests beside this one need none of what is taken here.
        assert_eq!(give_up().unwrap(), Protection::InForce);
        assert_eq!(give_up().unwrap(), Protection::InForce, "a second time is no mistake");

        let needed: Vec<LUID> = NEEDED.iter().map(|name| number_of(name).unwrap()).collect();
        let left = Token::of_process(TOKEN_QUERY).unwrap().privileges().unwrap();
        assert!(left.iter().all(|(one, on)| *on && needed.iter().any(|luid| same(*luid, one.Luid))));
    }
}
