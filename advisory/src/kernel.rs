//! Kernels: of all packages built from a kernel's source only an image can be attacked, and only while it runs.

use vonggac_protocol::package::{Manager, Package};

use crate::ecosystem::Ecosystem;

/// What a package has to do with the kernel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kernel {
    /// Nothing.
    None,
    /// Carries the image of this release, as `uname -r` gives it.
    Image(Box<str>),
    /// Comes from a kernel's source and carries no image: headers, tools, documentation, a name for the newest.
    Companion,
}

/// Names of Debian and Ubuntu packages that carry an image, up to its release; the longer before the shorter.
const DEB_IMAGES: [&str; 3] = ["linux-image-unsigned-", "linux-image-uc-", "linux-image-"];

/// Names of rpm packages that carry an image, and what follows the architecture in its release.
const RPM_IMAGES: [(&str, &str); 6] = [
    ("kernel-core", ""),
    ("kernel-rt-core", "+rt"),
    ("kernel-64k-core", "+64k"),
    ("kernel-debug-core", "+debug"),
    ("kernel-uek-core", ""),
    ("kernel-uek", ""),
];

/// Names of rpm packages that come from the kernel's source and do not start with `kernel-`.
const RPM_COMPANIONS: [&str; 6] = ["perf", "python3-perf", "bpftool", "rtla", "rv", "libperf"];

/// What this package has to do with the kernel.
#[must_use]
pub fn kernel(package: &Package) -> Kernel {
    match package.manager {
        Manager::Dpkg => deb(package),
        Manager::Rpm => rpm(package),
        Manager::WindowsUninstall
        | Manager::WindowsAppx
        | Manager::Apk
        | Manager::Python
        | Manager::Npm
        | Manager::Jar
        | Manager::Snap
        | Manager::Flatpak => Kernel::None,
    }
}

fn deb(package: &Package) -> Kernel {
    let source = package.source.as_deref().unwrap_or(&package.name);
    if !is_kernel_source(source) {
        return Kernel::None;
    }
    let release = DEB_IMAGES.iter().find_map(|start| package.name.strip_prefix(start));
    match release {
        // A release has three numbers; `linux-image-amd64` and `linux-image-6.1` only name the newest.
        Some(release)
            if release.starts_with(|c: char| c.is_ascii_digit())
                && release.split('.').count() >= 3
                && !release.ends_with("-dbg")
                && !release.ends_with("-dbgsym") =>
        {
            Kernel::Image(release.into())
        }
        Some(_) | None => Kernel::Companion,
    }
}

/// `linux`, `linux-hwe-6.5`, `linux-signed-amd64`, `linux-meta`; not `linux-firmware`, whose advisories are its own.
fn is_kernel_source(source: &str) -> bool {
    const OTHERS: [&str; 6] =
        ["linux-firmware", "linux-base", "linux-atm", "linux-ftpd", "linux-sound-base", "linux-show-player"];
    (source == "linux" || source.starts_with("linux-")) && !OTHERS.contains(&source)
}

fn rpm(package: &Package) -> Kernel {
    let name = package.name.as_str();
    let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, version)| version);
    let release = |suffix: &str| Kernel::Image(format!("{version}.{}{suffix}", package.architecture).into());
    if let Some((_, suffix)) = RPM_IMAGES.iter().find(|(image, _)| *image == name) {
        return release(suffix);
    }
    match name {
        // Until release 7 this one carries the image; since 8 it only names the others.
        "kernel" if is_old(version) => release(""),
        "kernel" => Kernel::Companion,
        _ if name.starts_with("kernel-") && !name.starts_with("kernel-srpm-macros") => Kernel::Companion,
        _ if RPM_COMPANIONS.contains(&name) => Kernel::Companion,
        _ => Kernel::None,
    }
}

fn is_old(version: &str) -> bool {
    version.starts_with("2.") || version.starts_with("3.")
}

