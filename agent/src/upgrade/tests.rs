//! Every state that a cut can leave, and what the launcher makes of it.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other fails the test")]

use std::fs;
use std::path::Path;

use minisign::KeyPair;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::limits::RELEASE_PIECE_BYTES;
use vonggac_protocol::release::{
    FORMAT, Manifest, Platform, ReleaseOffer, ReleasePiece, UpgradeOutcome, UpgradeReason, Version,
    pack_piece,
};
use vonggac_protocol::time::Timestamp;

use super::fetch::{Step, Upgrades};
use super::folder;
use super::keys::Keys;
use super::launch::{Launcher, Outcome};
use super::plan::{CRASHES_MAX, Choice, Plan, STARTS_MAX, Slot, Trial};
use super::shelf::Shelf;
use super::wish::Wish;
use crate::clock;
use crate::os::programs;

const NOW: Timestamp = Timestamp(1_795_312_345_678);

struct Project {
    pair: KeyPair,
}

impl Project {
    fn new() -> Self {
        Self { pair: KeyPair::generate_unencrypted_keypair().unwrap() }
    }

    fn keys(&self) -> Keys {
        Keys::of(&self.pair.pk.to_box().unwrap().into_string())
    }

    fn manifest(&self, version: &str, program: &[u8]) -> Manifest {
        let piece = usize::try_from(RELEASE_PIECE_BYTES).unwrap();

        Manifest {
            format: FORMAT.to_owned(),
            version: version.to_owned(),
            platform: Platform::own(),
            made_at: NOW,
            not_before: NOW,
            size: u64::try_from(program.len()).unwrap(),
            sha256: Digest::of(program),
            pieces: program.chunks(piece).map(Digest::of).collect(),
            key: self.pair.pk.to_base64(),
        }
    }

    fn offer(&self, manifest: &Manifest, order: u64) -> ReleaseOffer {
        let manifest = serde_json::to_string_pretty(manifest).unwrap();
        let signature =
            minisign::sign(Some(&self.pair.pk), &self.pair.sk, manifest.as_bytes(), None, None).unwrap();

        ReleaseOffer { order, manifest, signature: signature.into_string() }
    }
}

fn own() -> Version {
    Version::parse("0.1.0").unwrap()
}

fn upgrades(project: &Project, state_dir: &Path) -> Upgrades {
    Upgrades { keys: project.keys(), own: own(), state_dir: state_dir.to_owned() }
}

fn program() -> Vec<u8> {
    (0..RELEASE_PIECE_BYTES * 2 + 77).map(|at| u8::try_from(at * at % 251).unwrap()).collect()
}

/// Fetches until nothing is left to ask for; `cut` sees the folder after each step.
fn fetch(upgrades: &Upgrades, offer: &ReleaseOffer, program: &[u8], cut: &mut impl FnMut(&str)) -> Step {
    let mut step = upgrades.begin(offer.clone(), NOW).unwrap();
    loop {
        cut("a step of the download");
        let Step::Fetching(mut fetch) = step else { return step };
        let wanted = fetch.poll(clock::instant()).unwrap();
        let piece = usize::try_from(RELEASE_PIECE_BYTES).unwrap();
        let bytes = program.chunks(piece).nth(usize::try_from(wanted.piece).unwrap()).unwrap();
        let piece = ReleasePiece { sha256: wanted.sha256, piece: wanted.piece, packed: pack_piece(bytes) };
        step = upgrades.take(fetch, &piece).unwrap();
    }
}

fn slot(version: &str, program: &[u8]) -> Slot {
    Slot { version: version.to_owned(), sha256: Digest::of(program) }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to)
        } else {
            fs::copy(entry.path(), to).map(drop).unwrap()
        }
    }
}

/// All files below, named with slashes on both systems, with their sizes.
fn listed(dir: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string().replace('\\', "/");
                found.push((name, fs::metadata(&path).unwrap().len()));
            }
        }
    }
    found.sort();

    found
}

