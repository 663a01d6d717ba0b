//! Keeping a file to its owner: an access list that inherits nothing and names the system, the administrators, the owner
//! and our service alone.
//!
//! Everybody may make folders in `C:\ProgramData`. A folder that another account made before us stays in its hands
//! whatever the list says, so it is refused, as is a link in its place.
#![expect(unsafe_code, reason = "access lists are made and read by plain functions of the system")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_INVALID_OWNER, ERROR_PRIVILEGE_NOT_HELD, ERROR_SUCCESS, GENERIC_READ, GENERIC_WRITE,
    INVALID_HANDLE_VALUE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_FILE_OBJECT, SetSecurityInfo,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, GetSecurityDescriptorDacl,
    OBJECT_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, READ_CONTROL, WRITE_DAC,
};

use super::manager::wide;
use super::privileges::Token;
use crate::os::Protection;

/// The service's own identifier: `S-1-5-80` and the SHA-1 of its name in capitals, UTF-16, as Windows works it out.
pub(super) const SERVICE: &str = "S-1-5-80-2833234570-308294663-2489785788-629807295-15754996";

const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";

/// Stands for whoever owns the file.
const OWNER: &str = "S-1-3-4";

/// `ACCESS_ALLOWED_ACE_TYPE` and the other types that allow something (for callbacks and objects).
const ALLOWS: u8 = 0;
const ALLOWS_OTHERWISE: [u8; 3] = [5, 9, 11];

/// Makes a new file that only its owner, the system and the service may read and write; it never exists with wider
/// rights.
///
/// # Errors
/// If it exists already (a link counts as existing) or cannot be made.
pub fn create_private(path: &Path) -> io::Result<(File, Protection)> {
    let name = wide(path);
    let handle = with_attributes(|attributes| {
        // SAFETY: the name ends with a zero, the attributes live during the call, and nobody else has the new handle.
        let handle = unsafe {
            CreateFileW(
                name.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                attributes,
                CREATE_NEW,
                FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
                ptr::null_mut(),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is valid, and ours alone.
        Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
    })?;

    Ok((File::from(handle), Protection::InForce))
}

/// Makes a directory, and those above it, that only its owner, the system and the service may enter; one that exists is
/// narrowed.
///
/// # Errors
/// If it cannot be made or narrowed, is a link, or another account made it.
pub fn create_private_dir(path: &Path) -> io::Result<Protection> {
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty() && !above.exists()) {
        let _protection = create_private_dir(above)?;
    }
    let name = wide(path);
    let made = with_attributes(|attributes| {
        // SAFETY: the name ends with a zero, and the attributes live during the call.
        match unsafe { CreateDirectoryW(name.as_ptr(), attributes) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    });
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => restrict_to_owner(path),
        made => made.map(|()| Protection::InForce),
    }
}

/// Takes every right to a file or directory, and to what inherits from it, from everybody but its owner, the system and
/// the service.
///
/// # Errors
/// If it is missing, a link, or another account's.
pub fn restrict_to_owner(path: &Path) -> io::Result<Protection> {
    let file = look_at(path, READ_CONTROL | WRITE_DAC)?;
    if file.metadata()?.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a link stands there"));
    }
    let owner = Seen::of(&file, OWNER_SECURITY_INFORMATION)?.owner()?;
    if is_stranger(&owner)? {
        let said = format!("the account {owner} made it before; remove it, or give it to the administrators");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, said));
    }
    let list = Described::new(false)?;
    let (mut present, mut defaulted, mut dacl) = (0, 0, ptr::null_mut());
    // SAFETY: the description is whole and lives until the end of this function; the list that comes out lies in it.
    let got =
        unsafe { GetSecurityDescriptorDacl(list.0, &raw mut present, &raw mut dacl, &raw mut defaulted) };
    if got == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is open with the right to write the list; the list lives until after the call.
    let said = unsafe {
        SetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            dacl,
            ptr::null(),
        )
    };
    match said {
        ERROR_SUCCESS => Ok(Protection::InForce),
        code => Err(io::Error::from_raw_os_error(i32::try_from(code).unwrap_or(0))),
    }
}

