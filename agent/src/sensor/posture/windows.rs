//! What Windows tells of its protection. Products are told apart by their ids, states by numbers; names are passed on.

use vonggac_protocol::limits::{POSTURE_ITEMS_MAX, TEXT_BYTES_MAX};
use vonggac_protocol::posture::{
    AntiMalware, Backup, BackupMeans, Fact, Firewall, Posture, ToldBy, Unknown, Volume, Why,
};
use vonggac_protocol::time::Timestamp;

use crate::os::told::{Instance, moment_of_management};
use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{self, Registry};

/// A class of management data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// Where it is.
    pub namespace: &'static str,
    /// Its name.
    pub class: &'static str,
    /// What is asked of each instance.
    pub properties: &'static [&'static str],
}

/// Products against malware that registered with the security centre; servers have none.
pub static CENTRE: Question = Question {
    namespace: r"root\SecurityCenter2",
    class: "AntiVirusProduct",
    properties: &["displayName", "instanceGuid", "productState"],
};

/// Firewalls of other makers that registered with it.
pub static CENTRE_FIREWALL: Question = Question {
    namespace: r"root\SecurityCenter2",
    class: "FirewallProduct",
    properties: &["displayName", "productState"],
};

/// Microsoft Defender, of itself.
pub static DEFENDER: Question = Question {
    namespace: r"root\Microsoft\Windows\Defender",
    class: "MSFT_MpComputerStatus",
    properties: &[
        "AMServiceEnabled",
        "AntivirusEnabled",
        "RealTimeProtectionEnabled",
        "AntivirusSignatureVersion",
        "AntivirusSignatureLastUpdated",
        "DefenderSignaturesOutOfDate",
    ],
};

/// Volumes that BitLocker could encrypt.
pub static VOLUMES: Question = Question {
    namespace: r"root\CIMV2\Security\MicrosoftVolumeEncryption",
    class: "Win32_EncryptableVolume",
    properties: &["DriveLetter", "ProtectionStatus", "ConversionStatus", "VolumeType"],
};

/// Shadow copies.
pub static SHADOW_COPIES: Question =
    Question { namespace: r"root\CIMV2", class: "Win32_ShadowCopy", properties: &["InstallDate"] };

/// Restore points.
pub static RESTORE_POINTS: Question =
    Question { namespace: r"root\DEFAULT", class: "SystemRestore", properties: &["CreationTime"] };

/// The channel of Windows Backup and Windows Server Backup, and its word for a backup that succeeded.
pub const BACKUP_CHANNEL: &str = "Microsoft-Windows-Backup";
/// Its number for that.
pub const BACKUP_DONE: u32 = 4;

/// Microsoft Defender in the security centre, whatever it is called there.
const DEFENDER_ID: &str = "d68ddc3a-831f-4fae-9e44-da132c1acf46";

const FIREWALL: &str = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
const FIREWALL_BY_POLICY: &str = r"SOFTWARE\Policies\Microsoft\WindowsFirewall";
const FIREWALL_SERVICE: &str = r"SYSTEM\CurrentControlSet\Services\MpsSvc";

/// `Start` of a service that is disabled.
const DISABLED: u64 = 4;

/// What it is called, in the service's own key and in that of policies.
const PROFILES: [(&str, &str, &str); 3] = [
    ("domain", "DomainProfile", "DomainProfile"),
    ("private", "StandardProfile", "PrivateProfile"),
    ("public", "PublicProfile", "PublicProfile"),
];