/// After a cut: what is started is the installed program or a version that is whole, and the same offer still leads to the
/// end.
fn must_go_on(project: &Project, state_dir: &Path, offer: &ReleaseOffer, program: &[u8]) -> &'static str {
    let shelf = Shelf::of(state_dir);
    let is_sound = |slot: &Slot| shelf.is_sound(slot, &project.keys());
    let mut plan = Plan::load(state_dir).unwrap();
    let chosen = match plan.choose(&own(), is_sound) {
        Choice::Own => "installed program",
        Choice::Trial(slot) | Choice::Settled(slot) => {
            assert!(is_sound(&slot));
            assert_eq!(fs::read(shelf.program(&slot)).unwrap(), program);
            "version 0.2.0, whole"
        }
    };
    if plan.trial.is_none() && plan.settled.is_none() && plan.closed.is_empty() {
        let step = fetch(&upgrades(project, state_dir), offer, program, &mut |_| {});
        assert!(matches!(step, Step::Arrived(_)), "{step:?}");
    }

    chosen
}

#[test]
#[expect(clippy::print_stderr, reason = "the test prints what each cut left behind")]
fn after_a_power_cut_between_any_two_steps_something_whole_runs_and_the_upgrade_goes_on() {
    let (project, program) = (Project::new(), program());
    let manifest = project.manifest("0.2.0", &program);
    let offer = project.offer(&manifest, 1);
    let (work, cuts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut states: Vec<(String, std::path::PathBuf)> = Vec::new();
    let mut cut = |what: &str| {
        let place = cuts.path().join(states.len().to_string());
        copy_tree(work.path(), &place);
        states.push((what.to_owned(), place));
    };

    let step = fetch(&upgrades(&project, work.path()), &offer, &program, &mut cut);
    assert!(matches!(step, Step::Arrived(_)), "{step:?}");
    let slot = slot("0.2.0", &program);
    let trial = Trial { slot: slot.clone(), order: 1, from: "0.1.0".to_owned(), starts: 0 };
    let mut plan = Plan { trial: Some(trial), ..Plan::default() };
    plan.keep(work.path()).unwrap();
    cut("planned");
    for _ in 0..STARTS_MAX {
        assert_eq!(plan.choose(&own(), |_| true), Choice::Trial(slot.clone()));
        plan.keep(work.path()).unwrap();
        cut("a start counted");
    }
    plan.settle("0.2.0").unwrap();
    plan.keep(work.path()).unwrap();
    cut("settled");

    let whole = states.len();
    for at in 0..whole {
        for (file, size) in listed(&states[at].1) {
            for length in [0, size / 2, size.saturating_sub(1)] {
                let place = cuts.path().join(format!("{at}-{}-{length}", file.replace('/', "-")));
                copy_tree(&states[at].1, &place);
                fs::OpenOptions::new().write(true).open(place.join(&file)).unwrap().set_len(length).unwrap();
                states.push((format!("{}, {file} torn at {length}", states[at].0), place));
            }
            let place = cuts.path().join(format!("{at}-{}-gone", file.replace('/', "-")));
            copy_tree(&states[at].1, &place);
            fs::remove_file(place.join(&file)).unwrap();
            states.push((format!("{}, {file} gone", states[at].0), place));
        }
    }
    for (what, place) in &states {
        let left: Vec<String> =
            listed(place).into_iter().map(|(name, size)| format!("{name} {size}")).collect();
        let runs = must_go_on(&project, place, &offer, &program);
        eprintln!("{what}: runs {runs}; left: {}", left.join(", "));
    }

    assert!(states.len() > 60, "{}", states.len());
}

#[test]
fn what_is_offered_is_refused_unless_it_is_signed_newer_and_for_this_system() {
    let folder = tempfile::tempdir().unwrap();
    let (project, stranger, program) = (Project::new(), Project::new(), program());
    let good = project.manifest("0.2.0", &program);
    let refused = |offer: ReleaseOffer| match upgrades(&project, folder.path()).begin(offer, NOW).unwrap() {
        Step::Refused(refused) => refused.told.reason.unwrap(),
        other => panic!("{other:?}"),
    };

    assert_eq!(refused(stranger.offer(&good, 1)), UpgradeReason::Signature);
    let mut altered = project.offer(&good, 1);
    altered.manifest = altered.manifest.replace("0.2.0", "0.3.0");
    assert_eq!(refused(altered), UpgradeReason::Signature);
    let windows = Platform { system: "templeos".to_owned(), architecture: "x86_64".to_owned() };
    let other = Manifest { platform: windows, ..good.clone() };
    assert_eq!(refused(project.offer(&other, 1)), UpgradeReason::Platform);
    for version in ["0.1.0", "0.0.9"] {
        let older = Manifest { version: version.to_owned(), ..good.clone() };
        assert_eq!(refused(project.offer(&older, 1)), UpgradeReason::NotNewer);
    }
    let unfit = Manifest { size: 5, ..good.clone() };
    assert_eq!(refused(project.offer(&unfit, 1)), UpgradeReason::Digest);
    let early = Manifest { not_before: Timestamp(NOW.0 + 1), ..good };
    let step = upgrades(&project, folder.path()).begin(project.offer(&early, 1), NOW).unwrap();
    assert!(matches!(step, Step::Later), "{step:?}");
    assert!(!folder.path().join("upgrade/versions").exists());
}

#[test]
fn a_piece_that_is_not_what_was_signed_is_asked_for_again_and_then_the_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (project, program) = (Project::new(), program());
    let upgrades = upgrades(&project, folder.path());
    let offer = project.offer(&project.manifest("0.2.0", &program), 1);
    let mut step = upgrades.begin(offer, NOW).unwrap();

    let mut asked = 0;
    let refused = loop {
        match step {
            Step::Fetching(mut fetch) => {
                let wanted = fetch.poll(clock::instant()).unwrap();
                assert_eq!(wanted.piece, 0);
                asked += 1;
                let packed = pack_piece(b"something else");
                let piece = ReleasePiece { sha256: wanted.sha256, piece: 0, packed };
                step = upgrades.take(fetch, &piece).unwrap();
            }
            Step::Refused(refused) => break refused,
            other => panic!("{other:?}"),
        }
    };

    assert_eq!((asked, refused.told.reason, refused.again), (3, Some(UpgradeReason::Digest), false));
}

