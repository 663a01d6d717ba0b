//! Looking at files without following links and without blocking anybody.
//!
//! Every path is walked name by name from the root of its volume, each name opened by the handle of the directory that
//! holds it and with its link marks left alone: a directory swapped for a junction leads nowhere. Names go to the file
//! system as they are, so that long paths, names with a dot at their end and names like `NUL` are files like any other.
//! A path counts only as it is written: `A.txt` is not there where `a.txt` stands (`docs/decisions/0043`).
#![expect(unsafe_code, reason = "std opens no name by the handle of its directory")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Component, Path, Prefix};
use std::ptr::{null, null_mut};

use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, flag};
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_NAME, ERROR_NO_MORE_FILES, HANDLE, RtlNtStatusToDosError, STATUS_DELETE_PENDING,
    UNICODE_STRING,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, GetKernelObjectSecurity,
    OWNER_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::IO::{DeviceIoControl, IO_STATUS_BLOCK};
use windows_sys::Win32::System::Ioctl::FSCTL_GET_REPARSE_POINT;

use crate::ntfs::{bytes, descriptor, listing, reparse, streams, wtf8};
use crate::os::Stat;

/// A directory; everything in it is reached from here by single names.
#[derive(Debug)]
pub struct Dir(OwnedHandle);

/// The names in a directory, sorted by their bytes.
#[derive(Debug, Default)]
pub struct Listing(Vec<OsString>);

impl Listing {
    /// The name at this place; `None` behind the last.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<&OsStr> {
        self.0.get(at).map(OsString::as_os_str)
    }
}

/// Enough to look at something; nobody's opening collides with it.
const LOOK: u32 = fs::FILE_READ_ATTRIBUTES | fs::SYNCHRONIZE;
/// Likewise, and who owns it and who may do what.
const LOOK_WHOLE: u32 = LOOK | fs::READ_CONTROL;
const LIST: u32 = LOOK | fs::FILE_LIST_DIRECTORY;
const LIST_WHOLE: u32 = LIST | fs::READ_CONTROL;
const READ: u32 = LOOK_WHOLE | fs::FILE_READ_DATA;

/// The mark itself, not what it leads to; nothing is fetched from a cloud or a tape; rights of a backup count if we hold
/// them.
const PLAIN: u32 = nt::FILE_OPEN_REPARSE_POINT
    | nt::FILE_SYNCHRONOUS_IO_NONALERT
    | nt::FILE_OPEN_FOR_BACKUP_INTENT
    | nt::FILE_OPEN_NO_RECALL;

/// What the system hands out of a directory at once.
const LIST_BYTES: usize = 64 * 1024;

/// Most names of streams that are read of a file.
const STREAMS_BYTES_MAX: usize = 64 * 1024;

/// Room of eight-byte words, for structures that must begin at such a place.
fn room(length: usize) -> Vec<u64> {
    vec![0; length.div_ceil(8)]
}

fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Opens a name in a directory, or a path of the object manager; `None`: the directory itself once more.
fn open_at(parent: Option<&OwnedHandle>, name: &[u16], access: u32, options: u32) -> io::Result<OwnedHandle> {
    let length = u16::try_from(name.len() * 2).map_err(|_| io::ErrorKind::InvalidInput)?;
    let text = UNICODE_STRING { Length: length, MaximumLength: length, Buffer: name.as_ptr().cast_mut() };
    let attributes = OBJECT_ATTRIBUTES {
        Length: u32::try_from(size_of::<OBJECT_ATTRIBUTES>()).unwrap_or(0),
        RootDirectory: parent.map_or(null_mut(), |parent| parent.as_raw_handle()),
        ObjectName: &raw const text,
        // OBJ_CASE_INSENSITIVE: as every program opens names; a directory that tells cases apart does so all the same.
        Attributes: 0x40,
        SecurityDescriptor: null(),
        SecurityQualityOfService: null(),
    };
    let share = fs::FILE_SHARE_READ | fs::FILE_SHARE_WRITE | fs::FILE_SHARE_DELETE;
    let mut handle: HANDLE = null_mut();
    let mut status = IO_STATUS_BLOCK::default();
    // SAFETY: every pointer is to a value of ours that lives until the call returns; NtCreateFile keeps none of them
    // for a file that is opened synchronously.
    let answer = unsafe {
        nt::NtCreateFile(
            &raw mut handle,
            access,
            &raw const attributes,
            &raw mut status,
            null(),
            0,
            share,
            nt::FILE_OPEN,
            options,
            null(),
            0,
        )
    };
    if answer < 0 {
        return Err(refusal(answer));
    }

    // SAFETY: the call succeeded, so the handle is open and nobody else has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

fn refusal(status: i32) -> io::Error {
    if status == STATUS_DELETE_PENDING {
        // Its last name is gone as soon as whoever holds it open lets go.
        return io::ErrorKind::NotFound.into();
    }
    // SAFETY: takes and gives an integer.
    let code = unsafe { RtlNtStatusToDosError(status) };

    io::Error::from_raw_os_error(code.cast_signed())
}

/// As [`open_at`]; where the right to read the access list is refused, without it.
fn open_whole(parent: &OwnedHandle, name: &[u16], access: u32, options: u32) -> io::Result<OwnedHandle> {
    match open_at(Some(parent), name, access, options) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_at(Some(parent), name, access & !fs::READ_CONTROL, options)
        }
        other => other,
    }
}

/// One name of a directory: nothing that would lead elsewhere, into a stream or into nothing.
fn single(name: &OsStr) -> io::Result<Vec<u16>> {
    let units: Vec<u16> = name.encode_wide().collect();
    if units == [u16::from(b'.')] {
        return Ok(Vec::new());
    }
    let leads = |unit: &u16| [b'\\', b'/', b':', 0].map(u16::from).contains(unit);
    if units.is_empty() || name == ".." || units.iter().any(leads) {
        return Err(io::ErrorKind::InvalidInput.into());
    }

    Ok(units)
}

/// Where the file systems of this kind of path begin for the object manager.
fn volume(prefix: Prefix<'_>) -> Option<Vec<u16>> {
    let mut units: Vec<u16> = r"\??\".encode_utf16().collect();
    match prefix {
        Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
            units.extend([u16::from(letter), u16::from(b':')])
        }
        Prefix::UNC(server, share) | Prefix::VerbatimUNC(server, share) => {
            units.extend(r"UNC\".encode_utf16());
            units.extend(server.encode_wide());
            units.push(u16::from(b'\\'));
            units.extend(share.encode_wide());
        }
        Prefix::Verbatim(name) => units.extend(name.encode_wide()),
        Prefix::DeviceNS(_) => return None,
    }
    units.push(u16::from(b'\\'));

    Some(units)
}

impl Dir {
    /// Opens the directory at an absolute path that contains no link and is written as the file system has it.
    ///
    /// # Errors
    /// If any component is missing, a link, no directory or out of reach.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut components = path.components();
        let (Some(Component::Prefix(prefix)), Some(Component::RootDir)) =
            (components.next(), components.next())
        else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let volume = volume(prefix.kind()).ok_or(io::ErrorKind::InvalidInput)?;
        let mut at = open_at(None, &volume, LOOK, PLAIN | nt::FILE_DIRECTORY_FILE)?;
        let mut names = Vec::new();
        for component in components {
            let Component::Normal(name) = component else { return Err(io::ErrorKind::InvalidInput.into()) };
            at = open_directory(&at, &single(name)?, LOOK)?;
            names.push(name);
        }
        if !is_spelled(&at, &names) {
            return Err(io::ErrorKind::NotFound.into());
        }

