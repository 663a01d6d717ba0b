//! Repositories, a database of packages and a history, written by hand; `measure held-back` asks the real dnf.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use vonggac_protocol::package::{LicenceBasis, Manager, Package, PackageKey};
use vonggac_protocol::time::Timestamp;

use super::{Offered, past, read};

fn package(name: &str, architecture: &str, version: &str, module: Option<&str>) -> Package {
    Package {
        manager: Manager::Rpm,
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version: version.to_owned(),
        source: None,
        source_version: None,
        section: None,
        vendor: None,
        licence: None,
        licence_basis: LicenceBasis::Unknown,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: module.map(str::to_owned),
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }
}

/// `name arch epoch version release`, one a line.
fn primary(packages: &str) -> String {
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap();
        format!(
            "<package type=\"rpm\"><name>{}</name><arch>{}</arch><version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>\
             <description>a &lt; b &amp; c</description><format><rpm:provides><rpm:entry name=\"bash\" \
             ver=\"99\" rel=\"99\"/></rpm:provides></format></package>\n",
            word(),
            word(),
            word(),
            word(),
            word()
        )
    };
    let body: String = packages.lines().map(one).collect();

    format!("<?xml version=\"1.0\"?>\n<metadata xmlns:rpm=\"urn:rpm\">\n{body}</metadata>\n")
}

const UPDATES: &str = "<updates>\
    <update type=\"security\"><id>A-1</id><pkglist><collection>\
    <package name=\"openssl\" epoch=\"1\" version=\"3.0.7\" release=\"26.el9\" arch=\"x86_64\"/>\
    <package name=\"zlib\" epoch=\"0\" version=\"1.2\" release=\"1.el9\" arch=\"x86_64\"/>\
    <package name=\"bash\" epoch=\"0\" version=\"5.1.8\" release=\"10.el9\" arch=\"aarch64\"/>\
    </collection></pkglist></update>\
    <update type=\"bugfix\"><id>B-1</id><pkglist><collection>\
    <package name=\"bash\" epoch=\"0\" version=\"5.1.8\" release=\"9.el9\" arch=\"x86_64\"/>\
    </collection></pkglist></update></updates>";

const MODULES: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: nodejs\n  stream: \"18\"\n  artifacts:\n    rpms:\n    \
    - nodejs-1:18.20.6-1.module_el9.x86_64\n...\n---\ndocument: modulemd\ndata:\n  name: nodejs\n  stream: 20\n  profiles:\n    \
    x:\n      rpms:\n      - nodejs\n  artifacts:\n    rpms:\n    - nodejs-1:20.18.2-1.module_el9.x86_64\n...\n";

/// A repository's cache; each list packed as its end says.
fn cache(root: &Path, name: &str, lists: &[(&str, &str, &str)]) {
    let folder = root.join("var/cache/dnf").join(name).join("repodata");
    std::fs::create_dir_all(&folder).unwrap();
    let mut index = "<repomd><revision>1795370603</revision>".to_owned();
    for (kind, file, text) in lists {
        let bytes = match Path::new(file).extension().and_then(|end| end.to_str()) {
            Some("gz") => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap()
            }
            Some("zst") => zstd::encode_all(text.as_bytes(), 1).unwrap(),
            _ => text.as_bytes().to_vec(),
        };
        std::fs::write(folder.join(file), bytes).unwrap();
        index += &format!("<data type=\"{kind}\"><location href=\"repodata/{file}\"/></data>");
    }
    std::fs::write(folder.join("repomd.xml"), index + "</repomd>").unwrap();
}

