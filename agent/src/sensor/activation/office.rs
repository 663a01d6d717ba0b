//! Office as Click-to-Run installed it.

use vonggac_protocol::activation::ClickToRun;

use crate::os::{RegistryRoot, RegistryView};
use crate::registry::{Registry, open_if_there, text};

const CONFIGURATION: &str = "SOFTWARE\\Microsoft\\Office\\ClickToRun\\Configuration";

/// Products of one configuration that are told.
const PRODUCTS_MAX: usize = 32;

/// Update channels by the folder that Microsoft gave each, in its own words.
const CHANNELS: [(&str, &str); 11] = [
    ("492350f6-3a01-4f97-b9c0-c7c6ddf67d60", "Current"),
    ("64256afe-f5d9-4f86-8936-8840a6a4f5be", "CurrentPreview"),
    ("55336b82-a18d-4dd6-b5f6-9e5095c314a6", "MonthlyEnterprise"),
    ("7ffbc6bf-bc32-4f92-8982-f9dd17fd3114", "SemiAnnual"),
    ("b8f9b850-328d-4355-9145-c59439a0c4cf", "SemiAnnualPreview"),
    ("5440fd1f-7ecb-4221-8110-145efaa6372f", "BetaChannel"),
    ("f2e724c1-748f-4b47-8fb8-8e0d210e9208", "PerpetualVL2019"),
    ("1d2d2ea6-1680-4c56-ac58-a441c8c24ff9", "PerpetualVL2019Preview"),
    ("5030841d-c919-4594-8d2d-84ae4f96e58e", "PerpetualVL2021"),
    ("86752282-5841-4120-ac80-db03ae6b5fdb", "PerpetualVL2021Preview"),
    ("7983bac0-e531-40cf-be00-fd24fe66619c", "PerpetualVL2024"),
];

/// Reads the configuration; `None` if there is none.
pub(super) fn read(registry: &dyn Registry) -> Option<ClickToRun> {
    let machine = RegistryRoot::LocalMachine;
    // Click-to-Run writes to the wide view, whatever Office is.
    let key = [RegistryView::Bits64, RegistryView::Bits32]
        .into_iter()
        .find_map(|view| open_if_there(registry, machine, CONFIGURATION, view).ok()?)?;
    let key = key.as_ref();
    let is_plain = |text: &&str| {
        !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let told = |name| text(key, name).filter(|text| is_plain(&text.as_str()));
    let products = text(key, "ProductReleaseIds")?;
    let products: Vec<String> =
        products.split(',').map(str::trim).filter(is_plain).take(PRODUCTS_MAX).map(str::to_owned).collect();
    // A policy beats what setup wrote.
    let address = ["UpdateChannel", "CDNBaseUrl"].into_iter().find_map(|name| text(key, name));
    let address = address.unwrap_or_default().to_lowercase();
    let channel =
        CHANNELS.iter().find(|(folder, _)| address.contains(folder)).map(|(_, word)| (*word).to_owned());

    Some(ClickToRun {
        products,
        version: told("VersionToReport").unwrap_or_default(),
        architecture: told("Platform").unwrap_or_default(),
        channel,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tree::Tree;

    #[test]
    fn products_version_and_channel_come_from_the_configuration() {
        let text = format!(
            "[HKEY_LOCAL_MACHINE\\{CONFIGURATION}]\n\"ProductReleaseIds\"=\"ProPlus2021Volume,VisioPro2021Volume\"\n\
             \"VersionToReport\"=\"16.0.14332.20763\"\n\"Platform\"=\"x64\"\n\
             \"CDNBaseUrl\"=\"http://officecdn.microsoft.com/pr/5030841D-C919-4594-8D2D-84AE4F96E58E\"\n"
        );

        let office = read(&Tree::read(&text).unwrap()).unwrap();

        assert_eq!(office.products, ["ProPlus2021Volume", "VisioPro2021Volume"]);
        assert_eq!((office.version.as_str(), office.architecture.as_str()), ("16.0.14332.20763", "x64"));
        assert_eq!(office.channel.as_deref(), Some("PerpetualVL2021"));
        assert_eq!(read(&Tree::default()), None);
    }
}
