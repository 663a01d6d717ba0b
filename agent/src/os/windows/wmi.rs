//! Management data (WMI): instances of a class, asked in this process's own name.
//!
//! Every call here may block as long as a provider of the system likes, within the limits below: callers ask on a
//! thread of its own. Contracts: learn.microsoft.com, wbemcli.h, combaseapi.h. No property is asked for that holds
//! texts in the language of the system, but for names of products.

#![expect(unsafe_code, reason = "management data is reached through COM alone")]

use std::collections::BTreeMap;
use std::sync::Once;
use std::time::Duration;

use vonggac_protocol::posture::{Unknown, Why};
use windows::Win32::Foundation::{E_ACCESSDENIED, E_NOINTERFACE};
use windows::Win32::System::Com::{
    CLSCTX_INPROC_SERVER, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx, CoInitializeSecurity,
    CoSetProxyBlanket, CoUninitialize, EOAC_NONE, RPC_C_AUTHN_LEVEL_DEFAULT, RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_IMP_LEVEL_IMPERSONATE,
};
use windows::Win32::System::Variant::{
    VARIANT, VT_BOOL, VT_BSTR, VT_I1, VT_I2, VT_I4, VT_I8, VT_UI1, VT_UI2, VT_UI4, VT_UI8,
};
use windows::Win32::System::Wmi::{
    IEnumWbemClassObject, IWbemClassObject, IWbemLocator, IWbemServices, WBEM_E_ACCESS_DENIED,
    WBEM_E_INVALID_CLASS, WBEM_E_INVALID_NAMESPACE, WBEM_E_NOT_FOUND, WBEM_FLAG_CONNECT_USE_MAX_WAIT,
    WBEM_FLAG_FORWARD_ONLY, WBEM_FLAG_RETURN_IMMEDIATELY, WBEM_S_FALSE, WBEM_S_TIMEDOUT, WbemLocator,
};
use windows::core::{BSTR, Error, HRESULT, HSTRING, IUnknown, Param};

use crate::clock;
use crate::os::told::{Datum, Instance};

/// Whether this system has management data at all.
pub const AVAILABLE: bool = true;

/// Instances of one class that are taken; the longest list asked for, of installed updates, has some hundreds.
const INSTANCES_MAX: usize = 8_192;

/// How long one class may take in all.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How long one instance is waited for before the time is looked at.
const NEXT_MILLIS: i32 = 2_000;

/// Of rpcdce.h: the system's own authentication, and no authorization service.
const RPC_C_AUTHN_WINNT: u32 = 10;
const RPC_C_AUTHZ_NONE: u32 = 0;

/// Whether it was said, once in this process, that services of the system may act in our name: Windows Update looks who
/// asks, and the system's own default lets it know less than that.
static SECURED: Once = Once::new();

/// This thread may use COM for as long as this lives.
#[derive(Debug)]
pub(super) struct Apartment(std::marker::PhantomData<*const ()>);

impl Apartment {
    pub(super) fn enter() -> Result<Self, Unknown> {
        // SAFETY: the reserved argument is null, as it must be; every success is balanced by the drop of this value,
        // which cannot leave its thread.
        unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) }.ok().map_err(|error| unknown(&error))?;
        let apartment = Self(std::marker::PhantomData);
        SECURED.call_once(|| {
            // SAFETY: COM was initialised on this thread; nothing optional is passed. Refused if somebody in this process
            // said it before, or spoke with another process already; what is asked of management data is secured by itself.
            let _too_late = unsafe {
                CoInitializeSecurity(
                    None,
                    -1,
                    None,
                    None,
                    RPC_C_AUTHN_LEVEL_DEFAULT,
                    RPC_C_IMP_LEVEL_IMPERSONATE,
                    None,
                    EOAC_NONE,
                    None,
                )
            };
        });

        Ok(apartment)
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        // SAFETY: balances the success of CoInitializeEx on this thread. Interfaces made after it are dropped before it:
        // locals go in the reverse of their order.
        unsafe { CoUninitialize() };
    }
}

/// Instances of a class, with these of its properties; one that the class does not have is left out.
///
/// # Errors
/// If the system has no such class, refuses, or does not answer in time.
pub fn ask(namespace: &str, class: &str, properties: &[&str]) -> Result<Vec<Instance>, Unknown> {
    answer(namespace, &format!("SELECT * FROM {class}"), properties)
}

/// Those instances of a class for which a condition holds; nothing but these properties is asked for, all of which the
/// class must have.
///
/// # Errors
/// As for [`ask`], and if the class lacks one of the properties.
pub fn ask_where(
    namespace: &str,
    class: &str,
    condition: &str,
    properties: &[&str],
) -> Result<Vec<Instance>, Unknown> {
    answer(namespace, &format!("SELECT {} FROM {class} WHERE {condition}", properties.join(", ")), properties)
}

fn answer(namespace: &str, query: &str, properties: &[&str]) -> Result<Vec<Instance>, Unknown> {
    let _apartment = Apartment::enter()?;
    let services = connect(namespace).map_err(|error| unknown(&error))?;
    let (language, query) = (BSTR::from("WQL"), BSTR::from(query));
    let flags = WBEM_FLAG_FORWARD_ONLY | WBEM_FLAG_RETURN_IMMEDIATELY;
    // SAFETY: both texts live beyond the call; no context is passed, which is allowed.
    let found = unsafe { services.ExecQuery(&language, &query, flags, None) };
    let found = found.map_err(|error| unknown(&error))?;
    secure(&found).map_err(|error| unknown(&error))?;

    take(&found, properties)
}

