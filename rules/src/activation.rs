//! How products of Microsoft are activated, as fields that rules can ask for. What is not known is absent: it must not look
//! like "not licensed".

use serde_json::Value;
use vonggac_protocol::activation::{Activation, LicenceStatus, LicensedFamily, LicensedProduct};

use crate::flatten::Event;

const MINUTES_OF_DAY: u32 = 1_440;

/// Puts the fields of an activation into an event.
pub(crate) fn put(event: &mut Event, activation: &Activation) {
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            event.insert(name.to_owned(), value);
        }
    };
    let products = activation.products.known();
    put("activation_known", products.is_some().into());
    if let Some(products) = products {
        for (family, is_activated, status, channel, days) in [
            (
                LicensedFamily::Windows,
                "windows_activated",
                "windows_licence",
                "windows_channel",
                "windows_grace_days",
            ),
            (
                LicensedFamily::Office,
                "office_activated",
                "office_licence",
                "office_channel",
                "office_grace_days",
            ),
        ] {
            let Some(best) = best(products, family) else { continue };
            put(is_activated, (best.status == LicenceStatus::Licensed).into());
            put(status, json(&best.status));
            put(channel, json(&best.channel));
            put(days, best.grace_minutes.map(|minutes| minutes / MINUTES_OF_DAY).into());
        }
        let over = |it: &&LicensedProduct| {
            is_over(it.status) && best(products, it.family).is_some_and(|best| is_over(best.status))
        };
        put("not_activated", list(products.iter().filter(over).map(|it| it.name.clone())));
        put("activation_servers", list(products.iter().filter_map(|it| it.server.clone())));
    }
    put("activator_traces", list(activation.traces.iter().map(|it| it.id.clone())));
    put("activator_found", list(activation.traces.iter().map(|it| it.found.clone())));
    if let Some(office) = &activation.office {
        put("office_products", list(office.products.iter().cloned()));
        put("office_version", office.version.clone().into());
    }
}

/// Of several products of a family (Office keeps one for each of its programs) the one that stands best.
fn best(products: &[LicensedProduct], family: LicensedFamily) -> Option<&LicensedProduct> {
    let rank = |it: &&LicensedProduct| match it.status {
        LicenceStatus::Licensed => 0,
        LicenceStatus::FirstGrace | LicenceStatus::ExtendedGrace => 1,
        LicenceStatus::ChangedGrace => 2,
        LicenceStatus::Other => 3,
        LicenceStatus::NotGenuineGrace => 4,
        LicenceStatus::Notification => 5,
        LicenceStatus::Unlicensed => 6,
    };

    products.iter().filter(|it| it.family == family).min_by_key(rank)
}

/// Whether a product runs without a licence, no days being left to get one.
const fn is_over(status: LicenceStatus) -> bool {
    matches!(status, LicenceStatus::Unlicensed | LicenceStatus::Notification | LicenceStatus::NotGenuineGrace)
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// A list without doubles, left out while it is empty, so that rules can ask whether it exists.
fn list(names: impl Iterator<Item = String>) -> Value {
    let names: std::collections::BTreeSet<String> = names.collect();

    if names.is_empty() { Value::Null } else { names.into_iter().map(Value::from).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vonggac_protocol::activation::{ActivatorTrace, LicenceChannel, TraceKind};
    use vonggac_protocol::posture::{Fact, Unknown, Why};

    use super::*;

    fn product(family: LicensedFamily, name: &str, status: LicenceStatus) -> LicensedProduct {
        LicensedProduct {
            family,
            name: name.to_owned(),
            status,
            channel: LicenceChannel::VolumeKms,
            grace_minutes: Some(3_000),
            ends_at: None,
            server: Some("127.0.0.2".to_owned()),
            reason: None,
        }
    }

    fn event(products: Fact<Vec<LicensedProduct>>, traces: Vec<ActivatorTrace>) -> Event {
        let mut event = Event::new();
        put(&mut event, &Activation { products, office: None, traces });

        event
    }

    #[test]
    fn the_best_product_of_a_family_speaks_for_it() {
        use LicenceStatus::{Licensed, Notification};
        let office = |name, status| product(LicensedFamily::Office, name, status);
        let trace =
            ActivatorTrace { id: "kms".to_owned(), kind: TraceKind::Task, found: "AutoKMS".to_owned() };
        let products = vec![
            product(LicensedFamily::Windows, "Windows(R), Professional edition", Notification),
            office("Office 16, A", Notification),
            office("Office 16, B", Licensed),
        ];

        let event = event(Fact::Known(products), vec![trace]);

        for (name, value) in [
            ("activation_known", json!(true)),
            ("windows_activated", json!(false)),
            ("windows_licence", json!("notification")),
            ("windows_channel", json!("volume_kms")),
            ("windows_grace_days", json!(2)),
            ("office_activated", json!(true)),
            ("not_activated", json!(["Windows(R), Professional edition"])),
            ("activation_servers", json!(["127.0.0.2"])),
            ("activator_traces", json!(["kms"])),
            ("activator_found", json!(["AutoKMS"])),
        ] {
            assert_eq!(event.get(name), Some(&value), "{name}");
        }
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let unknown = Fact::Unknown(Unknown { why: Why::NotAvailable, detail: None });

        assert_eq!(
            serde_json::to_value(event(unknown, Vec::new())).unwrap(),
            json!({"activation_known": false})
        );
        assert_eq!(
            serde_json::to_value(event(Fact::Known(Vec::new()), Vec::new())).unwrap(),
            json!({"activation_known": true})
        );
    }

    #[test]
    fn every_field_is_declared() {
        let declared = crate::fields::category("activation").unwrap();
        let all = event(
            Fact::Known(vec![
                product(LicensedFamily::Windows, "w", LicenceStatus::Unlicensed),
                product(LicensedFamily::Office, "o", LicenceStatus::Unlicensed),
            ]),
            vec![ActivatorTrace { id: "i".to_owned(), kind: TraceKind::File, found: "f".to_owned() }],
        );

        assert!(all.len() >= 13);
        for name in all.keys() {
            assert!(declared.field(name).is_some(), "{name}");
        }
    }
}
