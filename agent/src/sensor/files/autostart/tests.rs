#![expect(clippy::wildcard_enum_match_arm, reason = "any other fails the test")]
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use vonggac_protocol::file::{Area, FileAction};
use vonggac_protocol::observation::Kind;
use vonggac_protocol::time::Timestamp;

use super::super::baseline::Baseline;
use super::super::ledger::{Ledger, Shared};
use super::super::{Change, Ticket};
use super::keep::Autostart;
use super::read::{Hive, Values, all};
use crate::os::{RegistryRoot, RegistryValue};

/// Keys by path, `HKLM\…` and `HKU\…`; `None`: it may not be read.
type Keys = BTreeMap<String, Option<BTreeMap<String, (u32, Vec<u8>)>>>;

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Keys>>);

const RUN: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run";
const SERVICES: &str = r"SYSTEM\CurrentControlSet\Services";
const USER: &str = "S-1-5-21-1-2-3-1001";

fn whole(root: RegistryRoot, path: &str) -> String {
    let root = match root {
        RegistryRoot::LocalMachine => "HKLM",
        RegistryRoot::Users => "HKU",
    };

    if path.is_empty() { root.to_owned() } else { format!(r"{root}\{path}") }
}

impl Fake {
    fn set(&self, path: &str, name: &str, text: &str) {
        let bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut keys = self.0.lock().unwrap();
        let key = keys.entry(path.to_owned()).or_insert_with(|| Some(BTreeMap::new()));
        key.get_or_insert_default().insert(name.to_owned(), (1, bytes));
    }

    fn set_number(&self, path: &str, name: &str, number: u32) {
        let mut keys = self.0.lock().unwrap();
        let key = keys.entry(path.to_owned()).or_insert_with(|| Some(BTreeMap::new()));
        key.get_or_insert_default().insert(name.to_owned(), (4, number.to_le_bytes().to_vec()));
    }

