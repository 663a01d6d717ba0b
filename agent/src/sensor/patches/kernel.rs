//! Kernels installed, in the form `uname -r` gives the running one.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;

use vonggac_protocol::package::{Manager, Package};

use super::state::Running;

/// Names of packages that carry a kernel image, up to the release that ends them.
const DPKG_STARTS: [&str; 5] =
    ["linux-image-unsigned-", "linux-image-", "proxmox-kernel-", "pve-kernel-", "linux-image-extra-"];

/// Names of rpm packages whose version and architecture are the release of their kernel image.
const RPM_NAMES: [&str; 4] = ["kernel-core", "kernel-uek-core", "kernel-uek", "kernel"];

/// What is known of the kernels of a host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kernels {
    /// The newest one installed.
    pub(super) newest: Option<String>,
    /// Whether the running one is older than that; `None` if the running one is not among those installed here, as in
    /// a container or a machine that boots a kernel from outside.
    pub(super) outdated: Option<bool>,
}

/// Compares the running kernel with those that the packages, or else `/boot`, hold.
pub(super) fn read(root: &Path, packages: &BTreeSet<Package>, kernel: &Running) -> Kernels {
    let running = kernel.release.as_str();
    let mut releases: BTreeSet<String> = packages.iter().filter_map(release).collect();
    if releases.is_empty() {
        let names = super::lists::file_names(&root.join("boot"));
        let is_release = |name: &&str| name.starts_with(|c: char| c.is_ascii_digit());
        releases = names
            .iter()
            .filter_map(|name| name.strip_prefix("vmlinuz-").filter(is_release).map(str::to_owned))
            .collect();
    }
    let rpm = packages.iter().any(|package| package.manager == Manager::Rpm);
    let order = |a: &str, b: &str| {
        if rpm { rpm_version::rpm_evr_compare(a, b) } else { super::order::compare(a, b) }
    };
    // Flavours such as `cloud-amd64` live side by side: only a kernel of the same flavour replaces the running one.
    let newest = |same_flavour: bool| {
        let alike = |release: &&String| !same_flavour || flavour(release, rpm) == flavour(running, rpm);
        releases.iter().filter(alike).max_by(|a, b| order(a, b)).cloned()
    };
    let newest = newest(true).or_else(|| newest(false));
    let outdated = match &newest {
        Some(newest) if releases.contains(running) => {
            Some(order(newest, running) == Ordering::Greater || is_rebuilt(packages, kernel))
        }
        Some(_) | None => None,
    };

    Kernels { newest, outdated }
}

/// Whether the installed kernel of the very release that runs was built later: its package is newer than the one that the
/// running kernel says it was built as.
fn is_rebuilt(packages: &BTreeSet<Package>, running: &Running) -> bool {
    let Some(build) = &running.build else { return false };
    let is_same = |package: &&Package| release(package).as_deref() == Some(running.release.as_str());
    let newer = |package: &Package| super::order::compare(&package.version, build) == Ordering::Greater;

    packages.iter().filter(|package| package.manager == Manager::Dpkg).filter(is_same).any(newer)
}

/// The release of the kernel that a package carries, if it carries one.
fn release(package: &Package) -> Option<String> {
    match package.manager {
        Manager::Dpkg => {
            let release = DPKG_STARTS.iter().find_map(|start| package.name.strip_prefix(start))?;
            let release = release.strip_suffix("-signed").unwrap_or(release);
            let numbered = release.starts_with(|c: char| c.is_ascii_digit()) && release.contains('.');
            // `linux-image-6.1` and the like are names of metapackages only in part: a release has a third number.
            let whole = release.split('.').count() >= 3;
            let debug = release.ends_with("-dbg") || release.ends_with("-dbgsym");

            (numbered && whole && !debug).then(|| release.to_owned())
        }
        Manager::Rpm => {
            let version =
                package.version.split_once(':').map_or(package.version.as_str(), |(_, version)| version);
            match package.name.as_str() {
                "kernel-default" => version.rsplit_once('.').map(|(release, _)| format!("{release}-default")),
                "kernel-rt-core" => Some(format!("{version}.{}+rt", package.architecture)),
                "kernel-64k-core" => Some(format!("{version}.{}+64k", package.architecture)),
                name if RPM_NAMES.contains(&name) => Some(format!("{version}.{}", package.architecture)),
                _ => None,
            }
        }
        Manager::WindowsUninstall
        | Manager::WindowsAppx
        | Manager::Apk
        | Manager::Python
        | Manager::Npm
        | Manager::Jar
        | Manager::Snap
        | Manager::Flatpak => None,
    }
}

