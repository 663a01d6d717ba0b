use std::sync::Arc;
use std::time::Duration;

use vonggac_protocol::posture::{Unknown, Why};
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::{RebootSign, UpdateServer, UpdateSource};

use super::recorded::{installed, number, numbers_in};
use super::updater::{Ask, missing};
use super::*;
use crate::os::told::{AskWhom, Datum, Instance, OfferedUpdate, PastUpdate, UpdaterAnswer, UpdaterResults};
use crate::registry::tree::Tree;

const NOW: Timestamp = Timestamp(1_795_312_345_678);

/// A Windows 11 whose texts are Vietnamese, waiting for a restart in three places.
const MACHINE: &str = r#"Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]
"CurrentBuild"="22631"
"CurrentBuildNumber"="22631"
"UBR"=dword:00000e20
"ProductName"="Windows 10 Pro"
"DisplayVersion"="23H2"
"EditionID"="Professional"
"InstallationType"="Client"
"InstallDate"=dword:66000000

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager\Environment]
"PROCESSOR_ARCHITECTURE"="AMD64"

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager]
"PendingFileRenameOperations"=hex(7):5c,00,3f,00,00,00,00,00,00,00

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName]
"ComputerName"="MAY-1"

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName]
"ComputerName"="may-2"

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending]

[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate]
"WUServer"="http://wsus.example"

[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU]
"UseWUServer"=dword:00000001
"AUOptions"=dword:00000003
"#;

fn machine() -> Tree {
    Tree::read(MACHINE).unwrap()
}

fn hotfix(id: &str) -> Instance {
    Instance([("HotFixID".to_owned(), Datum::Text(id.to_owned()))].into())
}

fn past(title: &str, at: i64, installed: bool, succeeded: bool) -> PastUpdate {
    PastUpdate { title: title.to_owned(), at: Timestamp(at), installed, succeeded }
}

fn offered(id: &str, number: &str, supersedes: &[&str], category: &str) -> OfferedUpdate {
    OfferedUpdate {
        id: id.to_owned(),
        title: format!("Bản cập nhật tích lũy (KB{number})"),
        numbers: vec![number.to_owned()],
        categories: vec![category.to_owned()],
        severity: String::new(),
        supersedes: supersedes.iter().map(|id| (*id).to_owned()).collect(),
    }
}

const SECURITY: &str = "0FA1201D-4330-4FA8-8AE9-B877473B6441";
const DEFINITIONS: &str = "e0789628-ce08-4437-be74-2495b842f43b";

fn failed(code: &str) -> Unknown {
    Unknown { why: Why::Failed, detail: Some(code.to_owned()) }
}

fn sources() -> Sources {
    let results =
        UpdaterResults { searched_at: Some(Timestamp(5_000)), installed_at: Some(Timestamp(4_000)) };

    Sources {
        record: Ok(vec![hotfix("KB5034122")]),
        history: Ok(Vec::new()),
        results: Ok(results),
        restart: Ok(false),
    }
}

fn answers(answer: Result<Vec<OfferedUpdate>, Unknown>) -> Ask {
    Arc::new(move |_| answer.clone().map(|offered| UpdaterAnswer { offered, data_at: None }))
}

fn read_with(sources: Sources, updater: &mut Updater) -> vonggac_protocol::patch::PatchState {
    let times = (NOW, crate::clock::instant(), Duration::from_secs(60));

    read(&machine(), sources, updater, None, times).unwrap()
}

#[test]
fn numbers_stand_in_titles_of_any_language() {
    for (title, numbers) in [
        ("2026-11 Cumulative Update for Windows 11 (KB5055518)", vec![5_055_518]),
        ("Bản cập nhật tích lũy 2026-11 cho Windows 11 (kb5055518) (22631.3616)", vec![5_055_518]),
        ("セキュリティ更新 KB890830 と KB890830、KB4023057", vec![890_830, 4_023_057]),
        ("ABKB5055518 KB12 KB123456789 KB", vec![]),
        ("KB5055518x", vec![5_055_518]),
    ] {
        assert_eq!(numbers_in(title), numbers, "{title}");
    }
    assert_eq!(
        [number("KB5034122"), number("5034122"), number("File 1"), number("0")],
        [Some(5_034_122), Some(5_034_122), None, None]
    );
}

#[test]
fn what_was_taken_away_again_or_failed_or_is_of_another_release_is_not_installed() {
    let history = [
        past("(KB1000001)", 20, false, true),
        past("(KB1000001)", 10, true, true),
        past("(KB1000002)", 30, true, true),
        past("(KB1000003)", 30, true, false),
        past("(KB1000004)", 3, true, true),
        past("(KB1000005)", 40, false, false),
        past("(KB1000005)", 30, true, true),
    ];

    let found = installed(Some(&[hotfix("KB5034122"), hotfix("File 1")]), Some(&history), Some(Timestamp(5)));

    assert_eq!(found, Some(vec![1_000_002, 1_000_005, 5_034_122]));
    assert_eq!(installed(None, None, None), None, "not known is not nothing");
    assert_eq!(installed(Some(&[]), None, None), Some(vec![]));
}

