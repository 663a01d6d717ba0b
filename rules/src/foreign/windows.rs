//! A record of a Windows event log: its log source by channel and event number, and its flat fields.
//!
//! Sigma's rules for Windows name either a `service`, which is a channel, or a `category`, which is some event
//! numbers of some channel; Windows and Sysmon document both.

use serde_json::{Map, Value};

use super::Origin;

/// Channels in lower case, in order, and the service that Sigma calls them.
const CHANNELS: &[(&str, &str)] = &[
    ("application", "application"),
    ("microsoft-iis-configuration/operational", "iis-configuration"),
    ("microsoft-servicebus-client/admin", "servicebus-client"),
    ("microsoft-servicebus-client/operational", "servicebus-client"),
    ("microsoft-windows-application-experience/program-compatibility-assistant", "application-experience"),
    ("microsoft-windows-application-experience/program-telemetry", "application-experience"),
    ("microsoft-windows-applocker/exe and dll", "applocker"),
    ("microsoft-windows-applocker/msi and script", "applocker"),
    ("microsoft-windows-applocker/packaged app-deployment", "applocker"),
    ("microsoft-windows-applocker/packaged app-execution", "applocker"),
    ("microsoft-windows-appmodel-runtime/admin", "appmodel-runtime"),
    ("microsoft-windows-appxdeploymentserver/operational", "appxdeployment-server"),
    ("microsoft-windows-appxpackaging/operational", "appxpackaging-om"),
    ("microsoft-windows-bitlocker/bitlocker management", "bitlocker"),
    ("microsoft-windows-bits-client/operational", "bits-client"),
    ("microsoft-windows-capi2/operational", "capi2"),
    (
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
        "certificateservicesclient-lifecycle-system",
    ),
    ("microsoft-windows-codeintegrity/operational", "codeintegrity-operational"),
    ("microsoft-windows-dhcp-server/operational", "dhcp"),
    ("microsoft-windows-diagnosis-scripted/operational", "diagnosis-scripted"),
    ("microsoft-windows-dns client events/operational", "dns-client"),
    ("microsoft-windows-hyper-v-worker", "hyper-v-worker"),
    ("microsoft-windows-kernel-eventtracing", "kernel-event-tracing"),
    ("microsoft-windows-kernel-shimengine/diagnostic", "kernel-shimengine"),
    ("microsoft-windows-kernel-shimengine/operational", "kernel-shimengine"),
    ("microsoft-windows-ldap-client/debug", "ldap"),
    ("microsoft-windows-lsa/operational", "lsa-server"),
    ("microsoft-windows-ntfs/operational", "ntfs"),
    ("microsoft-windows-ntlm/operational", "ntlm"),
    ("microsoft-windows-powershell/operational", "powershell"),
    ("microsoft-windows-printservice/admin", "printservice-admin"),
    ("microsoft-windows-printservice/operational", "printservice-operational"),
    ("microsoft-windows-security-mitigations/kernel mode", "security-mitigations"),
    ("microsoft-windows-security-mitigations/user mode", "security-mitigations"),
    ("microsoft-windows-sense/operational", "sense"),
    ("microsoft-windows-shell-core/operational", "shell-core"),
    ("microsoft-windows-smbclient/connectivity", "smbclient-connectivity"),
    ("microsoft-windows-smbclient/security", "smbclient-security"),
    ("microsoft-windows-smbserver/connectivity", "smbserver-connectivity"),
    ("microsoft-windows-sysmon/operational", "sysmon"),
    ("microsoft-windows-taskscheduler/operational", "taskscheduler"),
    (
        "microsoft-windows-terminalservices-localsessionmanager/operational",
        "terminalservices-localsessionmanager",
    ),
    ("microsoft-windows-vhdmp/operational", "vhdmp"),
    ("microsoft-windows-windows defender/operational", "windefend"),
    ("microsoft-windows-windows firewall with advanced security/firewall", "firewall-as"),
    ("microsoft-windows-wmi-activity/operational", "wmi"),
    ("msexchange management", "msexchange-management"),
    ("openssh/operational", "openssh"),
    ("powershellcore/operational", "powershell"),
    ("security", "security"),
    ("system", "system"),
    ("windows powershell", "powershell-classic"),
];

