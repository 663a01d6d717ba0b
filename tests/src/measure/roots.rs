//! Inventories of unpacked systems against what their own managers say of them, package for package; and what an
//! inventory of 2,000 packages takes.
//!
//! `measure inventory-roots FOLDER`: each folder in FOLDER is a system of its own, as docs/inventory.md says how to make
//! them. Asked are `dpkg-query`, `rpm`, `pip` and `npm` of this machine, by way of the system's files; of apk's database and
//! of Java's archives, for which there is no such program here, a few lines of Python of another making.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_agent::sensor::{licences, packages};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::package::{Manager, Package, inventory_digest};

use super::{progress, rounded};

/// Python that lists `manager name version` of the packages under the folder given to it.
const LANGUAGES: &str = r##"
import email, io, json, os, re, sys, zipfile
root = sys.argv[1]
def jar(data, name, out):
    with zipfile.ZipFile(data) as z:
        poms = False
        for n in z.namelist():
            if re.fullmatch(r"META-INF/maven/[^/]+/[^/]+/pom\.properties", n):
                p = dict(l.split("=", 1) for l in z.read(n).decode().splitlines() if "=" in l and l[0] != "#")
                poms = True
                out.add(f"Jar {p['groupId'].strip()}:{p['artifactId'].strip()} {p['version'].strip()}")
            elif n.endswith((".jar", ".war")):
                jar(io.BytesIO(z.read(n)), os.path.basename(n), out)
        if not poms:
            m = email.message_from_bytes(z.read("META-INF/MANIFEST.MF")) if "META-INF/MANIFEST.MF" in z.namelist() else {}
            named = re.fullmatch(r"(.+?)-(\d.*)", name[:-4])
            version = named[2] if named else m.get("Implementation-Version") or m.get("Bundle-Version") or m.get("Specification-Version")
            if version:
                out.add(f"Jar {named[1] if named else name[:-4]} {version.strip()}")
out = set()
for at, dirs, files in os.walk(root):
    for f in files:
        path = os.path.join(at, f)
        if os.path.islink(path):
            continue
        if f == "METADATA" and at.endswith(".dist-info") or f == "PKG-INFO" and at.endswith((".egg-info", "EGG-INFO")):
            if re.search(r"(site|dist)-packages/[^/]+$", at):
                m = email.message_from_file(open(path, encoding="utf-8", errors="replace"))
                out.add(f"Python {m['Name']} {m['Version']}")
        elif f == "package.json" and re.search(r"/node_modules/(@[^/]+/)?[^/@.][^/]*$", at):
            m = json.load(open(path))
            if m.get("name") and m.get("version"):
                out.add(f"Npm {m['name']} {m['version']}")
        elif f.endswith((".jar", ".war", ".ear")):
            jar(path, f, out)
print("\n".join(sorted(out)))
"##;

/// Python that lists `name architecture version origin` of an installed database of apk.
const APK: &str = r#"
import sys
for paragraph in open(sys.argv[1], encoding="utf-8").read().split("\n\n"):
    f = dict(l.split(":", 1) for l in paragraph.splitlines() if l[1:2] == ":" and l[0] in "PVAo")
    if "P" in f: print(f["P"], f.get("A", ""), f["V"], f.get("o", f["P"]))
"#;

pub(super) fn roots() -> anyhow::Result<Map<String, Value>> {
    let folder = std::env::args().nth(2).context(
        "name the folder of systems: measure inventory-roots FOLDER (docs/inventory.md says how to make it)",
    )?;
    let mut systems: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|it| it.is_dir())
        .collect();
    systems.sort();
    let mut map = Map::new();
    for system in systems {
        let name = system.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (ours, theirs) = both(&system).with_context(|| format!("compare {name}"))?;
        for line in ours.symmetric_difference(&theirs) {
            progress(&format!("{name}: one side only: {line}"));
        }
        let differing = ours.symmetric_difference(&theirs).count();
        map.insert(
            name,
            format!("{} ours, {} theirs, {differing} differing", ours.len(), theirs.len()).into(),
        );
    }
    map.insert(
        "ratio_to".to_owned(),
        "dpkg-query, rpm -qa, pip list, npm ls and zipfile on the same files".into(),
    );

    Ok(map)
}

