//! The registry, read only: keys, values as bytes, when a key was written last, and notices of change.
//!
//! Keys are opened with `KEY_READ` and nothing more. [`Key::subkey`] opens a symbolic link itself and not what it
//! leads to, so that a walk down from any key ends; [`Key::open`] follows links on the way, as `CurrentControlSet` is
//! one. Contracts: learn.microsoft.com, winreg.h.

#![expect(unsafe_code, reason = "the registry is reached by calls of the system alone")]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::time::{Duration, SystemTime};

use windows_sys::Win32::Foundation::{
    ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER, ERROR_MORE_DATA, ERROR_NO_MORE_ITEMS, ERROR_SUCCESS,
    FILETIME, HANDLE, WAIT_FAILED, WAIT_OBJECT_0, WAIT_TIMEOUT, WIN32_ERROR,
};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, HKEY_USERS, KEY_READ, KEY_WOW64_32KEY, KEY_WOW64_64KEY,
    REG_NOTIFY_CHANGE_LAST_SET, REG_NOTIFY_CHANGE_NAME, REG_NOTIFY_THREAD_AGNOSTIC, REG_OPTION_OPEN_LINK,
    RegCloseKey, RegEnumKeyExW, RegEnumValueW, RegNotifyChangeKeyValue, RegOpenKeyExW, RegQueryInfoKeyW,
    RegQueryValueExW,
};
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent, WaitForMultipleObjects};

use crate::os::{REGISTRY_VALUE_BYTES_MAX, RegistryRoot, RegistryValue, RegistryView};

/// Keys below one key, and values in one key; the largest real ones (`Classes`) have some ten thousand.
const ENTRIES_MAX: u32 = 65_536;

/// UTF-16 units of a key's name with its end: 255 are allowed.
const KEY_NAME_UNITS: usize = 256;

/// UTF-16 units of a value's name with its end: 16,383 are allowed.
const VALUE_NAME_UNITS: usize = 16_384;

/// Bytes of a value that are asked for at first; most have fewer.
const FIRST_BYTES: usize = 1024;

/// How often a value that grows while it is read is asked for again.
const ATTEMPTS_MAX: u32 = 4;

/// Keys of one watch: what one wait can take (64), less the waker and one to spare.
const WATCHED_MAX: usize = 62;

/// A key that is open for reading; dropping it closes it.
#[derive(Debug)]
pub struct Key {
    handle: HKEY,
    view: RegistryView,
}

// SAFETY: a key's handle belongs to the process, not to a thread; every call here is documented for any thread.
unsafe impl Send for Key {}
// SAFETY: as above; no call changes what the handle stands for before it is dropped.
unsafe impl Sync for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by RegOpenKeyExW, is closed only here, and is never a predefined one.
        let _closed = unsafe { RegCloseKey(self.handle) };
    }
}

impl Key {
    /// Opens the key at this path (`SOFTWARE\Microsoft`), in this view.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none; if the system refuses.
    pub fn open(root: RegistryRoot, path: &str, view: RegistryView) -> io::Result<Self> {
        let root = match root {
            RegistryRoot::LocalMachine => HKEY_LOCAL_MACHINE,
            RegistryRoot::Users => HKEY_USERS,
        };

        open(root, OsStr::new(path), 0, view)
    }

    /// Opens a key below this one, in the same view; a link is opened itself.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none (any more); if the system refuses.
    pub fn subkey(&self, name: &OsStr) -> io::Result<Self> {
        open(self.handle, name, REG_OPTION_OPEN_LINK, self.view)
    }