fn host() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let repos = "[baseos]\nname=a\n\n[updates]\nname=b\nenabled = 1\n\n[off]\nenabled=0\n";
    std::fs::create_dir_all(root.path().join("etc/yum.repos.d")).unwrap();
    std::fs::write(root.path().join("etc/yum.repos.d/a.repo"), repos).unwrap();
    let base = "bash x86_64 0 5.1.8 6.el9\nopenssl x86_64 1 3.0.7 24.el9\nzlib x86_64 0 1.2 9.el9";
    cache(root.path(), "baseos-0123456789abcdef", &[("primary", "1-primary.xml.gz", &primary(base))]);
    let newer = "bash x86_64 0 5.1.8 9.el9\nbash aarch64 0 5.1.8 10.el9\nopenssl x86_64 1 3.0.7 26.el9\n\
        openssl x86_64 1 3.0.7 27.el9\nopenssl i686 1 3.0.7 28.el9\nkernel-core x86_64 0 5.14.0 503.el9\n\
        becomes noarch 0 2 1\nnodejs x86_64 1 18.20.6 1.module_el9\nnodejs x86_64 1 20.18.2 1.module_el9\n\
        plainjs x86_64 0 2 1.module_el9";
    let lists = [
        ("primary", "2-primary.xml.zst", primary(newer)),
        ("updateinfo", "2-updateinfo.xml.gz", UPDATES.to_owned()),
        ("modules", "2-modules.yaml.gz", MODULES.to_owned()),
    ];
    let lists: Vec<_> = lists.iter().map(|(kind, file, text)| (*kind, *file, text.as_str())).collect();
    cache(root.path(), "updates-0123456789abcdef", &lists);
    cache(root.path(), "off-0123456789abcdef", &[("primary", "primary.xml", &primary("bash x86_64 9 9 9"))]);

    root
}

fn installed() -> BTreeSet<Package> {
    [
        package("bash", "x86_64", "5.1.8-6.el9", None),
        package("openssl", "x86_64", "1:3.0.7-24.el9", None),
        package("zlib", "x86_64", "1.2-9.el9", None),
        package("kernel-core", "x86_64", "5.14.0-427.el9", None),
        package("kernel-core", "x86_64", "5.14.0-362.el9", None),
        package("becomes", "x86_64", "1-1", None),
        package("nodejs", "x86_64", "1:18.20.4-1.module_el9", Some("nodejs:18")),
        package("plainjs", "x86_64", "1-1", None),
    ]
    .into()
}

fn found(offered: &Offered) -> Vec<(&str, &str, &str, bool)> {
    let mut found: Vec<_> = offered
        .pending
        .iter()
        .map(|it| (it.name.as_str(), it.installed.as_str(), it.candidate.as_str(), it.security))
        .collect();
    found.sort_unstable();

    found
}

#[test]
fn the_newest_version_of_repositories_that_are_on_waits_in_the_installed_stream() {
    let root = host();

    let offered = read(root.path(), &installed(), Timestamp(7));

    assert_eq!(
        found(&offered),
        [
            ("bash", "5.1.8-6.el9", "5.1.8-9.el9", false),
            ("becomes", "1-1", "2-1", false),
            ("kernel-core", "5.14.0-427.el9", "5.14.0-503.el9", false),
            ("nodejs", "1:18.20.4-1.module_el9", "1:18.20.6-1.module_el9", false),
            ("openssl", "1:3.0.7-24.el9", "1:3.0.7-27.el9", true),
        ]
    );
    assert!(offered.tells_security && offered.problems.is_empty(), "{:?}", offered.problems);
    assert_eq!(offered.lists_at, Some(Timestamp(1_795_370_603_000)));
    assert_eq!(offered.pending.iter().find(|it| it.name == "bash").unwrap().origin, "updates");
}

#[test]
fn a_damaged_list_is_a_problem_and_the_others_still_count() {
    let root = host();
    let list = root.path().join("var/cache/dnf/updates-0123456789abcdef/repodata/2-primary.xml.zst");
    let bytes = std::fs::read(&list).unwrap();
    std::fs::write(&list, &bytes[..bytes.len() / 2]).unwrap();

    let offered = read(root.path(), &installed(), Timestamp(7));

    assert_eq!(offered.problems.len(), 1);
    assert!(offered.lists_at.is_some());
}

#[test]
fn an_index_leads_to_no_file_outside_its_folder() {
    let root = host();
    let index = root.path().join("var/cache/dnf/baseos-0123456789abcdef/repodata/repomd.xml");
    let text =
        "<repomd><data type=\"primary\"><location href=\"../../../../../etc/passwd\"/></data></repomd>";
    std::fs::write(&index, text).unwrap();

    let offered = read(root.path(), &installed(), Timestamp(7));

    assert_eq!(offered.problems.len(), 1, "{:?}", offered.problems);
}

