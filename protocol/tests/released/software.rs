//! Samples about packages, patches and what a Windows host tells of its updates.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::observation::*;
use vonggac_protocol::package::*;
use vonggac_protocol::patch::{PatchState, PendingUpdate, StaleLibraries, StaleService};
use vonggac_protocol::windows::{MissingUpdate, UpdateSearch, WindowsState};

use super::samples::AT;

/// A patch state with what only Windows has.
pub(super) fn of_windows() -> Kind {
    Kind::PatchState(PatchState {
        lists_at: None,
        last_update: Some(AT),
        pending: Vec::new(),
        pending_count: 0,
        security_count: None,
        reboot_needed: Some(true),
        kernel_running: "10.0.19045.4291".to_owned(),
        kernel_installed: None,
        automatic: None,
        refreshed_at: None,
        upgraded_at: None,
        pro: None,
        kernel_build: None,
        stale: None,
        windows: Some(Box::new(WindowsState {
            build: 19_045,
            revision: Some(4_291),
            product_name: "Windows 10 Pro".to_owned(),
            display_version: Some("22H2".to_owned()),
            edition: Some("Professional".to_owned()),
            installation: Some("Client".to_owned()),
            architecture: "x64".to_owned(),
            service_pack: Some(0),
            installed: Some(vec![5_036_892, 5_037_240]),
            search: Some(UpdateSearch {
                at: AT,
                data_at: Some(AT),
                missing: vec![MissingUpdate {
                    numbers: vec![5_055_518],
                    title: "Bản cập nhật tích lũy".to_owned(),
                    security: Some(true),
                }],
            }),
            components: Some(vec!["Internet Explorer 11".to_owned()]),
        })),
    })
}

/// A package of a language, with all that came later.
pub(super) fn wheel() -> Package {
    Package {
        manager: Manager::Python,
        name: "Django".to_owned(),
        architecture: String::new(),
        version: "4.2.11".to_owned(),
        source: None,
        source_version: None,
        section: None,
        vendor: None,
        licence: Some("BSD-3-Clause".to_owned()),
        licence_basis: LicenceBasis::Metadata,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: None,
        place: Some("/opt".to_owned()),
        copies: Some(2),
    }
}

/// What is told of packages and patches since origins are.
pub(super) fn software_grown() -> Vec<Kind> {
    let package = |package: Package| Package {
        origin: Some("Debian/bookworm-security".to_owned()),
        automatic: Some(true),
        module: Some("nodejs:18".to_owned()),
        ..package
    };
    let stale = StaleLibraries {
        services: vec![StaleService {
            name: "nginx.service".to_owned(),
            processes: 3,
            packages: vec!["libssl3".to_owned()],
        }],
        services_count: 1,
        unreadable: 2,
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "kinds that did not grow stay as they are")]
    let grow = |kind| match kind {
        Kind::PackagesListed(it) => Kind::PackagesListed(PackagesListed {
            packages: it.packages.into_iter().map(package).collect(),
            ..it
        }),
        Kind::PackagesChanged(it) => Kind::PackagesChanged(PackagesChanged {
            added: it.added.into_iter().map(package).collect(),
            ..it
        }),
        Kind::PatchState(it) => Kind::PatchState(PatchState {
            refreshed_at: Some(AT),
            upgraded_at: Some(AT),
            pro: Some(false),
            kernel_build: Some("6.1.124-1".to_owned()),
            stale: Some(stale.clone()),
            ..it
        }),
        other => other,
    };

    software().into_iter().map(grow).collect()
}

pub(super) fn software() -> Vec<Kind> {
    let package = Package {
        manager: Manager::Dpkg,
        name: "libc6".to_owned(),
        architecture: "amd64".to_owned(),
        version: "2.36-9+deb12u9".to_owned(),
        source: Some("glibc".to_owned()),
        source_version: Some("2.36-9+deb12u9".to_owned()),
        section: Some("libs".to_owned()),
        vendor: Some("GNU Libc Maintainers".to_owned()),
        licence: Some("LGPL-2.1-or-later".to_owned()),
        licence_basis: LicenceBasis::CopyrightFile,
        installed_at: Some(AT),
        in_repository: Some(true),
        origin: None,
        automatic: None,
        module: None,
        place: None,
        copies: None,
    };
    let key: PackageKey = package.key();
    vec![
        Kind::PackagesListed(PackagesListed {
            digest: Digest([0x66; 32]),
            part: 1,
            parts: 2,
            packages: vec![package.clone()],
        }),
        Kind::PackagesChanged(PackagesChanged {
            before: Digest([0x66; 32]),
            after: Digest([0x77; 32]),
            added: vec![package],
            removed: vec![key],
        }),
        Kind::PatchState(PatchState {
            lists_at: Some(AT),
            last_update: Some(AT),
            pending: vec![PendingUpdate {
                name: "openssl".to_owned(),
                architecture: "amd64".to_owned(),
                installed: "3.0.15-1".to_owned(),
                candidate: "3.0.16-1".to_owned(),
                security: true,
                origin: "Debian-Security bookworm-security".to_owned(),
                first_seen: AT,
            }],
            pending_count: 1,
            security_count: Some(1),
            reboot_needed: Some(false),
            kernel_running: "6.1.0-28-amd64".to_owned(),
            kernel_installed: Some("6.1.0-29-amd64".to_owned()),
            automatic: Some(true),
            refreshed_at: None,
            upgraded_at: None,
            pro: None,
            kernel_build: None,
            stale: None,
            windows: None,
        }),
    ]
}