    /// The names of the keys below, in the system's order. What comes and goes meanwhile may be missed.
    ///
    /// # Errors
    /// If the system refuses, or there are more than any real key has.
    pub fn subkeys(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        let mut name = [0_u16; KEY_NAME_UNITS];
        for index in 0..ENTRIES_MAX {
            let mut units = length(name.len());
            let (at, none, no_time) = (name.as_mut_ptr(), std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: `name` has room for `units` units, as `units` says; all other outputs are null, which is allowed.
            let status = unsafe {
                RegEnumKeyExW(
                    self.handle,
                    index,
                    at,
                    &mut units,
                    std::ptr::null(),
                    none,
                    std::ptr::null_mut(),
                    no_time,
                )
            };
            match status {
                ERROR_SUCCESS => names.push(text(&name, units)),
                ERROR_NO_MORE_ITEMS => return Ok(names),
                other => return Err(error(other)),
            }
        }

        Err(too_many())
    }

    /// The values with their names, in the system's order; the unnamed one has an empty name.
    ///
    /// # Errors
    /// If the system refuses, or there are more than any real key has.
    pub fn values(&self) -> io::Result<Vec<(OsString, RegistryValue)>> {
        let mut values = Vec::new();
        let (mut name, mut bytes) = (vec![0_u16; VALUE_NAME_UNITS], vec![0_u8; FIRST_BYTES]);
        for index in 0..ENTRIES_MAX {
            match self.value_at(index, &mut name, &mut bytes)? {
                Some(value) => values.push(value),
                None => return Ok(values),
            }
        }

        Err(too_many())
    }

    /// The value of this number, not by its name: one with a zero in it, which hides it from most programs, could not be
    /// asked for, and would hide all the others of its key from us too.
    fn value_at(
        &self,
        index: u32,
        name: &mut [u16],
        bytes: &mut Vec<u8>,
    ) -> io::Result<Option<(OsString, RegistryValue)>> {
        let mut is_too_large = false;
        for _ in 0..ATTEMPTS_MAX {
            let (mut units, mut kind, mut held) = (length(name.len()), 0, length(bytes.len()));
            let at = if is_too_large { std::ptr::null_mut() } else { bytes.as_mut_ptr() };
            // SAFETY: `name` has room for `units` units; `bytes` has room for `held` bytes, or nothing is to be written.
            let status = unsafe {
                RegEnumValueW(
                    self.handle,
                    index,
                    name.as_mut_ptr(),
                    &mut units,
                    std::ptr::null(),
                    &mut kind,
                    at,
                    &mut held,
                )
            };
            let size = usize::try_from(held).unwrap_or(usize::MAX);
            match status {
                ERROR_SUCCESS => {
                    let there = if is_too_large { &[][..] } else { &bytes[..size.min(bytes.len())] };
                    let value = RegistryValue { kind, bytes: there.to_vec(), length: held };
                    return Ok(Some((text(name, units), value)));
                }
                ERROR_NO_MORE_ITEMS => return Ok(None),
                ERROR_MORE_DATA if held > REGISTRY_VALUE_BYTES_MAX => is_too_large = true,
                ERROR_MORE_DATA => bytes.resize(size.max(bytes.len().saturating_mul(2)), 0),
                other => return Err(error(other)),
            }
        }

        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// One value; `None` if there is no such name. One that is larger than [`REGISTRY_VALUE_BYTES_MAX`] comes without
    /// its bytes.
    ///
    /// # Errors
    /// If the system refuses, or the value keeps changing.
    pub fn value(&self, name: &OsStr) -> io::Result<Option<RegistryValue>> {
        let name = wide(name)?;
        let mut bytes = vec![0_u8; FIRST_BYTES];
        for _ in 0..ATTEMPTS_MAX {
            let (mut kind, mut held) = (0, length(bytes.len()));
            let at = bytes.as_mut_ptr();
            // SAFETY: `name` ends in a zero; `bytes` has room for `held` bytes, as `held` says.
            let status = unsafe {
                RegQueryValueExW(self.handle, name.as_ptr(), std::ptr::null(), &mut kind, at, &mut held)
            };
            let size = usize::try_from(held).unwrap_or(usize::MAX);
            match status {
                ERROR_SUCCESS => {
                    bytes.truncate(size);
                    return Ok(Some(RegistryValue { kind, bytes, length: held }));
                }
                ERROR_FILE_NOT_FOUND => return Ok(None),
                ERROR_MORE_DATA if held > REGISTRY_VALUE_BYTES_MAX => {
                    return Ok(Some(RegistryValue { kind, bytes: Vec::new(), length: held }));
                }
                // The system says how much it needs, except of values that it makes up as it is asked.
                ERROR_MORE_DATA => bytes.resize(size.max(bytes.len().saturating_mul(2)), 0),
                other => return Err(error(other)),
            }
        }

        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// When the key, its values or the list of keys below it were written last.
    ///
    /// # Errors
    /// If the system refuses, or names a time that cannot be.
    pub fn written_at(&self) -> io::Result<SystemTime> {
        let mut written = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
        let (null, size) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: every output but the time is null, which is allowed; `written` is a FILETIME of ours.
        let status = unsafe {
            RegQueryInfoKeyW(
                self.handle,
                null,
                size,
                std::ptr::null(),
                size,
                size,
                size,
                size,
                size,
                size,
                size,
                &mut written,
            )
        };
        if status != ERROR_SUCCESS {
            return Err(error(status));
        }

        time(written).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Notices of changes of some keys.
///
/// `add` the keys, then `wait` again and again; between two waits changes are remembered, not counted. Dropping it ends
/// the notices.
#[derive(Debug)]
pub struct Watch {
    waker: OwnedHandle,
    keys: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    key: Key,
    is_deep: bool,
    event: OwnedHandle,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// If the system has no event to spare.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waker: event()?, keys: Vec::new() })
    }

    /// Watches a key for values that are written or removed and for keys that come or go below it; with `is_deep` in
    /// everything below it too. Returns its number in this watch.
    ///
    /// # Errors
    /// Of kind `QuotaExceeded` if there are too many; if the system refuses.
    pub fn add(&mut self, key: Key, is_deep: bool) -> io::Result<usize> {
        if self.keys.len() >= WATCHED_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let watched = Watched { key, is_deep, event: event()? };
        watched.arm()?;
        self.keys.push(watched);

        Ok(self.keys.len() - 1)
    }

    /// Waits until something changes, a [`Waker`] wakes, or the time is over: which key changed, by its number. The
    /// next change of that key is told again: read it after this returns. A key that was removed is told once.
    ///
    /// # Errors
    /// If the system refuses to wait.
    pub fn wait(&self, at_most: Duration) -> io::Result<Option<usize>> {
        let events: Vec<HANDLE> = std::iter::once(&self.waker)
            .chain(self.keys.iter().map(|watched| &watched.event))
            .map(|event| event.as_raw_handle())
            .collect();
        // The largest number means for ever.
        let millis = u32::try_from(at_most.as_millis()).unwrap_or(u32::MAX).min(u32::MAX - 1);
        // SAFETY: `events` holds that many handles of events, which live as long as `self`.
        let which = unsafe { WaitForMultipleObjects(length(events.len()), events.as_ptr(), 0, millis) };
        match which {
            WAIT_FAILED => return Err(io::Error::last_os_error()),
            WAIT_TIMEOUT => return Ok(None),
            _ => {}
        }
        let which = usize::try_from(which.saturating_sub(WAIT_OBJECT_0)).unwrap_or(usize::MAX);
        let changed = which.checked_sub(1).filter(|number| *number < self.keys.len());
        if let Some(watched) = changed.and_then(|number| self.keys.get(number)) {
            // A key that is gone cannot be armed again; whoever reads it learns that.
            let _gone = watched.arm();
        }

        Ok(changed)
    }

    /// What ends a wait from another thread.
    ///
    /// # Errors
    /// If the system has no handle to spare.
    pub fn waker(&self) -> io::Result<Waker> {
        self.waker.try_clone().map(Waker)
    }
}

impl Watched {
    fn arm(&self) -> io::Result<()> {
        let what = REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET;
        let ask = |what| {
            // SAFETY: both handles are ours and open; the call returns at once, and the event outlives the key, whose
            // closing signals it: fields are dropped in their order, the key before the event.
            unsafe {
                RegNotifyChangeKeyValue(
                    self.key.handle,
                    self.is_deep.into(),
                    what,
                    self.event.as_raw_handle(),
                    1,
                )
            }
        };
        // Without the flag, which Windows 7 lacks, the end of this thread counts as a change: harmless.
        let status = match ask(what | REG_NOTIFY_THREAD_AGNOSTIC) {
            ERROR_INVALID_PARAMETER => ask(what),
            status => status,
        };

        if status == ERROR_SUCCESS { Ok(()) } else { Err(error(status)) }
    }
}

/// Ends a wait.
#[derive(Debug)]
pub struct Waker(OwnedHandle);

impl Waker {
    /// The wait that is under way, or else the next one, ends.
    pub fn wake(&self) {
        // SAFETY: the handle is an event of ours. It can only fail for a handle that is none.
        let _set = unsafe { SetEvent(self.0.as_raw_handle()) };
    }
}

fn open(from: HKEY, path: &OsStr, options: u32, view: RegistryView) -> io::Result<Key> {
    let path = wide(path)?;
    let side = match view {
        RegistryView::Bits64 => KEY_WOW64_64KEY,
        RegistryView::Bits32 => KEY_WOW64_32KEY,
    };
    let mut handle: HKEY = std::ptr::null_mut();
    // SAFETY: `path` ends in a zero, `handle` is ours.
    let status = unsafe { RegOpenKeyExW(from, path.as_ptr(), options, KEY_READ | side, &mut handle) };

    if status == ERROR_SUCCESS { Ok(Key { handle, view }) } else { Err(error(status)) }
}

/// An event that falls back by itself when a wait has seen it.
fn event() -> io::Result<OwnedHandle> {
    // SAFETY: no attributes and no name are allowed.
    let handle = unsafe { CreateEventW(std::ptr::null(), 0, 0, std::ptr::null()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }

    // SAFETY: a new handle that nobody else closes.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// UTF-16 with its end; a name with a zero inside would be cut short by the system.
fn wide(text: &OsStr) -> io::Result<Vec<u16>> {
    let mut units: Vec<u16> = text.encode_wide().collect();
    if units.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    units.push(0);

    Ok(units)
}

fn text(units: &[u16], count: u32) -> OsString {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(units.len());

    OsString::from_wide(&units[..count])
}

fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn error(status: WIN32_ERROR) -> io::Error {
    i32::try_from(status).map_or_else(|_| io::ErrorKind::Other.into(), io::Error::from_raw_os_error)
}

fn too_many() -> io::Error {
    io::ErrorKind::QuotaExceeded.into()
}

/// A count of 100 nanoseconds since 1601.
fn time(written: FILETIME) -> Option<SystemTime> {
    /// From 1601 to 1970.
    const EPOCH_SECS: u64 = 11_644_473_600;

    let ticks = (u64::from(written.dwHighDateTime) << 32) | u64::from(written.dwLowDateTime);
    let since = Duration::from_secs(ticks / 10_000_000) + Duration::from_nanos(ticks % 10_000_000 * 100);

    SystemTime::UNIX_EPOCH.checked_add(since)?.checked_sub(Duration::from_secs(EPOCH_SECS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::mpsc;

    use windows_sys::Win32::System::Registry::{
        KEY_ALL_ACCESS, REG_OPTION_VOLATILE, RegCreateKeyExW, RegDeleteTreeW, RegDeleteValueW, RegSetValueExW,
    };

    use super::*;

    /// A key of our own below `HKLM\Software`, removed when dropped; the test needs the right to write there.
    struct Own(HKEY, String, HKEY);

    impl Own {
        fn new(name: &str) -> Self {
            Self::at(HKEY_LOCAL_MACHINE, &format!("SOFTWARE\\VongGacTest{}-{name}", std::process::id()))
        }

        fn at(root: HKEY, path: &str) -> Self {
            Self(root, path.to_owned(), create(root, path))
        }

        fn say(&self, name: &str, text: &str) {
            let bytes: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            self.set("", name, 1, &bytes);
        }

        fn set(&self, subkey: &str, name: &str, kind: u32, bytes: &[u8]) {
            let key = create(self.2, subkey);
            let name = wide(OsStr::new(name)).unwrap();
            // Of no bytes there is no address that Wine would take.
            let at = if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr() };
            // SAFETY: the key is open, the name ends in a zero, the bytes are as long as said.
            let status = unsafe { RegSetValueExW(key, name.as_ptr(), 0, kind, at, length(bytes.len())) };
            assert_eq!(status, ERROR_SUCCESS);
            // SAFETY: opened above.
            unsafe { RegCloseKey(key) };
        }

        fn open(&self, view: RegistryView) -> Key {
            Key::open(RegistryRoot::LocalMachine, &self.1, view).unwrap()
        }
    }

    impl Drop for Own {
        fn drop(&mut self) {
            let path = wide(OsStr::new(&self.1)).unwrap();
            // SAFETY: opened by `create`; the path ends in a zero.
            unsafe {
                RegCloseKey(self.2);
                RegDeleteTreeW(self.0, path.as_ptr());
            }
        }
    }

    fn create(from: HKEY, path: &str) -> HKEY {
        let path = wide(OsStr::new(path)).unwrap();
        let mut key: HKEY = std::ptr::null_mut();
        let rights = KEY_ALL_ACCESS | KEY_WOW64_64KEY;
        // SAFETY: the path ends in a zero; no class, attributes or disposition are wanted.
        let status = unsafe {
            let none = std::ptr::null();
            RegCreateKeyExW(
                from,
                path.as_ptr(),
                0,
                none,
                REG_OPTION_VOLATILE,
                rights,
                std::ptr::null(),
                &mut key,
                std::ptr::null_mut(),
            )
        };
        assert_eq!(status, ERROR_SUCCESS);

        key
    }

    #[test]
    fn keys_and_values_are_read_as_their_bytes_stand_there() {
        let own = Own::new("read");
        own.set("Phần mềm 1", "Tên", 1, b"\x41\x00\x42");
        own.set("Phần mềm 1", "", 4, &[1, 0, 0, 0]);
        own.set("Phần mềm 1", "large", 3, &vec![7; 100_000]);
        own.set("программа", "x", 99, &[]);

        let key = own.open(RegistryView::Bits64);
        let product = key.subkey(OsStr::new("Phần mềm 1")).unwrap();
        let values = product.values().unwrap();

        assert_eq!(key.subkeys().unwrap(), ["Phần mềm 1", "программа"]);
        assert_eq!(values.len(), 3);
        let value = |name: &str| product.value(OsStr::new(name)).unwrap().unwrap();
        assert_eq!((value("").kind, value("").bytes), (4, vec![1, 0, 0, 0]));
        assert_eq!((value("large").length, value("large").bytes.len()), (100_000, 100_000));
        assert_eq!(value("Tên").bytes[..3], [0x41, 0, 0x42]);
        assert!(product.value(OsStr::new("none")).unwrap().is_none());
        assert_eq!(key.subkey(OsStr::new("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let age = (SystemTime::UNIX_EPOCH
            + Duration::from_millis(u64::try_from(crate::clock::now().0).unwrap()))
        .duration_since(product.written_at().unwrap())
        .unwrap_or_default();
        assert!(age < Duration::from_secs(600), "{age:?}");
    }

    #[test]
    fn a_value_whose_name_hides_behind_a_zero_is_read_and_hides_no_other() {
        use windows_sys::Win32::Foundation::UNICODE_STRING;

        #[link(name = "ntdll")]
        unsafe extern "system" {
            fn NtSetValueKey(
                key: HKEY,
                name: *const UNICODE_STRING,
                index: u32,
                kind: u32,
                at: *const u8,
                bytes: u32,
            ) -> i32;
        }
        let own = Own::new("hidden");
        own.set("", "a", 4, &[1, 0, 0, 0]);
        own.set("", "lớn", 3, &vec![7; 2 * 1024 * 1024]);
        let mut units: Vec<u16> = "\0hidden".encode_utf16().collect();
        let size = u16::try_from(units.len() * 2).unwrap();
        let name = UNICODE_STRING { Length: size, MaximumLength: size, Buffer: units.as_mut_ptr() };
        // SAFETY: the key is open; the name is as long as it says, and lives beyond the call, as do the bytes.
        assert_eq!(unsafe { NtSetValueKey(own.2, &name, 0, 4, [9_u8, 0, 0, 0].as_ptr(), 4) }, 0);

        let values = own.open(RegistryView::Bits64).values().unwrap();

        let told: BTreeMap<_, _> = values
            .iter()
            .map(|(name, value)| (name.to_str().unwrap(), (value.kind, value.bytes.len(), value.length)))
            .collect();
        assert_eq!(
            told,
            BTreeMap::from([("a", (4, 4, 4)), ("lớn", (3, 0, 2_097_152)), ("\0hidden", (4, 4, 4))])
        );
    }

    #[test]
    fn a_change_is_told_once_and_a_waker_ends_the_wait() {
        let own = Own::new("watch");
        own.set("a", "x", 4, &[0; 4]);
        own.set("b", "x", 4, &[0; 4]);
        let mut watch = Watch::new().unwrap();
        let key = own.open(RegistryView::Bits64);
        let a = watch.add(key.subkey(OsStr::new("a")).unwrap(), false).unwrap();
        let b = watch.add(key.subkey(OsStr::new("b")).unwrap(), true).unwrap();
        let long = Duration::from_secs(20);

        assert_eq!(watch.wait(Duration::ZERO).unwrap(), None);
        own.set("b\\deep", "x", 4, &[1; 4]);
        assert_eq!(watch.wait(long).unwrap(), Some(b));
        own.set("a", "x", 4, &[1; 4]);
        assert_eq!(watch.wait(long).unwrap(), Some(a));
        let gone = create(own.2, "a");
        // SAFETY: the key is open, the name ends in a zero.
        assert_eq!(unsafe { RegDeleteValueW(gone, wide(OsStr::new("x")).unwrap().as_ptr()) }, ERROR_SUCCESS);
        // SAFETY: opened above.
        unsafe { RegCloseKey(gone) };
        assert_eq!(watch.wait(long).unwrap(), Some(a), "the key was armed again");

        let waker = watch.waker().unwrap();
        let (tell, told) = mpsc::channel();
        let waits = std::thread::spawn(move || tell.send(watch.wait(long * 10)));
        waker.wake();
        assert_eq!(told.recv_timeout(long).unwrap().unwrap(), None);
        waits.join().unwrap().unwrap();
    }

    #[test]
    fn programs_in_the_registry_of_this_machine_are_found_with_view_user_and_installer() {
        const UNINSTALL: &str = "Microsoft\\Windows\\CurrentVersion\\Uninstall\\VongGacTest";
        const PACKED: &str = "00006109110000000100000000F01FEC";
        const CODE: &str = "{90160000-0011-0000-1000-0000000FF1CE}";
        let machine = HKEY_LOCAL_MACHINE;
        let wide = Own::at(machine, &format!("SOFTWARE\\{UNINSTALL}"));
        let narrow = Own::at(machine, &format!("SOFTWARE\\WOW6432Node\\{UNINSTALL}32"));
        let user = Own::at(HKEY_USERS, &format!("S-1-5-18\\Software\\{UNINSTALL}User"));
        let data = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products";
        let product = Own::at(machine, &format!("{data}\\{PACKED}\\InstallProperties"));
        let listed = Own::at(machine, &format!("SOFTWARE\\{}", UNINSTALL.replace("VongGacTest", CODE)));
        for (own, name) in
            [(&wide, "Bộ gõ thử"), (&narrow, "Программа"), (&user, "โปรแกรม"), (&listed, "Văn phòng")]
        {
            own.say("DisplayName", name);
            own.say("DisplayVersion", "1.0");
            own.say("UninstallString", "x");
            own.say("InstallDate", "20260131");
        }
        product.say("DisplayName", "Văn phòng");
        product.say("Publisher", "Nhà phát hành");
        product.say("InstallSource", "C:\\Users\\bình\\Downloads\\");

        let mut users = crate::sensor::packages::UserSoftware::default();
        let found = crate::sensor::packages::read_registry(&crate::registry::OfThisMachine, &mut users);
        let found = found.unwrap().unwrap();

        let told = |name: &str| {
            let it = found.iter().find(|it| it.name == name).unwrap();
            (
                it.version.as_str(),
                it.architecture.as_str(),
                it.users,
                it.vendor.as_deref(),
                it.install_source.as_deref(),
            )
        };
        assert_eq!(told("Bộ gõ thử").0, "1.0");
        assert_eq!(told("Программа"), ("1.0", "x86", None, None, None));
        assert_eq!(told("โปรแกรม"), ("1.0", "", Some(1), None, None));
        let office = told("Văn phòng");
        assert_eq!((office.3, office.4), (Some("Nhà phát hành"), Some("C:\\Users\\*\\Downloads")));
    }
}
