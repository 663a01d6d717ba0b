//! What the licensing service says of products that have a key.
//!
//! `PartialProductKey` stands in the condition alone, so that the hundreds of editions that are not installed stay away;
//! it is not among the properties that are read.

use vonggac_protocol::activation::{LicenceChannel, LicenceStatus, LicensedFamily, LicensedProduct};
use vonggac_protocol::limits::ACTIVATION_ITEMS_MAX;
use vonggac_protocol::time::Timestamp;

use crate::os::told::Instance;

/// The class.
pub(super) const CLASS: &str = "SoftwareLicensingProduct";

/// Which of its instances.
pub(super) const HAS_KEY: &str = "PartialProductKey IS NOT NULL";

/// How many of the properties all systems have, from the first.
pub(super) const OF_ALL_SYSTEMS: usize = 8;

/// What is read of each.
pub(super) const PROPERTIES: [&str; 10] = [
    "ApplicationID",
    "Name",
    "Description",
    "LicenseStatus",
    "LicenseStatusReason",
    "GracePeriodRemaining",
    "EvaluationEndDate",
    "KeyManagementServiceMachine",
    "ProductKeyChannel",
    "DiscoveredKeyManagementServiceMachineName",
];

/// Applications by the numbers that Microsoft gave them; the second is that of Office 2010.
const WINDOWS: &str = "55c92734-d682-4d71-983e-d6ec3f16059f";
const OFFICE: [&str; 2] = ["0ff1ce15-a989-479d-af46-f275c6370663", "59a52881-a989-479d-af46-f275c6370663"];

/// The products, in order.
pub(super) fn of(instances: &[Instance]) -> Vec<LicensedProduct> {
    let mut products: Vec<LicensedProduct> =
        instances.iter().filter_map(product).take(ACTIVATION_ITEMS_MAX).collect();
    products.sort();
    products.dedup();

    products
}

fn product(it: &Instance) -> Option<LicensedProduct> {
    let name = it.text("Name").filter(|name| name.len() <= 256 && !name.chars().any(char::is_control))?;
    let application = it.text("ApplicationID").unwrap_or_default().to_lowercase();
    let family = match application.as_str() {
        WINDOWS => LicensedFamily::Windows,
        other if OFFICE.contains(&other) => LicensedFamily::Office,
        _ => LicensedFamily::Other,
    };
    let server = it
        .text("KeyManagementServiceMachine")
        .or_else(|| it.text("DiscoveredKeyManagementServiceMachineName"));
    let channel = channel(it.text("ProductKeyChannel"), it.text("Description"));
    let unsigned = |name| {
        it.number(name).and_then(|number| {
            u32::try_from(number).ok().or_else(|| Some(i32::try_from(number).ok()?.cast_unsigned()))
        })
    };

    Some(LicensedProduct {
        family,
        name: name.to_owned(),
        status: status(it.number("LicenseStatus")),
        channel,
        grace_minutes: unsigned("GracePeriodRemaining").filter(|minutes| *minutes > 0).map(whole_days),
        ends_at: it.text("EvaluationEndDate").and_then(moment),
        server: server.filter(|_| channel == LicenceChannel::VolumeKms).and_then(host),
        reason: unsigned("LicenseStatusReason").filter(|reason| *reason != 0),
    })
}

/// `LicenseStatus`, as Microsoft numbers it.
fn status(number: Option<i64>) -> LicenceStatus {
    match number {
        Some(0) => LicenceStatus::Unlicensed,
        Some(1) => LicenceStatus::Licensed,
        Some(2) => LicenceStatus::FirstGrace,
        Some(3) => LicenceStatus::ChangedGrace,
        Some(4) => LicenceStatus::NotGenuineGrace,
        Some(5) => LicenceStatus::Notification,
        Some(6) => LicenceStatus::ExtendedGrace,
        Some(_) | None => LicenceStatus::Other,
    }
}

/// `ProductKeyChannel` (`Volume:GVLK`); before Windows 8 the last word but one of the description, which is English on
/// every system (`… VOLUME_KMSCLIENT channel`).
fn channel(told: Option<&str>, description: Option<&str>) -> LicenceChannel {
    let word = told.map(str::to_owned).or_else(|| {
        let before = description?.strip_suffix(" channel")?;
        before.rsplit([' ', ',']).next().map(str::to_owned)
    });
    let word = word.unwrap_or_default().to_uppercase();
    match word.as_str() {
        "VOLUME:GVLK" | "VOLUME_KMSCLIENT" => LicenceChannel::VolumeKms,
        "VOLUME:MAK" | "VOLUME_MAK" => LicenceChannel::VolumeMak,
        "VOLUME:CSVLK" => LicenceChannel::VolumeServer,
        _ if word.starts_with("VOLUME_KMS") => LicenceChannel::VolumeServer,
        _ if word.starts_with("OEM") => LicenceChannel::Oem,
        _ if word.starts_with("RETAIL") => LicenceChannel::Retail,
        _ if word.contains("EVAL") => LicenceChannel::Evaluation,
        _ if word.contains("SUBSCRIPTION") => LicenceChannel::Subscription,
        _ => LicenceChannel::Other,
    }
}

