//! A host's packages, patches and description as one flat event of the category `host_state`.
//!
//! What is not known is absent: an unknown figure must not look like zero.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use vonggac_protocol::activation::Activation;
use vonggac_protocol::host::HostDescribed;
use vonggac_protocol::package::Package;
use vonggac_protocol::patch::PatchState;
use vonggac_protocol::posture::Posture;
use vonggac_protocol::time::Timestamp;

use crate::catalogue::Catalogue;
use crate::flatten::Event;
use crate::software::SoftwareState;
use crate::support::SupportTable;

/// Names of packages with security updates that the event lists; the rest is counted.
const NAMES_MAX: usize = 20;

const DAY_SECS: u64 = 86_400;

/// The newest that is known of a host; what never arrived is `None`.
#[derive(Clone, Debug, Default)]
pub struct HostState<'a> {
    /// Its description.
    pub described: Option<&'a HostDescribed>,
    /// Its patch state.
    pub patches: Option<&'a PatchState>,
    /// Its whole inventory of packages.
    pub packages: Option<&'a [Package]>,
    /// How it is protected.
    pub posture: Option<&'a Posture>,
    /// How its products are activated.
    pub activation: Option<&'a Activation>,
}

impl HostState<'_> {
    /// The event. `entitled` are the products for which the host's agency has an entitlement on record.
    #[must_use]
    pub fn event(
        &self,
        catalogue: &Catalogue,
        support: &SupportTable,
        entitled: &BTreeSet<String>,
        now: Timestamp,
    ) -> Event {
        let mut event = Event::new();
        if let Some(described) = self.described {
            describe(&mut event, described, support, now);
        }
        if let Some(patches) = self.patches {
            let booted_at = self.described.map(|described| described.booted_at);
            patch(&mut event, patches, booted_at, now);
        }
        if let Some(packages) = self.packages {
            software(&mut event, &SoftwareState::of(packages, catalogue, entitled));
            origins(&mut event, packages);
        }
        if let Some(posture) = self.posture {
            crate::posture::put(&mut event, posture, now);
        }
        if let Some(activation) = self.activation {
            crate::activation::put(&mut event, activation);
        }

        event
    }
}

fn put(event: &mut Event, name: &str, value: impl Into<Value>) {
    event.insert(name.to_owned(), value.into());
}

fn put_some(event: &mut Event, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(event, name, value);
    }
}

/// A list, left out while it is empty, so that rules can ask whether it exists.
fn put_list(event: &mut Event, name: &str, items: Vec<String>) {
    if !items.is_empty() {
        put(event, name, items);
    }
}

fn days(span: Duration) -> u64 {
    span.as_secs() / DAY_SECS
}

fn describe(event: &mut Event, described: &HostDescribed, support: &SupportTable, now: Timestamp) {
    put(event, "os_family", described.os_family.clone());
    put(event, "os_id", described.os_id.clone());
    put(event, "os_version", described.os_version.clone());
    put(event, "os_name", described.os_name.clone());
    let Some(end) = support.of_host(described) else {
        put(event, "support_known", false);
        return;
    };
    let until = end.free_until();
    put(event, "support_known", true);
    put(event, "support_name", end.name.clone());
    put(event, "support_until", until.to_string());
    let today = jiff::Timestamp::from_millisecond(now.0)
        .map(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).date());
    if let Ok(today) = today {
        let left = (until - today).get_days();
        put(event, "support_days_left", left);
        put(event, "support_ended", left < 0);
    }
}

