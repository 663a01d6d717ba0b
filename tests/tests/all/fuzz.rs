//! The corpus of every fuzz target and changed copies of it pass through its entry.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use vonggac_tests::fuzz::mutation::{Numbers, mutate};
use vonggac_tests::fuzz::targets::{TARGETS, Target};
use vonggac_tests::tidy::tree;

/// Changed copies of all files of a target together, and of each file at most: enough to reach behind the first check,
/// few enough for every run.
const COPIES: usize = 600;
const COPIES_OF_ONE: usize = 150;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![tree::root().join("tests/corpus").join(target)];
    // What was released is a corpus of its own.
    let released = tree::root().join("protocol/tests/released/v1");
    if matches!(target, "frame" | "observation" | "judge") {
        folders.push(released);
    }
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();

    files.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

fn replay(name: &str, target: Target) -> Vec<String> {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "tests/corpus/{name} holds something");
    let mut faults = Vec::new();
    let mut run = |what: String, bytes: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
            faults.push(format!("{name}: {what}: {}", data(bytes)));
        }
    };
    for (at, (path, seed)) in corpus.iter().enumerate() {
        run(path.clone(), seed);
        let other = &corpus[(at + 1) % corpus.len()].1;
        let mut numbers = Numbers::new(u64::try_from(at).unwrap());
        for copy in 0..(COPIES / corpus.len()).clamp(1, COPIES_OF_ONE) {
            run(format!("{path}, change {copy}"), &mutate(seed, other, &mut numbers));
        }
    }

    faults
}

/// Enough to make the failing input a file of the corpus.
fn data(bytes: &[u8]) -> String {
    bytes.iter().take(2000).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn no_bytes_of_the_corpus_nor_changes_of_them_break_a_parser() {
    let faults: Vec<String> = TARGETS.iter().flat_map(|(name, target)| replay(name, *target)).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_replay_notices_a_parser_that_panics() {
    let faults = replay("host_path", |bytes| assert!(bytes.len() < 3));

    assert!(!faults.is_empty());
}

#[test]
fn every_target_has_a_program_for_the_fuzzer() {
    let listed = tree::text(&tree::root(), "fuzz/Cargo.toml").unwrap();
    for (name, _) in TARGETS {
        assert!(listed.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml names {name}");
        assert!(tree::root().join("fuzz/targets").join(format!("{name}.rs")).exists(), "{name}");
    }
}
