//! Windows Update by its own interface (WUA), read only: nothing is downloaded, installed or hidden.
//!
//! Every call here may take many minutes, and none of them can be taken back: callers ask on a thread of its own.
//! Contracts: learn.microsoft.com, wuapi.h. Titles are passed on as they are and never understood.

#![expect(unsafe_code, reason = "Windows Update is reached through COM alone")]

use std::path::Path;

use vonggac_protocol::posture::{Unknown, Why};
use vonggac_protocol::time::Timestamp;
use windows::Win32::Foundation::{VARIANT_FALSE, VARIANT_TRUE};
use windows::Win32::System::Com::{CLSCTX_ALL, CoCreateInstance};
use windows::Win32::System::UpdateAgent::{
    AutomaticUpdates, IAutomaticUpdates2, ICategoryCollection, IStringCollection, ISystemInformation,
    IUpdate, IUpdateHistoryEntry, IUpdateSearcher, IUpdateServiceManager, IUpdateSession, SystemInformation,
    UpdateServiceManager, UpdateSession, orcSucceeded, orcSucceededWithErrors, ssOthers, uoInstallation,
};
use windows::Win32::System::Variant::{VARIANT, VT_DATE};
use windows::core::{BSTR, Error};

use super::wmi::{Apartment, unknown};
use crate::os::told::{AskWhom, OfferedUpdate, PastUpdate, UpdaterAnswer, UpdaterResults, moment_of_days};

/// Updates of one answer that are taken.
const UPDATES_MAX: i32 = 4_000;

/// Entries of the history that are taken, newest first.
const HISTORY_MAX: i32 = 2_000;

/// Entries of a list of one update.
const LIST_MAX: i32 = 1_024;

/// What it is told who asks.
const ASKER: &str = "Vong Gac";

/// Software that is neither installed nor hidden; what newer updates take the place of is left out by the searcher.
const CRITERIA: &str = "IsInstalled=0 and IsHidden=0 and Type='Software'";

/// What would be installed. May take many minutes.
///
/// # Errors
/// If Windows Update is not there, refuses, or fails.
pub fn search(whom: &AskWhom) -> Result<UpdaterAnswer, Unknown> {
    let _apartment = Apartment::enter()?;
    match whom {
        AskWhom::Store => searched(VARIANT_FALSE, None).map_err(|error| unknown(&error)),
        AskWhom::Server => searched(VARIANT_TRUE, None).map_err(|error| unknown(&error)),
        AskWhom::File(path) => in_file(path),
    }
}

/// What it did, newest first.
///
/// # Errors
/// If Windows Update is not there, refuses, or fails.
pub fn history() -> Result<Vec<PastUpdate>, Unknown> {
    let _apartment = Apartment::enter()?;

    past().map_err(|error| unknown(&error))
}

/// When it last succeeded in searching and in installing.
///
/// # Errors
/// If Windows Update is not there, refuses, or fails.
pub fn results() -> Result<UpdaterResults, Unknown> {
    let _apartment = Apartment::enter()?;

    last().map_err(|error| unknown(&error))
}

/// Whether it waits for a restart.
///
/// # Errors
/// If Windows Update is not there, refuses, or fails.
pub fn restart_required() -> Result<bool, Unknown> {
    let _apartment = Apartment::enter()?;
    // SAFETY: the class and the interface belong together, as the bindings name them.
    let system = unsafe { CoCreateInstance::<_, ISystemInformation>(&SystemInformation, None, CLSCTX_ALL) };
    // SAFETY: a plain property of an interface that lives beyond the call.
    let required = system.and_then(|system| unsafe { system.RebootRequired() });

    required.map(windows::Win32::Foundation::VARIANT_BOOL::as_bool).map_err(|error| unknown(&error))
}

fn searcher() -> Result<IUpdateSearcher, Error> {
    // SAFETY: the class and the interface belong together; the text lives beyond the call.
    unsafe {
        let session: IUpdateSession = CoCreateInstance(&UpdateSession, None, CLSCTX_ALL)?;
        session.SetClientApplicationID(&BSTR::from(ASKER))?;

        session.CreateUpdateSearcher()
    }
}

/// Searches the store, the server, or the service of this id.
fn searched(
    online: windows::Win32::Foundation::VARIANT_BOOL,
    service: Option<&BSTR>,
) -> Result<UpdaterAnswer, Error> {
    let searcher = searcher()?;
    // SAFETY: plain properties and one search of an interface that lives beyond the calls, as do the texts. The server
    // is the one that the machine is set up for, as `ServerSelection` is not touched, unless a service is named.
    let result = unsafe {
        searcher.SetOnline(online)?;
        if let Some(service) = service {
            searcher.SetServerSelection(ssOthers)?;
            searcher.SetServiceID(service)?;
        }
        searcher.Search(&BSTR::from(CRITERIA))?
    };
    // SAFETY: as above.
    let (code, updates) = unsafe { (result.ResultCode()?, result.Updates()?) };
    if code != orcSucceeded && code != orcSucceededWithErrors {
        return Err(windows::Win32::Foundation::E_FAIL.into());
    }
    // SAFETY: as above.
    let count = unsafe { updates.Count()? };
    let mut offered = Vec::new();
    for index in 0..count.min(UPDATES_MAX) {
        // SAFETY: the number lies below the count.
        offered.push(update(&unsafe { updates.get_Item(index)? })?);
    }

    Ok(UpdaterAnswer { offered, data_at: None })
}