    fn remove(&self, path: &str) {
        self.0.lock().unwrap().retain(|key, _| key != path && !key.starts_with(&format!(r"{path}\")));
    }

    fn lock(&self, path: &str) {
        self.0.lock().unwrap().insert(path.to_owned(), None);
    }
}

impl Hive for Fake {
    fn subkeys(&self, root: RegistryRoot, path: &str) -> io::Result<Vec<String>> {
        let keys = self.0.lock().unwrap();
        let path = whole(root, path);
        if keys.get(&path).is_some_and(Option::is_none) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let above = format!(r"{path}\");
        let mut names: Vec<String> = keys
            .keys()
            .filter_map(|key| key.strip_prefix(&above))
            .map(|rest| rest.split('\\').next().unwrap_or_default().to_owned())
            .collect();
        names.dedup();

        Ok(names)
    }

    fn values(&self, root: RegistryRoot, path: &str) -> io::Result<Values> {
        let keys = self.0.lock().unwrap();
        let key = keys.get(&whole(root, path)).ok_or(io::ErrorKind::NotFound)?;
        let values = key.as_ref().ok_or(io::ErrorKind::PermissionDenied)?;
        let values = values.iter().map(|(name, (kind, bytes))| {
            let length = u32::try_from(bytes.len()).unwrap();
            (name.clone().into_bytes(), RegistryValue { kind: *kind, bytes: bytes.clone(), length })
        });

        Ok((values.collect(), Timestamp(7_000)))
    }
}

#[test]
fn a_name_with_a_zero_in_it_is_told_with_its_picture_and_users_of_the_cloud_are_users() {
    let fake = Fake::default();
    let user = "S-1-12-1-1111111111-1222222222-1333333333-1444444444";
    fake.set(&format!(r"HKLM\{RUN}"), "\0ẩn", "x");
    fake.set(&format!(r"HKLM\{RUN}"), "thấy", "x");
    fake.set(&format!(r"HKU\{user}\Software\Microsoft\Windows\CurrentVersion\Run"), "x", "x");
    fake.set(&format!(r"HKU\{user}_Classes\x"), "x", "x");

    let parts = all(&fake);

    let names = |part: &str| {
        let names = parts[part].values.keys().map(|path| String::from_utf8(path.clone()).unwrap());
        names.collect::<Vec<_>>()
    };
    assert_eq!(parts.len(), 2);
    assert_eq!(names("HKLM"), [format!(r"HKLM\{RUN}\thấy"), format!(r"HKLM\{RUN}\␀ẩn")]);
    assert_eq!(names(&format!(r"HKU\{user}")).len(), 1);
}

struct Bench {
    fake: Fake,
    ledger: Ledger,
    shared: Arc<Shared>,
    changes: mpsc::Receiver<Change>,
    autostart: Autostart,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let (dir, fake, shared) =
            (tempfile::tempdir().unwrap(), Fake::default(), Arc::new(Shared::default()));
        let (sender, changes) = mpsc::channel(256);
        let (baseline, _) = Baseline::open(&dir.path().join("baseline.db")).unwrap();
        let ledger = Ledger::new(baseline, sender, Arc::clone(&shared)).unwrap();
        let autostart = Autostart::new(Box::new(fake.clone()), Arc::new(AtomicBool::new(false)));

        Self { fake, ledger, shared, changes, autostart, _dir: dir }
    }

    /// A new run of the agent over the same baseline.
    fn restart(&mut self) {
        self.autostart = Autostart::new(Box::new(self.fake.clone()), Arc::new(AtomicBool::new(false)));
    }

    /// What a look tells, confirmed.
    fn look(&mut self) -> Vec<(String, String, bool)> {
        assert!(self.autostart.is_due());
        self.autostart.look(&mut self.ledger, Some(Timestamp(5)), Timestamp(6)).unwrap();
        assert!(!self.autostart.is_due());
        let mut told = Vec::new();
        while let Ok(change) = self.changes.try_recv() {
            let Change { ticket: Ticket(ticket), observation } = change;
            told.push(match observation.kind {
                Kind::FileChanged(change) => {
                    assert_eq!(change.area, Area::Persistence);
                    let action = match change.action {
                        FileAction::Created => "came",
                        FileAction::Modified => "changed",
                        FileAction::MetadataChanged => "metadata",
                        FileAction::Deleted => "went",
                    };
                    (action.to_owned(), shown(change.path.as_str()), change.while_off)
                }
                Kind::BaselineTaken(taken) => {
                    (format!("taken {}", taken.paths), shown(taken.root.as_str()), false)
                }
                other => (other.word().to_owned(), String::new(), false),
            });
            self.shared.confirm(Ticket(ticket), None);
        }
        self.ledger.apply_confirmed().unwrap();

        told
    }

    fn again(&mut self) -> Vec<(String, String, bool)> {
        self.autostart.look_is_due();
        self.look()
    }
}

/// A path as Windows tells it, whichever system the test runs on.
fn shown(path: &str) -> String {
    path.replace('/', r"\")
}

fn said(action: &str, path: &str, while_off: bool) -> (String, String, bool) {
    (action.to_owned(), path.to_owned(), while_off)
}

#[test]
fn a_value_that_starts_a_program_is_told_when_it_comes_changes_and_goes() {
    let mut bench = Bench::new();
    bench.fake.set(&format!(r"HKLM\{RUN}"), "Bàn phím", r"C:\unikey.exe");
    assert_eq!(bench.look(), [said("taken 1", "HKLM", false)]);

    bench.fake.set(&format!(r"HKLM\{RUN}"), "Cập nhật", r"C:\Users\Public\a.exe");
    assert_eq!(bench.again(), [said("came", &format!(r"HKLM\{RUN}\Cập nhật"), false)]);
    bench.fake.set(&format!(r"HKLM\{RUN}"), "Cập nhật", r"C:\Users\Public\b.exe");
    assert_eq!(bench.again(), [said("changed", &format!(r"HKLM\{RUN}\Cập nhật"), false)]);
    assert_eq!(bench.again(), []);
    bench.fake.remove(&format!(r"HKLM\{RUN}"));

    let went = [
        said("went", &format!(r"HKLM\{RUN}\Bàn phím"), false),
        said("went", &format!(r"HKLM\{RUN}\Cập nhật"), false),
    ];
    assert_eq!(bench.again(), went);
}

#[test]
fn what_changed_while_no_agent_ran_is_told_as_such() {
    let mut bench = Bench::new();
    bench.fake.set(&format!(r"HKLM\{RUN}"), "a", "1");
    bench.look();

    bench.restart();
    bench.fake.set(&format!(r"HKLM\{RUN}"), "b", "2");

    assert_eq!(bench.look(), [said("came", &format!(r"HKLM\{RUN}\b"), true)]);
}

#[test]
fn a_service_is_told_by_what_it_runs_and_not_by_what_it_keeps() {
    let mut bench = Bench::new();
    let service = format!(r"HKLM\{SERVICES}\Dịch vụ");
    bench.fake.set(&service, "ImagePath", r"C:\a.exe");
    bench.fake.set_number(&service, "Start", 3);
    bench.fake.set(&service, "Description", "mô tả");
    bench.fake.set(&format!(r"{service}\Parameters"), "servicedll", r"C:\a.dll");
    bench.fake.set(&format!(r"{service}\Parameters"), "Cache", "1");
    assert_eq!(bench.look(), [said("taken 3", "HKLM", false)]);

    bench.fake.set_number(&service, "Start", 2);
    bench.fake.set(&service, "Description", "khác");
    bench.fake.set(&format!(r"{service}\Parameters"), "Cache", "2");
    bench.fake.set(&format!(r"{service}\Parameters"), "servicedll", r"C:\b.dll");

    let changed = [
        said("changed", &format!(r"{service}\Parameters\ServiceDll"), false),
        said("changed", &format!(r"{service}\Start"), false),
    ];
    assert_eq!(bench.again(), changed);
}

#[test]
fn a_service_made_for_one_sign_in_is_none() {
    let mut bench = Bench::new();
    bench.look();
    let service = format!(r"HKLM\{SERVICES}\CDPUserSvc_4f3e2");
    bench.fake.set(&service, "ImagePath", r"C:\Windows\system32\svchost.exe");
    bench.fake.set_number(&service, "Type", 0xE0);

    assert_eq!(bench.again(), []);
}

#[test]
fn a_user_who_signs_out_takes_nothing_away_and_is_compared_when_back() {
    let mut bench = Bench::new();
    let run = format!(r"HKU\{USER}\{}", RUN.replace("SOFTWARE", "Software"));
    bench.fake.set(&run, "OneDrive", "1");
    bench.fake.set(&format!(r"HKU\{USER}_Classes"), "x", "1");
    bench.fake.set(r"HKU\S-1-5-18\Environment", "UserInitMprLogonScript", "1");
    assert_eq!(
        bench.look(),
        [said("taken 0", "HKLM", false), said("taken 1", &format!(r"HKU\{USER}"), false)]
    );

    bench.fake.remove(&format!(r"HKU\{USER}"));
    assert_eq!(bench.again(), []);
    bench.fake.set(&run, "OneDrive", "2");

    assert_eq!(bench.again(), [said("changed", &format!(r"{run}\OneDrive"), false)]);
}

#[test]
fn of_a_key_that_may_not_be_read_nothing_is_said() {
    let mut bench = Bench::new();
    let service = format!(r"HKLM\{SERVICES}\a");
    bench.fake.set(&service, "ImagePath", "1");
    bench.fake.set(&format!(r"HKLM\{RUN}"), "b", "1");
    bench.look();

    bench.fake.lock(&service);
    bench.fake.lock(&format!(r"HKLM\{RUN}"));

    assert_eq!(bench.again(), []);
    bench.fake.set(&service, "ImagePath", "2");
    assert_eq!(bench.again(), [said("changed", &format!(r"{service}\ImagePath"), false)]);
}

#[test]
fn only_what_starts_something_is_read_of_a_key_that_holds_more() {
    let fake = Fake::default();
    let key = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon";
    fake.set(key, "DefaultPassword", "bí mật");
    fake.set(key, "SHELL", "explorer.exe");
    fake.set(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\A\B", "SD", "x");

    let parts = all(&fake);

    let paths: Vec<String> =
        parts["HKLM"].values.keys().map(|path| String::from_utf8(path.clone()).unwrap()).collect();
    let tree = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\A\B\SD";
    assert_eq!(paths, [tree.to_owned(), format!(r"{key}\Shell")]);
}
