//! The change journal of a volume: what happened on it while nobody watched. Not there on FAT, on network shares, where
//! it was switched off, and without the rights of an administrator: then everything is looked at.
#![expect(unsafe_code, reason = "no safe library reads the change journal")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Component, Path, PathBuf, Prefix};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{
    FSCTL_QUERY_USN_JOURNAL, FSCTL_READ_USN_JOURNAL, READ_USN_JOURNAL_DATA_V1,
};

use super::file::{Dir, final_path};
use crate::ntfs::usn::{self, Journal, Page};
use crate::ntfs::wtf8;

/// What is read of a journal at once.
const PAGE_BYTES: usize = 64 * 1024;

/// A volume whose journal can be read. Dropping it lets go of the volume.
#[derive(Debug)]
pub struct Volume {
    handle: File,
    drive: char,
}

impl Volume {
    /// The volume that a path lies on, and its number.
    ///
    /// # Errors
    /// If it is no local drive, or we may not read it.
    pub fn of(path: &Path) -> io::Result<(u64, Self)> {
        let Some(Component::Prefix(prefix)) = path.components().next() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let (Prefix::Disk(letter) | Prefix::VerbatimDisk(letter)) = prefix.kind() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let drive = char::from(letter);
        let device = Dir::open(&PathBuf::from(format!(r"{drive}:\")))?.own_stat()?.device;
        let share = fs::FILE_SHARE_READ | fs::FILE_SHARE_WRITE | fs::FILE_SHARE_DELETE;
        let handle = OpenOptions::new().read(true).share_mode(share).open(format!(r"\\.\{drive}:"))?;

        Ok((device, Self { handle, drive }))
    }

    /// Where its journal stands.
    ///
    /// # Errors
    /// If it has none.
    pub fn journal(&self) -> io::Result<Journal> {
        let answer = self.ask(FSCTL_QUERY_USN_JOURNAL, &[], 80)?;

        Journal::parse(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Some of the records from this one on; none: there are no more.
    ///
    /// # Errors
    /// If they are gone, or the journal is another one.
    pub fn read(&self, journal: &Journal, from: i64) -> io::Result<Page> {
        let question = READ_USN_JOURNAL_DATA_V1 {
            StartUsn: from,
            ReasonMask: u32::MAX,
            ReturnOnlyOnClose: 0,
            Timeout: 0,
            BytesToWaitFor: 0,
            UsnJournalID: journal.id,
            MinMajorVersion: 2,
            MaxMajorVersion: 3,
        };
        let mut asked = Vec::new();
        asked.extend(question.StartUsn.to_le_bytes());
        asked.extend(question.ReasonMask.to_le_bytes());
        asked.extend(question.ReturnOnlyOnClose.to_le_bytes());
        asked.extend(question.Timeout.to_le_bytes());
        asked.extend(question.BytesToWaitFor.to_le_bytes());
        asked.extend(question.UsnJournalID.to_le_bytes());
        asked.extend(question.MinMajorVersion.to_le_bytes());
        asked.extend(question.MaxMajorVersion.to_le_bytes());
        asked.resize(size_of::<READ_USN_JOURNAL_DATA_V1>(), 0);
        let answer = self.ask(FSCTL_READ_USN_JOURNAL, &asked, PAGE_BYTES)?;

        usn::parse(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Where the directory with this number stands now.
    ///
    /// # Errors
    /// Of kind `NotFound` if it is gone.
    pub fn directory(&self, number: u128) -> io::Result<PathBuf> {
        let mut wanted = fs::FILE_ID_DESCRIPTOR {
            dwSize: u32::try_from(size_of::<fs::FILE_ID_DESCRIPTOR>()).unwrap_or(0),
            Type: fs::ExtendedFileIdType,
            ..fs::FILE_ID_DESCRIPTOR::default()
        };
        // NTFS has numbers of 64 bits, whose highest belong to a count of how often the number was given; it takes a longer
        // one for a number of another sort.
        match u64::try_from(number) {
            Ok(short) => {
                wanted.Type = fs::FileIdType;
                wanted.Anonymous.FileId = short.cast_signed();
            }
            Err(_) => {
                wanted.Anonymous.ExtendedFileId = fs::FILE_ID_128 { Identifier: number.to_le_bytes() };
            }
        }
        let share = fs::FILE_SHARE_READ | fs::FILE_SHARE_WRITE | fs::FILE_SHARE_DELETE;
        let flags = fs::FILE_FLAG_BACKUP_SEMANTICS | fs::FILE_FLAG_OPEN_REPARSE_POINT;
        // SAFETY: the descriptor is ours, says its own length and outlives the call; no attributes are given.
        let handle = unsafe {
            fs::OpenFileById(
                self.handle.as_raw_handle(),
                &raw const wanted,
                fs::FILE_READ_ATTRIBUTES,
                share,
                null(),
                flags,
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so the handle is open and nobody else has it.
        let opened = unsafe { OwnedHandle::from_raw_handle(handle) };
        let bytes = final_path(&opened).ok_or(io::ErrorKind::NotFound)?;
        let units = wtf8::to_units(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let mut path = std::ffi::OsString::from(format!("{}:", self.drive));
        path.push(std::ffi::OsString::from_wide(&units));

        Ok(PathBuf::from(path))
    }

    fn ask(&self, code: u32, asked: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
        // Eight-byte words, for records begin at such places.
        let mut buffer = vec![0_u64; bytes_max.div_ceil(8)];
        let mut words = vec![0_u64; asked.len().div_ceil(8)];
        for (word, chunk) in words.iter_mut().zip(asked.chunks(8)) {
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(chunk) {
                *to = *from;
            }
            *word = u64::from_le_bytes(bytes);
        }
        let mut written = 0;
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(0);
        // SAFETY: both buffers have the lengths that are said and outlive the call, which ends before it returns: the
        // handle was not opened for overlapped work.
        let done = unsafe {
            DeviceIoControl(
                self.handle.as_raw_handle(),
                code,
                if asked.is_empty() { null() } else { words.as_ptr().cast() },
                length(asked.len()),
                buffer.as_mut_ptr().cast(),
                length(bytes_max),
                &raw mut written,
                null_mut(),
            )
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        let mut bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(usize::try_from(written).unwrap_or(0));

        Ok(bytes)
    }
}
