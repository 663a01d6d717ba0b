//! What the package manager changes is told as one installation, and nothing else is.

use std::process::Stdio;

use vonggac_protocol::file::{FileAction, FilesInstalled, PackageVerdict};

use super::{Recipe, System, afterwards, package, run, until_installed};

/// Version 1 has 500 files, of which version 2 changes 300, drops 100 and leaves 100; it brings 200 new ones.
fn version(number: u32) -> Recipe {
    let mut recipe = Recipe::default().conffile("/etc/big.conf", "a = 1\n");
    for file in 0..500 {
        let content = if (100..400).contains(&file) {
            format!("{file} of version {number}")
        } else {
            format!("{file}")
        };
        if number == 1 || file < 400 {
            recipe = recipe.file(&format!("/usr/share/big/{file:03}"), &content);
        }
    }
    if number == 2 {
        for file in 0..200 {
            recipe = recipe.file(&format!("/usr/share/big/new/{file:03}"), "new");
        }
        recipe.links.insert("/usr/bin/big".into(), "../share/big/000".into());
    }

    recipe
}

fn summary(installed: &FilesInstalled) -> (u64, u64, Vec<(&str, &str, u64)>) {
    let packages = installed.packages.iter();

    (
        installed.created,
        installed.deleted,
        packages.map(|it| (it.name.as_str(), it.version.as_str(), it.files)).collect(),
    )
}

#[test]
fn an_upgrade_of_five_hundred_files_is_one_installation_and_no_single_change() {
    let Some(system) = System::of_root() else { return };
    system.install(&system.build("big", "1", &version(1)));
    let mut watcher = system.watched();

    system.install(&system.build("big", "2", &version(2)));
    let (changes, installed) = until_installed(&mut watcher);

    assert!(changes.is_empty(), "{changes:?}");
    let (created, deleted, packages) = summary(&installed);
    // 200 files, their directory and the link; 100 files are gone.
    assert_eq!((created, deleted), (202, 100));
    // 300 files with new content, and those of the others whose times differ, and the package's records.
    assert!(installed.modified >= 300, "{installed:?}");
    assert_eq!(packages, [("big", "2", created + deleted + installed.modified)]);
    assert!(!installed.while_off && installed.not_before.is_none());
    assert_eq!(afterwards(&mut watcher), Vec::<String>::new());
    watcher.stop();
}

#[test]
fn a_removal_is_an_installation_too_and_what_it_removed_has_no_version() {
    let system = System::new();
    system.install(&system.build("big", "1", &version(1)));
    let mut watcher = system.watched();

    run(system.dpkg().args(["--purge", "big"]));
    let (changes, installed) = until_installed(&mut watcher);

    assert!(changes.is_empty(), "{changes:?}");
    let (created, deleted, packages) = summary(&installed);
    // 500 files, the configuration file, the directory `big`, and dpkg's own records.
    assert!(created == 0 && deleted >= 502, "{installed:?}");
    assert_eq!(packages, [("big", "", created + deleted + installed.modified)]);
    watcher.stop();
}

#[test]
fn an_attackers_edit_during_the_transaction_is_told_by_itself_and_differs() {
    let Some(system) = System::of_root() else { return };
    system.install(&system.build("big", "1", &version(1)));
    let mut recipe = version(2);
    // The attacker is the package's own script, which nobody records: it runs while dpkg holds its lock.
    recipe.postinst =
        Some(format!("#!/bin/sh\necho evil > {}\n", system.path("usr/share/big/150").display()));
    let upgrade = system.build("big", "2", &recipe);
    let mut watcher = system.watched();

    system.install(&upgrade);
    let (changes, installed) = until_installed(&mut watcher);

    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].path.as_str().ends_with("big/150"));
    assert_eq!(package(&changes[0]), Some(("big", "2", PackageVerdict::Differs)));
    assert_eq!(installed.created, 203, "the script is among the records");
    watcher.stop();
}