/// Our lines and the managers' own.
fn both(system: &Path) -> anyhow::Result<(BTreeSet<String>, BTreeSet<String>)> {
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    let read = packages::read(system);
    if let Ok(inventory) = &read {
        anyhow::ensure!(inventory.unread.is_empty(), "not read: {:?}", inventory.unread);
        ours.extend(inventory.packages.iter().map(written));
    }
    if system.join("var/lib/dpkg/status").is_file() {
        theirs.extend(of_dpkg(system)?);
    }
    for folder in ["usr/lib/sysimage/rpm", "var/lib/rpm"].map(|folder| system.join(folder)) {
        if ["rpmdb.sqlite", "Packages.db", "Packages"].iter().any(|name| folder.join(name).is_file()) {
            theirs.extend(of_rpm(&folder, system)?);
            break;
        }
    }
    let apk = system.join("lib/apk/db/installed");
    if apk.is_file() {
        theirs.extend(lines(Command::new("python3").args(["-c", APK]).arg(&apk))?);
    }
    let roots = packages::Roots {
        declared: ["/opt", "/srv", "/usr/local/lib"].map(PathBuf::from).into(),
        excluded: Vec::new(),
    };
    let languages = packages::Finder::default().find(system, &roots);
    anyhow::ensure!(languages.skipped == 0 && languages.problem.is_none(), "{languages:?}");
    ours.extend(languages.packages.iter().map(|it| format!("{:?} {} {}", it.manager, it.name, it.version)));
    for root in ["opt", "srv", "usr/local/lib"].map(|root| system.join(root)) {
        theirs.extend(lines(Command::new("python3").args(["-c", LANGUAGES]).arg(&root))?);
        theirs.extend(of_pip(&root)?);
        theirs.extend(of_npm(&root)?);
    }
    if theirs.is_empty() {
        read?;
    }

    Ok((ours, theirs))
}

fn written(package: &Package) -> String {
    let source = package.source.as_ref().unwrap_or(&package.name);
    let is_rpm = package.manager == Manager::Rpm;
    // As the name of a source package's file tells it: without the epoch.
    let own =
        package.version.split_once(':').filter(|_| is_rpm).map_or(&*package.version, |(_, version)| version);
    let source_version = package.source_version.as_deref().unwrap_or(own);
    let Package { name, architecture, version, .. } = package;
    if package.manager == Manager::Apk {
        return format!("{name} {architecture} {version} {source}");
    }
    let line = format!("{name} {architecture} {version} {source} {source_version}");
    let installed = package.installed_at.map_or(0, |at| at.0 / 1_000);

    if is_rpm { format!("{line} {installed}") } else { line }
}

fn of_dpkg(system: &Path) -> anyhow::Result<Vec<String>> {
    let format =
        "${db:Status-Status} ${Package} ${Architecture} ${Version} ${source:Package} ${source:Version}\n";
    let told = lines(
        Command::new("dpkg-query")
            .arg(format!("--admindir={}", system.join("var/lib/dpkg").display()))
            .args(["-W", "-f", format]),
    )?;

    Ok(told.iter().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect())
}

/// Asked of a copy: rpm writes beside what it reads. Debian 12's rpm knows no ndb; that of a Debian 13 beside it does.
fn of_rpm(folder: &Path, system: &Path) -> anyhow::Result<Vec<String>> {
    let newer = system.with_file_name("debian-13");
    let is_ndb = folder.join("Packages.db").is_file();
    let copy = if is_ndb { tempfile::tempdir_in(newer.join("tmp"))? } else { tempfile::tempdir()? };
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name()))?;
        }
    }
    let format = "%{NAME} %|ARCH?{%{ARCH}}:{}| %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{SOURCERPM} %{INSTALLTIME}\n";
    let (mut command, seen, backend) = if is_ndb {
        let mut command = Command::new("chroot");
        command.arg(&newer).arg("rpm");
        (command, Path::new("/").join(copy.path().strip_prefix(&newer)?), "ndb")
    } else {
        let backend = if copy.path().join("Packages").is_file() { "bdb_ro" } else { "sqlite" };
        (Command::new("rpm"), copy.path().to_owned(), backend)
    };
    let command = command.arg("--define").arg(format!("_db_backend {backend}")).arg("--dbpath").arg(seen);
    let told = lines(command.args(["-qa", "--qf", format]))?;
    let line = |line: &String| {
        let (rest, installed) = line.rsplit_once(' ')?;
        let (rest, file) = rest.rsplit_once(' ')?;
        let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
        let (stem, release) = stem.rsplit_once('-')?;
        let (source, version) = stem.rsplit_once('-')?;
        Some(format!("{rest} {source} {version}-{release} {installed}"))
    };

    Ok(told.iter().filter(|line| !line.starts_with("gpg-pubkey ")).filter_map(line).collect())
}

fn of_pip(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut told = Vec::new();
    for site in lines(Command::new("find").arg(root).args(["-type", "d", "-name", "site-packages"]))? {
        let listed = lines(Command::new("pip").args(["list", "--format=json", "--path", &site]))?;
        for package in serde_json::from_str::<Vec<Value>>(&listed.join("\n"))? {
            let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
            told.push(format!("Python {} {}", text("name"), text("version")));
        }
    }

    Ok(told)
}

fn of_npm(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut told = Vec::new();
    for lock in lines(Command::new("find").arg(root).args([
        "-name",
        "package-lock.json",
        "-not",
        "-path",
        "*/node_modules/*",
    ]))? {
        let folder = Path::new(&lock).parent().context("a lock lies in a folder")?;
        for line in
            lines(Command::new("npm").current_dir(folder).args(["ls", "--all", "--parseable", "--long"]))?
        {
            let Some((_, module)) = line.split_once("/node_modules/").and_then(|_| line.split_once(':'))
            else {
                continue;
            };
            let module = module.split(':').next().unwrap_or(module);
            if let Some((name, version)) = module.rsplit_once('@') {
                told.push(format!("Npm {name} {version}"));
            }
        }
    }

    Ok(told)
}

