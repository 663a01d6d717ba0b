//! What the firmware says of the machine: `/sys/class/dmi/id`, or the table of SMBIOS where the system hands that out.
//! Serial numbers are there too and are never told.

use std::path::Path;

use crate::smbios::Smbios;

/// Bytes of one text of the firmware.
const TEXT_BYTES_MAX: usize = 256;

/// What boards say whose maker filled in nothing.
const FILLERS: [&str; 9] = [
    "to be filled by o.e.m.",
    "default string",
    "system manufacturer",
    "system product name",
    "system version",
    "not specified",
    "not applicable",
    "o.e.m.",
    "none",
];

/// Facts that the firmware states.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Firmware {
    pub(super) vendor: String,
    pub(super) model: String,
    /// `YYYY-MM-DD`.
    pub(super) date: Option<String>,
    /// Form of the case, as SMBIOS numbers it.
    pub(super) chassis: Option<u8>,
}

impl Firmware {
    pub(super) fn read(root: &Path) -> Self {
        let folder = root.join("sys/class/dmi/id");
        let text = |name: &str| small(&folder.join(name)).unwrap_or_default();

        Self {
            vendor: told(text("sys_vendor")),
            model: told(text("product_name")),
            date: date(&text("bios_date")),
            chassis: text("chassis_type").parse().ok(),
        }
    }

    /// What the table of SMBIOS says; serial numbers stay there.
    pub(super) fn of(table: &Smbios) -> Self {
        Self {
            vendor: told(table.vendor.clone()),
            model: told(table.model.clone()),
            date: date(&table.firmware_date),
            chassis: table.chassis,
        }
    }
}

/// What the maker filled in.
fn told(text: String) -> String {
    if FILLERS.contains(&text.to_lowercase().as_str()) { String::new() } else { text }
}

/// The first line of a small file, without surrounding space.
pub(super) fn small(path: &Path) -> Option<String> {
    use std::io::Read as _;

    let mut bytes = Vec::new();
    let limit = u64::try_from(TEXT_BYTES_MAX).ok()?;
    std::fs::File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next()?.trim();

    (!line.chars().any(char::is_control)).then(|| line.to_owned())
}

/// `MM/DD/YYYY`, as SMBIOS has it, in the order of ISO 8601.
fn date(text: &str) -> Option<String> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    let real = parts.next().is_none() && (1980..=2100).contains(&date.year());

    real.then(|| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_turned_and_impossible_ones_dropped() {
        assert_eq!(date("03/15/2021").as_deref(), Some("2021-03-15"));
        for wrong in ["", "2021-03-15", "13/01/2021", "02/30/2020", "01/01/0000", "1/2/3/4"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fillers_of_the_maker_are_no_facts() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/class/dmi/id");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sys_vendor"), "Dell Inc.\n").unwrap();
        std::fs::write(folder.join("product_name"), "To Be Filled By O.E.M.\n").unwrap();
        std::fs::write(folder.join("product_serial"), "SECRET\n").unwrap();
        std::fs::write(folder.join("chassis_type"), "23\n").unwrap();

        let firmware = Firmware::read(root.path());

        assert_eq!((firmware.vendor.as_str(), firmware.model.as_str()), ("Dell Inc.", ""));
        assert_eq!(firmware.chassis, Some(23));
        assert!(!format!("{firmware:?}").contains("SECRET"));
    }
}
