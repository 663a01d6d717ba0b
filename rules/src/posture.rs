//! How a host is protected, as fields that rules can ask for. What is not known is absent: it must not look like "off".

use std::time::Duration;

use serde_json::Value;
use vonggac_protocol::posture::{AntiMalware, Backup, BackupMeans, Firewall, Posture, ToldBy, Volume};
use vonggac_protocol::time::Timestamp;

use crate::flatten::Event;

const DAY_SECS: u64 = 86_400;

/// Puts the fields of a posture into an event; ages are those at `now`.
pub(crate) fn put(event: &mut Event, posture: &Posture, now: Timestamp) {
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            event.insert(name.to_owned(), value);
        }
    };
    let products = posture.anti_malware.known();
    put("malware_known", products.is_some().into());
    if let Some(products) = products {
        put("malware_products", names(products.iter().map(|it| &it.name)));
        put("malware_running", is_running(products).into());
        put("signatures_current", current(products).into());
        put("signatures_age_days", newest(products).map(|at| days(now.since(at))).into());
    }
    let firewall = posture.firewall.known();
    put("firewall_known", firewall.is_some().into());
    if let Some(firewall) = firewall {
        let off = firewall_off(firewall);
        put("firewall_on", (off.is_empty() && firewall.iter().any(|it| it.on)).into());
        put("firewall_off", names(off.into_iter()));
    }
    let volumes = posture.volumes.known();
    put("volumes_known", volumes.is_some().into());
    if let Some(volumes) = volumes {
        let open = |volume: &&Volume| volume.protected == Some(false);
        let system = volumes.iter().find(|volume| volume.system).and_then(|volume| volume.protected);
        put("system_volume_protected", system.into());
        put("volumes_unprotected", names(volumes.iter().filter(open).map(|it| &it.name)));
    }
    let backups = posture.backups.known();
    put("backup_known", backups.is_some().into());
    if let Some(backups) = backups {
        let real: Vec<_> = backups.iter().filter(|it| is_apart(it)).collect();
        let last = real.iter().filter_map(|it| it.last_at).max();
        put("backup_found", (!real.is_empty()).into());
        put("backup_age_days", last.map(|at| days(now.since(at))).into());
    }
}

fn days(span: Duration) -> u64 {
    span.as_secs() / DAY_SECS
}

/// A list, left out while it is empty, so that rules can ask whether it exists.
fn names<'a>(names: impl Iterator<Item = &'a String>) -> Value {
    let names: Vec<Value> = names.map(|name| name.clone().into()).collect();

    if names.is_empty() { Value::Null } else { names.into() }
}

/// Whether any product watches; `None` if none is known to, and of some it is not told. Where there is no security
/// centre, Defender speaks for itself alone: that it is off does not say that nothing else is on.
fn is_running(products: &[AntiMalware]) -> Option<bool> {
    let told = |wanted| products.iter().any(|it| it.running == wanted);
    let of_itself = |it: &AntiMalware| it.told_by == ToldBy::Defender;
    if told(Some(true)) {
        return Some(true);
    }
    let is_whole = products.is_empty() || !products.iter().all(of_itself);

    (is_whole && !told(None)).then_some(false)
}

/// The products whose signatures count: those that watch, else those of which it is not told.
fn that_count(products: &[AntiMalware]) -> impl Iterator<Item = &AntiMalware> {
    let wanted = products.iter().any(|it| it.running == Some(true)).then_some(true);

    products.iter().filter(move |it| it.running == wanted)
}

fn current(products: &[AntiMalware]) -> Option<bool> {
    that_count(products).filter_map(|it| it.current).max()
}

fn newest(products: &[AntiMalware]) -> Option<Timestamp> {
    that_count(products).filter_map(|it| it.signatures_at).max()
}

/// The profiles of the system's own firewall that do not filter, unless another maker's firewall does in their place.
fn firewall_off(firewall: &[Firewall]) -> Vec<&String> {
    if firewall.iter().any(|it| it.of_others && it.on) {
        return Vec::new();
    }

    firewall.iter().filter(|it| !it.on && !it.of_others).map(|it| &it.name).collect()
}

