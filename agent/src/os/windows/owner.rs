//! Names of owners: the same words for the system's own accounts on every language of Windows, the account's name for
//! those of this machine, and the SID as text for everybody else. A domain is never asked: its answer would depend on the
//! network, and with it whether a file looks changed.
#![expect(unsafe_code, reason = "no safe library reads the accounts of a machine")]

use std::collections::BTreeMap;
use std::ptr::null;
use std::sync::{LazyLock, Mutex, PoisonError};

use windows_sys::Win32::Security::{LookupAccountNameW, LookupAccountSidW, SID_NAME_USE};
use windows_sys::Win32::System::SystemInformation::{ComputerNamePhysicalNetBIOS, GetComputerNameExW};

use crate::ntfs::{sid, wtf8};

/// Owners that are told apart; one machine's files have far fewer. Later ones have no name.
const OWNERS_MAX: usize = 65_536;

/// Every owner met since the start, by number, from 1.
static OWNERS: LazyLock<Mutex<Owners>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Owners {
    numbers: BTreeMap<Vec<u8>, u32>,
    names: Vec<String>,
}

/// The number by which an owner is known here; 0: unknown. It holds until the end of the process.
pub(super) fn number(owner: &[u8]) -> u32 {
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = owners.numbers.get(owner) {
        return *number;
    }
    if owners.names.len() >= OWNERS_MAX {
        return 0;
    }
    let name = name_of(owner);
    owners.names.push(name);
    let number = u32::try_from(owners.names.len()).unwrap_or(0);
    owners.numbers.insert(owner.to_vec(), number);

    number
}

fn name_of(owner: &[u8]) -> String {
    let Some(text) = sid::text(owner) else { return String::new() };
    if let Some(known) = sid::well_known(&text) {
        return known.to_owned();
    }
    let is_ours = sid::authority(&text).is_some_and(|authority| MACHINE.as_deref() == Some(authority));
    if is_ours && let Some(name) = account(owner) {
        return name;
    }

    text
}

/// The SID of this machine, which its own accounts begin with.
static MACHINE: LazyLock<Option<String>> = LazyLock::new(machine);

fn machine() -> Option<String> {
    let (mut name, mut length) = ([0_u16; 64], 64);
    // SAFETY: the buffer has the length that is said and outlives the call.
    if unsafe { GetComputerNameExW(ComputerNamePhysicalNetBIOS, name.as_mut_ptr(), &raw mut length) } == 0 {
        return None;
    }
    let (mut bytes, mut bytes_length) = ([0_u64; 16], 128);
    let (mut domain, mut domain_length) = ([0_u16; 256], 256);
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: every buffer has the length that is said, the name ends with the zero that the call above wrote, and all
    // outlive the call.
    let done = unsafe {
        LookupAccountNameW(
            null(),
            name.as_ptr(),
            bytes.as_mut_ptr().cast(),
            &raw mut bytes_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    };
    // SidTypeDomain: a user of the same name says nothing of the machine.
    if done == 0 || kind != 3 {
        return None;
    }
    let bytes: Vec<u8> = bytes.iter().flat_map(|word| word.to_le_bytes()).collect();

    sid::text(&bytes)
}

/// The name of an account of this machine; no network is asked for it.
fn account(owner: &[u8]) -> Option<String> {
    let owner = sid::exact(owner)?;
    let mut words = vec![0_u64; owner.len().div_ceil(8)];
    for (word, chunk) in words.iter_mut().zip(owner.chunks(8)) {
        let mut bytes = [0; 8];
        bytes.get_mut(..chunk.len())?.copy_from_slice(chunk);
        *word = u64::from_le_bytes(bytes);
    }
    let (mut name, mut length) = ([0_u16; 512], 512);
    let (mut domain, mut domain_length) = ([0_u16; 512], 512);
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: the SID is whole (sid::exact) and begins at a place of eight bytes; every buffer has the length that is
    // said, and all outlive the call.
    let done = unsafe {
        LookupAccountSidW(
            null(),
            words.as_mut_ptr().cast(),
            name.as_mut_ptr(),
            &raw mut length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    };

    let units = name.get(..usize::try_from(length).ok()?)?;
    (done != 0 && !units.is_empty()).then(|| wtf8::to_text(units))
}

/// The names that were met.
#[derive(Debug, Default)]
pub struct Names;

impl Names {
    /// Nothing to read: owners are named as they are met.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Nothing to read.
    pub fn refresh(&mut self) {}

    /// The owner's name, or SID; empty where the owner could not be read.
    #[must_use]
    pub fn user(&self, number: u32) -> String {
        let owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));

        at.and_then(|at| owners.names.get(at)).cloned().unwrap_or_default()
    }

    /// Windows keeps groups for other systems' sake only: empty.
    #[must_use]
    pub fn group(&self, _number: u32) -> String {
        String::new()
    }
}
