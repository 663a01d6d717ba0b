//! Every place where Windows records that it waits for a restart.

use std::io;

use vonggac_protocol::posture::{Unknown, Why};
use vonggac_protocol::windows::RebootSign;

use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{self, Branch, Registry, value};

const SERVICING: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
const UPDATER: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update";
const SESSION: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager";
const NAMES: &str = r"SYSTEM\CurrentControlSet\Control\ComputerName";
const NETLOGON: &str = r"SYSTEM\CurrentControlSet\Services\Netlogon";
const CONFIGURATION_MANAGER: &str = r"SOFTWARE\Microsoft\SMS\Mobile Client\Reboot Management\RebootData";
const SERVER_MANAGER: &str = r"SOFTWARE\Microsoft\ServerManager\CurrentRebootAttempts";

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Reboot {
    /// In order.
    pub(super) signs: Vec<RebootSign>,
    /// A place that could not be looked into, and why.
    pub(super) unread: Option<Unknown>,
}

impl Reboot {
    /// Whether a restart is due; `None` if no place says so and not all could be looked into.
    pub(super) fn needed(&self) -> Option<bool> {
        match (self.signs.is_empty(), &self.unread) {
            (false, _) => Some(true),
            (true, None) => Some(false),
            (true, Some(_)) => None,
        }
    }
}

/// Looks into all of them; `says` is what Windows Update answers.
pub(super) fn read(found: &dyn Registry, says: Result<bool, Unknown>) -> Reboot {
    let mut reboot = Reboot::default();
    let mut take = |sign: RebootSign, is: io::Result<bool>| match is {
        Ok(true) => reboot.signs.push(sign),
        Ok(false) => {}
        Err(error) => {
            let why =
                if error.kind() == io::ErrorKind::PermissionDenied { Why::Refused } else { Why::Failed };
            reboot.unread = Some(Unknown { why, detail: None });
        }
    };
    let is_there = |path: &str| open(found, path).map(|key| key.is_some());
    let below = |path: &str, name: &str| is_there(&format!(r"{path}\{name}"));
    take(RebootSign::Servicing, below(SERVICING, "RebootPending"));
    take(
        RebootSign::ServicingGoesOn,
        below(SERVICING, "RebootInProgress").and_then(|is| Ok(is || below(SERVICING, "PackagesPending")?)),
    );
    take(RebootSign::WindowsUpdate, below(UPDATER, "RebootRequired"));
    take(RebootSign::FileRenames, renames(found));
    take(RebootSign::ComputerName, renamed(found));
    take(RebootSign::Domain, joins(found));
    take(RebootSign::ConfigurationManager, is_there(CONFIGURATION_MANAGER));
    take(RebootSign::ServerManager, is_there(SERVER_MANAGER));
    match says {
        Ok(true) => reboot.signs.push(RebootSign::WindowsUpdateSays),
        Ok(false) => {}
        // Its key was looked for all the same.
        Err(unknown) => reboot.unread = reboot.unread.or(Some(unknown)),
    }
    reboot.signs.sort();

    reboot
}

fn open<'r>(found: &'r dyn Registry, path: &str) -> io::Result<Option<Box<dyn Branch + 'r>>> {
    registry::open_if_there(found, RegistryRoot::LocalMachine, path, RegistryView::Bits64)
}

/// Files that the next start puts in the place of others.
fn renames(found: &dyn Registry) -> io::Result<bool> {
    let Some(session) = open(found, SESSION)? else { return Ok(false) };
    for name in ["PendingFileRenameOperations", "PendingFileRenameOperations2"] {
        let Some(held) = session.value(name)? else { continue };
        // Too long to be read is not empty either.
        let is_long = held.bytes.is_empty() && held.length > 0;
        if is_long || value::texts(&held).is_some_and(|texts| !texts.is_empty()) {
            return Ok(true);
        }
    }

    Ok(false)
}

/// Whether the machine gets another name.
fn renamed(found: &dyn Registry) -> io::Result<bool> {
    let name = |which: &str| -> io::Result<Option<String>> {
        let key = open(found, &format!(r"{NAMES}\{which}"))?;
        Ok(key.and_then(|key| registry::text(&*key, "ComputerName")))
    };

    Ok(match (name("ActiveComputerName")?, name("ComputerName")?) {
        (Some(active), Some(next)) => active.to_lowercase() != next.to_lowercase(),
        _ => false,
    })
}

/// Whether a domain is joined or left.
fn joins(found: &dyn Registry) -> io::Result<bool> {
    let Some(netlogon) = open(found, NETLOGON)? else { return Ok(false) };

    Ok(netlogon.value("JoinDomain")?.is_some() || netlogon.value("AvoidSpnSet")?.is_some())
}