/// Whether nobody but its owner, the system, the administrators and the service has any right to it; `None` where this
/// cannot be told.
///
/// # Errors
/// If it is missing or out of reach.
pub fn is_only_owners(path: &Path) -> io::Result<Option<bool>> {
    let file = look_at(path, READ_CONTROL)?;
    let seen = Seen::of(&file, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION)?;
    let owner = seen.owner()?;
    let known = [SYSTEM, ADMINISTRATORS, OWNER, SERVICE, &owner];

    Ok(seen.allowed()?.map_or(Some(false), |allowed| {
        Some(allowed.iter().all(|who| known.contains(&who.as_str())) && !is_stranger(&owner).ok()?)
    }))
}

/// Opens a file or a directory itself, links not followed.
fn look_at(path: &Path, access: u32) -> io::Result<File> {
    OpenOptions::new()
        .access_mode(access)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

/// Whether this is a person's or a machine's account that is not ours.
fn is_stranger(owner: &str) -> io::Result<bool> {
    if !owner.starts_with("S-1-5-21-") && !owner.starts_with("S-1-12-1-") {
        return Ok(false);
    }

    Ok(owner != our_account()?)
}

/// The account that this process runs as.
fn our_account() -> io::Result<String> {
    let token = Token::of_process(TOKEN_QUERY)?;
    let (buffer, _) = token.information(TokenUser)?;
    // SAFETY: the system filled the aligned buffer with this structure, whose identifier lies in the buffer too.
    unsafe { text_of((*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid) }
}

/// An identifier as text.
///
/// # Safety
/// It must be a whole identifier that lives during the call.
unsafe fn text_of(sid: PSID) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: by the contract of this function; `text` takes memory that is freed below.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system gave a text that ends with a zero; it is read up to there and freed once.
    unsafe {
        let length = (0..).take_while(|at| *text.add(*at) != 0).count();
        let found = std::ffi::OsString::from_wide(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        Ok(found.to_string_lossy().into_owned())
    }
}

/// Calls with our list; an account that may not make files of the administrators makes its own.
fn with_attributes<T>(make: impl Fn(*const SECURITY_ATTRIBUTES) -> io::Result<T>) -> io::Result<T> {
    let call = |administrators: bool| {
        let described = Described::new(administrators)?;
        let length = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).map_err(io::Error::other)?;
        let attributes =
            SECURITY_ATTRIBUTES { nLength: length, lpSecurityDescriptor: described.0, bInheritHandle: 0 };
        make(&raw const attributes)
    };
    let denied = |error: &io::Error| {
        let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
        matches!(code, Some(ERROR_INVALID_OWNER | ERROR_PRIVILEGE_NOT_HELD))
    };

    match call(true) {
        Err(error) if denied(&error) => call(false),
        made => made,
    }
}

/// A description of who may do what, in the system's memory.
struct Described(PSECURITY_DESCRIPTOR);

impl Described {
    fn new(administrators_own_it: bool) -> io::Result<Self> {
        let owner = if administrators_own_it { "O:BA" } else { "" };
        let all = |who: &str| format!("(A;OICI;FA;;;{who})");
        let text = format!("{owner}D:P{}{}{}{}", all("SY"), all("BA"), all(OWNER), all(SERVICE));
        let (text, mut described) = (wide(text), ptr::null_mut());
        // SAFETY: the text ends with a zero; what comes out is freed by Drop.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut described,
                ptr::null_mut(),
            )
        };
        if made == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(described)) }
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        // SAFETY: the system gave this memory to be freed so, once.
        unsafe { LocalFree(self.0) };
    }
}

/// What the system says of who owns a file and who may do what.
struct Seen {
    described: Described,
    owner: PSID,
    dacl: *mut ACL,
}

impl Seen {
    fn of(file: &File, what: OBJECT_SECURITY_INFORMATION) -> io::Result<Self> {
        let (mut owner, mut dacl, mut described) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the handle is open with the right to read this; what comes out points into `described`, freed by Drop.
        let said = unsafe {
            GetSecurityInfo(
                file.as_raw_handle(),
                SE_FILE_OBJECT,
                what,
                &raw mut owner,
                ptr::null_mut(),
                &raw mut dacl,
                ptr::null_mut(),
                &raw mut described,
            )
        };
        match said {
            ERROR_SUCCESS => Ok(Self { described: Described(described), owner, dacl }),
            code => Err(io::Error::from_raw_os_error(i32::try_from(code).unwrap_or(0))),
        }
    }