fn lines(command: &mut Command) -> anyhow::Result<Vec<String>> {
    let output = command.env("LC_ALL", "C").output().with_context(|| format!("run {command:?}"))?;

    Ok(String::from_utf8(output.stdout)?.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Packages of each kind.
const PACKAGES: usize = 2_000;

pub(super) fn cost() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    make(root)?;
    let roots =
        packages::Roots { declared: ["/opt", "/srv"].map(PathBuf::from).into(), excluded: Vec::new() };
    let before = memory("VmRSS")?;
    std::fs::write("/proc/self/clear_refs", "5").context("forget the peak of memory")?;
    let mut finder = packages::Finder::default();
    let mut cache = licences::Cache::default();
    let mut map = Map::new();
    for name in ["cold", "warm"] {
        let mut note = |stage: &str, since: f64| -> anyhow::Result<()> {
            map.insert(format!("{name}_{stage}_cpu_ms"), rounded(processor()? - since));
            map.insert(format!("{name}_{stage}_then_grown_mib"), rounded(memory("VmRSS")? - before));
            Ok(())
        };
        let start = processor()?;
        let found = packages::read(root)?;
        note("packages", start)?;
        let start = processor()?;
        let languages = finder.find(root, &roots);
        note("languages", start)?;
        let start = processor()?;
        let all = found.packages.into_iter().chain(languages.packages).collect();
        let marked = licences::mark(root, all, &mut cache);
        anyhow::ensure!(marked.len() == 2 * PACKAGES, "{} packages", marked.len());
        anyhow::ensure!(inventory_digest(&marked) != Digest::of(b""), "there is something");
        note("licences_and_digest", start)?;
    }
    let peak = memory("VmHWM")?;
    map.insert("packages_of_dpkg".to_owned(), PACKAGES.into());
    map.insert("packages_of_languages".to_owned(), PACKAGES.into());
    map.insert("memory_grown_mib".to_owned(), rounded(peak - before));
    map.insert("memory_peak_mib".to_owned(), rounded(peak));

    Ok(map)
}

/// A system with as many packages of dpkg as of languages: half wheels, half modules, each module among files that are not
/// looked for.
fn make(root: &Path) -> anyhow::Result<()> {
    use std::fmt::Write as _;

    let mut status = String::new();
    for at in 0..PACKAGES {
        writeln!(
            status,
            "Package: package-{at}\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: 100\n\
             Maintainer: A Team <team@example.org>\nArchitecture: amd64\nSource: source-{}\nVersion: 1:{at}.2-3+deb13u1\n\
             Depends: libc6 (>= 2.34), libgcc-s1 (>= 3.0)\nDescription: {}\n {}\n",
            at / 3,
            "short ".repeat(8),
            "long text of a description ".repeat(20)
        )?;
        let doc = root.join(format!("usr/share/doc/package-{at}"));
        std::fs::create_dir_all(&doc)?;
        let years = "\n".to_owned() + &" text of a licence\n".repeat(60);
        std::fs::write(
            doc.join("copyright"),
            format!(
                "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: {at}\n\nFiles: *\n\
                 Copyright: 2020 A\nLicense: Expat{years}"
            ),
        )?;
        let list = root.join(format!("var/lib/dpkg/info/package-{at}.list"));
        std::fs::create_dir_all(list.parent().context("a folder")?)?;
        let files: String =
            (0..100).map(|file| format!("/usr/share/package-{at}/folder/file-{file}.txt\n")).collect();
        std::fs::write(list, files)?;
    }
    std::fs::write(root.join("var/lib/dpkg/status"), status)?;
    for at in 0..PACKAGES / 2 {
        let info = root.join(format!("opt/app/lib/python3.13/site-packages/wheel_{at}-1.{at}.dist-info"));
        std::fs::create_dir_all(&info)?;
        let text = "a long description\n".repeat(200);
        std::fs::write(
            info.join("METADATA"),
            format!("Metadata-Version: 2.1\nName: wheel-{at}\nVersion: 1.{at}\nLicense: MIT\n\n{text}"),
        )?;
        let module = root.join(format!("srv/web/node_modules/module-{at}"));
        std::fs::create_dir_all(module.join("lib"))?;
        for file in 0..10 {
            std::fs::write(module.join(format!("lib/file-{file}.js")), "x")?;
        }
        let text =
            format!(r#"{{"name": "module-{at}", "version": "2.{at}.0", "license": "ISC", "scripts": {{}}}}"#);
        std::fs::write(module.join("package.json"), text)?;
    }

    Ok(())
}

/// Milliseconds of a processor that this thread has had.
fn processor() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().context("the kernel counts")?.parse()?;

    Ok(nanoseconds / 1e6)
}

/// A line of `/proc/self/status`, in MiB.
fn memory(name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("the kernel tells memory")?;
    let kib: f64 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse()?;

    Ok(kib / 1024.0)
}