#[test]
fn a_version_that_does_not_stay_is_given_up_after_its_starts_and_told_once() {
    let slot = slot("0.2.0", b"x");
    let trial = Trial { slot: slot.clone(), order: 7, from: "0.1.0".to_owned(), starts: 0 };
    let mut plan = Plan { trial: Some(trial), ..Plan::default() };

    for _ in 0..STARTS_MAX {
        assert_eq!(plan.choose(&own(), |_| true), Choice::Trial(slot.clone()));
    }
    assert_eq!(plan.choose(&own(), |_| true), Choice::Own);
    assert_eq!(plan.choose(&own(), |_| true), Choice::Own);

    assert_eq!(plan.untold.len(), 1);
    assert_eq!(plan.untold[0].outcome, UpgradeOutcome::Returned);
    assert_eq!((plan.untold[0].reason, plan.untold[0].order), (Some(UpgradeReason::Crashed), Some(7)));
    assert_eq!(plan.closed, [7]);
}

#[test]
fn a_settled_version_that_breaks_later_gives_way_to_the_one_before_and_a_newer_package_to_none() {
    let (older, newer) = (slot("0.2.0", b"x"), slot("0.3.0", b"y"));
    let plan = Plan { settled: Some(newer.clone()), previous: Some(older.clone()), ..Plan::default() };

    let mut crashed = Plan { crashes: CRASHES_MAX, ..plan.clone() };
    assert_eq!(crashed.choose(&own(), |_| true), Choice::Settled(older.clone()));
    let mut damaged = plan.clone();
    assert_eq!(damaged.choose(&own(), |slot| *slot == older), Choice::Settled(older));
    let mut lost = plan.clone();
    assert_eq!(lost.choose(&own(), |_| false), Choice::Own);
    assert_eq!(lost.untold.len(), 2);
    let mut package = plan.clone();
    assert_eq!(package.choose(&Version::parse("0.3.0").unwrap(), |_| true), Choice::Own);
    assert!(package.settled.is_none() && package.untold.is_empty());
    let mut kept = plan;
    assert_eq!(kept.choose(&own(), |_| true), Choice::Settled(newer));
}

#[test]
fn versions_that_no_plan_speaks_of_are_removed_and_no_other() {
    let folder_of = tempfile::tempdir().unwrap();
    let (kept, old) = (slot("0.3.0", b"y"), slot("0.2.0", b"x"));
    let shelf = Shelf::of(folder_of.path());
    for slot in [&kept, &old] {
        let dir = folder(folder_of.path()).join("versions").join(slot.name());
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(programs::FILENAME), b"x").unwrap();
    }

    shelf.tidy(&Plan { settled: Some(kept.clone()), ..Plan::default() }).unwrap();

    assert!(shelf.program(&kept).exists() && !shelf.program(&old).exists());
}

