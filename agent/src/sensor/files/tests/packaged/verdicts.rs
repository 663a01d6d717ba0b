//! What the package manager's database says of single changes.

use vonggac_protocol::file::{FileAction, PackageVerdict};

use super::{Recipe, System, package};

fn installed() -> System {
    let system = System::new();
    let recipe = Recipe::default()
        .file("/usr/bin/tool", "#!/bin/sh\necho tool\n")
        .file("/usr/share/tool/data", "data")
        .conffile("/etc/tool.conf", "a = 1\n");
    system.install(&system.build("tool", "1.2", &recipe));

    system
}

#[test]
fn an_attackers_edit_of_a_packaged_program_differs_at_once() {
    let system = installed();
    let mut watcher = system.watched();

    std::fs::write(system.path("usr/bin/tool"), "#!/bin/sh\necho evil\n").unwrap();
    let changed = watcher.next_file();

    assert_eq!(changed.action, FileAction::Modified);
    assert_eq!(package(&changed), Some(("tool", "1.2", PackageVerdict::Differs)));
    watcher.stop();
}

#[test]
fn a_program_put_back_as_its_package_brought_it_matches() {
    let system = installed();
    let original = std::fs::read(system.path("usr/bin/tool")).unwrap();
    let mut watcher = system.watched();
    std::fs::write(system.path("usr/bin/tool"), "x").unwrap();
    watcher.next_file();

    std::fs::write(system.path("usr/bin/tool"), original).unwrap();

    let changed = watcher.next_file();
    assert_eq!(package(&changed), Some(("tool", "1.2", PackageVerdict::Matches)));
    watcher.stop();
}

#[test]
fn a_configuration_file_changed_by_hand_differs_and_a_deleted_file_is_missing() {
    let system = installed();
    let mut watcher = system.watched();

    std::fs::write(system.path("etc/tool.conf"), "a = 2\n").unwrap();
    let changed = watcher.next_file();
    assert_eq!(package(&changed), Some(("tool", "1.2", PackageVerdict::Differs)));

    std::fs::remove_file(system.path("usr/share/tool/data")).unwrap();
    let deleted = watcher.next_file();
    assert_eq!(deleted.action, FileAction::Deleted);
    assert_eq!(package(&deleted), Some(("tool", "1.2", PackageVerdict::Missing)));
    watcher.stop();
}

#[test]
fn a_directory_has_no_recorded_digest_and_a_strangers_file_no_package() {
    let system = installed();
    let mut watcher = system.watched();

    std::fs::write(system.path("usr/bin/stranger"), "x").unwrap();
    assert_eq!(package(&watcher.next_file()), None);

    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(system.path("usr/share/tool"), mode).unwrap();
    let changed = watcher.next_file();
    assert_eq!(package(&changed), Some(("tool", "1.2", PackageVerdict::NotRecorded)));
    watcher.stop();
}

#[test]
fn links_of_a_merged_usr_and_diversions_are_followed_to_where_a_file_really_is() {
    let system = System::new();
    std::os::unix::fs::symlink("usr/bin", system.path("bin")).unwrap();
    let diversions = "/bin/sh\n/bin/sh.distrib\nother\n";
    std::fs::write(system.path("var/lib/dpkg/diversions"), diversions).unwrap();
    let recipe = Recipe::default().file("/bin/sh", "shell").file("/bin/ls", "list");
    system.install(&system.build("tool", "1", &recipe));
    assert!(system.path("usr/bin/sh.distrib").exists(), "dpkg heeds the diversion");
    let mut watcher = system.watched();

    std::fs::write(system.path("usr/bin/ls"), "evil").unwrap();
    let ls = watcher.next_file();
    std::fs::write(system.path("usr/bin/sh.distrib"), "evil").unwrap();
    let diverted = watcher.next_file();
    std::fs::write(system.path("usr/bin/sh"), "not of the package").unwrap();
    let stranger = watcher.next_file();

    assert_eq!(package(&ls), Some(("tool", "1", PackageVerdict::Differs)));
    assert_eq!(package(&diverted), Some(("tool", "1", PackageVerdict::Differs)));
    assert_eq!(package(&stranger), None);
    watcher.stop();
}
