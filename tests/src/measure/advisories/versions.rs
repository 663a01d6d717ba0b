//! The order of versions against vectors that others published, each also turned round.
//!
//! Fetches nothing: the folder holds the files as their projects have them, by their own names; docs/advisories.md
//! says where each is from.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_advisory::version::Order;

use super::super::{progress, rounded};
use crate::programs::instant;

/// How a file writes its comparisons.
#[derive(Clone, Copy)]
enum Form {
    /// `A < B`, `A = B`, `A > B`; other lines are no comparisons.
    Operators,
    /// `RPMVERCMP(A, B, -1)`.
    Rpm,
    /// `A B -1` after a line `__DATA__`.
    Dpkg,
}

/// The files that are looked for: name, whose order, how written.
const FILES: [(&str, &str, Order, Form); 12] = [
    ("Dpkg_Version.t", "debian", Order::Debian, Form::Dpkg),
    ("debian-versions.txt", "debian", Order::Debian, Form::Operators),
    ("debian-versions-generated.txt", "debian", Order::Debian, Form::Operators),
    ("rpmvercmp.at", "rpm", Order::Rpm, Form::Rpm),
    ("redhat-versions.txt", "rpm", Order::Rpm, Form::Operators),
    ("version.data", "alpine", Order::Alpine, Form::Operators),
    ("alpine-versions.txt", "alpine", Order::Alpine, Form::Operators),
    ("alpine-versions-generated.txt", "alpine", Order::Alpine, Form::Operators),
    ("pypi-versions.txt", "pypi", Order::Pep440, Form::Operators),
    ("pypi-versions-generated.txt", "pypi", Order::Pep440, Form::Operators),
    ("semver-versions.txt", "semver", Order::SemVer, Form::Operators),
    ("npm-versions.txt", "semver", Order::SemVer, Form::Operators),
];

/// What became of vectors.
#[derive(Clone, Copy, Default)]
struct Score {
    right: u64,
    wrong: u64,
    refused: u64,
}

pub(in super::super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder: PathBuf = std::env::args()
        .nth(2)
        .map(PathBuf::from)
        .context("name the folder with the vectors: measure version-order FOLDER (docs/advisories.md says how to get them)")?;
    let start = instant();
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut map = Map::new();
    for (file, ecosystem, order, form) in FILES {
        let path = folder.join(file);
        if !path.is_file() {
            progress(&format!("{file} is not there"));
            continue;
        }
        let score = score(&path, order, form)?;
        let all = scores.entry(ecosystem).or_default();
        all.right += score.right;
        all.wrong += score.wrong;
        all.refused += score.refused;
        map.insert(
            file.to_owned(),
            format!("{} right, {} wrong, {} refused", score.right, score.wrong, score.refused).into(),
        );
    }
    anyhow::ensure!(!scores.is_empty(), "no file of vectors in {}; see docs/advisories.md", folder.display());
    for (ecosystem, score) in scores {
        map.insert(format!("{ecosystem}_right"), score.right.into());
        map.insert(format!("{ecosystem}_wrong"), score.wrong.into());
        map.insert(format!("{ecosystem}_refused"), score.refused.into());
    }
    map.insert("seconds".to_owned(), rounded(start.elapsed().as_secs_f64()));

    Ok(map)
}

fn score(path: &Path, order: Order, form: Form) -> anyhow::Result<Score> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let vectors = match form {
        Form::Operators => text.lines().filter_map(operators).collect(),
        Form::Rpm => text.lines().filter_map(rpm).collect(),
        Form::Dpkg => dpkg(&text),
    };
    anyhow::ensure!(!vectors.is_empty(), "{} has no comparison in the form expected", path.display());
    let mut score = Score::default();
    for (left, right, expected) in vectors {
        for (one, other, expected) in [(left, right, expected), (right, left, expected.reverse())] {
            match order.compare(one, other) {
                Ok(found) if found == expected => score.right += 1,
                Ok(found) => {
                    score.wrong += 1;
                    progress(&format!("wrong: {one} against {other}: {found:?}, expected {expected:?}"));
                }
                Err(error) => {
                    score.refused += 1;
                    progress(&format!("refused: {one} against {other}: {error}"));
                }
            }
        }
    }

    Ok(score)
}

fn operators(line: &str) -> Option<(&str, &str, Ordering)> {
    let line = line.split('#').next()?;
    let mut words = line.split_whitespace();
    let (left, operator, right) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let expected = match operator {
        "<" => Ordering::Less,
        "=" | "==" => Ordering::Equal,
        ">" => Ordering::Greater,
        _ => return None,
    };

    Some((left, right, expected))
}

fn rpm(line: &str) -> Option<(&str, &str, Ordering)> {
    let inside = line.trim().strip_prefix("RPMVERCMP(")?.split_once(')')?.0;
    let mut parts = inside.split(',').map(|part| part.trim().trim_matches(['[', ']']));

    Some((parts.next()?, parts.next()?, sign(parts.next()?)?))
}

fn dpkg(text: &str) -> Vec<(&str, &str, Ordering)> {
    let after = text.split_once("__DATA__\n").map_or("", |(_, after)| after);
    let read = |line| {
        let mut words = str::split_whitespace(line);
        Some((words.next()?, words.next()?, sign(words.next()?)?))
    };

    after.lines().filter_map(read).collect()
}

fn sign(text: &str) -> Option<Ordering> {
    match text {
        "-1" => Some(Ordering::Less),
        "0" => Some(Ordering::Equal),
        "1" => Some(Ordering::Greater),
        _ => None,
    }
}