/// What ends a release after its numbers, such as `cloud-amd64`, or `64k` in `….el9_6.aarch64+64k`.
fn flavour(release: &str, rpm: bool) -> &str {
    let start = release.find(|c: char| if rpm { c == '+' } else { c.is_ascii_alphabetic() });

    start.map_or("", |start| &release[start..])
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::package::LicenceBasis;

    use super::*;

    fn packages(manager: Manager, names: &[(&str, &str)]) -> BTreeSet<Package> {
        let package = |(name, version): &(&str, &str)| Package {
            manager,
            name: (*name).to_owned(),
            architecture: "x86_64".to_owned(),
            version: (*version).to_owned(),
            source: None,
            source_version: None,
            section: None,
            vendor: None,
            licence: None,
            licence_basis: LicenceBasis::Unknown,
            installed_at: None,
            in_repository: None,
            origin: None,
            automatic: None,
            module: None,
            place: None,
            copies: None,
            install_source: None,
            users: None,
        };

        names.iter().map(package).collect()
    }

    fn running(release: &str) -> Running {
        Running { release: release.to_owned(), build: None }
    }

    #[test]
    fn a_kernel_built_anew_under_the_same_release_makes_the_running_one_outdated() {
        let root = tempfile::tempdir().unwrap();
        let installed = packages(Manager::Dpkg, &[("linux-image-6.1.0-40-amd64", "6.1.153-1")]);
        let outdated = |build: &str| {
            let kernel = Running { build: Some(build.to_owned()), ..running("6.1.0-40-amd64") };
            read(root.path(), &installed, &kernel).outdated
        };

        assert_eq!([outdated("6.1.148-1"), outdated("6.1.153-1")], [Some(true), Some(false)]);
    }

    #[test]
    fn a_newer_installed_kernel_makes_the_running_one_outdated() {
        let root = tempfile::tempdir().unwrap();
        let installed = packages(
            Manager::Dpkg,
            &[
                ("linux-image-6.1.0-9-amd64", "6.1.27-1"),
                ("linux-image-6.1.0-40-amd64", "6.1.153-1"),
                ("linux-image-6.1.0-41-amd64-dbg", "6.1.158-1"),
                ("linux-image-amd64", "6.1.153-1"),
            ],
        );

        let old = read(root.path(), &installed, &running("6.1.0-9-amd64"));
        let new = read(root.path(), &installed, &running("6.1.0-40-amd64"));

        assert_eq!(old, Kernels { newest: Some("6.1.0-40-amd64".into()), outdated: Some(true) });
        assert_eq!(new.outdated, Some(false));
    }

    #[test]
    fn another_flavour_does_not_replace_the_running_kernel() {
        let root = tempfile::tempdir().unwrap();
        let installed = packages(
            Manager::Dpkg,
            &[("linux-image-6.1.0-40-cloud-amd64", "1"), ("linux-image-6.1.0-41-amd64", "1")],
        );

        let kernels = read(root.path(), &installed, &running("6.1.0-40-cloud-amd64"));

        assert_eq!(kernels, Kernels { newest: Some("6.1.0-40-cloud-amd64".into()), outdated: Some(false) });
    }

    #[test]
    fn a_kernel_from_outside_cannot_be_compared() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("boot")).unwrap();
        std::fs::write(root.path().join("boot/vmlinuz-5.10.0-30-amd64"), "").unwrap();

        let kernels = read(root.path(), &BTreeSet::new(), &running("6.18.44-fc"));

        assert_eq!(kernels, Kernels { newest: Some("5.10.0-30-amd64".into()), outdated: None });
    }

    #[test]
    fn kernels_of_rpm_systems_are_written_as_uname_writes_them() {
        let root = tempfile::tempdir().unwrap();
        let installed = packages(
            Manager::Rpm,
            &[("kernel-core", "5.14.0-503.11.1.el9_5"), ("kernel-core", "5.14.0-570.1.1.el9_6")],
        );

        let kernels = read(root.path(), &installed, &running("5.14.0-503.11.1.el9_5.x86_64"));

        assert_eq!(kernels.newest.as_deref(), Some("5.14.0-570.1.1.el9_6.x86_64"));
        assert_eq!(kernels.outdated, Some(true));
    }
}
