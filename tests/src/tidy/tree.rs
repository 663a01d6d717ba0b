//! Reading the tree.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Folders that are not of the tree: built things, and folders whose name begins with a dot.
fn is_foreign(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("target") || name == "vonggac-demo" || name == "node_modules"
}

/// All files below `dir` whose name ends so, in order, by their path from `root`.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(root: &Path, dir: &str, ending: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![root.join(dir)];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                if !is_foreign(&name) {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(from_root(root, &path));
            }
        }
    }
    found.sort();

    Ok(found)
}

/// Every Rust file of the members.
///
/// # Errors
/// If a folder cannot be read.
pub fn rust_files(root: &Path) -> anyhow::Result<Vec<String>> {
    files(root, "", ".rs")
}

/// The text of a file.
///
/// # Errors
/// If it cannot be read.
pub fn text(root: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("read {path}"))
}

/// The whole tree that this program was built from.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Copies the files of the tree, so that something wrong can be planted in the copy.
///
/// # Errors
/// If a file cannot be copied.
pub fn copy(root: &Path, to: &Path) -> anyhow::Result<()> {
    for path in files(root, "", "")? {
        let target = to.join(&path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::copy(root.join(&path), &target).with_context(|| format!("copy {path}"))?;
    }

    Ok(())
}

fn from_root(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
