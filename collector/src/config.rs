//! The collector's configuration: as written, checked, and as relied upon.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use toml::Spanned;
use vonggac_protocol::assignment::{Assignment, WatchPath};
use vonggac_protocol::limits::{BUDGET_KIB_MAX, BUDGET_KIB_MIN};
use vonggac_protocol::record::RecordSubject;

use crate::admission::limits::{Limits, LimitsFile};
use crate::authority::Terms;
use crate::listen::ListenTcp;

/// Where the configuration lies unless told otherwise.
pub const DEFAULT_PATH: &str = "/etc/vonggac/collector.toml";

const DAY_SECS: u32 = 24 * 60 * 60;

/// The form of the file that this program reads.
const FORM: u32 = 1;

/// Where everything is kept; the service's state directory.
const DATA_DIR: &str = "/var/lib/vonggac-collector";
/// QUIC on every address: agents must reach it.
const LINK_LISTEN: &str = "0.0.0.0:4433";
/// The console only on this machine, until somebody decides how others reach it.
const CONSOLE_LISTEN: &str = "127.0.0.1:8700";
/// Two and a half heartbeats: one may be lost, and the connection taken up anew, before anybody is called silent.
const PROMISED_SECS: u64 = 600;
/// A sign of life costs some 150 bytes both ways, so these cost some 54 kB a day.
const HEARTBEAT_SECS: u32 = 240;
/// Packages change rarely; an hour is soon enough to see it.
const INVENTORY_SECS: u32 = 3_600;
/// A stolen certificate ends within a month; a host renews it ten days before.
const HOST_DAYS: u32 = 30;
/// A machine that was off for a season comes back without a person's help.
const GRACE_DAYS: u32 = 90;

/// Vendors publish daily and a stick goes round once a week; twice that is a missed round.
pub const FEEDS_DAYS_MAX: u32 = 14;

/// The file is not a configuration that this program can use.
#[derive(Debug, thiserror::Error)]
pub enum LoadConfigError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML of the expected form.
    #[error("{path}:{line}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A value cannot be used.
    #[error("{path}:{line}: {key} is {found}, expected {expected}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
}

/// The configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Everything that is kept lies here.
    pub data_dir: PathBuf,
    /// Rule files; `None`: those this program was built with.
    pub rules_dir: Option<PathBuf>,
    /// `host:port` by which agents reach the link; goes into enrolment strings.
    pub public_address: Option<String>,
    /// The link with agents.
    pub link: LinkConfig,
    /// Who may come in, and how many at once.
    pub limits: Limits,
    /// The console and the API.
    pub console: ConsoleConfig,
    /// Within how many seconds a host is to give a sign of life.
    pub promised_secs: u64,
    /// How long certificates of hosts count.
    pub certificates: Terms,
    /// Advisories older than so many days are told to be too old.
    pub feeds_days_max: u32,
    /// What every host is asked to watch.
    pub assignment: Assignment,
}

/// The link with agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// UDP address.
    pub listen: SocketAddr,
    /// TCP address, for agents whose network blocks UDP.
    pub listen_tcp: ListenTcp,
}