#[test]
fn what_a_maintainer_script_writes_is_told_by_itself() {
    let Some(system) = System::of_root() else { return };
    let made = system.path("etc/made-by-script");
    let recipe = Recipe {
        postinst: Some(format!(
            "#!/bin/sh\necho made > {}\nchmod u+s {}\n",
            made.display(),
            system.path("usr/bin/tool").display()
        )),
        ..Recipe::default().file("/usr/bin/tool", "tool")
    };
    let package_file = system.build("tool", "1", &recipe);
    let mut watcher = system.watched();

    system.install(&package_file);
    let (mut changes, installed) = until_installed(&mut watcher);
    changes.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));

    let names: Vec<_> = changes.iter().map(|it| it.path.as_str().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["made-by-script", "tool"], "a set-id bit is in no package's records");
    assert_eq!(package(&changes[0]), None);
    // The script ran in the middle of the transaction: the records may not have been read anew when it was looked at.
    assert!(matches!(package(&changes[1]), None | Some(("tool", "1", PackageVerdict::Matches))));
    assert_eq!(installed.packages.len(), 1);
    watcher.stop();
}

#[test]
fn an_edit_right_after_the_transaction_is_not_taken_for_a_part_of_it() {
    let Some(system) = System::of_root() else { return };
    system.install(&system.build("big", "1", &version(1)));
    let upgrade = system.build("big", "2", &version(2));
    let mut watcher = system.watched();

    system.install(&upgrade);
    std::fs::write(system.path("usr/share/big/001"), "evil").unwrap();
    std::fs::remove_file(system.path("usr/share/big/002")).unwrap();
    let (mut changes, installed) = until_installed(&mut watcher);
    changes.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));

    let told: Vec<_> = changes.iter().map(package).collect();
    assert_eq!(
        told,
        [Some(("big", "2", PackageVerdict::Differs)), Some(("big", "2", PackageVerdict::Missing))]
    );
    assert_eq!((installed.created, installed.deleted), (202, 100));
    watcher.stop();
}

#[test]
fn an_upgrade_while_the_agent_is_off_is_one_installation_and_an_edit_beside_it_is_told() {
    let Some(system) = System::of_root() else { return };
    system.install(&system.build("big", "1", &version(1)));
    system.watched().stop();

    system.install(&system.build("big", "2", &version(2)));
    std::fs::write(system.path("usr/bin/stranger"), "evil").unwrap();
    let mut watcher = system.started();
    let (changes, installed) = until_installed(&mut watcher);

    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].path.as_str().ends_with("bin/stranger") && changes[0].while_off);
    assert_eq!((installed.created, installed.deleted), (202, 100), "{installed:?}");
    assert!(installed.while_off && installed.not_before.is_some() && installed.actor.is_none());
    watcher.stop();
}

#[test]
fn a_crash_before_the_installation_is_confirmed_repeats_it() {
    let Some(system) = System::of_root() else { return };
    system.install(&system.build("big", "1", &version(1)));
    let mut watcher = system.watched();
    watcher.confirms = false;
    system.install(&system.build("big", "2", &version(2)));
    let (_, first) = until_installed(&mut watcher);
    watcher.stop();

    let mut again = system.started();
    let (changes, second) = until_installed(&mut again);

    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(summary(&first), summary(&second));
    assert!(second.while_off);
    again.scanned();
    again.stop();
    let mut third = system.started();
    third.scanned();
    assert_eq!(afterwards(&mut third), Vec::<String>::new(), "confirmed once, it is not told again");
    third.stop();
}

#[test]
fn a_package_manager_killed_in_the_middle_loses_nothing() {
    let system = System::new();
    system.install(&system.build("big", "1", &version(1)));
    let upgrade = system.build("big", "2", &version(2));
    let mut watcher = system.watched();

    // Killed as soon as its first new directory is there.
    let mut child = system
        .dpkg()
        .arg("--unpack")
        .arg(&upgrade)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = crate::clock::instant() + super::super::PATIENCE;
    while !system.path("usr/share/big/new").exists() && crate::clock::instant() < until {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    watcher.until_now();
    watcher.stop();

    // Whatever was told and however: what the sensor remembers is what is there.
    let mut again = system.started();
    again.scanned();
    assert_eq!(afterwards(&mut again), Vec::<String>::new());
    again.stop();
}

#[test]
fn records_of_the_package_manager_changed_by_hand_are_told() {
    let system = System::new();
    system.install(&system.build("big", "1", &version(1)));
    let mut watcher = system.watched();

    let sums = system.path("var/lib/dpkg/info/big.md5sums");
    let text = std::fs::read_to_string(&sums).unwrap().replace('0', "1");
    std::fs::write(&sums, text).unwrap();
    let changed = watcher.next_file();

    assert_eq!(changed.action, FileAction::Modified);
    assert!(changed.path.as_str().ends_with("info/big.md5sums"));
    watcher.stop();
}
