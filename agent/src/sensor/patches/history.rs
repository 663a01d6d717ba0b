//! When lists were fetched and when something was upgraded, by what apt and dpkg leave behind.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use vonggac_protocol::time::Timestamp;

use super::order::compare;

/// Bytes at the end of dpkg's log that are looked at: more than a month of a busy desktop.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a line of it that are looked at.
const LINE_BYTES_MAX: u64 = 4096;

/// Bytes of the description of a time zone.
const ZONE_BYTES_MAX: u64 = 64 * 1024;

/// What apt touches when lists were fetched with success: its daily service and the hook of Ubuntu touch stamps, a
/// fetched list moves into the folder.
const REFRESHED: [&str; 3] =
    ["var/lib/apt/periodic/update-success-stamp", "var/lib/apt/periodic/update-stamp", "var/lib/apt/lists"];

/// When lists were last fetched with success; `None` where apt has none.
pub(super) fn refreshed_at(root: &Path) -> Option<Timestamp> {
    let touched = |path: &str| std::fs::metadata(root.join(path)).and_then(|it| it.modified()).ok();

    REFRESHED.into_iter().filter_map(touched).filter_map(crate::sensor::moment).max()
}

/// The last time that dpkg replaced a package by a newer version.
pub(super) fn upgraded_at(root: &Path) -> Option<Timestamp> {
    let zone = zone(root);
    // The log before this one is kept unpacked for a month.
    ["var/log/dpkg.log", "var/log/dpkg.log.1"]
        .into_iter()
        .find_map(|path| last_upgrade(&root.join(path)))
        .and_then(|local| zone.to_timestamp(local).ok())
        .map(|at| Timestamp(at.as_millisecond()))
}

/// By the clock on the wall.
fn last_upgrade(log: &Path) -> Option<DateTime> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX))).ok()?;
    let mut reader = BufReader::new(file.take(LOG_BYTES_MAX));
    let (mut line, mut last) = (Vec::new(), None);
    loop {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()? == 0 {
            return last;
        }
        last = std::str::from_utf8(&line).ok().and_then(upgrade).or(last);
    }
}

/// `2026-11-20 06:12:33 upgrade libssl3:amd64 3.0.15-1 3.0.16-1`; `None` for any other line.
fn upgrade(line: &str) -> Option<DateTime> {
    let mut words = line.split_ascii_whitespace();
    let (date, time) = (words.next()?, words.next()?);
    let (_package, from, to) = (
        words.next().filter(|word| *word == "upgrade").and_then(|_| words.next())?,
        words.next()?,
        words.next()?,
    );
    if compare(to, from) != Ordering::Greater {
        return None;
    }

    format!("{date}T{time}").parse().ok()
}

/// The zone that the system's logs are written in; UTC where none is set.
fn zone(root: &Path) -> TimeZone {
    let mut bytes = Vec::new();
    let read = File::open(root.join("etc/localtime"))
        .and_then(|file| file.take(ZONE_BYTES_MAX).read_to_end(&mut bytes));

    read.ok().and_then(|_| TimeZone::tzif("local", &bytes).ok()).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone of seven hours before UTC without any change, as RFC 8536 writes it.
    fn seven_hours() -> Vec<u8> {
        let head = |version: u8| {
            let mut bytes = b"TZif".to_vec();
            bytes.push(version);
            bytes.extend([0; 15]);
            for count in [0_u32, 0, 0, 0, 1, 4] {
                bytes.extend(count.to_be_bytes());
            }
            bytes.extend(25_200_i32.to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(b"+07\0");
            bytes
        };
        let mut bytes = head(b'2');
        bytes.extend(head(b'2'));
        bytes.extend(b"\n<+07>-7\n");

        bytes
    }

    fn root(log: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("var/log")).unwrap();
        std::fs::write(root.path().join("var/log/dpkg.log"), log).unwrap();

        root
    }

    #[test]
    fn the_last_upgrade_counts_not_what_was_only_configured_or_installed() {
        let log = "2026-11-01 10:00:00 startup packages remove\n\
             2026-11-01 10:00:01 upgrade libssl3:amd64 3.0.15-1 3.0.16-1\n\
             2026-11-02 10:00:00 upgrade bash:amd64 5.2-2 5.2-2\n\
             2026-11-03 10:00:00 install nginx:amd64 <none> 1.22.1-9\n\
             2026-11-04 10:00:00 upgrade down:amd64 2 1\n\
             2026-11-04 10:00:00 status installed nginx:amd64 1.22.1-9\n\
             2026-13-99 10:00:00 upgrade broken:amd64 1 2\n\
             upgrade\n";

        let at = upgraded_at(root(log).path()).unwrap();

        assert_eq!(at.to_string(), "2026-11-01T10:00:01.000Z");
    }

    #[test]
    fn the_log_is_read_in_the_zone_of_the_system() {
        let root = root("2026-11-01 10:00:00 upgrade a 1 2\n");
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/localtime"), seven_hours()).unwrap();

        assert_eq!(upgraded_at(root.path()).unwrap().to_string(), "2026-11-01T03:00:00.000Z");
    }

    #[test]
    fn a_new_log_without_upgrades_lets_the_one_before_speak() {
        let root = root("2026-11-03 10:00:00 install nginx:amd64 <none> 1.22.1-9\n");
        std::fs::write(root.path().join("var/log/dpkg.log.1"), "2026-10-01 10:00:00 upgrade a 1 2\n")
            .unwrap();

        assert_eq!(upgraded_at(root.path()).unwrap().to_string(), "2026-10-01T10:00:00.000Z");
        assert_eq!(refreshed_at(root.path()), None);
    }
}