fn launcher<'a>(state_dir: &'a Path, keys: &'a Keys, own: &'a Version) -> Launcher<'a> {
    let report_within = std::time::Duration::from_secs(5);

    Launcher { state_dir, keys, own, report_within, by_manager: false, args: &[] }
}

/// A machine on which 0.3.0 runs, which came by order 2, and 0.2.0 is kept.
fn upgraded_twice(project: &Project, state_dir: &Path) -> [Slot; 2] {
    let slots = [("0.2.0", 1), ("0.3.0", 2)].map(|(version, order)| {
        let program = [program(), version.as_bytes().to_vec()].concat();
        let offer = project.offer(&project.manifest(version, &program), order);
        let step = fetch(&upgrades(project, state_dir), &offer, &program, &mut |_| {});
        assert!(matches!(step, Step::Arrived(_)), "{step:?}");
        slot(version, &program)
    });
    let [older, newer] = slots.clone();
    Plan {
        settled: Some(newer),
        previous: Some(older),
        settled_by: Some(2),
        closed: vec![1, 2],
        ..Plan::default()
    }
    .keep(state_dir)
    .unwrap();

    slots
}

#[test]
#[expect(clippy::print_stderr, reason = "the test prints what each cut left behind")]
fn after_a_power_cut_between_any_two_steps_of_the_way_back_something_whole_runs_and_what_was_sent_away_does_not_return()
 {
    let (project, own) = (Project::new(), own());
    let keys = project.keys();
    let (work, cuts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [older, newer] = upgraded_twice(&project, work.path());
    let place = |name: &str| cuts.path().join(name);
    copy_tree(work.path(), &place("before"));
    Wish { from: newer.clone() }.keep(work.path()).unwrap();
    copy_tree(work.path(), &place("wanted"));
    let (choice, _plan) = launcher(work.path(), &keys, &own).choose().unwrap();
    assert_eq!(choice, Choice::Settled(older.clone()));
    copy_tree(work.path(), &place("followed and forgotten"));
    copy_tree(work.path(), &place("followed"));
    fs::copy(place("wanted/upgrade/back.json"), place("followed/upgrade/back.json")).unwrap();

    let mut states = Vec::new();
    for what in ["before", "wanted", "followed", "followed and forgotten"] {
        states.push((what, what.to_owned(), None));
        for (file, size) in listed(&place(what)) {
            for length in [Some(0), Some(size / 2), Some(size.saturating_sub(1)), None] {
                let name = format!("{what} {} {length:?}", file.replace('/', "-"));
                copy_tree(&place(what), &place(&name));
                let path = place(&name).join(&file);
                match length {
                    Some(length) => {
                        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap()
                    }
                    None => fs::remove_file(path).unwrap(),
                }
                states.push((what, name, Some(file.clone())));
            }
        }
    }
    for (what, name, torn) in &states {
        let dir = place(name);
        let shelf = Shelf::of(&dir);
        let (choice, _plan) = launcher(&dir, &keys, &own).choose().unwrap();
        let (again, plan) = launcher(&dir, &keys, &own).choose().unwrap();
        assert_eq!(choice, again, "{name}");
        let runs = match &choice {
            Choice::Own => "installed program".to_owned(),
            Choice::Settled(slot) | Choice::Trial(slot) => {
                assert!(shelf.is_sound(slot, &keys), "{name}");
                slot.version.clone()
            }
        };
        eprintln!("{name}: runs {runs}; left: {:?}", listed(&dir));
        assert!(Wish::read(&dir).is_none(), "{name}: a wish is forgotten once it was followed");
        if *what != "before" && torn.as_deref() != Some("upgrade/back.json") || what.starts_with("followed") {
            assert_ne!(choice, Choice::Settled(newer.clone()), "{name}");
        }
        if torn.is_none() && *what != "before" {
            assert_eq!(choice, Choice::Settled(older.clone()), "{name}");
            let told = &plan.untold;
            assert_eq!(told.len(), 1, "{name}: told once");
            assert_eq!(
                (told[0].outcome, told[0].reason),
                (UpgradeOutcome::Returned, Some(UpgradeReason::Person))
            );
            assert_eq!(
                (told[0].from.as_str(), told[0].to.as_str(), told[0].order),
                ("0.2.0", "0.3.0", Some(2))
            );
        }
    }
    assert!(states.len() > 80, "{}", states.len());
}

#[test]
fn what_a_person_sent_away_is_not_taken_again_under_another_order_and_the_next_version_is() {
    let (project, own, work) = (Project::new(), own(), tempfile::tempdir().unwrap());
    let keys = project.keys();
    let [older, newer] = upgraded_twice(&project, work.path());
    let back = |from: &Slot| {
        Wish { from: from.clone() }.keep(work.path()).unwrap();
        launcher(work.path(), &keys, &own).choose().unwrap().0
    };

    assert_eq!(back(&newer), Choice::Settled(older.clone()));
    assert_eq!(back(&newer), Choice::Settled(older.clone()), "the same again changes nothing");
    assert_eq!(back(&older), Choice::Own);

    for (version, order) in [("0.2.0", 3), ("0.3.0", 4)] {
        let program = [program(), version.as_bytes().to_vec()].concat();
        let offer = project.offer(&project.manifest(version, &program), order);
        match upgrades(&project, work.path()).begin(offer, NOW).unwrap() {
            Step::Refused(refused) => assert_eq!(refused.told.reason, Some(UpgradeReason::Person)),
            other => panic!("{other:?}"),
        }
    }
    let offer = project.offer(&project.manifest("0.4.0", b"mended"), 5);
    let step = upgrades(&project, work.path()).begin(offer, NOW).unwrap();
    assert!(matches!(step, Step::Fetching(_)), "{step:?}");
}

#[test]
fn a_version_on_trial_is_sent_away_and_its_order_is_done_with() {
    let (project, own, work) = (Project::new(), own(), tempfile::tempdir().unwrap());
    let [older, newer] = upgraded_twice(&project, work.path());
    let trial = Trial { slot: newer.clone(), order: 9, from: "0.2.0".to_owned(), starts: 1 };
    Plan { settled: Some(older.clone()), trial: Some(trial), ..Plan::default() }.keep(work.path()).unwrap();

    Wish { from: newer }.keep(work.path()).unwrap();
    let (choice, plan) = launcher(work.path(), &project.keys(), &own).choose().unwrap();

    assert_eq!((choice, plan.closed.as_slice()), (Choice::Settled(older), &[9][..]));
    assert_eq!((plan.untold[0].reason, plan.untold[0].order), (Some(UpgradeReason::Person), Some(9)));
}

#[test]
fn whatever_cannot_be_opened_or_read_the_installed_program_runs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (project, own) = (Project::new(), own());
    let keys = project.keys();
    for broken in ["launcher.lock", "plan.json"] {
        let work = tempfile::tempdir().unwrap();
        upgraded_twice(&project, work.path());
        let path = folder(work.path()).join(broken);
        crate::keep::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();

        let launcher = launcher(work.path(), &keys, &own);
        let outcome = runtime.block_on(launcher.run(&tokio_util::sync::CancellationToken::new()));

        assert_eq!(outcome.unwrap(), Outcome::Own, "{broken}");
    }
}

#[test]
fn a_start_that_could_not_be_counted_is_offered_again_and_keeps_what_was_counted() {
    let (project, program, work) = (Project::new(), program(), tempfile::tempdir().unwrap());
    let offer = project.offer(&project.manifest("0.2.0", &program), 7);
    let step = fetch(&upgrades(&project, work.path()), &offer, &program, &mut |_| {});
    assert!(matches!(step, Step::Arrived(_)), "{step:?}");
    let slot = slot("0.2.0", &program);
    let trial = Trial { slot: slot.clone(), order: 7, from: "0.1.0".to_owned(), starts: 2 };
    let plan = Plan { trial: Some(trial), ..Plan::default() };
    plan.keep(work.path()).unwrap();

    let step = upgrades(&project, work.path()).begin(offer, NOW).unwrap();

    assert!(matches!(step, Step::Arrived(_)), "planned, and another version runs: {step:?}");
    assert_eq!((plan.starts_of(&slot, 7), plan.starts_of(&slot, 8)), (2, 0));
}