/// Minutes run down all the time: told in whole days, the state changes once a day at most.
const fn whole_days(minutes: u32) -> u32 {
    minutes / 1_440 * 1_440
}

/// `20261231235959.000000-000`, as management data writes moments; 1601 means none.
fn moment(text: &str) -> Option<Timestamp> {
    let digits = text.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let small = |range| i8::try_from(number(range)?).ok();
    let date = jiff::civil::Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok()?;
    let time = jiff::civil::Time::new(small(8..10)?, small(10..12)?, small(12..14)?, 0).ok()?;
    let at = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();

    (date.year() >= 1990).then_some(Timestamp(at))
}

/// A name or address of a machine, without its port.
pub(super) fn host(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            name.to_owned()
        }
        _ => text,
    };
    let sound = !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());

    sound.then_some(name)
}

#[cfg(test)]
mod tests {
    use crate::os::told::Datum;

    use super::*;

    fn instance(pairs: &[(&str, &str)]) -> Instance {
        let datum = |text: &str| match text.parse() {
            Ok(number) => Datum::Number(number),
            Err(_) => Datum::Text(text.to_owned()),
        };

        Instance(pairs.iter().map(|(name, value)| ((*name).to_owned(), datum(value))).collect())
    }

    #[test]
    fn products_are_told_by_numbers_and_not_by_words_of_any_language() {
        let windows = instance(&[
            ("ApplicationID", WINDOWS),
            ("Name", "Windows(R), Professional edition"),
            ("Description", "Windows(R) Operating System, VOLUME_KMSCLIENT channel"),
            ("LicenseStatus", "1"),
            ("ProductKeyChannel", "Volume:GVLK"),
            ("GracePeriodRemaining", "258333"),
            ("EvaluationEndDate", "16010101000000.000000-000"),
            ("KeyManagementServiceMachine", "KMS.tinh.gov.vn:1688"),
            ("LicenseStatusReason", "1074065472"),
        ]);
        let office = instance(&[
            ("ApplicationID", "0FF1CE15-A989-479D-AF46-F275C6370663"),
            ("Name", "Office 16, Office16ProPlusR_Retail edition"),
            ("LicenseStatus", "5"),
            ("ProductKeyChannel", "Retail"),
            ("LicenseStatusReason", "-1073418228"),
            ("KeyManagementServiceMachine", "127.0.0.2"),
        ]);

        let products = of(&[office, windows, instance(&[("LicenseStatus", "1")])]);

        assert_eq!(products.len(), 2, "one without a name is none");
        assert_eq!(
            (products[0].family, products[0].status),
            (LicensedFamily::Windows, LicenceStatus::Licensed)
        );
        assert_eq!(products[0].channel, LicenceChannel::VolumeKms);
        assert_eq!(products[0].grace_minutes, Some(179 * 1_440));
        assert_eq!((products[0].ends_at, products[0].server.as_deref()), (None, Some("kms.tinh.gov.vn")));
        assert_eq!(
            (products[1].family, products[1].status),
            (LicensedFamily::Office, LicenceStatus::Notification)
        );
        assert_eq!((products[1].reason, products[1].server.as_deref()), (Some(0xC004_F00C), None));
    }

    #[test]
    fn channels_of_old_and_new_systems_are_known() {
        for (told, description, channel_of) in [
            (None, Some("Windows Operating System - Windows(R) 7, OEM_SLP channel"), LicenceChannel::Oem),
            (None, Some("Windows(R) 7, VOLUME_KMSCLIENT channel"), LicenceChannel::VolumeKms),
            (None, Some("Windows(R) 7, VOLUME_KMS_R2_C channel"), LicenceChannel::VolumeServer),
            (None, Some("Windows(R) 7, RETAIL channel"), LicenceChannel::Retail),
            (Some("OEM:DM"), None, LicenceChannel::Oem),
            (Some("Volume:MAK"), None, LicenceChannel::VolumeMak),
            (Some("Retail:TB:Eval"), None, LicenceChannel::Retail),
            (Some("TIMEBASED_EVAL"), None, LicenceChannel::Evaluation),
            (Some("nothing known"), None, LicenceChannel::Other),
            (None, None, LicenceChannel::Other),
        ] {
            assert_eq!(channel(told, description), channel_of, "{told:?} {description:?}");
        }
    }

    #[test]
    fn moments_of_management_data_are_read_and_1601_is_none() {
        assert_eq!(moment("20261231235959.000000-000"), Some(Timestamp(1_798_761_599_000)));
        for wrong in ["16010101000000.000000-000", "", "2026", "20261331000000.0", "é0261231235959"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_property_that_is_read_holds_a_key() {
        assert!(
            PROPERTIES
                .iter()
                .all(|name| !name.contains("PartialProductKey") && !name.contains("OfflineInstallation"))
        );
    }
}
