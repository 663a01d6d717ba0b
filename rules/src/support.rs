//! Until when a system gets security fixes: from its vendor, and beyond that.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::value::Datetime;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::HostDescribed;
use vonggac_protocol::time::Timestamp;

use crate::table::{TableFile, TableMistake};

/// What goes on after the vendor's support for everybody ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Extension {
    /// Its name, such as `Debian LTS`.
    pub name: String,
    /// Last day.
    #[serde(serialize_with = "as_text")]
    pub until: Date,
    /// Whether it takes a contract: without one it does not count.
    pub paid: bool,
}

/// Until when one version of a system gets security fixes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SupportEnd {
    /// Name of the system for people.
    pub name: String,
    /// Last day of the vendor's fixes for everybody.
    #[serde(serialize_with = "as_text")]
    pub standard: Date,
    /// What goes on after it, the earliest end first.
    pub extended: Vec<Extension>,
    /// Where the dates are from.
    pub source: String,
    /// Day on which the source was read.
    #[serde(serialize_with = "as_text")]
    pub checked: Date,
}

/// How a version stands on a day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SupportState {
    /// Its vendor mends it for everybody, for so many days more.
    Standard {
        /// Days left, the last one included.
        days: i32,
    },
    /// Free of charge, but by others or with less: Debian LTS.
    Extended {
        /// Name of the extension.
        name: String,
        /// Days left, the last one included.
        days: i32,
    },
    /// Only with a contract that this program cannot see.
    PaidOnly {
        /// Name of the extension.
        name: String,
        /// Days left, the last one included.
        days: i32,
    },
    /// Nobody mends it.
    Past {
        /// Days since the last one.
        days: i32,
    },
}