/// Asks for the instances of a class.
pub type Ask<'a> = &'a dyn Fn(&'static Question) -> Result<Vec<Instance>, Unknown>;

/// When the newest event of this number was written to a channel.
pub type Event<'a> = &'a dyn Fn(&'static str, u32) -> Result<Option<Timestamp>, Unknown>;

/// Puts it together.
pub fn read(found: &dyn Registry, ask: Ask<'_>, event: Event<'_>) -> Posture {
    Posture {
        anti_malware: of(anti_malware(ask)),
        firewall: of(firewall(found, ask)),
        volumes: of(volumes(ask)),
        backups: of(backups(ask, event)),
    }
}

fn of<T: Ord>(found: Result<Vec<T>, Unknown>) -> Fact<Vec<T>> {
    match found {
        Ok(mut items) => {
            items.sort();
            items.truncate(POSTURE_ITEMS_MAX);
            Fact::Known(items)
        }
        Err(unknown) => Fact::Unknown(unknown),
    }
}

/// A name without control characters, cut where it is longer than any real one.
fn name(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();

    plain[..plain.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

/// The bits of `productState` that say whether it is on: 0 off, 1 on, 2 put off for a while, 3 expired.
fn is_on(state: i64) -> Option<bool> {
    match (state >> 12) & 0xf {
        1 => Some(true),
        0 | 2 | 3 => Some(false),
        _ => None,
    }
}

/// The bits that say whether its signatures are new enough: 0 they are, 1 they are not.
fn is_current(state: i64) -> Option<bool> {
    match (state >> 4) & 0xf {
        0 => Some(true),
        1 => Some(false),
        _ => None,
    }
}

/// What the security centre says, and Defender of its own signatures. A system without a centre has Defender alone.
fn anti_malware(ask: Ask<'_>) -> Result<Vec<AntiMalware>, Unknown> {
    let defender = ask(&DEFENDER).map(|found| found.into_iter().next());
    let centre = match (ask(&CENTRE), &defender) {
        // The centre starts some minutes after the system, and is empty until then.
        (Ok(centre), Ok(Some(status))) if centre.is_empty() => return Ok(vec![defender_alone(status)]),
        (Ok(centre), _) => centre,
        (Err(Unknown { why: Why::NotAvailable, .. }), Ok(Some(status))) => {
            return Ok(vec![defender_alone(status)]);
        }
        (Err(unknown), _) => return Err(unknown),
    };
    let status = defender.ok().flatten();
    let product = |it: &Instance| {
        let state = it.number("productState");
        let id = it.text("instanceGuid").unwrap_or_default().trim_matches(['{', '}']).to_ascii_lowercase();
        let status = status.as_ref().filter(|_| id == DEFENDER_ID);

        AntiMalware {
            name: name(it.text("displayName").unwrap_or("?")),
            told_by: ToldBy::SecurityCentre,
            running: state.and_then(is_on),
            current: state.and_then(is_current),
            signatures: status.and_then(|it| it.text("AntivirusSignatureVersion")).map(name),
            signatures_at: status.and_then(signatures_at),
        }
    };

    Ok(centre.iter().map(product).collect())
}

fn signatures_at(status: &Instance) -> Option<Timestamp> {
    moment_of_management(status.text("AntivirusSignatureLastUpdated")?)
}

fn defender_alone(status: &Instance) -> AntiMalware {
    let parts = ["AMServiceEnabled", "AntivirusEnabled", "RealTimeProtectionEnabled"];
    let told = parts.map(|part| status.flag(part));
    let running = if told.contains(&Some(false)) {
        Some(false)
    } else {
        told.iter().all(|part| *part == Some(true)).then_some(true)
    };

    AntiMalware {
        name: "Microsoft Defender".to_owned(),
        told_by: ToldBy::Defender,
        running,
        current: status.flag("DefenderSignaturesOutOfDate").map(|is_old| !is_old),
        signatures: status.text("AntivirusSignatureVersion").map(name),
        signatures_at: signatures_at(status),
    }
}

/// The profiles of the system's firewall, policy before setting, and firewalls of other makers.
fn firewall(found: &dyn Registry, ask: Ask<'_>) -> Result<Vec<Firewall>, Unknown> {
    let number = |path: &str, value: &str| -> Result<Option<u64>, Unknown> {
        let key = registry::open_if_there(found, RegistryRoot::LocalMachine, path, RegistryView::Bits64)
            .map_err(|error| {
                let is_refused = error.kind() == std::io::ErrorKind::PermissionDenied;
                Unknown { why: if is_refused { Why::Refused } else { Why::Failed }, detail: None }
            })?;
        Ok(key.and_then(|key| registry::number(&*key, value)))
    };
    let is_disabled = number(FIREWALL_SERVICE, "Start")? == Some(DISABLED);
    let mut all = Vec::new();
    for (name, own, policy) in PROFILES {
        let by_policy = number(&format!(r"{FIREWALL_BY_POLICY}\{policy}"), "EnableFirewall")?;
        let set = number(&format!(r"{FIREWALL}\{own}"), "EnableFirewall")?;
        let Some(on) = by_policy.or(set) else {
            let detail = Some("a profile does not say whether it is on".to_owned());
            return Err(Unknown { why: Why::Failed, detail });
        };
        all.push(Firewall {
            name: name.to_owned(),
            on: on == 1 && !is_disabled,
            by_policy: by_policy.is_some(),
            of_others: false,
        });
    }
    // Without a centre nobody knows of others.
    let others = ask(&CENTRE_FIREWALL).unwrap_or_default();
    all.extend(others.iter().filter_map(|it| {
        Some(Firewall {
            name: name(it.text("displayName")?),
            on: is_on(it.number("productState")?)?,
            by_policy: false,
            of_others: true,
        })
    }));

    Ok(all)
}

/// What BitLocker says of fixed volumes.
fn volumes(ask: Ask<'_>) -> Result<Vec<Volume>, Unknown> {
    const SYSTEM: i64 = 0;
    const PORTABLE: i64 = 2;

    let found = ask(&VOLUMES)?;
    let is_fixed = |it: &&Instance| it.number("VolumeType") != Some(PORTABLE);
    let volume = |it: &Instance| Volume {
        name: name(it.text("DriveLetter").unwrap_or_default()),
        system: it.number("VolumeType") == Some(SYSTEM),
        // 2: the volume is locked, so that it cannot be told.
        protected: it.number("ProtectionStatus").and_then(|status| match status {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }),
        // 0 is decrypted, 1 encrypted, 2 to 5 are between.
        encrypted: it.number("ConversionStatus").map(|status| status == 1),
    };

    Ok(found.iter().filter(is_fixed).map(volume).collect())
}

/// Backups that the system knows of. Copies on the same disk that cannot be told take nothing away; but while it is not
/// known whether Windows Backup made one, nothing is.
fn backups(ask: Ask<'_>, event: Event<'_>) -> Result<Vec<Backup>, Unknown> {
    let newest = |question: &'static Question, property: &str| {
        let found = ask(question)?;
        Ok(found.iter().filter_map(|it| moment_of_management(it.text(property)?)).max())
    };
    let backup = match event(BACKUP_CHANNEL, BACKUP_DONE) {
        // Without its channel the system has no Windows Backup.
        Err(Unknown { why: Why::NotAvailable, .. }) => Ok(None),
        Err(unknown) => return Err(unknown),
        told => told,
    };
    let told: [(BackupMeans, Result<Option<Timestamp>, Unknown>); 3] = [
        (BackupMeans::WindowsBackup, backup),
        (BackupMeans::ShadowCopy, newest(&SHADOW_COPIES, "InstallDate")),
        (BackupMeans::RestorePoint, newest(&RESTORE_POINTS, "CreationTime")),
    ];
    let one = |(means, told): (BackupMeans, Result<Option<Timestamp>, Unknown>)| {
        Some(Backup { means, last_at: Some(told.ok()??) })
    };

    Ok(told.into_iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::told::Datum;
    use crate::registry::tree::Tree;

    fn instance<const N: usize>(values: [(&str, Datum); N]) -> Instance {
        Instance(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn text(text: &str) -> Datum {
        Datum::Text(text.to_owned())
    }

    fn absent() -> Unknown {
        Unknown { why: Why::NotAvailable, detail: Some("0x8004100E".to_owned()) }
    }

    fn refused() -> Unknown {
        Unknown { why: Why::Refused, detail: None }
    }

    fn defender(on: bool) -> Instance {
        instance([
            ("AMServiceEnabled", Datum::Flag(true)),
            ("AntivirusEnabled", Datum::Flag(true)),
            ("RealTimeProtectionEnabled", Datum::Flag(on)),
            ("AntivirusSignatureVersion", text("1.443.12.0")),
            ("AntivirusSignatureLastUpdated", text("20261122235900.000000+000")),
        ])
    }

    /// The registry of a machine whose private profile is off and whose public one a policy sets.
    const MACHINE: &str = r#"
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MpsSvc]
"Start"=dword:00000002
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile]
"EnableFirewall"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile]
"EnableFirewall"=dword:00000000
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\PublicProfile]
"EnableFirewall"=dword:00000000
[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\WindowsFirewall\PublicProfile]
"EnableFirewall"=dword:00000001
"#;

    fn read_with(registry: &str, ask: Ask<'_>) -> Posture {
        read(&Tree::read(registry).unwrap(), ask, &|_, _| Err(absent()))
    }

    #[test]
    fn a_desktop_tells_its_products_by_the_security_centre_and_their_names_as_they_are() {
        let ask = |question: &'static Question| match question.class {
            "AntiVirusProduct" => Ok(vec![
                instance([
                    ("displayName", text("Phần mềm diệt virus")),
                    ("instanceGuid", text("{11111111-1111-1111-1111-111111111111}")),
                    ("productState", Datum::Number(0x41010)),
                ]),
                instance([
                    ("displayName", text("Windows Defender")),
                    ("instanceGuid", text("{D68DDC3A-831F-4fae-9E44-DA132C1ACF46}")),
                    ("productState", Datum::Number(0x60100)),
                ]),
            ]),
            "MSFT_MpComputerStatus" => Ok(vec![defender(false)]),
            _ => Err(absent()),
        };

        let posture = read_with(MACHINE, &ask);

        let products = posture.anti_malware.known().unwrap();
        assert_eq!(products[0].name, "Phần mềm diệt virus");
        assert_eq!((products[0].running, products[0].current), (Some(true), Some(false)));
        assert_eq!((products[1].running, products[1].current), (Some(false), Some(true)));
        assert!(products[0].signatures_at.is_none() && products[1].signatures_at.is_some());
    }

    #[test]
    fn a_server_without_a_centre_has_defenders_own_word() {
        let with = |status: Result<Vec<Instance>, Unknown>| {
            let ask = move |question: &'static Question| match question.class {
                "MSFT_MpComputerStatus" => status.clone(),
                _ => Err(absent()),
            };
            read_with(MACHINE, &ask).anti_malware
        };

        let running = with(Ok(vec![defender(true)]));

        assert_eq!(running.known().unwrap()[0].running, Some(true));
        assert_eq!(running.known().unwrap()[0].told_by, ToldBy::Defender);
        assert_eq!(with(Ok(vec![defender(false)])).known().unwrap()[0].running, Some(false));
        assert_eq!(with(Ok(vec![instance([])])).known().unwrap()[0].running, None);
        assert_eq!(with(Err(refused())), Fact::Unknown(absent()));
    }

    #[test]
    fn a_centre_that_refuses_is_not_taken_for_a_machine_without_protection() {
        let ask = |question: &'static Question| match question.class {
            "AntiVirusProduct" => Err(refused()),
            _ => Ok(vec![defender(true)]),
        };

        assert_eq!(read_with(MACHINE, &ask).anti_malware, Fact::Unknown(refused()));
    }

    #[test]
    fn a_policy_goes_before_the_setting_and_a_disabled_service_filters_nothing() {
        let none = |_: &'static Question| Err(absent());
        let on = |registry: &str| {
            let posture = read_with(registry, &none);
            let told = posture.firewall.known().unwrap().iter();
            told.map(|it| (it.name.clone(), it.on, it.by_policy)).collect::<Vec<_>>()
        };
        let told = |public| {
            [("domain", public, false), ("private", false, false), ("public", public, true)]
                .map(|(name, on, by_policy)| (name.to_owned(), on, by_policy))
        };

        assert_eq!(on(MACHINE), told(true));
        assert_eq!(on(&MACHINE.replace("dword:00000002", "dword:00000004")), told(false));
        let silent = "[HKEY_LOCAL_MACHINE\\SYSTEM]\n";
        assert_eq!(read_with(silent, &none).firewall.unknown().map(|it| it.why), Some(Why::Failed));
    }

    #[test]
    fn volumes_tell_protection_and_a_stick_is_no_fixed_one() {
        let volume = |letter: &str, protection, conversion, kind| {
            instance([
                ("DriveLetter", text(letter)),
                ("ProtectionStatus", Datum::Number(protection)),
                ("ConversionStatus", Datum::Number(conversion)),
                ("VolumeType", Datum::Number(kind)),
            ])
        };
        let ask = |question: &'static Question| match question.class {
            "Win32_EncryptableVolume" => Ok(vec![
                volume("C:", 1, 1, 0),
                volume("D:", 0, 1, 1),
                volume("E:", 2, 1, 1),
                volume("F:", 0, 0, 2),
            ]),
            _ => Err(absent()),
        };

        let posture = read_with(MACHINE, &ask);

        let told: Vec<_> =
            posture.volumes.known().unwrap().iter().map(|it| (&*it.name, it.system, it.protected)).collect();
        assert_eq!(told, [("C:", true, Some(true)), ("D:", false, Some(false)), ("E:", false, None)]);
    }

    #[test]
    fn the_newest_copy_of_each_sort_is_told_and_a_log_that_refuses_is_not_taken_for_an_empty_one() {
        let ask = |question: &'static Question| match question.class {
            "Win32_ShadowCopy" => Ok(vec![
                instance([("InstallDate", text("20261101000000.000000+000"))]),
                instance([("InstallDate", text("20261120070000.000000+420"))]),
            ]),
            _ => Err(refused()),
        };
        let registry = Tree::read(MACHINE).unwrap();

        let posture = read(&registry, &ask, &|_, _| Ok(None));
        let none = read(&registry, &|_| Err(refused()), &|_, _| Err(refused()));

        let utc: jiff::Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        let last_at = Some(Timestamp(utc.as_millisecond()));
        assert_eq!(posture.backups, Fact::Known(vec![Backup { means: BackupMeans::ShadowCopy, last_at }]));
        assert_eq!(none.backups, Fact::Unknown(refused()));
    }
}
