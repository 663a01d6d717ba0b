//! Captures of registries against the inventories that they must give. A capture has the shapes that real machines have,
//! with names of our own choosing; the expected lists were written from the same model as the captures, not by this code.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other fails the test")]

use vonggac_protocol::package::Manager;

use super::*;
use crate::registry::tree::Tree;

const CAPTURES: [(&str, &str, &str); 4] = [
    ("coquan-vi", include_str!("fixtures/coquan-vi.reg"), include_str!("fixtures/coquan-vi.txt")),
    ("desk-en", include_str!("fixtures/desk-en.reg"), include_str!("fixtures/desk-en.txt")),
    ("desk-ru", include_str!("fixtures/desk-ru.reg"), include_str!("fixtures/desk-ru.txt")),
    ("xp-32", include_str!("fixtures/xp-32.reg"), include_str!("fixtures/xp-32.txt")),
];

fn tree(name: &str, text: &str) -> Tree {
    let tree = Tree::read(text).unwrap_or_else(|error| panic!("{name}: {error}"));

    if name == "xp-32" { tree.of_32_bits() } else { tree }
}

fn inventory(registry: &dyn Registry) -> BTreeSet<Package> {
    read(registry, &mut UserSoftware::default()).unwrap().unwrap().packages
}

/// `manager|name|version|architecture|vendor|day|source|users|hidden`
fn line(package: &Package) -> String {
    let manager = match package.manager {
        Manager::WindowsUninstall => "windows_uninstall",
        Manager::WindowsAppx => "windows_appx",
        other => panic!("{other:?}"),
    };
    let day = package
        .installed_at
        .map(|at| jiff::Timestamp::from_millisecond(at.0).unwrap().strftime("%Y-%m-%d").to_string());
    let hidden = package.automatic.map_or("unsaid", |is| if is { "hidden" } else { "shown" });
    let users = package.users.map(|users| users.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();

    [
        manager,
        &package.name,
        &package.version,
        &package.architecture,
        &text(&package.vendor),
        &day.unwrap_or_default(),
        &text(&package.install_source),
        &users,
        hidden,
    ]
    .join("|")
}

fn lines(packages: &BTreeSet<Package>) -> BTreeSet<String> {
    packages.iter().map(line).collect()
}

#[test]
fn every_capture_gives_its_inventory() {
    let mut products = 0;
    for (name, text, expected) in CAPTURES {
        let found = inventory(&tree(name, text));
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        let found_lines = lines(&found);

        let missing: Vec<_> = expected.difference(&found_lines).collect();
        let surplus: Vec<_> = found_lines.difference(&expected).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{name}: missing {missing:#?}, surplus {surplus:#?}"
        );
        let keys: BTreeSet<_> = found.iter().map(Package::key).collect();
        assert_eq!(keys.len(), found.len(), "{name}: every package has a key of its own");
        products += found.len();
    }
    assert!(products >= 200, "{products}");
}

/// The same machine with each key of the machine's programs in the other view.
fn turned(text: &str) -> String {
    let (wide, narrow) = (
        "\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
        "\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
    );

    text.lines()
        .map(|line| match line.starts_with("[HKEY_LOCAL_MACHINE") {
            true if line.contains(wide) => line.replace(wide, narrow),
            true => line.replace(narrow, wide),
            false => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn both_views_give_the_same_inventory() {
    let without = |packages: BTreeSet<Package>| {
        let plain = packages.into_iter().map(|package| Package { architecture: String::new(), ..package });
        plain.collect::<BTreeSet<_>>()
    };
    for (name, text, _) in &CAPTURES[..3] {
        let found = inventory(&tree(name, text));
        let there = inventory(&tree(name, &turned(text)));

        assert_ne!(found, there, "{name}: the architecture follows the view");
        assert_eq!(without(found), without(there), "{name}");
    }
}

#[test]
fn programs_of_whoever_signs_out_stay_until_his_profile_goes() {
    let (name, text, _) = CAPTURES[1];
    let user = "S-1-5-21-3623811015-3361044348-30300820-1013";
    let whole = tree(name, text);
    let signed_out = tree(name, &without_keys(text, &format!("[HKEY_USERS\\{user}")));
    let profile =
        format!("[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\{user}");
    let gone = tree(name, &without_keys(&without_keys(text, &format!("[HKEY_USERS\\{user}")), &profile));
    let mut users = UserSoftware::default();
    let mut inventory = |registry: &Tree| read(registry, &mut users).unwrap().unwrap().packages;

    let first = inventory(&whole);
    assert_eq!(inventory(&signed_out), first);
    let after = inventory(&gone);

    let names =
        |packages: &BTreeSet<Package>| packages.iter().map(|it| it.name.clone()).collect::<BTreeSet<_>>();
    let lost: Vec<_> = names(&first).difference(&names(&after)).cloned().collect();
    assert_eq!(lost, ["Microsoft Teams classic"]);
    let folder = tempfile::tempdir().unwrap();
    users.save(&folder.path().join("users")).unwrap();
    assert_eq!(UserSoftware::load(&folder.path().join("users")), users);
    std::fs::write(folder.path().join("users"), "{").unwrap();
    assert_eq!(UserSoftware::load(&folder.path().join("users")), UserSoftware::default());
}

fn without_keys(text: &str, start: &str) -> String {
    let mut is_out = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_out = line.starts_with(start);
        }
        if !is_out {
            kept.push(line);
        }
    }

    kept.join("\n")
}

#[test]
fn the_stamp_changes_when_a_key_is_written_comes_or_goes() {
    let (name, text, _) = CAPTURES[0];
    let before = stamp(&tree(name, text));
    let key = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\7-Zip]";

    assert_eq!(stamp(&tree(name, text)), before);
    assert_ne!(stamp(&tree(name, &without_keys(text, key))), before);
    let at = text.find(key).unwrap();
    let written = &text[at..][text[at..].find(";; written ").unwrap()..][..31];
    let touched = text.replace(written, ";; written 2026-11-20T00:00:00Z");
    assert_ne!(stamp(&tree(name, &touched)), before);
}

#[test]
fn a_machine_without_a_registry_has_none() {
    assert!(read(&Tree::default(), &mut UserSoftware::default()).unwrap().is_none());
    assert!(stamp(&Tree::default()) == Stamp::default());
}

#[test]
fn no_user_and_no_secret_of_a_capture_is_told() {
    for (name, text, _) in CAPTURES {
        let told = format!("{:?}", inventory(&tree(name, text)));
        for secret in [
            "S-1-5-21",
            "S-1-12",
            "pa55word",
            "nguyễn.văn.an",
            "Бухгалтер",
            "@example.com",
            "C:\\\\Users\\\\away",
        ] {
            assert!(!told.contains(secret), "{name}: {secret}");
        }
    }
}
