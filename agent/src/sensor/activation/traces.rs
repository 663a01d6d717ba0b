//! Traces of activation tools, by the list `traces.toml`: names only; nothing is opened but the hosts file, and nothing that
//! is excluded.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vonggac_protocol::activation::{ActivatorTrace, TraceKind};
use vonggac_protocol::limits::ACTIVATION_ITEMS_MAX;

use super::products::host;
use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Branch, Registry, open_if_there, text};

const LIST: &str = include_str!("traces.toml");

const SERVICES: &str = "SYSTEM\\CurrentControlSet\\Services";
const TASKS: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree";
const HOOKS: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options";
const PLATFORMS: [&str; 2] = [
    "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\SoftwareProtectionPlatform",
    "SOFTWARE\\Microsoft\\OfficeSoftwareProtectionPlatform",
];
const HOSTS: [&str; 5] = ["Windows", "System32", "drivers", "etc", "hosts"];

/// Programs of the licensing service, before which a debugger has no business.
const LICENSING: [&str; 4] = ["sppextcomobj.exe", "osppsvc.exe", "sppsvc.exe", "slui.exe"];

/// Tasks may lie in folders; how deep they are looked for.
const DEPTH_MAX: usize = 8;

/// Tasks that are looked at.
const TASKS_MAX: usize = 20_000;

/// Bytes of a hosts file that are read; lists against advertising have a few megabytes.
const HOSTS_BYTES_MAX: u64 = 8 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[expect(dead_code, reason = "for people; its presence is checked")]
    version: u32,
    trace: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    tasks: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    servers: Vec<String>,
    #[serde(default)]
    loopback: bool,
}

/// What is there of the list, in order; `servers` are the activation servers that products ask.
pub(super) fn find(
    registry: &dyn Registry,
    root: &Path,
    excluded: &[PathBuf],
    mut servers: Vec<String>,
) -> Vec<ActivatorTrace> {
    let list: List = toml::from_str(LIST).expect("a test reads the list of this build");
    let mut found = BTreeSet::new();
    let mut add = |id: &str, kind, what: &str| {
        found.insert(ActivatorTrace { id: id.to_owned(), kind, found: what.chars().take(200).collect() });
    };
    for service in below(registry, SERVICES) {
        for entry in list.trace.iter().filter(|entry| matches(&entry.services, &service)) {
            add(&entry.id, TraceKind::Service, &service);
        }
    }
    for task in tasks(registry) {
        for entry in list.trace.iter().filter(|entry| matches(&entry.tasks, &task)) {
            add(&entry.id, TraceKind::Task, &task);
        }
    }
    for name in hooks(registry) {
        add("licensing-hook", TraceKind::Hook, &name);
    }
    for (name, host) in turned_away(&hosts_file(root, excluded)) {
        for entry in list.trace.iter().filter(|entry| entry.hosts.contains(&host)) {
            add(&entry.id, TraceKind::HostsFile, &name);
        }
    }
    for entry in &list.trace {
        for file in &entry.files {
            let path = file.split('\\').fold(root.to_owned(), |path, part| path.join(part));
            let is_excluded = excluded.iter().any(|excluded| path.starts_with(excluded));
            if !is_excluded && path.symlink_metadata().is_ok() {
                add(&entry.id, TraceKind::File, file);
            }
        }
    }
    servers.extend(PLATFORMS.iter().filter_map(|path| server(registry, path)));
    for server in &servers {
        let is_own = is_loopback(server);
        for entry in
            list.trace.iter().filter(|entry| entry.servers.contains(server) || (entry.loopback && is_own))
        {
            add(&entry.id, TraceKind::Server, server);
        }
    }

    found.into_iter().take(ACTIVATION_ITEMS_MAX).collect()
}

/// Whether a name is one of these, or begins like one that ends in `*`.
fn matches(patterns: &[String], name: &str) -> bool {
    let name = name.to_lowercase();

    patterns.iter().any(|pattern| match pattern.to_lowercase().strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern.to_lowercase(),
    })
}

