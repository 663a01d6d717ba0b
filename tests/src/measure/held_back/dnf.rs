//! A root installed by the real dnf from a repository that is then followed by another with updates: packages, modules and
//! advisories are written here, built by rpmbuild and createrepo_c.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_agent::sensor::{packages, patches};

use super::super::progress;

/// How many packages are installed, besides those below.
const MANY: usize = 60;

/// Name, epoch, version and release before, after; module.
const SPECIAL: [(&str, &str, &str, &str, &str); 6] = [
    ("openssl", "1", "3.0.7-24.el9", "3.0.7-27.el9", ""),
    ("kernel-core", "", "5.14.0-427.el9", "5.14.0-503.el9", ""),
    ("older", "", "2.0-1.el9", "1.9-9.el9", ""),
    ("tilde", "", "1.0~rc1-1.el9", "1.0-1.el9", ""),
    ("nodejs", "1", "18.20.4-1.module_el9", "18.20.6-1.module_el9", "nodejs:18"),
    ("same", "", "1.0-1.el9", "", ""),
];

/// A newer stream that nobody chose.
const OTHER_STREAM: (&str, &str, &str, &str) = ("nodejs", "1", "20.18.2-1.module_el9", "nodejs:20");

pub(super) fn measure(folder: &Path) -> anyhow::Result<Map<String, Value>> {
    let mut map = Map::new();
    if ["dnf", "rpmbuild", "createrepo_c", "modifyrepo_c"].iter().any(|tool| !is_here(tool)) {
        progress("no dnf, rpmbuild or createrepo_c here: nothing was compared with dnf");
        map.insert("dnf_compared".to_owned(), false.into());
        return Ok(map);
    }
    let yard = Yard(folder.join("rpm"));
    yard.build()?;
    yard.install()?;
    let root = yard.0.join("root");

    let installed = packages::read(&root)?.packages;
    let found =
        patches::read(&root, vonggac_agent::clock::now(), &installed, &patches::Running::default(), None);
    anyhow::ensure!(found.problems.is_empty(), "{:?}", found.problems);
    let marked = packages::mark(installed, &found.marks, None);
    let written = |which: bool| -> BTreeSet<String> {
        let wanted = found.state.pending.iter().filter(|update| update.security || !which);
        wanted.map(|update| format!("{}.{} {}", update.name, update.architecture, update.candidate)).collect()
    };
    let (all, security) = (yard.check(&[])?, yard.check(&["--security"])?);
    for (peer, ours, theirs) in [("dnf", written(false), all), ("dnf_security", written(true), security)] {
        let sides: Vec<_> = ours.symmetric_difference(&theirs).collect();
        sides.iter().for_each(|side| progress(&format!("{peer}: on one side only: {side}")));
        map.insert(format!("{peer}_pending_ours"), ours.len().into());
        map.insert(format!("{peer}_pending_theirs"), theirs.len().into());
        map.insert(format!("{peer}_pending_differing"), sides.len().into());
    }
    let chosen: BTreeSet<String> = yard.names(&["repoquery", "--userinstalled", "--queryformat=%{name}"])?;
    let ours: BTreeSet<String> =
        marked.iter().filter(|it| it.automatic == Some(false)).map(|it| it.name.clone()).collect();
    map.insert("dnf_packages".to_owned(), marked.len().into());
    map.insert("dnf_chosen_theirs".to_owned(), chosen.len().into());
    map.insert("dnf_chosen_differing".to_owned(), chosen.symmetric_difference(&ours).count().into());
    let from = |it: &&vonggac_protocol::package::Package| it.origin.as_deref() == Some("base");
    map.insert("dnf_repository_known".to_owned(), marked.iter().filter(from).count().into());
    map.insert("dnf_module_known".to_owned(), marked.iter().filter(|it| it.module.is_some()).count().into());

    Ok(map)
}

