//! Services that still run code of libraries and programs which an update has replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use vonggac_protocol::limits::{STALE_PACKAGES_MAX, STALE_SERVICES_MAX};
use vonggac_protocol::patch::{StaleLibraries, StaleService};

use crate::os::mapped;
use crate::sensor::packages::plain;

/// Where package managers put code; the rest (temporary files, shared memory, what compilers make while they run) comes
/// and goes by itself.
const FOLDERS: [&str; 9] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib32",
    "/usr/libexec",
    "/usr/bin",
    "/usr/sbin",
    "/lib",
    "/lib64",
    "/opt",
];

/// Bytes of one package's list of files.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Packages whose lists are looked through.
const LISTS_MAX: usize = 20_000;

/// What is stale on the running system; `None` where it cannot be told. `root` has the lists of the packages' files.
#[must_use]
pub fn stale(root: &Path, excluded: &[PathBuf]) -> Option<StaleLibraries> {
    let is_excluded = |path: &Path| excluded.iter().any(|excluded| path.starts_with(excluded));
    let seen = mapped::deleted_code(&is_excluded).ok()?;
    let mut services: BTreeMap<String, (u64, BTreeSet<String>)> = BTreeMap::new();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for process in seen.processes {
        let stems: BTreeSet<String> = process.paths.iter().filter_map(|path| stem(path)).collect();
        let (false, Some(name)) = (stems.is_empty(), plain(&process.name)) else { continue };
        wanted.extend(stems.iter().cloned());
        let service = services.entry(name).or_default();
        service.0 += 1;
        service.1.extend(stems);
    }
    let owners = if wanted.is_empty() { BTreeMap::new() } else { owners(root, &wanted) };
    let packages = |stems: &BTreeSet<String>| {
        let found: BTreeSet<&String> = stems.iter().filter_map(|stem| owners.get(stem)).flatten().collect();
        found.into_iter().take(STALE_PACKAGES_MAX).cloned().collect()
    };
    let services_count = u64::try_from(services.len()).unwrap_or(u64::MAX);
    let told = services.iter().take(STALE_SERVICES_MAX).map(|(name, (processes, stems))| StaleService {
        name: name.clone(),
        processes: *processes,
        packages: packages(stems),
    });

    Some(StaleLibraries { services: told.collect(), services_count, unreadable: seen.unreadable })
}

/// What stays the same of a file's name over its versions, without the link that `/lib` is: `/lib/x/libssl` of
/// `/usr/lib/x/libssl.so.3`; `None` where no package manager puts code.
fn stem(path: &Path) -> Option<String> {
    if !FOLDERS.iter().any(|folder| path.starts_with(folder)) {
        return None;
    }
    let text = path.to_str()?;
    let text = text.strip_prefix("/usr").unwrap_or(text);
    // While a package is unpacked, its files bear a mark.
    let text = text.strip_suffix(".dpkg-new").or_else(|| text.strip_suffix(".dpkg-tmp")).unwrap_or(text);
    let (folder, name) = text.rsplit_once('/')?;
    let name = name.split_once(".so").map_or(name, |(name, _)| name);

    // `libpython3.11.so.1.0`, `libc-2.31.so`: the version may stand before the end too.
    Some(format!("{folder}/{}", name.split_once("-2.").map_or(name, |(name, _)| name)))
}

/// The packages of dpkg that own files of these names.
fn owners(root: &Path, wanted: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let folder = root.join("var/lib/dpkg/info");
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in super::lists::names_ending(&folder, ".list", LISTS_MAX) {
        let Ok(file) = File::open(folder.join(&name)) else { continue };
        let package = name.trim_end_matches(".list").split(':').next().unwrap_or_default().to_owned();
        // A line that is no text ends the look at this list only.
        for line in BufReader::new(file.take(LIST_BYTES_MAX)).lines().map_while(Result::ok) {
            if let Some(stem) = stem(Path::new(&line)).filter(|stem| wanted.contains(stem)) {
                owners.entry(stem).or_default().insert(package.clone());
            }
        }
    }

    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_keeps_its_stem_over_versions_and_places() {
        let of = |path: &str| stem(Path::new(path));

        assert_eq!(of("/usr/lib/x86_64-linux-gnu/libssl.so.3"), of("/lib/x86_64-linux-gnu/libssl.so.1.1"));
        assert_eq!(of("/lib/x86_64-linux-gnu/libc-2.31.so"), of("/usr/lib/x86_64-linux-gnu/libc.so.6"));
        assert_eq!(of("/usr/sbin/nginx.dpkg-new"), of("/usr/sbin/nginx"));
        assert_ne!(of("/usr/lib/liba.so"), of("/usr/lib/libb.so"));
        for path in ["/tmp/a.so", "/dev/shm/x", "/memfd:jit", "/usr/library/x.so", "/home/u/lib.so"] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn the_package_of_a_replaced_library_is_found_by_its_new_file() {
        let root = tempfile::tempdir().unwrap();
        let info = root.path().join("var/lib/dpkg/info");
        std::fs::create_dir_all(&info).unwrap();
        std::fs::write(
            info.join("libssl3:amd64.list"),
            "/.\n/usr/lib/x/libssl.so.3\n/usr/lib/x/libcrypto.so.3\n",
        )
        .unwrap();
        std::fs::write(info.join("bash.list"), "/.\n/bin/bash\n").unwrap();
        let wanted = stem(Path::new("/usr/lib/x/libssl.so.3")).unwrap();

        let owners = owners(root.path(), &[wanted.clone()].into());

        assert_eq!(owners, [(wanted, ["libssl3".to_owned()].into())].into());
    }
}