/// Searches a file that was carried in: it is made known to Windows Update as a service, and that is taken back.
fn in_file(path: &Path) -> Result<UpdaterAnswer, Unknown> {
    let Some(text) = path.to_str().filter(|_| path.is_file()) else {
        return Err(Unknown { why: Why::Failed, detail: Some("the scan file is not there".to_owned()) });
    };
    let ask = || {
        // SAFETY: the class and the interface belong together; texts live beyond the calls.
        let (manager, service, id) = unsafe {
            let manager: IUpdateServiceManager = CoCreateInstance(&UpdateServiceManager, None, CLSCTX_ALL)?;
            let service = manager.AddScanPackageService(&BSTR::from(ASKER), &BSTR::from(text), 0)?;
            let id = service.ServiceID()?;
            (manager, service, id)
        };
        // SAFETY: a plain property.
        let issued = unsafe { service.IssueDate() };
        let answer = searched(VARIANT_TRUE, Some(&id));
        // SAFETY: the id is that of the service added above. If it stays, the next search adds another: harmless.
        let _stays = unsafe { manager.RemoveService(&id) };
        let data_at = issued.ok().and_then(moment_of_days);

        Ok(UpdaterAnswer { data_at, ..answer? })
    };

    ask().map_err(|error: Error| unknown(&error))
}

fn update(update: &IUpdate) -> Result<OfferedUpdate, Error> {
    // SAFETY: plain properties of an interface that lives beyond the calls.
    unsafe {
        Ok(OfferedUpdate {
            id: update.Identity()?.UpdateID()?.to_string(),
            title: update.Title()?.to_string(),
            numbers: texts(&update.KBArticleIDs()?)?,
            categories: categories(&update.Categories()?)?,
            severity: update.MsrcSeverity().map(|severity| severity.to_string()).unwrap_or_default(),
            supersedes: texts(&update.SupersededUpdateIDs()?)?,
        })
    }
}

fn texts(list: &IStringCollection) -> Result<Vec<String>, Error> {
    // SAFETY: plain properties; the numbers lie below the count.
    unsafe {
        (0..list.Count()?.min(LIST_MAX))
            .map(|index| list.get_Item(index).map(|text| text.to_string()))
            .collect()
    }
}

fn categories(list: &ICategoryCollection) -> Result<Vec<String>, Error> {
    // SAFETY: plain properties; the numbers lie below the count.
    unsafe {
        (0..list.Count()?.min(LIST_MAX))
            .map(|index| list.get_Item(index)?.CategoryID().map(|text| text.to_string()))
            .collect()
    }
}

fn past() -> Result<Vec<PastUpdate>, Error> {
    let searcher = searcher()?;
    // SAFETY: plain calls on an interface that lives beyond them; a history without entries must not be asked for any.
    let entries = unsafe {
        let count = searcher.GetTotalHistoryCount()?.min(HISTORY_MAX);
        if count <= 0 {
            return Ok(Vec::new());
        }
        searcher.QueryHistory(0, count)?
    };
    // SAFETY: a plain property.
    let count = unsafe { entries.Count()? };
    let mut past = Vec::new();
    for index in 0..count.min(HISTORY_MAX) {
        // SAFETY: the number lies below the count.
        let entry = unsafe { entries.get_Item(index)? };
        past.extend(once(&entry));
    }

    Ok(past)
}

/// One entry of the history; `None` if it does not tell all of itself, as entries of failed installations may.
fn once(entry: &IUpdateHistoryEntry) -> Option<PastUpdate> {
    // SAFETY: plain properties of an interface that lives beyond the calls.
    let (title, at, operation, code) = unsafe {
        (entry.Title().ok()?, entry.Date().ok()?, entry.Operation().ok()?, entry.ResultCode().ok()?)
    };

    Some(PastUpdate {
        title: title.to_string(),
        at: moment_of_days(at)?,
        installed: operation == uoInstallation,
        succeeded: code == orcSucceeded || code == orcSucceededWithErrors,
    })
}

fn last() -> Result<UpdaterResults, Error> {
    // SAFETY: the class and the interface belong together, as the bindings name them; plain properties.
    let results = unsafe {
        let updater: IAutomaticUpdates2 = CoCreateInstance(&AutomaticUpdates, None, CLSCTX_ALL)?;
        updater.Results()?
    };
    // SAFETY: plain properties.
    let (searched, installed) =
        unsafe { (results.LastSearchSuccessDate()?, results.LastInstallationSuccessDate()?) };

    Ok(UpdaterResults { searched_at: moment(&searched), installed_at: moment(&installed) })
}

/// The moment that a value holds; one that was never is empty.
fn moment(value: &VARIANT) -> Option<Timestamp> {
    if value.vt() != VT_DATE {
        return None;
    }

    // SAFETY: `vt` says that the union holds a date.
    moment_of_days(unsafe { value.Anonymous.Anonymous.Anonymous.date })
}