fn is_here(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The folder in which all of it is made.
struct Yard(PathBuf);

impl Yard {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn build(&self) -> anyhow::Result<()> {
        let mut wanted = BTreeMap::new();
        let (mut artifacts, mut advisories) = (BTreeMap::<_, Vec<String>>::new(), String::new());
        for number in 0..MANY {
            let name = format!("p{number:02}");
            wanted
                .insert(("base", name.clone()), (String::new(), format!("1.{number}-1.el9"), String::new()));
            if number % 2 == 0 {
                wanted.insert(
                    ("updates", name.clone()),
                    (String::new(), format!("1.{number}.1-1.el9"), String::new()),
                );
            }
            if number % 6 == 0 {
                advise(&mut advisories, &name, "", &format!("1.{number}.1-1.el9"))?;
            }
        }
        for (name, epoch, before, after, module) in SPECIAL {
            let entry = |version: &str| (epoch.to_owned(), version.to_owned(), module.to_owned());
            wanted.insert(("base", name.to_owned()), entry(before));
            if !after.is_empty() {
                wanted.insert(("updates", name.to_owned()), entry(after));
                advise(&mut advisories, name, epoch, after)?;
            }
        }
        progress(&format!("{} packages by rpmbuild", wanted.len() + 1));
        for ((repository, name), (epoch, version, module)) in &wanted {
            self.package(repository, name, epoch, version, module)?;
            if !module.is_empty() {
                let artifact = format!("{name}-{epoch}:{version}.noarch");
                artifacts.entry((*repository, module.clone())).or_default().push(artifact);
            }
        }
        let (name, epoch, version, module) = OTHER_STREAM;
        self.package("updates", name, epoch, version, module)?;
        let artifact = format!("{name}-{epoch}:{version}.noarch");
        artifacts.entry(("updates", module.to_owned())).or_default().push(artifact);

        for repository in ["base", "updates"] {
            run(Command::new("createrepo_c").arg("-q").arg(self.path(repository)))?;
            let of = artifacts.iter().filter(|((of, _), _)| *of == repository);
            let modules: String = of.map(|((_, module), artifacts)| described(module, artifacts)).collect();
            self.add_to(repository, "modules.yaml", &modules)?;
        }

        self.add_to(
            "updates",
            "updateinfo.xml",
            &format!("<?xml version=\"1.0\"?>\n<updates>{advisories}</updates>\n"),
        )
    }

    fn package(
        &self,
        repository: &str,
        name: &str,
        epoch: &str,
        version: &str,
        module: &str,
    ) -> anyhow::Result<()> {
        let (number, release) = version.split_once('-').context("a version has a release")?;
        let optional = |field: &str, value: &str| {
            if value.is_empty() { String::new() } else { format!("{field}: {value}\n") }
        };
        let label = if module.is_empty() { String::new() } else { format!("{module}:1:x") };
        // One package needs another, which nobody asks for.
        let needs = if name == "openssl" { "p00" } else { "" };
        let text = format!(
            "Name: {name}\nVersion: {number}\nRelease: {release}\n{}{}{}Summary: x\nLicense: MIT\nVendor: AlmaLinux\n\
             BuildArch: noarch\n%description\nx\n%files\n",
            optional("Epoch", epoch),
            optional("ModularityLabel", &label),
            optional("Requires", needs),
        );
        let recipe = self.path("recipe.spec");
        std::fs::create_dir_all(&self.0)?;
        std::fs::write(&recipe, text)?;
        let define = |name: &str, folder: &str| format!("{name} {}", self.path(folder).display());
        run(Command::new("rpmbuild")
            .args([
                "-bb",
                "--quiet",
                "--define",
                &define("_topdir", "top"),
                "--define",
                &define("_rpmdir", repository),
            ])
            .arg(recipe))
        .map(drop)
    }

    fn add_to(&self, repository: &str, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.path(name);
        std::fs::write(&file, text)?;
        run(Command::new("modifyrepo_c").arg(file).arg(self.path(repository).join("repodata"))).map(drop)
    }

    fn install(&self) -> anyhow::Result<()> {
        progress("dnf installs the older ones");
        let repositories = self.path("root/etc/yum.repos.d");
        std::fs::create_dir_all(&repositories)?;
        std::fs::create_dir_all(self.path("root/etc/dnf"))?;
        std::fs::write(self.path("root/etc/dnf/dnf.conf"), "[main]\ngpgcheck=0\nbest=True\n")?;
        let tell = |updates: u8| {
            let one = |name: &str, on: u8| {
                format!("[{name}]\nname={name}\nbaseurl=file://{}\nenabled={on}\n", self.path(name).display())
            };
            std::fs::write(repositories.join("local.repo"), one("base", 1) + &one("updates", updates))
        };
        tell(0)?;
        self.dnf(&["module", "enable", "nodejs:18"])?;
        // The first of the many comes because another needs it.
        let many = (1..MANY).map(|number| format!("p{number:02}"));
        let names: Vec<String> = many.chain(SPECIAL.map(|it| it.0.to_owned())).collect();
        let mut install = vec!["install"];
        install.extend(names.iter().map(String::as_str));
        self.dnf(&install)?;
        self.place_database()?;
        tell(1)?;
        self.dnf(&["makecache"])?;

        Ok(())
    }

    /// Debian's rpm keeps its database in the home of whoever calls it; the systems that it is made for, in `/var/lib/rpm`.
    fn place_database(&self) -> anyhow::Result<()> {
        let (home, place) = (self.path("root/root/.rpmdb"), self.path("root/var/lib/rpm"));
        if !home.is_dir() {
            return Ok(());
        }
        if place.is_dir() {
            std::fs::remove_dir_all(&place)?;
        }
        std::fs::create_dir_all(place.parent().context("it has a folder")?)?;
        std::fs::rename(&home, &place)?;
        std::os::unix::fs::symlink("../var/lib/rpm", &home)?;

        Ok(())
    }

    fn dnf(&self, words: &[&str]) -> anyhow::Result<String> {
        let root = self.path("root");
        let set = |name: &str, folder: &str| format!("--setopt={name}={}", root.join(folder).display());
        let mut command = Command::new("dnf");
        command
            // The plugin `local` would offer what this machine installed before.
            .args(["-q", "-y", "--disableplugin=local", "--releasever=9"])
            .arg("--setopt=module_platform_id=platform:el9")
            .arg(format!("--installroot={}", root.display()))
            .args([set("reposdir", "etc/yum.repos.d"), set("cachedir", "var/cache/dnf")])
            .args(words)
            .env("LC_ALL", "C");
        let output = command.output().context("run dnf")?;
        // 100 means that updates wait.
        let is_well = output.status.success() || output.status.code() == Some(100);
        anyhow::ensure!(is_well, "dnf {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));

        Ok(String::from_utf8(output.stdout)?)
    }

    /// `name.arch version` of what dnf would update.
    fn check(&self, words: &[&str]) -> anyhow::Result<BTreeSet<String>> {
        let text = self.dnf(&[&["check-update"], words].concat())?;
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            Some(format!("{} {}", words.next()?, words.next()?))
        };

        Ok(text.lines().filter_map(line).collect())
    }

    fn names(&self, words: &[&str]) -> anyhow::Result<BTreeSet<String>> {
        Ok(self.dnf(words)?.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect())
    }
}

/// An advisory of one package; that of a name with an `o` is about security, and of every one of the many.
fn advise(text: &mut String, name: &str, epoch: &str, version: &str) -> anyhow::Result<()> {
    let (number, release) = version.split_once('-').context("a version has a release")?;
    let kind = if name.starts_with('p') || name.contains('o') { "security" } else { "bugfix" };
    let epoch = if epoch.is_empty() { "0" } else { epoch };
    write!(
        text,
        "<update from=\"x\" status=\"final\" type=\"{kind}\" version=\"1\"><id>A-{name}</id><title>x</title>\
         <issued date=\"2026-01-01\"/><pkglist><collection short=\"u\"><name>u</name><package name=\"{name}\" \
         version=\"{number}\" release=\"{release}\" epoch=\"{epoch}\" arch=\"noarch\" src=\"s\"><filename>f</filename>\
         </package></collection></pkglist></update>"
    )?;

    Ok(())
}

/// A module as a repository describes it.
fn described(module: &str, artifacts: &[String]) -> String {
    let (name, stream) = module.split_once(':').unwrap_or((module, ""));
    let artifacts: String = artifacts.iter().map(|artifact| format!("    - {artifact}\n")).collect();

    format!(
        "---\ndocument: modulemd\nversion: 2\ndata:\n  name: {name}\n  stream: \"{stream}\"\n  version: 1\n  context: x\n  \
         summary: x\n  description: >-\n    x\n  license:\n    module: [MIT]\n  artifacts:\n    rpms:\n{artifacts}...\n"
    )
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));

    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
