//! Who may depend on whom, and why.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;

use super::tree;

/// What a pure crate may not depend on: the runtime, the network, the system, a database, randomness.
const IMPURE: [&str; 20] = [
    "tokio",
    "tokio-util",
    "tokio-stream",
    "quinn",
    "rustls",
    "rcgen",
    "notify",
    "sysinfo",
    "rustix",
    "rusqlite",
    "axum",
    "axum-server",
    "tower",
    "tower-http",
    "hyper",
    "reqwest",
    "getrandom",
    "rand",
    "tracing-subscriber",
    "clap",
];

/// Each member and the members that it may depend on.
const MAY: [(&str, &[&str]); 9] = [
    ("sha256", &[]),
    ("protocol", &[]),
    ("rules", &["vonggac-protocol"]),
    ("advisory", &["vonggac-protocol"]),
    ("carrier", &["vonggac-protocol"]),
    ("agent", &["vonggac-protocol", "vonggac-carrier", "vonggac-sha256"]),
    ("collector", &["vonggac-protocol", "vonggac-carrier", "vonggac-rules", "vonggac-advisory"]),
    ("deploy/demo", &["vonggac-protocol", "vonggac-rules", "vonggac-agent", "vonggac-collector"]),
    (
        "tests",
        &[
            "vonggac-sha256",
            "vonggac-protocol",
            "vonggac-rules",
            "vonggac-advisory",
            "vonggac-carrier",
            "vonggac-agent",
            "vonggac-collector",
            "vonggac-demo",
        ],
    ),
];

fn manifest(root: &Path, member: &str) -> anyhow::Result<toml::Table> {
    let path = if member.is_empty() { "Cargo.toml".to_owned() } else { format!("{member}/Cargo.toml") };

    tree::text(root, &path)?.parse().with_context(|| format!("read {path}"))
}

/// Names in every table of dependencies, those of one system and of tests included if asked for.
fn dependencies(manifest: &toml::Table, with_tests: bool) -> BTreeSet<String> {
    let tables: &[&str] = if with_tests {
        &["dependencies", "build-dependencies", "dev-dependencies"]
    } else {
        &["dependencies", "build-dependencies"]
    };
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let places = std::iter::once(manifest)
        .chain(targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table));
    let mut names = BTreeSet::new();
    for place in places {
        for table in tables {
            for (name, value) in place.get(*table).and_then(toml::Value::as_table).into_iter().flatten() {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                names.insert(renamed.unwrap_or(name).to_owned());
            }
        }
    }

    names
}

/// `sha256`, `protocol`, `rules` and `advisory` depend on nothing that has a clock, a network, a disk or chance in it.
///
/// # Errors
/// If a manifest cannot be read.
pub fn pure_crates(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for member in ["sha256", "protocol", "rules", "advisory"] {
        let found = dependencies(&manifest(root, member)?, false);
        faults.extend(
            found
                .iter()
                .filter(|name| IMPURE.contains(&name.as_str()))
                .map(|name| format!("{member}/Cargo.toml depends on {name}")),
        );
    }

    Ok(faults)
}

/// `protocol <- rules and advisory <- collector`, `protocol <- carrier <- agent and collector`, `sha256 <- agent`, and nobody on `demo` or `tests`.
///
/// # Errors
/// If a manifest cannot be read.
pub fn dependency_rule(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    let members = manifest(root, "")?;
    let listed =
        members.get("workspace").and_then(|table| table.get("members")).and_then(toml::Value::as_array);
    for member in listed.into_iter().flatten().filter_map(toml::Value::as_str) {
        let Some((_, may)) = MAY.iter().find(|(name, _)| *name == member) else {
            faults.push(format!("{member} is a member that no rule speaks of"));
            continue;
        };
        faults.extend(
            dependencies(&manifest(root, member)?, true)
                .iter()
                .filter(|name| name.starts_with("vonggac-") && !may.contains(&name.as_str()))
                .map(|name| format!("{member}/Cargo.toml depends on {name}")),
        );
    }

    Ok(faults)
}

/// Every dependency of the workspace stands below a comment that says why; neighbours may share one.
///
/// # Errors
/// If the manifest cannot be read.
pub fn reasons(root: &Path) -> anyhow::Result<Vec<String>> {
    let text = tree::text(root, "Cargo.toml")?;
    let section = text
        .split_once("[workspace.dependencies]")
        .and_then(|(_, rest)| rest.split("\n[").next())
        .context("Cargo.toml has no [workspace.dependencies]")?;
    let mut faults = Vec::new();
    let mut reason = false;
    for line in section.lines() {
        match line.split_once('=') {
            _ if line.trim().is_empty() || line.starts_with("# ---") => reason = false,
            _ if line.starts_with('#') => reason = true,
            Some((name, _)) if !reason && !name.starts_with("vonggac-") => {
                faults.push(format!("Cargo.toml: {} has no reason above it", name.trim()));
            }
            Some(_) | None => {}
        }
    }

    Ok(faults)
}

/// Every member inherits the lints of the workspace.
///
/// # Errors
/// If a manifest cannot be read.
pub fn lints_used(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (member, _) in MAY {
        let manifest = manifest(root, member)?;
        let used = manifest.get("lints").and_then(|lints| lints.get("workspace"))
            == Some(&toml::Value::Boolean(true));
        if !used {
            faults.push(format!("{member}/Cargo.toml does not use the workspace's lints"));
        }
    }

    Ok(faults)
}
