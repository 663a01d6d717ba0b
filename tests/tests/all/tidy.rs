//! The tree keeps its laws, and each law notices when it is broken.

use std::path::Path;

use vonggac_tests::tidy::{CHECKS, manifests, papers, sources, tree};

#[test]
fn the_tree_keeps_its_laws() {
    let faults: Vec<String> = CHECKS
        .iter()
        .flat_map(|(law, check)| {
            check(&tree::root()).unwrap().into_iter().map(move |fault| format!("{law}: {fault}"))
        })
        .collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

/// Plants something in a copy of the tree and returns what the check then finds that it did not find before.
fn planted(
    check: fn(&Path) -> anyhow::Result<Vec<String>>,
    plant: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    tree::copy(&tree::root(), copy.path()).unwrap();
    let before = check(copy.path()).unwrap();
    plant(copy.path()).unwrap();

    check(copy.path()).unwrap().into_iter().filter(|fault| !before.contains(fault)).collect()
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let old = std::fs::read_to_string(path)?;

    std::fs::write(path, old + text)
}

fn replace(path: &Path, from: &str, to: &str) -> std::io::Result<()> {
    let old = std::fs::read_to_string(path)?;
    assert!(old.contains(from), "{from:?} is in {}", path.display());

    std::fs::write(path, old.replace(from, to))
}

#[test]
fn a_pure_crate_that_takes_quinn_is_noticed() {
    let found = planted(manifests::pure_crates, |root| {
        replace(
            &root.join("protocol/Cargo.toml"),
            "[dependencies]\n",
            "[dependencies]\nquinn.workspace = true\n",
        )
    });

    assert_eq!(found, ["protocol/Cargo.toml depends on quinn"]);
}

#[test]
fn a_pure_crate_that_takes_tokio_under_another_name_for_one_system_is_noticed() {
    let found = planted(manifests::pure_crates, |root| {
        append(
            &root.join("rules/Cargo.toml"),
            "\n[target.\"cfg(windows)\".dependencies]\nrun = { package = \"tokio\", version = \"1\" }\n",
        )
    });

    assert_eq!(found, ["rules/Cargo.toml depends on tokio"]);
}

#[test]
fn an_agent_that_takes_the_rules_is_noticed() {
    let found = planted(manifests::dependency_rule, |root| {
        replace(
            &root.join("agent/Cargo.toml"),
            "[dev-dependencies]\n",
            "[dev-dependencies]\nvonggac-rules.workspace = true\n",
        )
    });

    assert_eq!(found, ["agent/Cargo.toml depends on vonggac-rules"]);
}

#[test]
fn a_collector_that_takes_the_agent_or_the_tests_is_noticed() {
    let found = planted(manifests::dependency_rule, |root| {
        replace(
            &root.join("collector/Cargo.toml"),
            "[dependencies]\n",
            "[dependencies]\nvonggac-agent.workspace = true\nvonggac-tests = { path = \"../tests\" }\n",
        )
    });

    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_dependency_without_a_reason_is_noticed() {
    let found = planted(manifests::reasons, |root| {
        replace(
            &root.join("Cargo.toml"),
            "[workspace.lints.rust]",
            "chance = \"1\"\n\n[workspace.lints.rust]",
        )
    });

    assert_eq!(found, ["Cargo.toml: chance has no reason above it"]);
}

#[test]
fn a_member_that_leaves_the_lints_is_noticed() {
    let found = planted(manifests::lints_used, |root| {
        replace(&root.join("agent/Cargo.toml"), "[lints]\nworkspace = true\n", "")
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_file_for_one_system_only_is_noticed() {
    let found = planted(sources::same_files_for_both_systems, |root| {
        std::fs::write(root.join("agent/src/os/linux/secret.rs"), "//! Only here.\n")
    });

    assert_eq!(found, ["agent/src/os: only one system has secret.rs"]);
}

#[test]
fn a_choice_of_the_system_elsewhere_is_noticed() {
    let found = planted(sources::system_chosen_once, |root| {
        append(&root.join("agent/src/clock.rs"), "#[cfg(all(test, not(windows)))]\nfn here() {}\n")?;
        append(&root.join("collector/src/clock.rs"), "fn there() -> bool { cfg!(unix) }\n")
    });

    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_file_that_nobody_can_hold_in_mind_is_noticed() {
    let found = planted(sources::short_files, |root| {
        append(&root.join("agent/src/clock.rs"), &"// one more line\n".repeat(700))
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_folder_without_a_table_of_contents_is_noticed() {
    let found = planted(sources::tables_of_contents, |root| {
        std::fs::create_dir_all(root.join("collector/src/mess"))?;
        std::fs::write(root.join("collector/src/mess/mod.rs"), "pub fn mess() {}\n")
    });

    assert_eq!(found, ["collector/src/mess/mod.rs does not begin by saying what it is about"]);
}

#[test]
fn something_unfinished_is_noticed() {
    let found = planted(sources::nothing_unfinished, |root| {
        append(&root.join("rules/src/lib.rs"), concat!("fn later() { todo", "!() }\n"))
    });

    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_part_that_reaches_into_another_is_noticed() {
    let found = planted(sources::parts_keep_apart, |root| {
        append(&root.join("agent/src/spool/error.rs"), "use crate::sensor::files;\n")
    });

    assert_eq!(found, ["agent/src/spool/error.rs reaches into sensor"]);
}

#[test]
fn a_kind_or_a_frame_that_the_wire_page_does_not_name_is_noticed() {
    let found = planted(papers::wire_page, |root| {
        replace(
            &root.join("protocol/src/observation.rs"),
            "Self::Health(_) => \"health\",",
            "Self::Health(_) => \"wellbeing\",",
        )?;
        replace(&root.join("protocol/src/frame/mod.rs"), "    Goodbye(", "    Farewell(")
    });

    assert_eq!(
        found,
        ["docs/wire.md does not name the kind wellbeing", "docs/wire.md does not name the frame Farewell"]
    );
}

#[test]
fn a_rule_without_a_test_that_must_stay_silent_is_noticed() {
    let found = planted(papers::rules_with_trials, |root| {
        std::fs::create_dir_all(root.join("rules/packs/planted"))?;
        std::fs::write(
            root.join("rules/packs/planted/rule.yml"),
            "title: planted\nvonggac:\n  clauses: [x]\n  tests:\n    - fires: true\n",
        )
    });

    assert_eq!(found, ["rules/packs/planted/rule.yml: rule 1 has no `fires: false`"]);
}