#[test]
fn without_a_cache_nothing_is_known() {
    let root = tempfile::tempdir().unwrap();

    let offered = read(root.path(), &installed(), Timestamp(7));

    assert_eq!((offered.lists_at, offered.pending.len(), offered.tells_security), (None, 0, false));
}

#[test]
fn what_dnf_is_told_to_leave_out_is_said() {
    let root = host();
    std::fs::create_dir_all(root.path().join("etc/dnf")).unwrap();
    std::fs::write(root.path().join("etc/dnf/dnf.conf"), "[main]\nexcludepkgs=bash\n").unwrap();

    assert_eq!(read(root.path(), &installed(), Timestamp(7)).problems.len(), 1);
}

/// Name, epoch, version, release, action, reason, repository, end.
type Entry<'a> = (&'a str, i64, &'a str, &'a str, i64, i64, &'a str, i64);

/// A history as dnf 4 keeps it.
fn history(root: &Path, entries: &[Entry<'_>]) {
    let path = root.join("var/lib/dnf/history.sqlite");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE trans (id INTEGER PRIMARY KEY, dt_end INTEGER);
             CREATE TABLE repo (id INTEGER PRIMARY KEY, repoid TEXT);
             CREATE TABLE trans_item (id INTEGER PRIMARY KEY, trans_id INTEGER, item_id INTEGER, repo_id INTEGER,
                 action INTEGER, reason INTEGER, state INTEGER);
             CREATE TABLE rpm (item_id INTEGER, name TEXT, epoch INTEGER, version TEXT, release TEXT, arch TEXT);",
        )
        .unwrap();
    for (at, (name, epoch, version, release, action, reason, repository, end)) in (1_i64..).zip(entries) {
        database.execute("INSERT INTO trans VALUES (?1, ?2)", (at, end)).unwrap();
        database.execute("INSERT INTO repo VALUES (?1, ?2)", (at, repository)).unwrap();
        database
            .execute(
                "INSERT INTO rpm VALUES (?1, ?2, ?3, ?4, ?5, 'x86_64')",
                (at, name, epoch, version, release),
            )
            .unwrap();
        database
            .execute("INSERT INTO trans_item VALUES (?1, ?1, ?1, ?1, ?2, ?3, 1)", (at, action, reason))
            .unwrap();
    }
}

#[test]
fn the_history_tells_repository_wish_and_last_upgrade() {
    let root = tempfile::tempdir().unwrap();
    history(
        root.path(),
        &[
            ("bash", 0, "5.1.8", "6.el9", 1, 5, "anaconda", 100),
            ("openssl", 1, "3.0.7", "24.el9", 6, 1, "baseos", 200),
            ("tool", 0, "1", "1", 1, 1, "epel", 300),
            ("tool", 0, "1", "1", 11, 2, "epel", 400),
            ("gone", 0, "1", "1", 8, 2, "epel", 500),
        ],
    );

    let past = past(root.path());

    let of = |name: &str, version: &str| {
        let key = PackageKey {
            manager: Manager::Rpm,
            name: name.to_owned(),
            architecture: "x86_64".to_owned(),
            version: version.to_owned(),
        };
        past.marks.get(&key).map(|mark| (mark.origin.as_deref(), mark.automatic))
    };
    assert_eq!(of("bash", "5.1.8-6.el9"), Some((Some("anaconda"), Some(false))));
    assert_eq!(of("openssl", "1:3.0.7-24.el9"), Some((Some("baseos"), Some(true))));
    assert_eq!(of("tool", "1-1"), Some((Some("epel"), Some(false))));
    assert_eq!(of("gone", "1-1"), None);
    assert_eq!(past.upgraded_at, Some(Timestamp(200_000)));
}

#[test]
fn a_history_that_is_none_says_nothing() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/dnf")).unwrap();
    std::fs::write(root.path().join("var/lib/dnf/history.sqlite"), "no database").unwrap();

    assert!(past(root.path()).marks.is_empty());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes: Vec<u8>, text in "(<|>|/|package|name|\"|=|bash| |data:\n|  name: a\n|- ){0,60}") {
        let _found = super::read_lists_of_bytes(&bytes);
        let _found = super::read_lists_of_bytes(text.as_bytes());
    }
}
