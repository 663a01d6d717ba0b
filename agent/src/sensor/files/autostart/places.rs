//! Which keys and values count. Found by what they make the system do, in the words of its documentation; nothing here
//! depends on the language of the system.

/// Which values of a key count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pick {
    /// All of them.
    All,
    /// These.
    Names(&'static [&'static str]),
    /// These, in each key below.
    InEach(&'static [&'static str]),
    /// These, in each key below, at any depth.
    InTree(&'static [&'static str]),
    /// What a service runs, as whom and when; what it is made of in `Parameters`.
    Services,
}

/// A key and what of it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    pub(super) path: &'static str,
    pub(super) pick: Pick,
}

const fn all(path: &'static str) -> Spot {
    Spot { path, pick: Pick::All }
}

const fn names(path: &'static str, names: &'static [&'static str]) -> Spot {
    Spot { path, pick: Pick::Names(names) }
}

const fn in_each(path: &'static str, names: &'static [&'static str]) -> Spot {
    Spot { path, pick: Pick::InEach(names) }
}

/// What is read of a service.
pub(super) const SERVICE: &[&str] = &["ImagePath", "Start", "ObjectName", "FailureCommand"];

/// The sort of a service, and the bit that says that it is made anew for each sign-in (`SERVICE_USERSERVICE_INSTANCE`).
pub(super) const SERVICE_TYPE: (&str, u32) = ("Type", 0x80);

/// What a service that lives in a shared process is made of, in its key `Parameters`.
pub(super) const SERVICE_PARAMETERS: (&str, &[&str]) = ("Parameters", &["ServiceDll"]);

const APP_INIT: &[&str] = &["AppInit_DLLs", "LoadAppInit_DLLs", "RequireSignedAppInit_DLLs"];
const IMAGE_OPTIONS: &[&str] = &["Debugger", "VerifierDlls", "GlobalFlag"];

/// The machine's places, below `HKEY_LOCAL_MACHINE`. Programs of 32 bits have theirs below `WOW6432Node`.
pub(super) const OF_MACHINE: &[Spot] = &[
    all(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run"),
    all(r"SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce"),
    all(r"SOFTWARE\Microsoft\Windows\CurrentVersion\RunServices"),
    all(r"SOFTWARE\Microsoft\Windows\CurrentVersion\RunServicesOnce"),
    all(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Explorer\Run"),
    all(r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run"),
    all(r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce"),
    all(r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Policies\Explorer\Run"),
    names(
        r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
        &["Shell", "Userinit", "Taskman", "VmApplet", "AppSetup", "GinaDLL"],
    ),
    names(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows", APP_INIT),
    names(r"SOFTWARE\WOW6432Node\Microsoft\Windows NT\CurrentVersion\Windows", APP_INIT),
    in_each(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options", IMAGE_OPTIONS),
    in_each(
        r"SOFTWARE\WOW6432Node\Microsoft\Windows NT\CurrentVersion\Image File Execution Options",
        IMAGE_OPTIONS,
    ),
    in_each(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SilentProcessExit", &["MonitorProcess"]),
    in_each(r"SOFTWARE\Microsoft\Active Setup\Installed Components", &["StubPath"]),
    in_each(r"SOFTWARE\WOW6432Node\Microsoft\Active Setup\Installed Components", &["StubPath"]),
    Spot {
        path: r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree",
        pick: Pick::InTree(&["Id", "SD"]),
    },
    in_each(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks", &["Actions", "Path"]),
    names(r"SYSTEM\CurrentControlSet\Control\Session Manager", &["BootExecute", "SetupExecute", "Execute"]),
    all(r"SYSTEM\CurrentControlSet\Control\Session Manager\AppCertDlls"),
    all(r"SYSTEM\CurrentControlSet\Control\Session Manager\KnownDLLs"),
    names(
        r"SYSTEM\CurrentControlSet\Control\Lsa",
        &["Authentication Packages", "Notification Packages", "Security Packages"],
    ),
    in_each(r"SYSTEM\CurrentControlSet\Control\Print\Monitors", &["Driver"]),
    Spot { path: r"SYSTEM\CurrentControlSet\Services", pick: Pick::Services },
];

/// A user's places, below the user's key in `HKEY_USERS`.
pub(super) const OF_USER: &[Spot] = &[
    all(r"Software\Microsoft\Windows\CurrentVersion\Run"),
    all(r"Software\Microsoft\Windows\CurrentVersion\RunOnce"),
    all(r"Software\Microsoft\Windows\CurrentVersion\Policies\Explorer\Run"),
    all(r"Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Run"),
    all(r"Software\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce"),
    names(r"Software\Microsoft\Windows NT\CurrentVersion\Windows", &["Load", "Run"]),
    names(r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon", &["Shell"]),
    names("Environment", &["UserInitMprLogonScript"]),
    names(r"Control Panel\Desktop", &["SCRNSAVE.EXE"]),
];