/// Whether a backup outlives the volume that it is of.
fn is_apart(backup: &Backup) -> bool {
    match backup.means {
        BackupMeans::WindowsBackup | BackupMeans::FileHistory => true,
        BackupMeans::ShadowCopy | BackupMeans::RestorePoint => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vonggac_protocol::posture::{Fact, Unknown, Why};

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_312_345_678);

    fn ago(days: u64) -> Timestamp {
        NOW.minus(Duration::from_secs(days * DAY_SECS + 60))
    }

    fn product(name: &str, running: Option<bool>, days: Option<u64>) -> AntiMalware {
        AntiMalware {
            name: name.to_owned(),
            told_by: ToldBy::SecurityCentre,
            running,
            current: None,
            signatures: None,
            signatures_at: days.map(ago),
        }
    }

    fn profile(name: &str, on: bool, of_others: bool) -> Firewall {
        Firewall { name: name.to_owned(), on, by_policy: false, of_others }
    }

    fn nothing() -> Posture {
        let unknown = || Unknown { why: Why::NoAnswer, detail: None };

        Posture {
            anti_malware: Fact::Unknown(unknown()),
            firewall: Fact::Unknown(unknown()),
            volumes: Fact::Unknown(unknown()),
            backups: Fact::Unknown(unknown()),
        }
    }

    fn event(posture: &Posture) -> Event {
        let mut event = Event::new();
        put(&mut event, posture, NOW);

        event
    }

    #[test]
    fn what_is_not_known_is_only_said_to_be_unknown() {
        let event = event(&nothing());

        let names: Vec<_> = event.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        assert_eq!(
            names,
            [
                ("malware_known", json!(false)),
                ("firewall_known", json!(false)),
                ("volumes_known", json!(false)),
                ("backup_known", json!(false)),
            ]
        );
    }

    #[test]
    fn one_product_that_watches_is_enough_and_only_its_signatures_count() {
        let products = vec![product("A", Some(false), Some(1)), product("B", Some(true), Some(20))];

        let event = event(&Posture { anti_malware: Fact::Known(products), ..nothing() });

        assert_eq!(event.get("malware_running"), Some(&json!(true)));
        assert_eq!(event.get("signatures_age_days"), Some(&json!(20)));
    }

    #[test]
    fn a_product_of_which_it_is_not_told_is_not_taken_for_stopped() {
        let running = |products| {
            event(&Posture { anti_malware: Fact::Known(products), ..nothing() })
                .get("malware_running")
                .cloned()
        };

        assert_eq!(running(vec![product("A", None, None), product("B", Some(false), None)]), None);
        assert_eq!(running(vec![product("B", Some(false), None)]), Some(json!(false)));
        let defender = AntiMalware { told_by: ToldBy::Defender, ..product("D", Some(false), None) };
        assert_eq!(running(vec![defender]), None, "a server may have a product that nobody tells of");
        assert_eq!(running(Vec::new()), Some(json!(false)), "looked for, and there is none");
    }

    #[test]
    fn a_firewall_of_another_maker_stands_in_for_the_systems() {
        let off = |profiles| event(&Posture { firewall: Fact::Known(profiles), ..nothing() });

        let alone = off(vec![profile("public", false, false), profile("domain", true, false)]);
        let replaced = off(vec![profile("public", false, false), profile("X", true, true)]);

        assert_eq!(alone.get("firewall_off"), Some(&json!(["public"])));
        assert_eq!(alone.get("firewall_on"), Some(&json!(false)));
        assert_eq!(replaced.get("firewall_off"), None);
        assert_eq!(replaced.get("firewall_on"), Some(&json!(true)));
        for nothing in [Vec::new(), vec![profile("X", false, true)]] {
            assert_eq!(off(nothing).get("firewall_on"), Some(&json!(false)), "nothing filters");
        }
    }

    #[test]
    fn a_copy_on_the_same_disk_is_no_backup() {
        let backups = vec![Backup { means: BackupMeans::ShadowCopy, last_at: Some(ago(1)) }];

        let event = event(&Posture { backups: Fact::Known(backups), ..nothing() });

        assert_eq!(event.get("backup_found"), Some(&json!(false)));
        assert_eq!(event.get("backup_age_days"), None);
    }

    #[test]
    fn every_field_is_declared_for_states_and_for_the_kind_itself() {
        let whole = Posture {
            anti_malware: Fact::Known(vec![AntiMalware {
                current: Some(true),
                ..product("A", Some(true), Some(1))
            }]),
            firewall: Fact::Known(vec![profile("public", false, false)]),
            volumes: Fact::Known(vec![Volume {
                name: "C:".to_owned(),
                system: true,
                protected: Some(false),
                encrypted: Some(false),
            }]),
            backups: Fact::Known(vec![Backup { means: BackupMeans::FileHistory, last_at: Some(ago(3)) }]),
        };

        let event = event(&whole);

        assert_eq!(event.len(), 14, "{event:?}");
        for category in [crate::fields::HOST_STATE, "posture"] {
            let declared = crate::fields::category(category).unwrap();
            for name in event.keys() {
                assert!(declared.field(name).is_some(), "{category}: {name}");
            }
        }
    }
}