    fn owner(&self) -> io::Result<String> {
        if self.owner.is_null() || self.described.0.is_null() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: the identifier lies in `described`, which lives as long as `self`.
        unsafe { text_of(self.owner) }
    }

    /// Whom the list allows anything; `None` if there is no list, which allows everybody everything.
    fn allowed(&self) -> io::Result<Option<Vec<String>>> {
        if self.dacl.is_null() {
            return Ok(None);
        }
        let mut allowed = Vec::new();
        // SAFETY: the list lies in `described`, which lives as long as `self`.
        let count = unsafe { (*self.dacl).AceCount };
        for index in 0..u32::from(count) {
            let mut entry = ptr::null_mut();
            // SAFETY: the list is whole, and the index below its count.
            if unsafe { GetAce(self.dacl, index, &raw mut entry) } == 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: every entry begins with this header.
            let kind = unsafe { (*entry.cast::<ACE_HEADER>()).AceType };
            if kind == ALLOWS {
                // SAFETY: an entry of this type ends with an identifier that begins at `SidStart`.
                allowed.push(unsafe {
                    text_of((&raw mut (*entry.cast::<ACCESS_ALLOWED_ACE>()).SidStart).cast())
                }?);
            } else if ALLOWS_OTHERWISE.contains(&kind) {
                allowed.push("somebody, on a condition".to_owned());
            }
        }

        Ok(Some(allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_its_owners_from_the_start_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");

        let (_file, protection) = create_private(&path).unwrap();

        assert_eq!(protection, Protection::InForce);
        assert_eq!(is_only_owners(&path).unwrap(), Some(true));
        assert!(create_private(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"", "its owner still reads it");
    }

    #[test]
    fn a_file_open_to_others_is_seen_and_narrowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "x").unwrap();
        let everybody = wide("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)");
        let (mut described, mut present, mut defaulted, mut dacl) = (ptr::null_mut(), 0, 0, ptr::null_mut());
        let file = look_at(&path, READ_CONTROL | WRITE_DAC).unwrap();
        // SAFETY: as in the functions above; the description is freed by `Described`.
        let _described = unsafe {
            assert_ne!(
                ConvertStringSecurityDescriptorToSecurityDescriptorW(
                    everybody.as_ptr(),
                    SDDL_REVISION_1,
                    &raw mut described,
                    ptr::null_mut()
                ),
                0
            );
            GetSecurityDescriptorDacl(described, &raw mut present, &raw mut dacl, &raw mut defaulted);
            let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
            let (handle, none) = (file.as_raw_handle(), ptr::null_mut());
            assert_eq!(
                SetSecurityInfo(handle, SE_FILE_OBJECT, what, none, none, dacl, ptr::null()),
                ERROR_SUCCESS
            );
            Described(described)
        };
        assert_eq!(is_only_owners(&path).unwrap(), Some(false));

        assert_eq!(restrict_to_owner(&path).unwrap(), Protection::InForce);

        assert_eq!(is_only_owners(&path).unwrap(), Some(true));
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn folders_are_private_with_all_above_that_were_made_and_twice_is_no_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("VongGac").join("agent");

        for _ in 0..2 {
            assert_eq!(create_private_dir(&path).unwrap(), Protection::InForce);
        }
        std::fs::write(path.join("inherits"), "x").unwrap();

        for private in [&path, path.parent().unwrap()] {
            assert_eq!(is_only_owners(private).unwrap(), Some(true));
        }
        assert_eq!(std::fs::read(path.join("inherits")).unwrap(), b"x");
    }

    #[test]
    fn only_accounts_of_people_and_machines_are_strangers() {
        assert!(!is_stranger(SYSTEM).unwrap() && !is_stranger(ADMINISTRATORS).unwrap());
        assert!(is_stranger("S-1-5-21-1-2-3-1001").unwrap());
        assert!(!is_stranger(&our_account().unwrap()).unwrap());
    }
}