#[test]
fn what_another_takes_the_place_of_is_not_missing() {
    let found = missing(vec![
        offered("a", "5000001", &[], SECURITY),
        offered("b", "5000002", &["A"], SECURITY),
        offered("c", "5000003", &["c"], DEFINITIONS),
        OfferedUpdate { categories: Vec::new(), ..offered("d", "5000004", &[], "") },
    ]);

    let told: Vec<_> = found.iter().map(|it| (it.numbers.clone(), it.security)).collect();
    assert_eq!(
        told,
        [(vec![5_000_002], Some(true)), (vec![5_000_003], Some(false)), (vec![5_000_004], None)]
    );
}

#[test]
fn a_machine_tells_its_build_where_its_restart_is_recorded_and_what_is_missing() {
    let ask =
        answers(Ok(vec![offered("a", "5055518", &[], SECURITY), offered("b", "2267602", &[], DEFINITIONS)]));
    let mut updater = Updater::new(Some(AskWhom::Store), ask, None);

    let state = read_with(sources(), &mut updater);

    let windows = state.windows.as_deref().unwrap();
    assert_eq!((windows.build, windows.revision), (22_631, Some(3_616)));
    assert_eq!(windows.architecture, "x64");
    assert_eq!(windows.installed, Some(vec![5_034_122]));
    assert_eq!(windows.server, Some(UpdateServer::Managed));
    assert_eq!(windows.untold, Some(vec![]));
    assert_eq!(
        windows.reboot.as_deref(),
        Some([RebootSign::Servicing, RebootSign::FileRenames, RebootSign::ComputerName].as_slice())
    );
    assert_eq!((state.reboot_needed, state.automatic), (Some(true), Some(false)));
    assert_eq!((state.pending_count, state.security_count), (2, Some(1)));
    assert_eq!(state.pending[1].name, "KB5055518");
    assert_eq!(state.lists_at, Some(Timestamp(5_000)), "as old as its own last search");
    assert_eq!((state.refreshed_at, state.upgraded_at), (Some(Timestamp(5_000)), Some(Timestamp(4_000))));
}

#[test]
fn a_failure_leaves_the_answer_before_it_with_its_age_and_says_why() {
    let mut updater =
        Updater::new(Some(AskWhom::Store), answers(Ok(vec![offered("a", "5055518", &[], SECURITY)])), None);
    let before = read_with(sources(), &mut updater).windows.unwrap().search;
    let mut updater = Updater::new(Some(AskWhom::Server), answers(Err(failed("0x8024402C"))), before.clone());

    let state = read_with(Sources { history: Err(failed("x")), ..sources() }, &mut updater);

    let windows = state.windows.unwrap();
    assert_eq!(windows.search, before);
    let untold: Vec<_> = windows.untold.into_iter().flatten().map(|it| (it.source, it.unknown)).collect();
    assert_eq!(untold, [(UpdateSource::History, failed("x")), (UpdateSource::Search, failed("0x8024402C"))]);
    assert_eq!(state.pending_count, 1);
}

#[test]
fn a_store_that_never_searched_says_nothing_rather_than_nothing_missing() {
    let mut updater = Updater::new(Some(AskWhom::Store), answers(Ok(Vec::new())), None);
    let never = Sources { results: Ok(UpdaterResults::default()), ..sources() };

    let state = read_with(never, &mut updater);

    assert_eq!((state.lists_at, state.security_count), (None, None));
    assert_eq!(state.windows.unwrap().search, None);
}

#[test]
fn an_answer_that_takes_long_comes_with_a_later_reading() {
    let (release, hold) = std::sync::mpsc::sync_channel::<()>(0);
    let hold = std::sync::Mutex::new(hold);
    let slow: Ask = Arc::new(move |_| {
        let _released = hold.lock().unwrap().recv();
        Ok(UpdaterAnswer::default())
    });
    let mut updater = Updater::new(Some(AskWhom::Server), slow, None);
    let started = crate::clock::instant();
    let look = |updater: &mut Updater, wait| {
        let (answer, unknown) = updater.look(&sources().results, NOW, started, wait);
        (answer.is_some(), unknown.cloned())
    };

    let first = look(&mut updater, Duration::from_millis(1));
    drop(release);
    let second = look(&mut updater, Duration::from_secs(60));

    assert_eq!(first, (false, Some(Unknown { why: Why::NoAnswer, detail: None })));
    assert_eq!(second, (true, None));
}

#[test]
fn a_place_that_cannot_be_asked_leaves_the_restart_unknown_and_not_denied() {
    let bare = Tree::read("[HKEY_LOCAL_MACHINE\\SOFTWARE]\n").unwrap();

    let quiet = reboot::read(&bare, Ok(false));
    let unanswered = reboot::read(&bare, Err(failed("0x80040154")));

    assert_eq!((quiet.needed(), unanswered.needed()), (Some(false), None));
}

proptest::proptest! {
    #[test]
    fn no_title_makes_it_panic(title in "([kK][bB]|[0-9]|.){0,60}") {
        for number in numbers_in(&title) {
            assert!((1..=99_999_999).contains(&number));
        }
    }
}