/// The ends of support that are known. What is not in it is unknown.
#[derive(Clone, Debug)]
pub struct SupportTable {
    version: u32,
    systems: BTreeMap<(String, String), SupportEnd>,
    file: TableFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SupportFile {
    version: u32,
    source: Vec<SourceFile>,
    system: Vec<SystemFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    id: String,
    name: String,
    checked: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemFile {
    os: String,
    version: Spanned<String>,
    name: String,
    standard: Spanned<Datetime>,
    #[serde(default)]
    extended: Vec<ExtensionFile>,
    source: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionFile {
    name: String,
    until: Spanned<Datetime>,
    paid: bool,
}

impl SupportTable {
    /// Reads the file.
    ///
    /// # Errors
    /// Every mistake in it; a table with a mistake is refused whole.
    pub fn load(file: &TableFile) -> Result<Self, Vec<TableMistake>> {
        let written: SupportFile = file.read().map_err(|mistake| vec![mistake])?;
        let mut mistakes = Vec::new();
        let mut sources = BTreeMap::new();
        for source in written.source {
            if let Some(checked) = day(file, &source.checked, &mut mistakes) {
                sources.insert(source.id, (source.name, checked));
            }
        }
        let mut systems = BTreeMap::new();
        for system in written.system {
            let at = system.version.span().start;
            let key = (system.os.clone(), system.version.get_ref().clone());
            let Some(end) = end(file, system, &sources, &mut mistakes) else { continue };
            let ordered = end.extended.iter().map(|extension| extension.until);
            let ordered: Vec<Date> = [end.standard].into_iter().chain(ordered).collect();
            if !ordered.is_sorted() {
                mistakes.push(file.mistake(
                    at,
                    "ngày kéo dài phải xếp tăng dần và không trước ngày chuẩn",
                    "extensions must be in order and not end before the standard day",
                ));
            }
            if systems.insert(key, end).is_some() {
                mistakes.push(file.mistake(at, "hệ thống này có hai lần", "this system appears twice"));
            }
        }

        if mistakes.is_empty() {
            Ok(Self { version: written.version, systems, file: file.clone() })
        } else {
            Err(mistakes)
        }
    }

    /// The table that this program was built with.
    ///
    /// # Panics
    /// Never in a released program: a test loads it.
    #[must_use]
    pub fn embedded() -> Self {
        Self::load(&embedded()).expect("a test loads the file of this build")
    }

    /// The end of support by `ID` and `VERSION_ID` of os-release; `12.7` is asked for as `12` too.
    #[must_use]
    pub fn lookup(&self, os_id: &str, os_version: &str) -> Option<&SupportEnd> {
        let find = |version: &str| self.systems.get(&(os_id.to_owned(), version.to_owned()));

        find(os_version).or_else(|| find(os_version.split_once('.')?.0))
    }

    /// The end of support of a described host: editions of Windows and CentOS Stream are told apart by name.
    #[must_use]
    pub fn of_host(&self, host: &HostDescribed) -> Option<&SupportEnd> {
        match host.os_id.as_str() {
            "windows" => windows_keys(&host.os_name, &host.os_version)
                .iter()
                .find_map(|key| self.systems.get(&("windows".to_owned(), key.clone()))),
            "centos" if host.os_name.to_lowercase().contains("stream") => {
                let major = host.os_version.split('.').next().unwrap_or_default();
                self.lookup("centos", &format!("stream-{major}"))
            }
            id => self.lookup(id, &host.os_version),
        }
    }

    /// Every system by os and version, in order.
    pub fn systems(&self) -> impl Iterator<Item = (&(String, String), &SupportEnd)> {
        self.systems.iter()
    }

    /// Version of the file.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The file it was read from.
    #[must_use]
    pub fn file(&self) -> &TableFile {
        &self.file
    }

    /// Digest of its file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.file.text.as_bytes())
    }
}

impl SupportEnd {
    /// How it stands at this moment, by the calendar of UTC.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> SupportState {
        let today = jiff::Timestamp::from_millisecond(now.0)
            .map_or(Date::MAX, |moment| moment.to_zoned(jiff::tz::TimeZone::UTC).date());
        let days_to = |day: Date| (day - today).get_days();
        if today <= self.standard {
            return SupportState::Standard { days: days_to(self.standard) };
        }
        let mut open = self.extended.iter().filter(|extension| today <= extension.until);
        let free = self.extended.iter().find(|extension| !extension.paid && today <= extension.until);
        match (free, open.next()) {
            (Some(free), _) => SupportState::Extended { name: free.name.clone(), days: days_to(free.until) },
            (None, Some(paid)) => {
                SupportState::PaidOnly { name: paid.name.clone(), days: days_to(paid.until) }
            }
            (None, None) => SupportState::Past { days: -days_to(self.free_until()) },
        }
    }

    /// The last day of fixes that cost nothing.
    #[must_use]
    pub fn free_until(&self) -> Date {
        let free = self.extended.iter().filter(|extension| !extension.paid).map(|extension| extension.until);

        free.chain([self.standard]).max().unwrap_or(self.standard)
    }
}

fn as_text<S: serde::Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

/// What a Windows name and version may be listed as, the most particular first.
fn windows_keys(name: &str, version: &str) -> Vec<String> {
    let name = name.to_lowercase();
    let after = |word: &str| name.split_once(word).map(|(_, rest)| rest.trim_start());
    if let Some(rest) = after("server ") {
        let year: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let second = rest[year.len()..].trim_start().starts_with("r2");
        return vec![if second { format!("server-{year}-r2") } else { format!("server-{year}") }];
    }
    let Some(rest) = after("windows ") else { return Vec::new() };
    let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    if name.contains("ltsc") || name.contains("ltsb") {
        let year = ["2016", "2019", "2021", "2024"].into_iter().find(|year| name.contains(year));
        return year.map(|year| format!("{number}-ltsc-{year}")).into_iter().collect();
    }
    let release = version.to_uppercase();
    let mut keys = Vec::new();
    if name.contains("enterprise") || name.contains("education") && !name.contains("pro education") {
        keys.push(format!("{number}-{release}-enterprise"));
    }
    keys.push(format!("{number}-{release}"));
    keys.push(number);

    keys
}

fn day(file: &TableFile, written: &Spanned<Datetime>, mistakes: &mut Vec<TableMistake>) -> Option<Date> {
    let date = written.get_ref().to_string().parse().ok();
    if date.is_none() || written.get_ref().time.is_some() {
        mistakes.push(file.mistake(
            written.span().start,
            "cần một ngày dạng 2026-11-22",
            "expected a day such as 2026-11-22",
        ));
    }

    date
}

fn end(
    file: &TableFile,
    written: SystemFile,
    sources: &BTreeMap<String, (String, Date)>,
    mistakes: &mut Vec<TableMistake>,
) -> Option<SupportEnd> {
    let Some((source, checked)) = sources.get(written.source.get_ref()).cloned() else {
        mistakes.push(file.mistake(
            written.source.span().start,
            &format!("nguồn {:?} chưa khai báo", written.source.get_ref()),
            &format!("source {:?} is not declared", written.source.get_ref()),
        ));
        return None;
    };
    let standard = day(file, &written.standard, mistakes)?;
    let mut extended = Vec::new();
    for extension in written.extended {
        let until = day(file, &extension.until, mistakes)?;
        extended.push(Extension { name: extension.name, until, paid: extension.paid });
    }

    Some(SupportEnd { name: written.name, standard, extended, source, checked })
}

/// The file of this build.
#[must_use]
pub fn embedded() -> TableFile {
    TableFile::new("catalogue/support.toml", include_str!("../catalogue/support.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vonggac_protocol::host::Role;

    fn at(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    fn host(os_id: &str, os_version: &str, os_name: &str) -> HostDescribed {
        HostDescribed {
            name: String::new(),
            role: Role::Unknown,
            os_family: String::new(),
            os_id: os_id.to_owned(),
            os_version: os_version.to_owned(),
            os_name: os_name.to_owned(),
            kernel: String::new(),
            architecture: String::new(),
            processor: String::new(),
            processors: 1,
            memory_bytes: 0,
            disk_bytes: 0,
            vendor: String::new(),
            model: String::new(),
            firmware_date: None,
            addresses: Vec::new(),
            booted_at: Timestamp(0),
            virtualisation: None,
            domain: None,
            workgroup: None,
        }
    }

    #[test]
    fn debian_12_is_first_standard_then_lts_then_only_paid_then_past() {
        let table = SupportTable::load(&embedded()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        let end = table.lookup("debian", "12").unwrap();

        assert_eq!(end.state_at(at("2026-07-11")), SupportState::Standard { days: 0 });
        assert!(matches!(end.state_at(at("2026-11-22")), SupportState::Extended { days: 586, .. }));
        assert!(matches!(end.state_at(at("2028-07-01")), SupportState::PaidOnly { .. }));
        assert!(matches!(end.state_at(at("2033-07-01")), SupportState::Past { .. }));
        assert_eq!(end.free_until().to_string(), "2028-06-30");
    }

    #[test]
    fn a_minor_version_is_found_by_its_major_one_and_an_unknown_system_is_unknown() {
        let table = SupportTable::embedded();

        assert_eq!(table.lookup("rhel", "9.4"), table.lookup("rhel", "9"));
        assert_eq!(table.lookup("ubuntu", "22.04").unwrap().standard.to_string(), "2027-06-01");
        assert!(table.lookup("debian", "99").is_none());
        assert!(table.lookup("plan9", "4").is_none());
    }

    #[test]
    fn editions_of_windows_and_centos_stream_are_told_apart_by_name() {
        let table = SupportTable::embedded();
        let name = |id: &str, version: &str, name: &str| {
            table.of_host(&host(id, version, name)).map(|end| end.name.clone())
        };

        assert_eq!(name("windows", "23H2", "Windows 11 Pro").as_deref(), Some("Windows 11 23H2"));
        assert_eq!(
            name("windows", "23H2", "Windows 11 Enterprise").as_deref(),
            Some("Windows 11 23H2 Enterprise, Education")
        );
        assert_eq!(
            name("windows", "1809", "Windows Server 2019 Standard").as_deref(),
            Some("Windows Server 2019")
        );
        assert_eq!(name("windows", "", "Windows Server 2008 R2").as_deref(), Some("Windows Server 2008 R2"));
        assert_eq!(
            name("windows", "21H2", "Windows 10 Enterprise LTSC 2021").as_deref(),
            Some("Windows 10 LTSC 2021")
        );
        assert_eq!(name("windows", "6.1", "Windows 7 Professional").as_deref(), Some("Windows 7 SP1"));
        assert_eq!(name("centos", "9", "CentOS Stream 9").as_deref(), Some("CentOS Stream 9"));
        assert_eq!(name("centos", "8", "CentOS Linux 8").as_deref(), Some("CentOS Linux 8"));
    }

    #[test]
    fn mistakes_name_the_line() {
        let file = TableFile::new(
            "s.toml",
            &embedded().text.replacen("source = \"distro-info\"", "source = \"x\"", 1),
        );

        let mistakes = SupportTable::load(&file).unwrap_err();

        assert_eq!(mistakes.len(), 1);
        let line = file.text.lines().nth(mistakes[0].line - 1).unwrap();
        assert_eq!(line, "source = \"x\"");
        assert!(SupportTable::load(&TableFile::new("s.toml", "version = 1\n[[system]]\n")).is_err());
    }
}