type CategoryOf = (&'static str, &'static [u64], Option<(&'static str, &'static str)>, &'static str);

/// Categories: the service, the event numbers, a field and its value where numbers do not tell, the category.
const CATEGORIES: &[CategoryOf] = &[
    ("sysmon", &[1], None, "process_creation"),
    ("security", &[4688], None, "process_creation"),
    ("sysmon", &[2], None, "file_change"),
    ("sysmon", &[3], None, "network_connection"),
    ("sysmon", &[4, 16], None, "sysmon_status"),
    ("sysmon", &[5], None, "process_termination"),
    ("sysmon", &[6], None, "driver_load"),
    ("sysmon", &[7], None, "image_load"),
    ("sysmon", &[8], None, "create_remote_thread"),
    ("sysmon", &[9], None, "raw_access_thread"),
    ("sysmon", &[10], None, "process_access"),
    ("sysmon", &[11], None, "file_event"),
    ("sysmon", &[12, 13, 14], None, "registry_event"),
    ("sysmon", &[12], Some(("EventType", "CreateKey")), "registry_add"),
    ("sysmon", &[12], Some(("EventType", "DeleteKey")), "registry_delete"),
    ("sysmon", &[12], Some(("EventType", "DeleteValue")), "registry_delete"),
    ("sysmon", &[13], None, "registry_set"),
    ("sysmon", &[14], None, "registry_rename"),
    ("sysmon", &[15], None, "create_stream_hash"),
    ("sysmon", &[17, 18], None, "pipe_created"),
    ("sysmon", &[19, 20, 21], None, "wmi_event"),
    ("sysmon", &[22], None, "dns_query"),
    ("sysmon", &[23], None, "file_delete"),
    ("sysmon", &[24], None, "clipboard_change"),
    ("sysmon", &[25], None, "process_tampering"),
    ("sysmon", &[26], None, "file_delete_detected"),
    ("sysmon", &[27], None, "file_block_executable"),
    ("sysmon", &[28], None, "file_block_shredding"),
    ("sysmon", &[29], None, "file_executable_detected"),
    ("sysmon", &[255], None, "sysmon_error"),
    ("powershell", &[4103], None, "ps_module"),
    ("powershell", &[4104], None, "ps_script"),
    ("powershell-classic", &[400], None, "ps_classic_start"),
    ("powershell-classic", &[600], None, "ps_classic_provider_start"),
    ("powershell-classic", &[800], None, "ps_classic_script"),
    (
        "windefend",
        &[1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116],
        None,
        "antivirus",
    ),
];

/// Names of Sigma's taxonomy and the names that a channel's own records have: the mapping of fields by log source.
const FIELDS: &[(&str, &str, &str, &str)] = &[
    ("security", "process_creation", "Image", "NewProcessName"),
    ("security", "process_creation", "ParentImage", "ParentProcessName"),
    ("windefend", "antivirus", "Signature", "ThreatName"),
    ("windefend", "antivirus", "Filename", "Path"),
];

/// A record as Windows' own XML has it, put into JSON by a reader of event logs: flat, and where it comes from.
/// `None` if it is no such record.
#[must_use]
pub fn read(record: &Value) -> Option<(Origin, Value)> {
    let event = record.get("Event")?;
    let mut flat = Map::new();
    for (name, value) in event.get("System")?.as_object()? {
        system(&mut flat, name, value);
    }
    for part in ["EventData", "UserData"] {
        match event.get(part) {
            Some(Value::Object(values)) => data(&mut flat, values),
            None | Some(Value::Null) => {}
            Some(other) => put(&mut flat, part, other.clone()),
        }
    }
    let origin = origin(&mut flat);

    Some((origin, Value::Object(flat)))
}

/// One element of `System`: attributes become `Element_Attribute`.
fn system(flat: &mut Map<String, Value>, name: &str, value: &Value) {
    match (name.strip_suffix("_attributes"), value) {
        (_, Value::Null) => {}
        (Some(element), Value::Object(attributes)) => {
            for (attribute, value) in attributes {
                put(flat, &format!("{element}_{attribute}"), value.clone());
            }
        }
        (None, Value::Object(parts)) => {
            if let Some(Value::Object(attributes)) = parts.get("#attributes") {
                for (attribute, value) in attributes {
                    put(flat, &format!("{name}_{attribute}"), value.clone());
                }
            }
            if let Some(text) = parts.get("#text") {
                put(flat, name, text.clone());
            }
        }
        (_, other) => put(flat, name, other.clone()),
    }
}

/// What `EventData` and `UserData` hold; the levels of the latter fall away.
fn data(flat: &mut Map<String, Value>, values: &Map<String, Value>) {
    for (name, value) in values {
        if name.ends_with("#attributes") || name.ends_with("_attributes") {
            continue;
        }
        match value {
            Value::Object(parts) => match parts.get("#text") {
                Some(Value::Array(texts)) => put(flat, name, joined(texts).into()),
                Some(text) => put(flat, name, text.clone()),
                None => data(flat, parts),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                put(flat, name, value.clone());
            }
        }
    }
}

fn joined(texts: &[Value]) -> String {
    let texts: Vec<String> =
        texts.iter().map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned)).collect();

    texts.join(" ")
}