/// The console and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// TCP address.
    pub listen: SocketAddr,
    /// How people reach it, such as `https://vonggac.tinh.gov.vn`; for links. `None`: the address it listens on.
    pub public_url: Option<String>,
    /// Certificate chain (PEM) and key (PEM) for HTTPS; `None`: plain on loopback, our own authority's elsewhere.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: Spanned<u32>,
    data_dir: Option<PathBuf>,
    rules_dir: Option<PathBuf>,
    public_address: Option<Spanned<String>>,
    #[serde(default)]
    link: LinkFile,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    console: ConsoleFile,
    #[serde(default)]
    silence: SilenceFile,
    #[serde(default)]
    certificates: CertificatesFile,
    #[serde(default)]
    feeds: FeedsFile,
    #[serde(default)]
    assignment: AssignmentFile,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct FeedsFile {
    days_max: Option<Spanned<u32>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LinkFile {
    listen: Option<Spanned<String>>,
    listen_tcp: Option<Spanned<String>>,
    handshakes_max: Option<Spanned<usize>>,
    connections_per_address_max: Option<Spanned<usize>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ConsoleFile {
    listen: Option<Spanned<String>>,
    public_url: Option<Spanned<String>>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SilenceFile {
    promised_secs: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct CertificatesFile {
    host_days: Option<Spanned<u32>>,
    grace_days: Option<Spanned<u32>>,
    /// Instead of days, so that a trial sees an end within its own time; in no example.
    host_secs: Option<Spanned<u32>>,
    grace_secs: Option<Spanned<u32>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct AssignmentFile {
    heartbeat_secs: Option<Spanned<u32>>,
    inventory_secs: Option<Spanned<u32>>,
    daily_budget_kib: Option<Spanned<u32>>,
    language_roots: Option<Spanned<Vec<String>>>,
    records: Option<Vec<RecordSubject>>,
    #[serde(default)]
    watch: Vec<Spanned<WatchPath>>,
}

/// Where in which file we are.
pub struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(self.text);

        before.matches('\n').count() + 1
    }

    fn wrong<T: std::fmt::Display>(
        &self,
        key: &'static str,
        found: &Spanned<T>,
        expected: &'static str,
    ) -> LoadConfigError {
        LoadConfigError::Value {
            path: self.path.to_owned(),
            line: self.line(found.span().start),
            key,
            found: found.get_ref().to_string(),
            expected,
        }
    }

    fn address(
        &self,
        key: &'static str,
        found: Option<Spanned<String>>,
        default: &str,
    ) -> Result<SocketAddr, LoadConfigError> {
        let Some(found) = found else { return Ok(default.parse().expect("the default is an address")) };

        found
            .get_ref()
            .parse()
            .map_err(|_| self.wrong(key, &found, "an address with a port, such as 0.0.0.0:4433"))
    }

    /// A number within bounds, or the default where nothing is written.
    ///
    /// # Errors
    /// If it is outside them.
    pub fn number<T: PartialOrd + Copy + std::fmt::Display>(
        &self,
        key: &'static str,
        found: Option<Spanned<T>>,
        default: T,
        (least, most): (T, T),
        expected: &'static str,
    ) -> Result<T, LoadConfigError> {
        let Some(found) = found else { return Ok(default) };
        let number = *found.get_ref();
        if number < least || number > most {
            return Err(self.wrong(key, &found, expected));
        }

        Ok(number)
    }
}

impl Config {
    /// Loads and checks a file.
    ///
    /// # Errors
    /// If it cannot be read, is not of the form, or a value cannot be used; the message names file and line.
    pub fn load(path: &Path) -> Result<Self, LoadConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| LoadConfigError::Read { path: path.to_owned(), source })?;

        Self::parse(path, &text)
    }

    /// What holds where the file says nothing.
    ///
    /// # Panics
    /// Never: a test reads the defaults.
    #[must_use]
    pub fn with_defaults() -> Self {
        Self::parse(Path::new("defaults"), "version = 1").expect("the defaults are checked by a test")
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    /// If it is not of the form, or a value cannot be used.
    pub fn parse(path: &Path, text: &str) -> Result<Self, LoadConfigError> {
        let place = Place { path, text };
        let file: ConfigFile = toml::from_str(text).map_err(|error| LoadConfigError::Parse {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| place.line(span.start)),
            message: error.message().to_owned(),
        })?;
        if *file.version.get_ref() != FORM {
            return Err(place.wrong("version", &file.version, "1, the form that this program reads"));
        }
        if let Some(address) = &file.public_address
            && !is_address(address.get_ref())
        {
            return Err(place.wrong(
                "public_address",
                address,
                "host:port, such as thu-thap.tinh.gov.vn:4433",
            ));
        }
        let promised_secs = place.number(
            "silence.promised_secs",
            file.silence.promised_secs,
            PROMISED_SECS,
            (5, 86_400),
            "5 to 86400",
        )?;

        Ok(Self {
            data_dir: file.data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR)),
            rules_dir: file.rules_dir,
            public_address: file.public_address.map(Spanned::into_inner),
            limits: file.limits.check(
                &place,
                file.link.handshakes_max,
                file.link.connections_per_address_max,
            )?,
            link: LinkConfig {
                listen: place.address("link.listen", file.link.listen, LINK_LISTEN)?,
                listen_tcp: listen_tcp(&place, file.link.listen_tcp)?,
            },
            console: file.console.check(&place)?,
            promised_secs,
            certificates: file.certificates.check(&place)?,
            feeds_days_max: place.number(
                "feeds.days_max",
                file.feeds.days_max,
                FEEDS_DAYS_MAX,
                (1, 366),
                "1 to 366",
            )?,
            assignment: file.assignment.check(&place)?,
        })
    }

    /// Loads the named file, or the default one, or, where that does not exist, takes the defaults.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        match named {
            Some(path) => Self::load(path).context("read the configuration"),
            None if Path::new(DEFAULT_PATH).exists() => {
                Self::load(Path::new(DEFAULT_PATH)).context("read the configuration")
            }
            None => Ok(Self::with_defaults()),
        }
    }

    /// The database.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        self.data_dir.join("collector.db")
    }

    /// The authority's folder.
    #[must_use]
    pub fn authority_dir(&self) -> PathBuf {
        self.data_dir.join("authority")
    }

    /// The folder of signing keys.
    #[must_use]
    pub fn keys_dir(&self) -> PathBuf {
        self.data_dir.join("keys")
    }

    /// Where a running collector writes how it stands.
    #[must_use]
    pub fn status_path(&self) -> PathBuf {
        self.data_dir.join("status.json")
    }

    /// Where a running collector says on which addresses it can be reached.
    #[must_use]
    pub fn running_path(&self) -> PathBuf {
        self.data_dir.join("running.json")
    }
}