fn connect(namespace: &str) -> Result<IWbemServices, Error> {
    // SAFETY: the class and the interface belong together, as the bindings name them.
    let locator: IWbemLocator = unsafe { CoCreateInstance(&WbemLocator, None, CLSCTX_INPROC_SERVER)? };
    let (namespace, own) = (BSTR::from(namespace), BSTR::new());
    // SAFETY: all texts live beyond the call; empty ones mean this process's own name and the system's language.
    let services = unsafe {
        locator.ConnectServer(&namespace, &own, &own, &own, WBEM_FLAG_CONNECT_USE_MAX_WAIT.0, &own, None)?
    };
    secure(&services)?;

    Ok(services)
}

/// Lets the other side act in our name, over a sealed channel: the classes of BitLocker ask for that. What is set counts for
/// the very interface that is passed alone: asked for `IUnknown` first, an object would give another.
fn secure<P: Param<IUnknown>>(proxy: P) -> Result<(), Error> {
    // SAFETY: the proxy lives beyond the call; no names and no credentials are passed, so that those of this process count.
    let set = unsafe {
        CoSetProxyBlanket(
            proxy,
            RPC_C_AUTHN_WINNT,
            RPC_C_AUTHZ_NONE,
            None,
            RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
            RPC_C_IMP_LEVEL_IMPERSONATE,
            None,
            EOAC_NONE,
        )
    };
    match set {
        // No proxy: the object lives in this process.
        Err(error) if error.code() == E_NOINTERFACE => Ok(()),
        set => set,
    }
}

fn take(found: &IEnumWbemClassObject, properties: &[&str]) -> Result<Vec<Instance>, Unknown> {
    let began = clock::instant();
    let mut instances = Vec::new();
    while instances.len() < INSTANCES_MAX {
        let (mut next, mut count) = ([None::<IWbemClassObject>], 0);
        // SAFETY: there is room for the one object asked for; both outputs live beyond the call.
        let code = unsafe { found.Next(NEXT_MILLIS, &mut next, &raw mut count) };
        if let [Some(object)] = &next {
            instances.push(instance(object, properties));
        } else if code.0 == WBEM_S_FALSE.0 {
            return Ok(instances);
        } else if code.is_err() {
            return Err(unknown(&code.into()));
        } else if code.0 != WBEM_S_TIMEDOUT.0 {
            return Ok(instances);
        }
        if clock::instant().duration_since(began) > ANSWER_MAX {
            return Err(Unknown { why: Why::NoAnswer, detail: None });
        }
    }

    Ok(instances)
}

fn instance(object: &IWbemClassObject, properties: &[&str]) -> Instance {
    let mut values = BTreeMap::new();
    for property in properties {
        let (name, mut value) = (HSTRING::from(*property), VARIANT::default());
        // SAFETY: the name ends in a zero; `value` is empty and is cleared when it is dropped; what is null is optional.
        let got = unsafe { object.Get(&name, 0, &raw mut value, None, None) };
        if got.is_ok()
            && let Some(datum) = datum(&value)
        {
            values.insert((*property).to_owned(), datum);
        }
    }

    Instance(values)
}

/// A value of a plain kind; lists, objects and nothing are `None`.
pub(super) fn datum(value: &VARIANT) -> Option<Datum> {
    let kind = value.vt();
    // SAFETY: which part of the union holds the value is what `vt` says; each is read only for its own kind.
    unsafe {
        let held = &value.Anonymous.Anonymous.Anonymous;

        Some(match kind {
            VT_BOOL => Datum::Flag(held.boolVal.as_bool()),
            VT_I1 => Datum::Number(held.cVal.into()),
            VT_UI1 => Datum::Number(held.bVal.into()),
            VT_I2 => Datum::Number(held.iVal.into()),
            VT_UI2 => Datum::Number(held.uiVal.into()),
            VT_I4 => Datum::Number(held.lVal.into()),
            VT_UI4 => Datum::Number(held.ulVal.into()),
            VT_I8 => Datum::Number(held.llVal),
            VT_UI8 => Datum::Number(i64::try_from(held.ullVal).ok()?),
            VT_BSTR => Datum::Text(held.bstrVal.to_string()),
            _ => return None,
        })
    }
}

/// What an error of COM means: there is no such thing here, we may not, or it failed.
pub(super) fn unknown(error: &Error) -> Unknown {
    const CLASS_NOT_REGISTERED: HRESULT = HRESULT(0x8004_0154_u32.cast_signed());
    const RPC_SERVER_UNAVAILABLE: HRESULT = HRESULT(0x8007_06BA_u32.cast_signed());
    const SERVICE_DISABLED: HRESULT = HRESULT(0x8007_0422_u32.cast_signed());
    const NOT_IMPLEMENTED: HRESULT = HRESULT(0x8000_4001_u32.cast_signed());
    let code = error.code();
    let absent = [WBEM_E_INVALID_NAMESPACE.0, WBEM_E_INVALID_CLASS.0, WBEM_E_NOT_FOUND.0];
    let why = if code == E_ACCESSDENIED || code.0 == WBEM_E_ACCESS_DENIED.0 {
        Why::Refused
    } else if absent.contains(&code.0) || code == CLASS_NOT_REGISTERED || code == NOT_IMPLEMENTED {
        Why::NotAvailable
    } else {
        Why::Failed
    };
    let word = match code {
        RPC_SERVER_UNAVAILABLE => " (the service does not run)",
        SERVICE_DISABLED => " (the service is disabled)",
        _ => "",
    };

    Unknown { why, detail: Some(format!("0x{:08X}{word}", code.0.cast_unsigned())) }
}