fn patch(event: &mut Event, patches: &PatchState, booted_at: Option<Timestamp>, now: Timestamp) {
    put(event, "lists_known", patches.lists_at.is_some());
    put_some(event, "lists_age_days", patches.lists_at.map(|at| days(now.since(at))));
    put_some(event, "last_update_days", patches.last_update.map(|at| days(now.since(at))));
    put_some(event, "refreshed_days", patches.refreshed_at.map(|at| days(now.since(at))));
    put_some(event, "upgraded_days", patches.upgraded_at.map(|at| days(now.since(at))));
    put_some(event, "automatic", patches.automatic);
    put_some(event, "pro", patches.pro);
    if let Some(stale) = &patches.stale {
        let names = stale.services.iter().take(NAMES_MAX).map(|service| service.name.clone());
        put_list(event, "stale_services", names.collect());
        put(event, "stale_services_count", stale.services_count);
        put(event, "stale_unreadable", stale.unreadable);
    }
    if patches.lists_at.is_some() {
        put(event, "pending", patches.pending_count);
        put_some(event, "security_pending", patches.security_count);
    }
    let security: Vec<_> = patches.pending.iter().filter(|update| update.security).collect();
    let oldest = security.iter().map(|update| update.first_seen).min();
    put_some(event, "oldest_security_days", oldest.map(|at| days(now.since(at))));
    let names: BTreeSet<&str> = security.iter().map(|update| update.name.as_str()).collect();
    put_list(event, "security_packages", names.into_iter().take(NAMES_MAX).map(str::to_owned).collect());
    put_some(event, "reboot_needed", patches.reboot_needed);
    if patches.reboot_needed == Some(true) {
        // Nothing tells when the restart was asked for; it was no later than the last update, if that came after
        // the last start.
        let asked_by = patches.last_update.filter(|at| booted_at.is_none_or(|booted| *at > booted));
        put(event, "reboot_days", asked_by.map_or(0, |at| days(now.since(at))));
    }
    put(event, "kernel_running", patches.kernel_running.clone());
    if let Some(installed) = &patches.kernel_installed {
        put(event, "kernel_installed", installed.clone());
        let (running, newest) = (release(&patches.kernel_running), release(installed));
        if !running.is_empty() && !newest.is_empty() {
            put(event, "kernel_behind", running < newest);
        }
    }
}

/// The numbers that a kernel release begins with: `6.1.0-18-cloud-amd64` is 6, 1, 0, 18.
fn release(kernel: &str) -> Vec<u64> {
    kernel.split(['.', '-', '+', '_']).map_while(|part| part.parse().ok()).collect()
}

fn software(event: &mut Event, state: &SoftwareState) {
    let counts = state.packages;
    let known = counts.open_source + counts.free_of_charge + counts.commercial + counts.trial;
    put(event, "packages", known + counts.os_component + counts.activator + counts.unknown);
    put(event, "licence_unknown", counts.unknown);
    put_some(event, "oss_share_percent", state.strict.per_mille().map(tenths));
    let ids = |found: &crate::software::ProductFound| found.id.clone();
    put_list(event, "products", state.products.iter().map(ids).collect());
    put_list(event, "activators", state.activators().map(ids).collect());
    put_list(event, "unlicensed", state.without_entitlement().map(ids).collect());
    put_list(event, "missing_tools", state.missing_tools().map(|tool| tool.tool.clone()).collect());
}

/// Where packages came from, as far as the manager tells.
fn origins(event: &mut Event, packages: &[Package]) {
    let told: Vec<bool> = packages.iter().filter_map(|package| package.in_repository).collect();
    let outside = told.iter().filter(|is_in| !**is_in).count();
    put_some(event, "not_in_repository", (!told.is_empty()).then_some(outside));
    let modules: BTreeSet<&str> = packages.iter().filter_map(|package| package.module.as_deref()).collect();
    put_list(event, "modules", modules.into_iter().take(NAMES_MAX).map(str::to_owned).collect());
}

