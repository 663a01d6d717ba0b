//! Ends of support that a feed brought, put over those of the file: newer days replace older ones, what is missing is
//! added, and every day says where it is from and when that was read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;

use crate::support::{Extension, SupportEnd, SupportTable};
use crate::table::{TableFile, TableMistake};

/// What a feed says of one version of a system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// `ID` of os-release; `windows` for Windows.
    pub os: String,
    /// `VERSION_ID`, or a version as the file names those of Windows.
    pub version: String,
    /// Name for people.
    pub name: String,
    /// Last day of the vendor's fixes for everybody.
    pub standard: Date,
    /// Last day of whatever goes on after it; whether that takes a contract, the feed does not say.
    pub extended: Option<Date>,
}

/// The system that endoflife.date means by the name of a product and one of its releases; `None` for all that is no
/// operating system that this program knows.
#[must_use]
pub fn system_of(product: &str, release: &str) -> Option<(String, String, String)> {
    let (os, version, name) = match product {
        "debian" => ("debian", release.to_owned(), "Debian"),
        "ubuntu" => ("ubuntu", release.to_owned(), "Ubuntu"),
        "almalinux" => ("almalinux", release.to_owned(), "AlmaLinux"),
        "rocky-linux" => ("rocky", release.to_owned(), "Rocky Linux"),
        "rhel" => ("rhel", release.to_owned(), "Red Hat Enterprise Linux"),
        "oracle-linux" => ("ol", release.to_owned(), "Oracle Linux"),
        "centos" => ("centos", release.to_owned(), "CentOS"),
        "centos-stream" => ("centos", format!("stream-{release}"), "CentOS Stream"),
        "fedora" => ("fedora", release.to_owned(), "Fedora"),
        "opensuse" => ("opensuse-leap", release.to_owned(), "openSUSE Leap"),
        "sles" => ("sles", release.to_owned(), "SUSE Linux Enterprise Server"),
        "alpine-linux" => ("alpine", release.to_owned(), "Alpine Linux"),
        "amazon-linux" => ("amzn", release.to_owned(), "Amazon Linux"),
        "windows" => ("windows", windows(release)?, "Windows"),
        "windows-server" => ("windows", server(release)?, "Windows Server"),
        _ => return None,
    };

    Some((os.to_owned(), version, format!("{name} {release}")))
}

/// `11-24h2-w` is what the file calls `11-24H2`, `11-24h2-e` is `11-24H2-enterprise`; editions of long service and those
/// of devices are told by the file alone.
fn windows(release: &str) -> Option<String> {
    let mut parts = release.split('-');
    let (number, name) = (parts.next()?, parts.next());
    let edition = match (parts.next(), parts.next()) {
        (None | Some("w"), None) => "",
        (Some("e"), None) => "-enterprise",
        _ => return None,
    };
    let is_release = |name: &str| name.len() == 4 && name.starts_with(|letter: char| letter.is_ascii_digit());

    match name {
        None => Some(number.to_owned()),
        Some(name) if is_release(name) => Some(format!("{number}-{}{edition}", name.to_uppercase())),
        Some(_) => None,
    }
}

fn server(release: &str) -> Option<String> {
    let (year, rest) = release.split_once('-').unwrap_or((release, ""));
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());

    (is_year && (rest.is_empty() || rest.eq_ignore_ascii_case("r2")))
        .then(|| if rest.is_empty() { format!("server-{year}") } else { format!("server-{year}-r2") })
}

impl SupportTable {
    /// The same with what a feed, whose data is of the day `checked`, says: of a system that the file does not have, or
    /// has from an older source. Names and kinds of extensions stay those of the file; an extension that only the feed
    /// knows counts as paid, because nobody says that it is free.
    ///
    /// # Errors
    /// If what came of it is no table.
    pub fn updated(&self, source: &str, checked: Date, told: &[Told]) -> Result<Self, Vec<TableMistake>> {
        let mut systems: BTreeMap<(String, String), SupportEnd> =
            self.systems().map(|(key, end)| (key.clone(), end.clone())).collect();
        for told in told {
            let key = (told.os.clone(), told.version.clone());
            let known = systems.get(&key);
            if known.is_some_and(|known| known.checked >= checked) {
                continue;
            }
            let (name, extended) = match known {
                Some(known) => (known.name.clone(), known.extended.clone()),
                None => {
                    let until = told.extended.filter(|until| *until > told.standard);
                    let only = |until| Extension { name: format!("{source}: extended"), until, paid: true };
                    (told.name.clone(), until.map(only).into_iter().collect())
                }
            };
            let end = SupportEnd {
                name,
                standard: told.standard,
                // One that ends before the vendor's own fixes do adds nothing.
                extended: extended.into_iter().filter(|it| it.until >= told.standard).collect(),
                source: source.to_owned(),
                checked,
            };
            systems.insert(key, end);
        }

        Self::load(&TableFile::new(&self.file().path, &written(self.version(), &systems)))
    }
}

