//! What the package manager does: real packages, built and installed by the real dpkg below a folder of the test's own.

mod installations;
mod verdicts;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Area, FileChanged, FilesInstalled, PackageVerdict};
use vonggac_protocol::observation::Kind;

use super::{Ground, Watcher};
use crate::sensor::files::FilesSettings;

/// A system of its own below the ground's folder, with a package manager's database.
struct System {
    ground: Ground,
}

/// A package to be built.
#[derive(Default)]
struct Recipe {
    files: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    conffiles: Vec<String>,
    postinst: Option<String>,
}

impl Recipe {
    fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.to_owned(), content.to_owned());
        self
    }

    fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, content)
    }
}

impl System {
    fn new() -> Self {
        let system = Self { ground: Ground::new() };
        for name in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "usr/bin", "etc"] {
            std::fs::create_dir_all(system.path(name)).unwrap();
        }
        for name in ["etc/keep", "usr/bin/keep"] {
            std::fs::write(system.path(name), "the test's own").unwrap();
        }
        std::fs::write(system.path("var/lib/dpkg/info/format"), "1\n").unwrap();
        for name in ["status", "available"] {
            std::fs::write(system.path("var/lib/dpkg").join(name), "").unwrap();
        }

        system
    }

    /// What a package manager brings belongs to root, or it is not taken for its own; said loudly where it cannot.
    fn of_root() -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        if !is_root {
            super::not_run("only root's files are a package's");
        }

        is_root.then(Self::new)
    }

    fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.ground.outside("root").join(relative)
    }

    fn settings(&self) -> FilesSettings {
        let watch = [
            (Area::Programs, "usr"),
            (Area::Configuration, "etc"),
            (Area::Configuration, "var/lib/dpkg/info"),
        ];
        let watch =
            watch.map(|(area, path)| WatchPath { area, path: self.path(path).to_str().unwrap().to_owned() });

        FilesSettings { watch: watch.into(), ..self.ground.settings() }
    }

    /// Started, and every first scan told.
    fn watched(&self) -> Watcher {
        let mut watcher = self.started();
        for _ in 0..3 {
            watcher.taken();
        }

        watcher
    }

    fn started(&self) -> Watcher {
        let mut watcher = self.ground.start_with(self.settings());
        watcher.sentinel = self.path("etc/zz-sentinel");

        watcher
    }

    fn build(&self, name: &str, version: &str, recipe: &Recipe) -> PathBuf {
        let tree = self.ground.outside(&format!("build-{name}-{version}"));
        std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        let mut sums = String::new();
        for (path, content) in &recipe.files {
            let target = tree.join(path.trim_start_matches('/'));
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(&target, content).unwrap();
            if !recipe.conffiles.contains(path) {
                use md5::Digest as _;
                let md5 = data_encoding::HEXLOWER.encode(&md5::Md5::digest(content));
                sums.push_str(&format!("{md5}  {}\n", path.trim_start_matches('/')));
            }
        }
        for (path, target) in &recipe.links {
            let link = tree.join(path.trim_start_matches('/'));
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, link).unwrap();
        }
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.invalid>\n\
             Description: made by a test\n"
        );
        std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
        std::fs::write(tree.join("DEBIAN/md5sums"), sums).unwrap();
        if !recipe.conffiles.is_empty() {
            std::fs::write(tree.join("DEBIAN/conffiles"), recipe.conffiles.join("\n") + "\n").unwrap();
        }
        if let Some(script) = &recipe.postinst {
            let path = tree.join("DEBIAN/postinst");
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let package = self.ground.outside(&format!("{name}_{version}.deb"));
        let mut command = Command::new("dpkg-deb");
        run(command.args(["-Znone", "--root-owner-group", "--build"]).arg(&tree).arg(&package));

        package
    }

    fn dpkg(&self) -> Command {
        let mut command = Command::new("dpkg");
        command
            .arg(format!("--root={}", self.path("").display()))
            .args(["--force-not-root", "--force-script-chrootless", "--force-unsafe-io", "--log=/dev/null"])
            .stdin(Stdio::null());

        command
    }

    fn install(&self, package: &Path) {
        run(self.dpkg().arg("--install").arg(package));
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("dpkg is part of every system that these tests run on");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Name, version and verdict of the package that a change names.
fn package(changed: &FileChanged) -> Option<(&str, &str, PackageVerdict)> {
    changed.package.as_ref().map(|it| (it.name.as_str(), it.version.as_str(), it.verdict))
}

/// Rounds without any news, each at least as long as a file must stand still, until an installation is taken for whole.
const QUIET_ROUNDS: u32 = 20;

/// Everything told up to the next installation, and what belongs to it: a machine too busy to look in time may tell it in
/// parts, which are added up. The digest is then that of the last.
fn until_installed(watcher: &mut Watcher) -> (Vec<FileChanged>, FilesInstalled) {
    let mut changes = Vec::new();
    let mut whole: Option<FilesInstalled> = None;
    let (mut round, mut quiet) = (0, 0);
    while quiet < QUIET_ROUNDS {
        if whole.is_some() {
            round += 1;
            quiet += 1;
            std::fs::write(&watcher.sentinel, format!("round {round}")).unwrap();
        }
        let wanted = Digest::of(format!("round {round}").as_bytes());
        loop {
            match watcher.next().kind {
                Kind::FilesInstalled(part) => {
                    quiet = 0;
                    whole = Some(whole.take().map_or_else(|| part.clone(), |known| added(known, &part)));
                    if round == 0 {
                        break;
                    }
                }
                Kind::FileChanged(changed) if changed.path.as_str() == watcher.sentinel.to_str().unwrap() => {
                    if changed.after.is_some_and(|state| state.digest == Some(wanted)) {
                        break;
                    }
                }
                Kind::FileChanged(changed) => {
                    quiet = 0;
                    changes.push(changed);
                }
                other => panic!("neither a change nor an installation: {other:?}"),
            }
        }
    }

    (changes, whole.unwrap())
}

fn added(known: FilesInstalled, part: &FilesInstalled) -> FilesInstalled {
    let mut packages = known.packages;
    for package in &part.packages {
        match packages.iter_mut().find(|it| (&it.name, &it.version) == (&package.name, &package.version)) {
            Some(same) => same.files += package.files,
            None => packages.push(package.clone()),
        }
    }

    FilesInstalled {
        packages,
        created: known.created + part.created,
        modified: known.modified + part.modified,
        deleted: known.deleted + part.deleted,
        digest: part.digest,
        ..known
    }
}

/// What else is told of files, an installation being a mistake.
fn afterwards(watcher: &mut Watcher) -> Vec<String> {
    let changes = watcher.until_now();

    changes.iter().map(|changed| changed.path.as_str().to_owned()).collect()
}
