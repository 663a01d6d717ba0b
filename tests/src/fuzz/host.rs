//! What stands on a monitored machine and was written by others.

use vonggac_agent::sensor::files::{Share, difference, read_owners};
use vonggac_agent::sensor::host::{Machine, describe};
use vonggac_agent::sensor::{licences, packages};
use vonggac_protocol::limits::TEXT_BYTES_MAX;
use vonggac_protocol::package::LicenceBasis;

use super::parts;
use super::targets::{Scratch, read_packages};

/// The header of an rpm package, as both databases keep it; the database of rpm in the form of SQLite.
pub fn rpm_header(bytes: &[u8]) {
    let Some(package) = packages::package_of_header(bytes) else { return };
    assert!(!package.name.is_empty() && !package.version.is_empty(), "a package has a name and a version");
    let root = Scratch::new();
    let marked = licences::mark(root.path(), [package].into(), &mut licences::Cache::default());
    assert!(packages::report(None, None, &marked).is_ok(), "every package can be told");
}

/// A list of dnf's cache, as each of its three kinds, and its index.
pub fn dnf_list(bytes: &[u8]) {
    let found = vonggac_agent::sensor::patches::read_lists_of_bytes(bytes);
    assert!(found <= bytes.len(), "nothing is found that does not stand there");
    let folder = Scratch::new();
    folder.write("etc/yum.repos.d/a.repo", b"[a]\n");
    folder.write("var/cache/dnf/a-0123456789abcdef/repodata/repomd.xml", bytes);
    folder.write("var/cache/dnf/a-0123456789abcdef/repodata/primary.xml", bytes);
    folder.write(
        "var/lib/dpkg/status",
        b"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n",
    );
    read_packages(folder.path());
}

/// The database of rpm, in the form of SQLite.
pub fn rpm_sqlite(bytes: &[u8]) {
    let folder = Scratch::new();
    folder.write("usr/lib/sysimage/rpm/rpmdb.sqlite", bytes);
    read_packages(folder.path());
}

/// The database of rpm, in the form of Berkeley DB.
pub fn rpm_bdb(bytes: &[u8]) {
    let folder = Scratch::new();
    folder.write("var/lib/rpm/Packages", bytes);
    read_packages(folder.path());
}

/// The database of apk.
pub fn apk_installed(bytes: &[u8]) {
    let folder = Scratch::new();
    folder.write("lib/apk/db/installed", bytes);
    read_packages(folder.path());
}

/// `METADATA` of a wheel, and a `package.json`: what is understood has a name and a version, and can be told.
pub fn language_metadata(bytes: &[u8]) {
    let module = match packages::read_npm(bytes) {
        packages::ReadModule::Module(item) => Some(item),
        packages::ReadModule::None | packages::ReadModule::Damaged => None,
    };
    for item in [packages::read_python(bytes), module].into_iter().flatten() {
        assert!(!item.name.is_empty() && !item.version.is_empty(), "a package has a name and a version");
    }
    let folder = Scratch::new();
    folder.write("opt/a-1.dist-info/METADATA", bytes);
    folder.write("opt/node_modules/a/package.json", bytes);
    find(folder.path());
}

/// An archive of Java, and an egg.
pub fn java_archive(bytes: &[u8]) {
    drop(packages::read_jar(bytes, "a-1.jar"));
    let folder = Scratch::new();
    folder.write("opt/a.war", bytes);
    folder.write("opt/a.egg", bytes);
    find(folder.path());
}

/// What lies under a root is found twice alike, and can be told.
fn find(root: &std::path::Path) {
    let roots = packages::Roots { declared: vec!["/opt".into()], excluded: Vec::new() };
    let mut finder = packages::Finder::default();
    let found = finder.find(root, &roots);
    assert_eq!(finder.find(root, &roots), found, "nothing changed meanwhile");
    let marked = licences::mark(root, found.packages, &mut licences::Cache::default());
    assert!(packages::report(None, None, &marked).is_ok(), "every package can be told");
}

/// A copyright file, and the words of one licence: what is understood is an expression that means itself.
pub fn licence(bytes: &[u8]) {
    if let Some((told, basis)) = licences::of_copyright_file(bytes) {
        assert!(!told.is_empty() && basis != LicenceBasis::Unknown, "known is known from somewhere");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(told) = licences::of_words(text) {
        assert_eq!(licences::of_words(&told).as_ref(), Some(&told), "an expression means itself");
    }
}

/// Small files of the system, each a part named by its path: os-release, what the firmware says, apt's configuration.
pub fn system_files(bytes: &[u8]) {
    const PATHS: [&str; 11] = [
        "etc/os-release",
        "usr/lib/os-release",
        "etc/apt/apt.conf",
        "etc/apt/apt.conf.d/50x",
        "etc/apt/preferences",
        "sys/class/dmi/id/bios_date",
        "sys/class/dmi/id/chassis_type",
        "sys/class/dmi/id/sys_vendor",
        "sys/class/dmi/id/product_name",
        "var/lib/dpkg/status",
        "boot/vmlinuz-6.1.0-28-amd64",
    ];
    let folder = Scratch::new();
    for (name, part) in parts::named(bytes) {
        if PATHS.contains(&name.as_str()) {
            folder.write(&name, &part);
        }
    }
    let first = describe(folder.path(), &Machine::default(), None, None);
    assert_eq!(describe(folder.path(), &Machine::default(), None, Some(&first)), first, "described alike");
    read_packages(folder.path());
}

/// dpkg's records of files: `status` with its conffiles, lists, digests, diversions. Read once they are known.
pub fn dpkg_records(bytes: &[u8]) {
    const PATHS: [&str; 6] =
        ["status", "diversions", "info/a.list", "info/a.md5sums", "info/b:amd64.list", "updates/0001"];
    let folder = Scratch::new();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for (name, part) in parts::named(bytes) {
        if PATHS.contains(&name.as_str()) {
            lines.extend(part.split(|byte| *byte == b'\n').take(8).map(<[u8]>::to_vec));
            folder.write(&format!("var/lib/dpkg/{name}"), &part);
        }
    }
    let index = folder.path().join("packaged.db");
    let paths: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    let (differs, owners) = read_owners(&index, folder.path(), &paths).expect("any records can be read");
    assert!(!differs, "there was nothing before");
    let (_, again) = read_owners(&index, folder.path(), &paths).expect("and again");
    assert_eq!(again, owners, "nothing changed meanwhile");
}

/// How two texts of an administrator's differ: no more than may leave the machine, in whole lines.
pub fn text_difference(bytes: &[u8]) {
    let parts = parts::named(bytes);
    let [(_, old), (_, new), ..] = parts.as_slice() else { return };
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else { return };
    let told = difference(old, new, Share::Lines);
    assert_eq!(difference(old, new, Share::Count).lines, None, "a count is no text");
    let lines = told.lines.unwrap_or_default();
    assert!(lines.len() <= TEXT_BYTES_MAX, "within the limit");
    assert_eq!((told.added, told.removed) == (0, 0), old == new, "equal texts do not differ");
}