        Ok(Self(at))
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open_child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(open_directory(&self.0, &single(name)?, LOOK)?))
    }

    /// Opens a directory in this one to list it.
    ///
    /// # Errors
    /// If it is missing, a link, no directory or out of reach.
    pub fn open_child_to_list(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(open_directory(&self.0, &single(name)?, LIST_WHOLE)?))
    }

    /// All names in it, sorted by their bytes. It must be open [to be listed](Self::open_child_to_list).
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn list(&self, _buffer: &mut Vec<u8>) -> io::Result<Listing> {
        let mut names = Vec::new();
        visit(&self.0, &mut |name, _| {
            names.push(name);
            true
        })?;
        names.sort_unstable();

        Ok(Listing(names))
    }

    /// Hands on the names in it, in no order, with what the system says they are without looking at each, until `each`
    /// wants no more. It must be open [to be listed](Self::open_child_to_list).
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn visit(
        &self,
        _buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(&OsStr, Option<FileKind>) -> bool,
    ) -> io::Result<()> {
        visit(&self.0, &mut |name, attributes| {
            let kind = if attributes & fs::FILE_ATTRIBUTE_REPARSE_POINT != 0 {
                None
            } else if attributes & fs::FILE_ATTRIBUTE_DIRECTORY != 0 {
                Some(FileKind::Directory)
            } else {
                Some(FileKind::File)
            };
            each(&name, kind)
        })
    }

    /// Digest over the access list of the directory itself and its streams. It must be open
    /// [to be listed](Self::open_child_to_list).
    #[must_use]
    pub fn own_attributes(&self) -> Option<Digest> {
        attributes(self.0.as_raw_handle())
    }

    /// All names in it, sorted by their bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let listed = open_at(Some(&self.0), &[], LIST, PLAIN | nt::FILE_DIRECTORY_FILE)?;

        Self(listed).list(&mut Vec::new()).map(|listing| listing.0)
    }

    /// Metadata of a name in it.
    ///
    /// # Errors
    /// If there is no such name, or it is out of reach.
    pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        let found = open_whole(&self.0, &single(name)?, LOOK_WHOLE, PLAIN)?;

        Ok(look(found.as_raw_handle())?.0)
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// If it is out of reach.
    pub fn own_stat(&self) -> io::Result<Stat> {
        Ok(look(self.0.as_raw_handle())?.0)
    }

    /// Whether a name in it is written so, and not in other cases or as a short form of another name.
    ///
    /// # Errors
    /// If there is no such name, or it is out of reach.
    pub fn is_spelled(&self, name: &OsStr) -> io::Result<bool> {
        let found = open_at(Some(&self.0), &single(name)?, LOOK, PLAIN)?;

        Ok(is_spelled(&found, &[name]))
    }

    /// Opens a file in it for reading. What lies in a cloud or on a tape is not fetched.
    ///
    /// # Errors
    /// If it is missing, a link, kept elsewhere or out of reach.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let name = single(name)?;
        let opened = open_at(Some(&self.0), &name, READ, PLAIN | nt::FILE_NON_DIRECTORY_FILE)?;
        let (stat, marks) = look(opened.as_raw_handle())?;
        let elsewhere = fs::FILE_ATTRIBUTE_OFFLINE
            | fs::FILE_ATTRIBUTE_RECALL_ON_OPEN
            | fs::FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS;
        if stat.kind != FileKind::File || marks.attributes & elsewhere != 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if marks.attributes & fs::FILE_ATTRIBUTE_REPARSE_POINT == 0 {
            return Ok(opened.into());
        }
        // Kept in a way of its own: its content is had only through that mark, which is no link. It must be the same.
        let whole = open_at(
            Some(&self.0),
            &name,
            READ,
            (PLAIN & !nt::FILE_OPEN_REPARSE_POINT) | nt::FILE_NON_DIRECTORY_FILE,
        )?;
        let again = look(whole.as_raw_handle())?.0;
        if (again.device, again.inode) != (stat.device, stat.inode) {
            return Err(io::ErrorKind::InvalidInput.into());
        }

        Ok(whole.into())
    }

    /// Where a link in it points, as written.
    ///
    /// # Errors
    /// If it is no link or out of reach.
    pub fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        /// `MAXIMUM_REPARSE_DATA_BUFFER_SIZE`
        const BYTES_MAX: usize = 16 * 1024;
        let link = open_at(Some(&self.0), &single(name)?, LOOK, PLAIN)?;
        let mut buffer = room(BYTES_MAX);
        let mut written = 0;
        // SAFETY: the buffer has the length that is said, and outlives the call.
        let done = unsafe {
            DeviceIoControl(
                link.as_raw_handle(),
                FSCTL_GET_REPARSE_POINT,
                null(),
                0,
                buffer.as_mut_ptr().cast(),
                u32::try_from(BYTES_MAX).unwrap_or(0),
                &raw mut written,
                null_mut(),
            )
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        let mut bytes = bytes_of(&buffer);
        bytes.truncate(usize::try_from(written).unwrap_or(0));

        reparse::target(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The same directory, open to be told what happens in it.
    pub(super) fn to_be_watched(&self) -> io::Result<OwnedHandle> {
        let options = nt::FILE_DIRECTORY_FILE | nt::FILE_OPEN_REPARSE_POINT | nt::FILE_OPEN_FOR_BACKUP_INTENT;

        open_at(Some(&self.0), &[], fs::FILE_LIST_DIRECTORY | fs::SYNCHRONIZE, options)
    }

    /// Digest over the access list of a directory in it and its streams.
    #[must_use]
    pub fn child_attributes(&self, name: &OsStr) -> Option<Digest> {
        let child = open_directory(&self.0, &single(name).ok()?, LOOK_WHOLE).ok()?;

        attributes(child.as_raw_handle())
    }
}

/// A directory that is no link.
fn open_directory(parent: &OwnedHandle, name: &[u16], access: u32) -> io::Result<OwnedHandle> {
    let opened = open_whole(parent, name, access, PLAIN | nt::FILE_DIRECTORY_FILE)?;
    if marks(opened.as_raw_handle())?.kind() != FileKind::Directory {
        return Err(io::ErrorKind::NotADirectory.into());
    }

    Ok(opened)
}

fn visit(dir: &OwnedHandle, each: &mut dyn FnMut(OsString, u32) -> bool) -> io::Result<()> {
    let mut class = fs::FileIdBothDirectoryRestartInfo;
    loop {
        let mut buffer = room(LIST_BYTES);
        let bytes_max = u32::try_from(LIST_BYTES).unwrap_or(0);
        // SAFETY: the buffer has the length that is said, begins at a place of eight bytes, and outlives the call.
        let done = unsafe {
            fs::GetFileInformationByHandleEx(
                dir.as_raw_handle(),
                class,
                buffer.as_mut_ptr().cast(),
                bytes_max,
            )
        };
        if done == 0 {
            let error = io::Error::last_os_error();
            let end = ERROR_NO_MORE_FILES.cast_signed();
            return if error.raw_os_error() == Some(end) { Ok(()) } else { Err(error) };
        }
        class = fs::FileIdBothDirectoryInfo;
        for listed in listing::parse(&bytes_of(&buffer)) {
            let name = OsString::from_wide(&listed.name);
            if name != "." && name != ".." && !each(name, listed.attributes) {
                return Ok(());
            }
        }
    }
}

/// Attributes and link mark of what is open.
#[derive(Clone, Copy)]
struct Marks {
    attributes: u32,
    tag: u32,
}

impl Marks {
    fn kind(self) -> FileKind {
        let marked =
            (self.attributes & fs::FILE_ATTRIBUTE_REPARSE_POINT != 0).then(|| reparse::marked(self.tag));
        match marked {
            Some(reparse::Marked::Link) => FileKind::Link,
            Some(reparse::Marked::Other) => FileKind::Other,
            _ if self.attributes & fs::FILE_ATTRIBUTE_DIRECTORY != 0 => FileKind::Directory,
            _ if self.attributes & fs::FILE_ATTRIBUTE_DEVICE != 0 => FileKind::Other,
            _ => FileKind::File,
        }
    }
}

/// Fills a plain structure with what the system says of an open file.
fn ask<T: Default>(handle: HANDLE, class: fs::FILE_INFO_BY_HANDLE_CLASS) -> io::Result<T> {
    let mut answer = T::default();
    let length = u32::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: the caller names the class whose structure T is; it is plain data, has this length and outlives the call.
    let done = unsafe { fs::GetFileInformationByHandleEx(handle, class, (&raw mut answer).cast(), length) };

    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn marks(handle: HANDLE) -> io::Result<Marks> {
    let found: fs::FILE_ATTRIBUTE_TAG_INFO = ask(handle, fs::FileAttributeTagInfo)?;

    Ok(Marks { attributes: found.FileAttributes, tag: found.ReparseTag })
}

/// Number of the file and of its volume; file systems that have only the short numbers give those.
fn identity(handle: HANDLE) -> io::Result<(u64, u64)> {
    if let Ok(found) = ask::<fs::FILE_ID_INFO>(handle, fs::FileIdInfo) {
        let number = u128::from_le_bytes(found.FileId.Identifier);
        let (low, high) = (number & u128::from(u64::MAX), number >> 64);
        let inode = u64::try_from(low ^ high).unwrap_or(0);
        if inode != 0 {
            return Ok((found.VolumeSerialNumber, inode));
        }
    }
    let mut found = fs::BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the structure is ours and outlives the call.
    if unsafe { fs::GetFileInformationByHandle(handle, &raw mut found) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let inode = (u64::from(found.nFileIndexHigh) << 32) | u64::from(found.nFileIndexLow);

    Ok((u64::from(found.dwVolumeSerialNumber), inode))
}

fn look(handle: HANDLE) -> io::Result<(Stat, Marks)> {
    let basic: fs::FILE_BASIC_INFO = ask(handle, fs::FileBasicInfo)?;
    let standard: fs::FILE_STANDARD_INFO = ask(handle, fs::FileStandardInfo)?;
    if standard.DeletePending {
        return Err(io::ErrorKind::NotFound.into());
    }
    let marks = if basic.FileAttributes & fs::FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        marks(handle)?
    } else {
        Marks { attributes: basic.FileAttributes, tag: 0 }
    };
    let (device, inode) = identity(handle)?;
    let kind = marks.kind();
    let modified_ns = bytes::moment_ns(basic.LastWriteTime).unwrap_or(0);
    let flag = |attribute, flag| if basic.FileAttributes & attribute != 0 { flag } else { 0 };
    let is_content = matches!(kind, FileKind::File | FileKind::Directory);
    let beside = if is_content && !streams_of(handle).is_empty() { flag::STREAMS } else { 0 };
    let stat = Stat {
        kind,
        size: if kind == FileKind::File { u64::try_from(standard.EndOfFile).unwrap_or(0) } else { 0 },
        mode: 0,
        user: security(handle, OWNER_SECURITY_INFORMATION)
            .and_then(|bytes| descriptor::owner(&bytes).map(super::owner::number))
            .unwrap_or(0),
        group: 0,
        modified_ns,
        changed_ns: bytes::moment_ns(basic.ChangeTime).unwrap_or(modified_ns),
        inode,
        device,
        flags: flag(fs::FILE_ATTRIBUTE_READONLY, flag::READ_ONLY)
            | flag(fs::FILE_ATTRIBUTE_HIDDEN, flag::HIDDEN)
            | flag(fs::FILE_ATTRIBUTE_SYSTEM, flag::SYSTEM)
            | beside,
    };

    Ok((stat, marks))
}

/// The streams beside the content; none where the file system keeps none.
fn streams_of(handle: HANDLE) -> Vec<streams::Stream> {
    let mut length = 1_024;
    while length <= STREAMS_BYTES_MAX {
        let mut buffer = room(length);
        let bytes_max = u32::try_from(length).unwrap_or(0);
        // SAFETY: the buffer has the length that is said, begins at a place of eight bytes, and outlives the call.
        let done = unsafe {
            fs::GetFileInformationByHandleEx(
                handle,
                fs::FileStreamInfo,
                buffer.as_mut_ptr().cast(),
                bytes_max,
            )
        };
        if done != 0 {
            return streams::parse(&bytes_of(&buffer));
        }
        // ERROR_MORE_DATA; anything else says that there are none to be had.
        if io::Error::last_os_error().raw_os_error() != Some(234) {
            return Vec::new();
        }
        length *= 8;
    }

    Vec::new()
}

/// A self-relative security descriptor with these parts.
fn security(handle: HANDLE, parts: u32) -> Option<Vec<u8>> {
    let mut length = 512;
    loop {
        let mut buffer = room(length);
        let (mut needed, bytes_max) = (0, u32::try_from(length).ok()?);
        // SAFETY: the buffer has the length that is said, begins at a place of eight bytes, and outlives the call.
        let done = unsafe {
            GetKernelObjectSecurity(handle, parts, buffer.as_mut_ptr().cast(), bytes_max, &raw mut needed)
        };
        if done != 0 {
            return Some(bytes_of(&buffer));
        }
        let needed = usize::try_from(needed).ok()?;
        if needed <= length || needed > descriptor::BYTES_MAX {
            return None;
        }
        length = needed;
    }
}

fn attributes(handle: HANDLE) -> Option<Digest> {
    let parts = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let form = security(handle, parts).and_then(|bytes| descriptor::canonical(&bytes));
    let streams = streams_of(handle);
    if form.is_none() && streams.is_empty() {
        return None;
    }
    let mut hasher = Sha256::new();
    let form = form.unwrap_or_default();
    hasher.update(u64::try_from(form.len()).unwrap_or(0).to_le_bytes());
    hasher.update(form);
    for stream in streams {
        hasher.update(u64::try_from(stream.name.len()).unwrap_or(0).to_le_bytes());
        hasher.update(&stream.name);
        hasher.update(stream.size.to_le_bytes());
    }

    Some(Digest(hasher.finalize().into()))
}

/// Whether the last names of what is open are these, letter by letter. Where they differ in more than that (a drive that
/// stands for a folder, a network) nothing can be said, and it is taken as it is asked for.
fn is_spelled(opened: &OwnedHandle, names: &[&OsStr]) -> bool {
    let Some(path) = final_path(opened) else { return true };
    let found: Vec<&[u8]> = path.split(|byte| *byte == b'\\').filter(|name| !name.is_empty()).collect();
    let Some(behind) = found.len().checked_sub(names.len()).and_then(|at| found.get(at..)) else {
        return true;
    };

    behind.iter().zip(names).all(|(found, asked)| {
        let asked = asked.as_encoded_bytes();
        *found == asked || !(wtf8::fold(found) == wtf8::fold(asked) || asked.contains(&b'~'))
    })
}

/// The path of what is open on its volume, in bytes.
pub(super) fn final_path(opened: &OwnedHandle) -> Option<Vec<u8>> {
    let mut buffer = vec![0_u16; 1_024];
    loop {
        let room = u32::try_from(buffer.len()).ok()?;
        // SAFETY: the buffer has the length that is said and outlives the call.
        let length = unsafe {
            fs::GetFinalPathNameByHandleW(
                opened.as_raw_handle(),
                buffer.as_mut_ptr(),
                room,
                fs::FILE_NAME_NORMALIZED | fs::VOLUME_NAME_NONE,
            )
        };
        let length = usize::try_from(length).ok()?;
        match length {
            0 => return None,
            _ if length < buffer.len() => return Some(wtf8::from_units(buffer.get(..length)?)),
            _ if length > 64 * 1024 => return None,
            _ => buffer.resize(length + 1, 0),
        }
    }
}

/// Metadata of an open file.
///
/// # Errors
/// If it cannot be had.
pub fn stat_open(file: &File) -> io::Result<Stat> {
    Ok(look(file.as_raw_handle())?.0)
}

/// Digest over the access list of an open file and its streams.
#[must_use]
pub fn attributes_open(file: &File) -> Option<Digest> {
    attributes(file.as_raw_handle())
}

/// Whether an error means that what was looked for does not stand at the path, be it nothing or something else.
#[must_use]
pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(ERROR_INVALID_NAME.cast_signed())
}

/// Makes a link to a directory, for tests; says on the error output where it cannot.
///
/// # Errors
/// If the system, or the rights of who tests, do not allow it.
#[cfg(test)]
pub(crate) fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    let made = std::os::windows::fs::symlink_dir(target, link);
    if let Err(error) = &made {
        drop(io::Write::write_fmt(
            &mut io::stderr(),
            format_args!("NOT RUN: no link can be made here: {error}\n"),
        ));
    }

    made
}