/// Thousandths as per cent; a whole number where it is one.
fn tenths(per_mille: u64) -> Value {
    let number: f64 = u32::try_from(per_mille).map_or(f64::NAN, f64::from) / 10.0;
    if per_mille.is_multiple_of(10) { (per_mille / 10).into() } else { number.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vonggac_protocol::host::Role;
    use vonggac_protocol::package::{LicenceBasis, Manager};
    use vonggac_protocol::patch::{PendingUpdate, StaleLibraries, StaleService};

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_312_345_678); // 2026-11-22

    fn ago(days: u64) -> Timestamp {
        NOW.minus(Duration::from_secs(days * DAY_SECS + 60))
    }

    fn described() -> HostDescribed {
        HostDescribed {
            name: "may-1".to_owned(),
            role: Role::Workstation,
            os_family: "linux".to_owned(),
            os_id: "debian".to_owned(),
            os_version: "9".to_owned(),
            os_name: "Debian GNU/Linux 9 (stretch)".to_owned(),
            kernel: "4.9.0-19-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
            processor: String::new(),
            processors: 2,
            memory_bytes: 1,
            disk_bytes: 1,
            vendor: String::new(),
            model: String::new(),
            firmware_date: None,
            addresses: Vec::new(),
            booted_at: ago(60),
            virtualisation: None,
            domain: None,
            workgroup: None,
        }
    }

    fn patches() -> PatchState {
        let update = |name: &str, security, days| PendingUpdate {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            installed: "1".to_owned(),
            candidate: "2".to_owned(),
            security,
            origin: String::new(),
            first_seen: ago(days),
        };

        PatchState {
            lists_at: Some(ago(15)),
            last_update: Some(ago(5)),
            pending: vec![update("nginx", true, 31), update("vim", false, 90), update("bash", true, 3)],
            pending_count: 3,
            security_count: Some(2),
            reboot_needed: Some(true),
            kernel_running: "6.1.0-9-amd64".to_owned(),
            kernel_installed: Some("6.1.0-18-amd64".to_owned()),
            automatic: None,
            refreshed_at: Some(ago(2)),
            upgraded_at: Some(ago(4)),
            pro: Some(false),
            kernel_build: None,
            stale: Some(StaleLibraries {
                services: vec![StaleService {
                    name: "nginx.service".to_owned(),
                    processes: 3,
                    packages: vec!["libssl3".to_owned()],
                }],
                services_count: 2,
                unreadable: 5,
            }),
            windows: None,
        }
    }

    fn package(name: &str) -> Package {
        Package {
            manager: Manager::Dpkg,
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            version: "1".to_owned(),
            source: None,
            source_version: None,
            section: Some("utils".to_owned()),
            vendor: None,
            licence: Some("MIT".to_owned()),
            licence_basis: LicenceBasis::CopyrightFile,
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

    fn event(state: &HostState<'_>) -> Event {
        state.event(&Catalogue::embedded(), &SupportTable::embedded(), &BTreeSet::new(), NOW)
    }

    #[test]
    fn days_and_names_come_from_what_was_seen() {
        let (described, patches, packages) = (described(), patches(), [package("a"), package("b")]);
        let state = HostState {
            described: Some(&described),
            patches: Some(&patches),
            packages: Some(&packages),
            posture: None,
            activation: None,
        };

        let event = event(&state);

        for (name, value) in [
            ("security_pending", json!(2)),
            ("oldest_security_days", json!(31)),
            ("security_packages", json!(["bash", "nginx"])),
            ("lists_age_days", json!(15)),
            ("reboot_days", json!(5)),
            ("refreshed_days", json!(2)),
            ("upgraded_days", json!(4)),
            ("pro", json!(false)),
            ("stale_services", json!(["nginx.service"])),
            ("stale_services_count", json!(2)),
            ("stale_unreadable", json!(5)),
            ("kernel_behind", json!(true)),
            ("support_known", json!(true)),
            ("support_ended", json!(true)),
            ("packages", json!(2)),
            ("oss_share_percent", json!(100)),
        ] {
            assert_eq!(event.get(name), Some(&value), "{name}");
        }
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let mut described = described();
        described.os_id = "he-dieu-hanh-la".to_owned();
        let patches = PatchState {
            lists_at: None,
            last_update: None,
            pending: Vec::new(),
            pending_count: 0,
            security_count: None,
            reboot_needed: None,
            kernel_running: "6.1.0-9-amd64".to_owned(),
            kernel_installed: None,
            automatic: None,
            refreshed_at: None,
            upgraded_at: None,
            pro: None,
            kernel_build: None,
            stale: None,
            windows: None,
        };
        let state =
            HostState { described: Some(&described), patches: Some(&patches), ..HostState::default() };

        let event = event(&state);

        assert_eq!(event.get("lists_known"), Some(&json!(false)));
        assert_eq!(event.get("support_known"), Some(&json!(false)));
        for name in [
            "security_pending",
            "pending",
            "kernel_behind",
            "support_ended",
            "packages",
            "reboot_days",
            "refreshed_days",
            "upgraded_days",
            "stale_services",
            "stale_services_count",
            "not_in_repository",
        ] {
            assert_eq!(event.get(name), None, "{name}");
        }
    }

    #[test]
    fn what_no_repository_offers_is_counted_where_it_is_told() {
        let mut packages = [package("a"), package("b"), package("c")];
        packages[0].in_repository = Some(false);
        packages[1].in_repository = Some(true);
        packages[2].module = Some("nodejs:18".to_owned());

        let event = event(&HostState { packages: Some(&packages), ..HostState::default() });

        assert_eq!(event.get("not_in_repository"), Some(&json!(1)));
        assert_eq!(event.get("modules"), Some(&json!(["nodejs:18"])));
    }

    #[test]
    fn every_field_of_the_event_is_declared() {
        let (described, patches, packages) = (described(), patches(), [package("a")]);
        let state = HostState {
            described: Some(&described),
            patches: Some(&patches),
            packages: Some(&packages),
            posture: None,
            activation: None,
        };
        let declared = crate::fields::category(crate::fields::HOST_STATE).unwrap();

        for name in event(&state).keys() {
            assert!(declared.field(name).is_some(), "{name}");
        }
    }

    #[test]
    fn nine_comes_before_eighteen() {
        assert!(release("6.1.0-9-amd64") < release("6.1.0-18-cloud-amd64"));
        assert!(release("unknown").is_empty());
    }
}