/// Where TCP is listened on, if at all.
fn listen_tcp(place: &Place<'_>, found: Option<Spanned<String>>) -> Result<ListenTcp, LoadConfigError> {
    match found {
        None => Ok(ListenTcp::AsUdp),
        Some(found) if found.get_ref() == "off" => Ok(ListenTcp::Off),
        Some(found) => found.get_ref().parse().map(ListenTcp::At).map_err(|_| {
            place.wrong("link.listen_tcp", &found, "an address with a port, such as 0.0.0.0:443, or off")
        }),
    }
}

impl ConsoleFile {
    fn check(self, place: &Place<'_>) -> Result<ConsoleConfig, LoadConfigError> {
        if let Some(url) = &self.public_url
            && !(url.get_ref().starts_with("https://") || url.get_ref().starts_with("http://"))
        {
            return Err(place.wrong(
                "console.public_url",
                url,
                "an address that begins with https:// or http://",
            ));
        }
        let certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate.into_inner(), key)),
            (None, None) => None,
            (Some(certificate), None) => {
                let shown = Spanned::new(certificate.span(), certificate.get_ref().display().to_string());
                return Err(place.wrong(
                    "console.certificate",
                    &shown,
                    "a certificate together with console.key",
                ));
            }
            (None, Some(key)) => {
                let shown = Spanned::new(0..0, key.display().to_string());
                return Err(place.wrong("console.key", &shown, "a key together with console.certificate"));
            }
        };

        Ok(ConsoleConfig {
            listen: place.address("console.listen", self.listen, CONSOLE_LISTEN)?,
            public_url: self.public_url.map(|url| url.into_inner().trim_end_matches('/').to_owned()),
            certificate,
        })
    }
}

impl CertificatesFile {
    fn check(self, place: &Place<'_>) -> Result<Terms, LoadConfigError> {
        let host_days =
            place.number("certificates.host_days", self.host_days, HOST_DAYS, (1, 397), "1 to 397")?;
        let grace_days =
            place.number("certificates.grace_days", self.grace_days, GRACE_DAYS, (0, 3_650), "0 to 3650")?;
        let days = |days| DAY_SECS * days;
        let life = place.number(
            "certificates.host_secs",
            self.host_secs,
            days(host_days),
            (2, days(397)),
            "2 to 34300800",
        )?;
        let grace = place.number(
            "certificates.grace_secs",
            self.grace_secs,
            days(grace_days),
            (0, days(3_650)),
            "0 to 315360000",
        )?;

        Ok(Terms { life: Duration::from_secs(u64::from(life)), grace: Duration::from_secs(u64::from(grace)) })
    }
}

