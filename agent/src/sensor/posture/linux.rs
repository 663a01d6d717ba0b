//! What a Linux system tells of its protection: what files of well-known products and of the kernel truly say, no more.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use vonggac_protocol::posture::{AntiMalware, Fact, Firewall, Posture, ToldBy, Unknown, Volume, Why};
use vonggac_protocol::time::Timestamp;

/// Bytes of a small file that are read.
const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of a signature file's header.
const HEADER_BYTES: u64 = 512;

/// Processes that are looked at; more than a busy server has.
const PROCESSES_MAX: usize = 32_768;

/// How deep disks may lie in one another: a logical volume on an encrypted one on an array.
const DEPTH_MAX: u32 = 6;

/// Where products of other makers lie. Whether they run they do not tell by files.
const PRODUCTS: [(&str, &str); 8] = [
    ("opt/CrowdStrike/falconctl", "CrowdStrike Falcon"),
    ("opt/eset/efs", "ESET Server Security"),
    ("opt/f-secure/linuxsecurity", "F-Secure Linux Security"),
    ("opt/kaspersky/kesl", "Kaspersky Endpoint Security"),
    ("opt/microsoft/mdatp", "Microsoft Defender for Endpoint"),
    ("opt/sentinelone", "SentinelOne"),
    ("opt/sophos-spl", "Sophos Protection for Linux"),
    ("opt/bitdefender-security-tools", "Bitdefender Endpoint Security Tools"),
];

/// Reads the protection of the system whose files are under `root`.
#[must_use]
pub fn read(root: &Path) -> Posture {
    Posture {
        anti_malware: anti_malware(root),
        firewall: firewall(root),
        volumes: volumes(root),
        backups: unknown("this system keeps no record of backups"),
    }
}

fn unknown<T>(detail: &str) -> Fact<T> {
    Fact::Unknown(Unknown { why: Why::NotAvailable, detail: Some(detail.to_owned()) })
}

fn text(path: &Path, bytes_max: u64) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;

    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// ClamAV by its signatures and processes, others by their folders. That nothing known here is there does not say that
/// nothing is there.
fn anti_malware(root: &Path) -> Fact<Vec<AntiMalware>> {
    let mut found: Vec<AntiMalware> = clam(root).into_iter().collect();
    let is_there = |(path, _): &&(&str, &str)| root.join(path).exists();
    found.extend(PRODUCTS.iter().filter(is_there).map(|(_, name)| AntiMalware {
        name: (*name).to_owned(),
        told_by: ToldBy::OwnTraces,
        running: None,
        current: None,
        signatures: None,
        signatures_at: None,
    }));
    found.sort();
    if found.is_empty() {
        return unknown("no product that is known here");
    }

    Fact::Known(found)
}

fn clam(root: &Path) -> Option<AntiMalware> {
    let folder = root.join("var/lib/clamav");
    let header = |name: &str| text(&folder.join(name), HEADER_BYTES).and_then(|header| daily(&header));
    let newest = ["daily.cld", "daily.cvd"].into_iter().filter_map(header).max();
    let programs = ["usr/sbin/clamd", "usr/bin/clamdscan", "usr/local/sbin/clamd"];
    if newest.is_none() && !programs.iter().any(|path| root.join(path).exists()) {
        return None;
    }
    let running = processes(root).map(|names| names.contains("clamd") || names.contains("clamonacc"));

    Some(AntiMalware {
        name: "ClamAV".to_owned(),
        told_by: ToldBy::OwnTraces,
        running,
        current: None,
        signatures: newest.map(|(_, version)| version.to_string()),
        signatures_at: newest.map(|(at, _)| at),
    })
}

/// Date and number of `ClamAV-VDB:23 Nov 2026 09-24 -0500:27825:…`.
fn daily(header: &str) -> Option<(Timestamp, u32)> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    let mut fields = header.strip_prefix("ClamAV-VDB:")?.split(':');
    let mut words = fields.next()?.split_whitespace();
    let day: i8 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = i8::try_from(MONTHS.iter().position(|it| *it == month)?).ok()?.checked_add(1)?;
    let year: i16 = words.next()?.parse().ok()?;
    let (hour, minute) = words.next()?.split_once('-')?;
    let zone = words.next()?;
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let local = jiff::civil::DateTime::new(year, month, day, hour, minute, 0, 0).ok()?;
    let millis = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let number: i64 = zone.get(1..)?.parse().ok()?;
    let minutes = (number / 100).checked_mul(60)?.checked_add(number % 100)?;
    let ahead = if zone.starts_with('-') { -minutes } else { minutes };

    Some((Timestamp(millis.checked_sub(ahead.checked_mul(60_000)?)?), fields.next()?.parse().ok()?))
}

/// Names of the programs that run; `None` if they cannot be listed.
fn processes(root: &Path) -> Option<BTreeSet<String>> {
    let entries = fs::read_dir(root.join("proc")).ok()?;
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let is_process = entry.file_name().to_str()?.bytes().all(|byte| byte.is_ascii_digit());
        let name = is_process.then(|| text(&entry.path().join("comm"), 64))??;
        Some(name.trim_end().to_owned())
    };
    let names: BTreeSet<String> = entries.take(PROCESSES_MAX).filter_map(name).collect();

    (!names.is_empty()).then_some(names)
}

