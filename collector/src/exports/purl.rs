//! Package URLs, as purl-spec has them: one name for a package that other programs know too.

use vonggac_protocol::package::{Manager, Package};

/// The system whose packages they are, in its own words: `debian` and `12`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct System {
    /// The `ID` of its release file; empty if it is not known.
    pub id: String,
    /// Its version; empty if it is not known.
    pub version: String,
}

/// The package URL of a package; `None` if it has no name.
#[must_use]
pub fn purl(package: &Package, system: &System) -> Option<String> {
    let Package { manager, name, architecture, version, .. } = package;
    let distro = if system.version.is_empty() {
        system.id.clone()
    } else {
        format!("{}-{}", system.id, system.version)
    };
    let arch = ("arch", architecture.as_str());
    let url = match manager {
        Manager::Dpkg => Url {
            kind: "deb",
            namespace: &lower(&system.id),
            name: &lower(name),
            version,
            qualifiers: &[arch, ("distro", &distro), ("upstream", &upstream(package))],
        }
        .text(),
        Manager::Rpm => {
            let (epoch, rest) = split_epoch(version);
            Url {
                kind: "rpm",
                namespace: &lower(&system.id),
                name,
                version: rest,
                qualifiers: &[arch, ("distro", &distro), ("epoch", epoch), ("upstream", &upstream(package))],
            }
            .text()
        }
        Manager::Apk => Url {
            kind: "apk",
            namespace: &lower(&system.id),
            name: &lower(name),
            version,
            qualifiers: &[arch, ("distro", &distro), ("upstream", &upstream(package))],
        }
        .text(),
        Manager::Python => Url {
            kind: "pypi",
            namespace: "",
            name: &lower(name).replace('_', "-"),
            version,
            qualifiers: &[],
        }
        .text(),
        Manager::Npm => {
            let name = lower(name);
            let (namespace, name) = name.split_once('/').unwrap_or(("", &name));
            Url { kind: "npm", namespace, name, version, qualifiers: &[] }.text()
        }
        Manager::Jar => {
            let (kind, (namespace, name)) = match name.split_once(':') {
                Some(both) => ("maven", both),
                // Without its group it is no name of Maven's.
                None => ("generic", ("", name.as_str())),
            };
            Url { kind, namespace, name, version, qualifiers: &[] }.text()
        }
        Manager::WindowsUninstall | Manager::WindowsAppx | Manager::Snap | Manager::Flatpak => {
            Url { kind: "generic", namespace: "", name, version, qualifiers: &[arch] }.text()
        }
    };

    (!name.is_empty()).then_some(url)
}

/// Source package and version, where they differ from the package's own.
fn upstream(package: &Package) -> String {
    match (&package.source, &package.source_version) {
        (None, None) => String::new(),
        (Some(source), None) => source.clone(),
        (source, Some(version)) => format!("{}@{version}", source.as_ref().unwrap_or(&package.name)),
    }
}

/// The epoch of an RPM version is a qualifier; none, or 0, is left out.
fn split_epoch(version: &str) -> (&str, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
            (if epoch == "0" { "" } else { epoch }, rest)
        }
        Some(_) | None => ("", version),
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// The parts of a package URL; empty ones are left out.
struct Url<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    version: &'a str,
    /// In order of their keys.
    qualifiers: &'a [(&'a str, &'a str)],
}

impl Url<'_> {
    fn text(&self) -> String {
        let mut text = format!("pkg:{}/", self.kind);
        for part in self.namespace.split('/').filter(|part| !part.is_empty()) {
            text.push_str(&encoded(part));
            text.push('/');
        }
        text.push_str(&encoded(self.name));
        if !self.version.is_empty() {
            text.push('@');
            text.push_str(&encoded(self.version));
        }
        let mut mark = '?';
        for (key, value) in self.qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
            text.push(mark);
            text.push_str(key);
            text.push('=');
            text.push_str(&encoded(value));
            mark = '&';
        }

        text
    }
}

/// Everything but letters, digits, `.-_~` and the colon is written as `%XX`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }

    out
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::package::LicenceBasis;

    use super::*;

    fn package(manager: Manager, name: &str, architecture: &str, version: &str) -> Package {
        Package {
            manager,
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: version.to_owned(),
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
        }
    }

    fn system(id: &str, version: &str) -> System {
        System { id: id.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn packages_have_the_urls_that_the_specification_gives_them() {
        let cases = [
            (
                package(Manager::Dpkg, "curl", "i386", "7.50.3-1"),
                system("debian", "8"),
                "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=debian-8",
            ),
            (
                package(Manager::Dpkg, "attr", "amd64", "1:2.4.47-2+b1"),
                system("debian", ""),
                "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64&distro=debian",
            ),
            (
                package(Manager::Rpm, "centerim", "i686", "1:4.22.10-1.el6"),
                system("fedora", "25"),
                "pkg:rpm/fedora/centerim@4.22.10-1.el6?arch=i686&distro=fedora-25&epoch=1",
            ),
            (
                package(Manager::Rpm, "Perl-Foo", "noarch", "0:1.0~rc1^git-2"),
                system("almalinux", "9.4"),
                "pkg:rpm/almalinux/Perl-Foo@1.0~rc1%5Egit-2?arch=noarch&distro=almalinux-9.4",
            ),
            (
                package(Manager::WindowsUninstall, "Bộ gõ / UniKey", "", "4.3"),
                system("windows", "10"),
                "pkg:generic/B%E1%BB%99%20g%C3%B5%20%2F%20UniKey@4.3",
            ),
        ];

        for (package, system, url) in cases {
            assert_eq!(purl(&package, &system).as_deref(), Some(url));
        }
    }

    #[test]
    fn a_source_of_another_name_or_version_is_told() {
        let mut package = package(Manager::Dpkg, "libssl3", "amd64", "3.0.17-1");
        package.source = Some("openssl".to_owned());
        let of_name = purl(&package, &system("debian", "12")).unwrap();
        package.source = None;
        package.source_version = Some("3.0.17-1~x".to_owned());
        let of_version = purl(&package, &system("debian", "12")).unwrap();

        assert!(of_name.ends_with("&upstream=openssl"), "{of_name}");
        assert!(of_version.ends_with("&upstream=libssl3%403.0.17-1~x"), "{of_version}");
    }

    #[test]
    fn a_package_without_a_name_has_none() {
        assert_eq!(purl(&package(Manager::Dpkg, "", "", "1"), &System::default()), None);
    }
}