impl AssignmentFile {
    fn check(self, place: &Place<'_>) -> Result<Assignment, LoadConfigError> {
        let heartbeat_secs = place.number(
            "assignment.heartbeat_secs",
            self.heartbeat_secs,
            HEARTBEAT_SECS,
            (5, 3_600),
            "5 to 3600",
        )?;
        let inventory_secs = place.number(
            "assignment.inventory_secs",
            self.inventory_secs,
            INVENTORY_SECS,
            (60, 86_400),
            "60 to 86400",
        )?;
        let daily_budget_kib = self
            .daily_budget_kib
            .map(|found| {
                let (least, most) = (BUDGET_KIB_MIN, BUDGET_KIB_MAX);
                place.number(
                    "assignment.daily_budget_kib",
                    Some(found),
                    least,
                    (least, most),
                    "128 to 4194304",
                )
            })
            .transpose()?;
        let roots = self.language_roots.as_ref().map(|roots| roots.get_ref().clone());
        let assignment = |watch: Vec<WatchPath>| Assignment {
            version: 0,
            watch,
            language_roots: roots.clone(),
            records: self.records.clone(),
            heartbeat_secs,
            inventory_secs,
            rebaseline: None,
            daily_budget_kib,
        };
        if let Some(roots) = &self.language_roots
            && assignment(Vec::new()).check().is_err()
        {
            let shown = Spanned::new(roots.span(), roots.get_ref().join(" "));
            return Err(place.wrong("assignment.language_roots", &shown, "absolute paths, at most 256"));
        }
        for one in &self.watch {
            if assignment(vec![one.get_ref().clone()]).check().is_err() {
                let shown = Spanned::new(one.span(), one.get_ref().path.clone());
                return Err(place.wrong("assignment.watch.path", &shown, "an absolute path"));
            }
        }
        let last = self.watch.last().map_or(0..0, Spanned::span);
        let whole = assignment(self.watch.into_iter().map(Spanned::into_inner).collect());
        if whole.check().is_err() {
            let shown = Spanned::new(last, whole.watch.len());
            return Err(place.wrong("assignment.watch", &shown, "at most 256 paths"));
        }

        Ok(whole)
    }
}

/// Whether a text is `host:port`.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };

    !host.is_empty()
        && host.len() <= 255
        && !host.contains(char::is_whitespace)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(Path::new("collector.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example = include_str!("../../deploy/collector.toml");
        // Every key that has a default is written out behind `#: `.
        let written: String = example.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).fold(
            String::new(),
            |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            },
        );

        let installed = Config::parse(Path::new("collector.toml"), example).unwrap();
        let spelt_out = Config::parse(Path::new("collector.toml"), &written).unwrap();

        assert_eq!(installed, Config::with_defaults());
        assert_eq!(spelt_out, Config::with_defaults());
        let keys = ["data_dir", "listen", "handshakes_max", "connections_per_address_max", "promised_secs"];
        let keys = keys.into_iter().chain([
            "heartbeat_secs",
            "inventory_secs",
            "rules_dir",
            "public_address",
            "host_days",
            "grace_days",
        ]);
        let limits = [
            "connections_max",
            "connections_per_agency_max",
            "handshakes_waiting_max",
            "handshakes_waiting_per_address_max",
            "enrolments_per_hour_max",
            "enrolments_per_hour_per_address_max",
            "enrolments_per_hour_per_agency_max",
            "large_frames_mib_max",
        ];
        for key in keys.chain(limits) {
            assert!(example.contains(&format!("{key} = ")), "{key} is not in the example");
        }
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line() {
        let message = refused("version = 1\n\n[link]\nlissten = \"0.0.0.0:1\"\n");

        assert!(message.starts_with("collector.toml:4: "), "{message}");
        assert!(message.contains("lissten"), "{message}");
    }

    #[test]
    fn a_value_outside_its_limits_is_refused_with_line_and_expectation() {
        let message = refused("version = 1\n[silence]\npromised_secs = 1\n");

        assert_eq!(message, "collector.toml:3: silence.promised_secs is 1, expected 5 to 86400");
    }

    #[test]
    fn another_form_is_refused() {
        assert!(refused("version = 2").contains("expected 1"));
        assert!(refused("").contains("version"));
    }

    #[test]
    fn a_relative_path_to_watch_is_refused() {
        let message = refused("version = 1\n[[assignment.watch]]\narea = \"web\"\npath = \"www\"\n");

        assert!(message.contains("expected an absolute path"), "{message}");
    }
}