/// The file of these systems.
fn written(version: u32, systems: &BTreeMap<(String, String), SupportEnd>) -> String {
    let mut sources: Vec<(&str, Date)> =
        systems.values().map(|end| (end.source.as_str(), end.checked)).collect();
    sources.sort_unstable();
    sources.dedup();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!("version = {version}\n");
    for (number, (name, checked)) in sources.iter().enumerate() {
        let name = quoted(name);
        write!(text, "\n[[source]]\nid = \"s{number}\"\nname = {name}\nchecked = {checked}\n").ok();
    }
    for ((os, version), end) in systems {
        let source = sources.iter().position(|it| *it == (end.source.as_str(), end.checked)).unwrap_or(0);
        let (os, version, name) = (quoted(os), quoted(version), quoted(&end.name));
        write!(text, "\n[[system]]\nos = {os}\nversion = {version}\nname = {name}\n").ok();
        let extended: Vec<String> = end
            .extended
            .iter()
            .map(|it| format!("{{ name = {}, until = {}, paid = {} }}", quoted(&it.name), it.until, it.paid))
            .collect();
        let (standard, extended) = (end.standard, extended.join(", "));
        write!(text, "standard = {standard}\nextended = [{extended}]\nsource = \"s{source}\"\n").ok();
    }

    text
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn told(os: &str, version: &str, standard: Date, extended: Option<Date>) -> Told {
        Told {
            os: os.to_owned(),
            version: version.to_owned(),
            name: format!("{os} \"{version}\""),
            standard,
            extended,
        }
    }

    #[test]
    fn nothing_told_changes_no_day() {
        let table = SupportTable::embedded();

        let again = table.updated("x", date(2026, 12, 1), &[]).unwrap();

        assert_eq!(
            again.systems().collect::<Vec<_>>(),
            table.systems().collect::<Vec<_>>(),
            "written and read again, it is the same"
        );
    }

    #[test]
    fn newer_days_replace_older_ones_and_what_is_missing_is_added() {
        let table = SupportTable::embedded();
        let feed = [
            told("debian", "12", date(2026, 8, 1), Some(date(2030, 1, 1))),
            told("fedora", "44", date(2027, 5, 1), Some(date(2028, 1, 1))),
            told("ol", "9", date(2032, 6, 30), Some(date(2020, 1, 1))),
        ];

        let newer = table.updated("endoflife.date", date(2026, 12, 1), &feed).unwrap();
        let older = table.updated("endoflife.date", date(2026, 1, 1), &feed).unwrap();

        let debian = newer.lookup("debian", "12").unwrap();
        let before = table.lookup("debian", "12").unwrap();
        assert_eq!((debian.standard, debian.source.as_str()), (date(2026, 8, 1), "endoflife.date"));
        assert_eq!(debian.checked, date(2026, 12, 1));
        assert_eq!((&debian.name, &debian.extended), (&before.name, &before.extended), "LTS stays free");
        assert_eq!(older.lookup("debian", "12"), Some(before), "the file is newer");
        let fedora = older.lookup("fedora", "44").unwrap();
        assert_eq!((fedora.standard, fedora.free_until()), (date(2027, 5, 1), date(2027, 5, 1)));
        assert_eq!((fedora.extended[0].paid, fedora.name.as_str()), (true, "fedora \"44\""));
        assert_eq!(
            older.lookup("ol", "9.4").unwrap().extended,
            [],
            "an extension that ends before adds nothing"
        );
    }

    #[test]
    fn releases_are_named_as_the_file_names_them() {
        let named =
            |product, release| system_of(product, release).map(|(os, version, _)| format!("{os} {version}"));

        for (product, release, system) in [
            ("debian", "13", "debian 13"),
            ("centos-stream", "9", "centos stream-9"),
            ("windows", "11-24h2-w", "windows 11-24H2"),
            ("windows", "11-24h2-e", "windows 11-24H2-enterprise"),
            ("windows", "10-22h2", "windows 10-22H2"),
            ("windows", "7", "windows 7"),
            ("windows-server", "2012-r2", "windows server-2012-r2"),
            ("windows-server", "2022", "windows server-2022"),
        ] {
            assert_eq!(named(product, release).as_deref(), Some(system), "{product} {release}");
        }
        for (product, release) in
            [("nodejs", "20"), ("windows", "11-24h2-e-lts"), ("windows", "7-sp1"), ("windows-server", "23h2")]
        {
            assert_eq!(named(product, release), None, "{product} {release}");
        }
    }
}