/// The first value of a name stays under it, further ones get a number.
fn put(flat: &mut Map<String, Value>, name: &str, value: Value) {
    let name = name.replace(' ', "");
    if !flat.contains_key(&name) {
        flat.insert(name, value);
        return;
    }
    let free = (2..).map(|n: u32| format!("{name}_{n}")).find(|other| !flat.contains_key(other));
    flat.insert(free.unwrap_or(name), value);
}

/// The log source of a flat record; adds the fields that its category knows by another name.
pub fn origin(flat: &mut Map<String, Value>) -> Origin {
    let channel = flat.get("Channel").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let service = service(&channel);
    let number = flat.get("EventID").and_then(|number| match number.as_str() {
        Some(text) => text.parse().ok(),
        None => number.as_u64(),
    });
    let mut categories: Vec<String> = Vec::new();
    for (of, numbers, condition, category) in CATEGORIES {
        let holds = |(name, value): &(&str, &str)| {
            flat.get(*name).and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        if service == Some(*of)
            && number.is_some_and(|number| numbers.contains(&number))
            && condition.as_ref().is_none_or(holds)
        {
            categories.push((*category).to_owned());
        }
    }
    for (of, category, name, own) in FIELDS {
        let applies = service == Some(*of) && categories.iter().any(|found| found == category);
        if applies
            && !flat.contains_key(*name)
            && let Some(value) = flat.get(*own).cloned()
        {
            flat.insert((*name).to_owned(), value);
        }
    }

    Origin { product: Some("windows".to_owned()), service: service.map(str::to_owned), categories }
}

/// The service of a channel in lower case; a sub-channel is of the service of its channel.
fn service(channel: &str) -> Option<&'static str> {
    let is_below = |known: &str| channel.strip_prefix(known).is_some_and(|rest| rest.starts_with(['-', '/']));

    CHANNELS
        .iter()
        .find(|(known, _)| *known == channel)
        .or_else(|| CHANNELS.iter().find(|(known, _)| is_below(known)))
        .map(|(_, service)| *service)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_flat_and_knows_its_categories() {
        let record = json!({"Event": {
            "System": {
                "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
                "EventID": 12,
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "Correlation": null
            },
            "EventData": {"EventType": "CreateKey", "TargetObject": "HKLM\\Software\\X"}
        }});

        let (origin, flat) = read(&record).unwrap();

        assert_eq!(flat["Provider_Name"], "Microsoft-Windows-Sysmon");
        assert_eq!(flat["TargetObject"], "HKLM\\Software\\X");
        assert_eq!(origin.service.as_deref(), Some("sysmon"));
        assert_eq!(origin.categories, ["registry_event", "registry_add"]);
    }

    #[test]
    fn a_process_in_the_security_log_has_the_fields_of_its_category() {
        let record = json!({"Event": {
            "System": {"EventID": "4688", "Channel": "Security"},
            "EventData": {"NewProcessName": "C:\\Windows\\System32\\whoami.exe"}
        }});

        let (origin, flat) = read(&record).unwrap();

        assert_eq!(origin.categories, ["process_creation"]);
        assert_eq!(flat["Image"], "C:\\Windows\\System32\\whoami.exe");
    }

    #[test]
    fn what_is_no_record_of_windows_is_none() {
        assert_eq!(read(&json!({"message": "x"})), None);
    }
}