/// Firewalls that are set up to start. Rules set by hand or by a script are not seen, so none of these says nothing.
fn firewall(root: &Path) -> Fact<Vec<Firewall>> {
    let ufw = text(&root.join("etc/ufw/ufw.conf"), SMALL_BYTES_MAX)
        .is_some_and(|conf| conf.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes")));
    let mut names: Vec<&str> = ufw.then_some("ufw").into_iter().collect();
    let units = [
        ("firewalld", "firewalld.service"),
        ("nftables", "nftables.service"),
        ("iptables", "netfilter-persistent.service"),
        ("iptables", "iptables.service"),
    ];
    let wanted = |unit: &str| {
        ["multi-user.target.wants", "sysinit.target.wants", "basic.target.wants"]
            .iter()
            .any(|target| root.join("etc/systemd/system").join(target).join(unit).symlink_metadata().is_ok())
    };
    names.extend(units.into_iter().filter(|(_, unit)| wanted(unit)).map(|(name, _)| name));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return unknown("no firewall service is set up; rules set otherwise are not seen");
    }
    let one = |name: &str| Firewall { name: name.to_owned(), on: true, by_policy: false, of_others: false };

    Fact::Known(names.into_iter().map(one).collect())
}

/// Whether the root file system lies on an encrypted disk.
fn volumes(root: &Path) -> Fact<Vec<Volume>> {
    let Some(mounts) = text(&root.join("proc/self/mountinfo"), SMALL_BYTES_MAX) else {
        return unknown("mounts are not told");
    };
    let mut of_root = mounts.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(' ').take(5).collect();
        (fields.get(4) == Some(&"/")).then(|| fields.get(2).map(|device| (*device).to_owned()))?
    });
    // The last mount at a place is the one that is seen.
    let Some(device) = of_root.next_back().filter(|device| !device.starts_with("0:")) else {
        return unknown("the root file system lies on no disk of its own");
    };
    let folder = root.join("sys/dev/block").join(device);
    if !folder.exists() {
        return unknown("the disk of the root file system is not told");
    }
    let encrypted = is_encrypted(&folder, DEPTH_MAX);

    Fact::Known(vec![Volume {
        name: "/".to_owned(),
        system: true,
        protected: Some(encrypted),
        encrypted: Some(encrypted),
    }])
}

fn is_encrypted(disk: &Path, depth: u32) -> bool {
    if text(&disk.join("dm/uuid"), 256).is_some_and(|uuid| uuid.starts_with("CRYPT-")) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let below: Vec<PathBuf> = fs::read_dir(disk.join("slaves"))
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();

    // Of an array every disk must be.
    !below.is_empty() && below.iter().all(|disk| is_encrypted(disk, depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn an_empty_system_is_not_known_to_be_unprotected() {
        let root = tempfile::tempdir().unwrap();

        let posture = read(root.path());

        assert!(posture.anti_malware.unknown().is_some() && posture.firewall.unknown().is_some());
        assert!(posture.volumes.unknown().is_some() && posture.backups.unknown().is_some());
    }

    #[test]
    fn clamav_tells_the_date_of_its_signatures_and_whether_it_runs() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            "var/lib/clamav/daily.cvd",
            "ClamAV-VDB:20 Nov 2026 09-24 -0500:27825:1:90:x:y:z:1\n",
        );
        write(
            root.path(),
            "var/lib/clamav/daily.cld",
            "ClamAV-VDB:22 Nov 2026 09-24 +0700:27827:1:90:x:y:z:1\n",
        );
        write(root.path(), "proc/7/comm", "bash\n");
        let stopped = read(root.path()).anti_malware;
        write(root.path(), "proc/8/comm", "clamd\n");

        let running = read(root.path()).anti_malware;

        let product = &running.known().unwrap()[0];
        let utc: jiff::Timestamp = "2026-11-22T02:24:00Z".parse().unwrap();
        assert_eq!(product.signatures_at, Some(Timestamp(utc.as_millisecond())));
        assert_eq!((product.signatures.as_deref(), product.running), (Some("27827"), Some(true)));
        assert_eq!(stopped.known().unwrap()[0].running, Some(false));
    }

    #[test]
    fn a_firewall_that_is_set_up_is_on() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "etc/ufw/ufw.conf", "# x\nENABLED=no\n");
        assert!(read(root.path()).firewall.known().is_none());

        write(root.path(), "etc/ufw/ufw.conf", "ENABLED=yes\n");
        write(root.path(), "etc/systemd/system/sysinit.target.wants/nftables.service", "");

        let posture = read(root.path());
        let names: Vec<_> = posture.firewall.known().unwrap().iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["nftables", "ufw"]);
    }

    #[test]
    fn a_root_on_a_logical_volume_on_an_encrypted_disk_is_encrypted() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/mapper/vg-root rw\n");
        write(root.path(), "sys/dev/block/254:1/dm/uuid", "LVM-abc\n");
        write(root.path(), "sys/dev/block/254:1/slaves/dm-0/dm/uuid", "CRYPT-LUKS2-abc\n");
        let protected = || read(root.path()).volumes.known().map(|it| it[0].protected);

        assert_eq!(protected(), Some(Some(true)));
        write(root.path(), "sys/dev/block/254:1/slaves/dm-0/dm/uuid", "LVM-abc\n");
        assert_eq!(protected(), Some(Some(false)));
        write(root.path(), "proc/self/mountinfo", "22 1 0:41 / / rw - overlay overlay rw\n");
        assert_eq!(protected(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "ClamAV-VDB:[-+0-9A-Za-z: é]{0,60}") {
            let _any = daily(&text);
        }
    }
}