/// The source and its version that advisories speak of: what signs an image is not the source it was built from, and
/// counts its versions otherwise, so the image's own version stands for it.
#[must_use]
pub fn source_of<'a>(package: &'a Package, ecosystem: &Ecosystem) -> (std::borrow::Cow<'a, str>, &'a str) {
    let source = package.source.as_deref().unwrap_or(&package.name);
    let version = package.source_version.as_deref().unwrap_or(&package.version);
    let signed = match ecosystem {
        // linux-signed-amd64
        Ecosystem::Debian(_) => source.strip_prefix("linux-signed-").map(|_| "linux".into()),
        // linux-signed, linux-signed-hwe-6.5
        Ecosystem::Ubuntu(..) => {
            source.strip_prefix("linux-signed").map(|rest| format!("linux{rest}").into())
        }
        Ecosystem::AlmaLinux(_)
        | Ecosystem::RockyLinux(_)
        | Ecosystem::RedHat(_)
        | Ecosystem::Alpine(..)
        | Ecosystem::Windows(_)
        | Ecosystem::Npm
        | Ecosystem::PyPI
        | Ecosystem::CratesIo
        | Ecosystem::Go => None,
    };

    match signed {
        Some(source) => (source, package.version.as_str()),
        None => (source.into(), version),
    }
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::package::LicenceBasis;

    use super::*;

    fn package(manager: Manager, name: &str, version: &str, source: &str) -> Package {
        Package {
            manager,
            name: name.to_owned(),
            architecture: if manager == Manager::Rpm { "x86_64" } else { "amd64" }.to_owned(),
            version: version.to_owned(),
            source: (source != name).then(|| source.to_owned()),
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
        }
    }

    #[test]
    fn only_an_image_is_a_kernel() {
        let deb = |name, source| kernel(&package(Manager::Dpkg, name, "6.1.76-1", source));
        assert_eq!(
            deb("linux-image-6.1.0-18-amd64", "linux-signed-amd64"),
            Kernel::Image("6.1.0-18-amd64".into())
        );
        assert_eq!(deb("linux-image-amd64", "linux-signed-amd64"), Kernel::Companion);
        assert_eq!(deb("linux-libc-dev", "linux"), Kernel::Companion);
        assert_eq!(deb("linux-headers-6.1.0-18-common", "linux"), Kernel::Companion);
        assert_eq!(deb("linux-firmware", "linux-firmware"), Kernel::None);
        let rpm = |name, version| kernel(&package(Manager::Rpm, name, version, "kernel"));
        assert_eq!(rpm("kernel-core", "5.14.0-70.el9"), Kernel::Image("5.14.0-70.el9.x86_64".into()));
        assert_eq!(rpm("kernel", "5.14.0-70.el9"), Kernel::Companion);
        assert_eq!(rpm("kernel", "3.10.0-1160.el7"), Kernel::Image("3.10.0-1160.el7.x86_64".into()));
        assert_eq!(rpm("perf", "5.14.0-70.el9"), Kernel::Companion);
        assert_eq!(rpm("bash", "5.1.8-6.el9"), Kernel::None);
    }

    #[test]
    fn a_signed_image_is_judged_as_the_source_it_was_built_from() {
        let mut image =
            package(Manager::Dpkg, "linux-image-6.1.0-18-amd64", "6.1.76-1", "linux-signed-amd64");
        image.source_version = Some("6.1.76+1".to_owned());
        assert_eq!(source_of(&image, &Ecosystem::Debian(12)), ("linux".into(), "6.1.76-1"));
        let image = package(
            Manager::Dpkg,
            "linux-image-6.5.0-14-generic",
            "6.5.0-14.14~22.04.1",
            "linux-signed-hwe-6.5",
        );
        let ubuntu = "Ubuntu:22.04:LTS".parse().unwrap();
        assert_eq!(source_of(&image, &ubuntu), ("linux-hwe-6.5".into(), "6.5.0-14.14~22.04.1"));
    }
}
