//! Samples about packages, patches and what a Windows host tells of its updates.

use vonggac_protocol::activation::{
    Activation, ActivatorTrace, ClickToRun, LicenceChannel, LicenceStatus, LicensedFamily, LicensedProduct,
    TraceKind,
};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::observation::*;
use vonggac_protocol::package::*;
use vonggac_protocol::patch::{PatchState, PendingUpdate, StaleLibraries, StaleService};
use vonggac_protocol::posture::{
    AntiMalware, Backup, BackupMeans, Fact, Firewall, Posture, ToldBy, Unknown, Volume, Why,
};
use vonggac_protocol::windows::{
    MissingUpdate, RebootSign, Untold, UpdateSearch, UpdateServer, UpdateSource, WindowsState,
};

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
            reboot: None,
            untold: None,
            server: None,
        })),
    })
}

/// The same with what is told since a Windows agent tells it.
pub(super) fn of_windows_grown() -> Kind {
    let Kind::PatchState(mut state) = of_windows() else { unreachable!("made above") };
    if let Some(windows) = &mut state.windows {
        windows.reboot = Some(vec![RebootSign::Servicing, RebootSign::FileRenames]);
        windows.untold = Some(vec![Untold {
            source: UpdateSource::Search,
            unknown: Unknown { why: Why::Failed, detail: Some("0x8024402C".to_owned()) },
        }]);
        windows.server = Some(UpdateServer::Managed);
    }

    Kind::PatchState(state)
}

/// How a machine is protected: one list of each sort, and one that is not known.
pub(super) fn posture() -> Kind {
    Kind::Posture(Posture {
        anti_malware: Fact::Known(vec![AntiMalware {
            name: "Microsoft Defender Antivirus".to_owned(),
            told_by: ToldBy::SecurityCentre,
            running: Some(true),
            current: Some(false),
            signatures: Some("1.443.12.0".to_owned()),
            signatures_at: Some(AT),
        }]),
        firewall: Fact::Known(vec![Firewall {
            name: "public".to_owned(),
            on: false,
            by_policy: true,
            of_others: false,
        }]),
        volumes: Fact::Unknown(Unknown { why: Why::Refused, detail: Some("0x80041003".to_owned()) }),
        backups: Fact::Known(vec![Backup { means: BackupMeans::ShadowCopy, last_at: Some(AT) }]),
    })
}

/// The same where what was not known is, and what was known is not.
pub(super) fn posture_turned() -> Kind {
    let unknown = |why| Unknown { why, detail: None };

    Kind::Posture(Posture {
        anti_malware: Fact::Unknown(unknown(Why::NoAnswer)),
        firewall: Fact::Unknown(unknown(Why::NotAvailable)),
        volumes: Fact::Known(vec![Volume {
            name: "C:".to_owned(),
            system: true,
            protected: Some(false),
            encrypted: Some(true),
        }]),
        backups: Fact::Unknown(unknown(Why::Failed)),
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
        install_source: None,
        users: None,
    }
}

/// A program of Windows.
pub(super) fn program() -> Kind {
    let zalo = Package {
        manager: Manager::WindowsUninstall,
        name: "Zalo 24.9.2".to_owned(),
        architecture: "x64".to_owned(),
        version: "24.9.2".to_owned(),
        vendor: Some("VNG Corp.".to_owned()),
        licence: None,
        licence_basis: LicenceBasis::Unknown,
        installed_at: Some(AT),
        automatic: Some(false),
        place: None,
        copies: None,
        install_source: Some("C:\\Users\\*\\Downloads".to_owned()),
        users: Some(2),
        ..wheel()
    };

    Kind::PackagesChanged(PackagesChanged {
        before: Digest([0x77; 32]),
        after: Digest([0x78; 32]),
        removed: vec![zalo.key()],
        added: vec![zalo],
    })
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
        install_source: None,
        users: None,
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

/// How products are activated, every field filled.
pub(super) fn activation() -> Kind {
    Kind::Activation(Activation {
        products: Fact::Known(vec![LicensedProduct {
            family: LicensedFamily::Windows,
            name: "Windows(R), Professional edition".to_owned(),
            status: LicenceStatus::Notification,
            channel: LicenceChannel::VolumeKms,
            grace_minutes: Some(1_440),
            ends_at: Some(AT),
            server: Some("127.0.0.2".to_owned()),
            reason: Some(0xC004_F056),
        }]),
        office: Some(ClickToRun {
            products: vec!["ProPlus2021Volume".to_owned()],
            version: "16.0.14332.20763".to_owned(),
            architecture: "x64".to_owned(),
            channel: Some("PerpetualVL2021".to_owned()),
        }),
        traces: vec![ActivatorTrace {
            id: "kms-tool".to_owned(),
            kind: TraceKind::Task,
            found: "AutoKMS".to_owned(),
        }],
    })
}

/// The same where the licensing service says nothing.
pub(super) fn activation_unknown() -> Kind {
    let unknown = Unknown { why: Why::NotAvailable, detail: None };

    Kind::Activation(Activation { products: Fact::Unknown(unknown), office: None, traces: Vec::new() })
}
