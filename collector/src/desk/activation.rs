//! How products of Microsoft are activated, as sentences.

use vonggac_protocol::activation::{
    Activation, ActivatorTrace, LicenceChannel, LicenceStatus, LicensedProduct, TraceKind,
};
use vonggac_protocol::posture::Fact;

use super::posture::not_known;
use super::words::Language;

/// The parts as sentences, with the keys of their headings: products, Office, traces of activation tools.
#[must_use]
pub fn parts(t: Language, activation: &Activation) -> [(&'static str, String); 3] {
    let products = match &activation.products {
        Fact::Unknown(unknown) => not_known(t, unknown),
        Fact::Known(products) if products.is_empty() => t.say("activation-none"),
        Fact::Known(products) => products.iter().map(|it| product(t, it)).collect::<Vec<_>>().join("; "),
    };
    let office = activation.office.as_ref().map_or_else(
        || t.say("activation-no-click-to-run"),
        |it| {
            let channel = it.channel.as_deref().unwrap_or("–");
            format!("{} {} {} ({channel})", it.products.join(", "), it.version, it.architecture)
        },
    );
    let traces: Vec<String> = activation.traces.iter().map(|it| trace(t, it)).collect();
    let traces = if traces.is_empty() { t.say("activation-no-traces") } else { traces.join("; ") };

    [("activation-products", products), ("activation-office", office), ("activation-traces", traces)]
}

/// All of it as one sentence.
pub(super) fn whole(t: Language, activation: &Activation, host: &str) -> String {
    let [products, office, traces] = parts(t, activation).map(|(_, told)| told);

    t.with(
        "seen-activation",
        &[("host", host), ("products", &products), ("office", &office), ("traces", &traces)],
    )
}

fn product(t: Language, it: &LicensedProduct) -> String {
    let status = t.say(match it.status {
        LicenceStatus::Unlicensed => "licence-status-unlicensed",
        LicenceStatus::Licensed => "licence-status-licensed",
        LicenceStatus::FirstGrace => "licence-status-first-grace",
        LicenceStatus::ChangedGrace => "licence-status-changed-grace",
        LicenceStatus::NotGenuineGrace => "licence-status-not-genuine",
        LicenceStatus::Notification => "licence-status-notification",
        LicenceStatus::ExtendedGrace => "licence-status-extended-grace",
        LicenceStatus::Other => "licence-status-other",
    });
    let channel = t.say(match it.channel {
        LicenceChannel::Retail => "licence-channel-retail",
        LicenceChannel::Oem => "licence-channel-oem",
        LicenceChannel::VolumeMak => "licence-channel-mak",
        LicenceChannel::VolumeKms => "licence-channel-kms",
        LicenceChannel::VolumeServer => "licence-channel-server",
        LicenceChannel::Evaluation => "licence-channel-evaluation",
        LicenceChannel::Subscription => "licence-channel-subscription",
        LicenceChannel::Other => "licence-channel-other",
    });
    let days = it.grace_minutes.filter(|minutes| *minutes > 0).map(|minutes| minutes / 1_440);
    let days = days.map(|days| t.with("licence-days-left", &[("days", &days.to_string())]));
    let ends = it.ends_at.map(|at| t.with("licence-ends", &[("at", &t.moment(at))]));
    let server = it.server.as_ref().map(|server| t.with("licence-server", &[("server", server)]));
    let told: Vec<String> = [Some(status), Some(channel), days, ends, server].into_iter().flatten().collect();

    format!("{}: {}", it.name, told.join(", "))
}

fn trace(t: Language, it: &ActivatorTrace) -> String {
    let kind = t.say(match it.kind {
        TraceKind::Service => "trace-service",
        TraceKind::Task => "trace-task",
        TraceKind::HostsFile => "trace-hosts-file",
        TraceKind::File => "trace-file",
        TraceKind::Hook => "trace-hook",
        TraceKind::Server => "trace-server",
    });

    format!("{kind} {} ({})", it.found, it.id)
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::activation::{ClickToRun, LicensedFamily};
    use vonggac_protocol::posture::{Unknown, Why};

    use super::*;

    #[test]
    fn every_word_of_an_activation_is_in_both_languages() {
        let product = |status, channel| LicensedProduct {
            family: LicensedFamily::Windows,
            name: "Windows(R), Professional edition".to_owned(),
            status,
            channel,
            grace_minutes: Some(259_200),
            ends_at: Some(vonggac_protocol::time::Timestamp(0)),
            server: Some("kms.tinh.gov.vn".to_owned()),
            reason: None,
        };
        let statuses = [
            LicenceStatus::Unlicensed,
            LicenceStatus::Licensed,
            LicenceStatus::FirstGrace,
            LicenceStatus::ChangedGrace,
            LicenceStatus::NotGenuineGrace,
            LicenceStatus::Notification,
            LicenceStatus::ExtendedGrace,
            LicenceStatus::Other,
        ];
        let channels = [
            LicenceChannel::Retail,
            LicenceChannel::Oem,
            LicenceChannel::VolumeMak,
            LicenceChannel::VolumeKms,
            LicenceChannel::VolumeServer,
            LicenceChannel::Evaluation,
            LicenceChannel::Subscription,
            LicenceChannel::Other,
        ];
        let kinds = [
            TraceKind::Service,
            TraceKind::Task,
            TraceKind::HostsFile,
            TraceKind::File,
            TraceKind::Hook,
            TraceKind::Server,
        ];
        let whole_one = Activation {
            products: Fact::Known(statuses.into_iter().zip(channels).map(|(s, c)| product(s, c)).collect()),
            office: Some(ClickToRun {
                products: vec!["ProPlus2021Volume".to_owned()],
                version: "16.0".to_owned(),
                architecture: "x64".to_owned(),
                channel: None,
            }),
            traces: kinds
                .into_iter()
                .map(|kind| ActivatorTrace { id: "kms-tool".to_owned(), kind, found: "AutoKMS".to_owned() })
                .collect(),
        };
        let none = Activation {
            products: Fact::Unknown(Unknown { why: Why::Failed, detail: None }),
            office: None,
            traces: Vec::new(),
        };

        for t in [Language::of("vi"), Language::of("en")] {
            for activation in [&whole_one, &none] {
                let told = whole(t, activation, "may-1");
                // A word that is missing shows its key.
                for start in ["licence-", "trace-", "activation-", "seen-"] {
                    assert!(!told.contains(start), "{told}");
                }
                assert!(told.contains("may-1"));
                for (title, _) in parts(t, activation) {
                    assert_ne!(t.say(title), title);
                }
            }
        }
    }
}