fn below(registry: &dyn Registry, path: &str) -> Vec<String> {
    let branch =
        open_if_there(registry, RegistryRoot::LocalMachine, path, RegistryView::Bits64).ok().flatten();
    let names = branch.and_then(|branch| branch.subkeys().ok()).unwrap_or_default();

    names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Names of scheduled tasks, and of the folders that they lie in.
fn tasks(registry: &dyn Registry) -> BTreeSet<String> {
    fn walk(branch: &dyn Branch, depth: usize, names: &mut BTreeSet<String>) {
        for name in branch.subkeys().unwrap_or_default() {
            if names.len() >= TASKS_MAX {
                return;
            }
            names.insert(name.to_string_lossy().into_owned());
            if depth < DEPTH_MAX
                && let Ok(child) = branch.subkey(&name)
            {
                walk(child.as_ref(), depth + 1, names);
            }
        }
    }
    let mut names = BTreeSet::new();
    if let Ok(Some(branch)) = open_if_there(registry, RegistryRoot::LocalMachine, TASKS, RegistryView::Bits64)
    {
        walk(branch.as_ref(), 0, &mut names);
    }

    names
}

/// Programs of the licensing service before which a debugger or library of verification is put.
fn hooks(registry: &dyn Registry) -> Vec<String> {
    let options =
        open_if_there(registry, RegistryRoot::LocalMachine, HOOKS, RegistryView::Bits64).ok().flatten();
    let Some(options) = options else { return Vec::new() };
    let is_hooked = |name: &&str| {
        let key = options.subkey(name.as_ref()).ok();
        key.is_some_and(|key| {
            ["Debugger", "VerifierDlls"].iter().any(|value| text(key.as_ref(), value).is_some())
        })
    };

    LICENSING.iter().filter(|name| is_hooked(name)).map(|name| (*name).to_owned()).collect()
}

/// The activation server that is set for all products of a platform.
fn server(registry: &dyn Registry, path: &str) -> Option<String> {
    let key = open_if_there(registry, RegistryRoot::LocalMachine, path, RegistryView::Bits64).ok()??;

    host(&text(key.as_ref(), "KeyManagementServiceName")?)
}

fn is_loopback(server: &str) -> bool {
    let address = server.trim_matches(['[', ']']).parse::<IpAddr>();

    server == "localhost" || address.is_ok_and(|it| it.to_canonical().is_loopback() || it.is_unspecified())
}

fn hosts_file(root: &Path, excluded: &[PathBuf]) -> String {
    let path = HOSTS.iter().fold(root.to_owned(), |path, part| path.join(part));
    let is_file = path.symlink_metadata().is_ok_and(|it| it.is_file());
    if !is_file || excluded.iter().any(|excluded| path.starts_with(excluded)) {
        return String::new();
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HOSTS_BYTES_MAX).read_to_end(&mut bytes));

    read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Names that a hosts file gives an address to, as they stand there and in small letters. For these any address is wrong.
fn turned_away(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            words.next()?.parse::<IpAddr>().ok()?;
            Some(words.map(|name| (name.to_owned(), name.trim_end_matches('.').to_lowercase())))
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tree::Tree;

    fn registry() -> Tree {
        let keys = [
            format!("{SERVICES}\\Service KMSELDI"),
            format!("{SERVICES}\\LanmanServer"),
            format!("{TASKS}\\Microsoft\\Windows\\UpdateOrchestrator"),
            format!("{TASKS}\\Microsoft\\Windows\\AUTOKMSDaily"),
            format!(
                "{HOOKS}\\notepad.exe]\n\"Debugger\"=\"x\"\n[HKEY_LOCAL_MACHINE\\{HOOKS}\\SppExtComObj.exe]\n\"VerifierDlls\"=\"SppExtComObjHook.dll\"\n[HKEY_LOCAL_MACHINE\\x"
            ),
            format!("{}]\n\"KeyManagementServiceName\"=\"127.0.0.2\"\n[HKEY_LOCAL_MACHINE\\y", PLATFORMS[0]),
        ];
        let text: String = keys.iter().map(|key| format!("[HKEY_LOCAL_MACHINE\\{key}]\n")).collect();

        Tree::read(&text).unwrap()
    }

    #[test]
    fn traces_are_found_wherever_tools_leave_them() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("Windows/System32/drivers/etc");
        std::fs::create_dir_all(&etc).unwrap();
        std::fs::create_dir_all(root.path().join("Program Files/KMSpico")).unwrap();
        let hosts = "# 0.0.0.0 genuine.adobe.com\r\n127.0.0.1 localhost\r\n0.0.0.0 Activation.SLS.microsoft.com. x # c\r\nnonsense sls.microsoft.com\r\n";
        std::fs::write(etc.join("hosts"), hosts).unwrap();

        let found = find(
            &registry(),
            root.path(),
            &[],
            vec!["kms.digiboy.ir".to_owned(), "kms.tinh.gov.vn".to_owned()],
        );

        let told: Vec<_> = found.iter().map(|it| (it.id.as_str(), it.kind, it.found.as_str())).collect();
        assert_eq!(
            told,
            [
                ("kms-server-loopback", TraceKind::Server, "127.0.0.2"),
                ("kms-server-of-strangers", TraceKind::Server, "kms.digiboy.ir"),
                ("kms-tool", TraceKind::Service, "Service KMSELDI"),
                ("kms-tool", TraceKind::Task, "AUTOKMSDaily"),
                ("kms-tool", TraceKind::File, "Program Files\\KMSpico"),
                ("licensing-hook", TraceKind::Hook, "sppextcomobj.exe"),
                ("microsoft-turned-away", TraceKind::HostsFile, "Activation.SLS.microsoft.com."),
            ]
        );
        let excluded = [root.path().join("Program Files"), etc.join("hosts")];
        let without = find(&registry(), root.path(), &excluded, Vec::new());
        assert!(
            without.iter().all(|it| !matches!(it.kind, TraceKind::File | TraceKind::HostsFile)),
            "{without:?}"
        );
    }

    #[test]
    fn a_clean_machine_has_no_traces() {
        let root = tempfile::tempdir().unwrap();

        assert!(find(&Tree::default(), root.path(), &[], vec!["10.1.2.3".to_owned()]).is_empty());
    }

    #[test]
    fn the_list_of_this_build_is_sound() {
        let list: List = toml::from_str(LIST).unwrap();
        let ids: BTreeSet<&str> = list.trace.iter().map(|entry| entry.id.as_str()).collect();

        assert_eq!(ids.len(), list.trace.len());
        for entry in &list.trace {
            assert!(
                entry.hosts.iter().chain(&entry.servers).all(|host| *host == host.to_lowercase()),
                "{}",
                entry.id
            );
            let patterns = entry.services.iter().chain(&entry.tasks);
            assert!(patterns.into_iter().all(|it| it.trim_end_matches('*').len() >= 5), "{}", entry.id);
        }
    }
}
