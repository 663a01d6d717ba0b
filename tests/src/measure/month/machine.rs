//! The machine that is watched: a small system below a folder, with the real dpkg, and what is done to it.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::measure::kills::Chance;

/// What is watched, and for which purpose.
const WATCHED: [(&str, &str); 8] = [
    ("web", "srv/www"),
    ("configuration", "etc"),
    ("access", "etc/ssh"),
    ("persistence", "etc/cron.d"),
    ("programs", "usr"),
    ("application", "srv/qlvb"),
    ("data", "srv/du-lieu"),
    ("configuration", "var/lib/dpkg/info"),
];

const FOLDERS: [&str; 12] = [
    "srv/www/cache",
    "srv/www/logs",
    "srv/www/pages",
    "srv/www/uploads",
    "srv/qlvb/lib",
    "srv/qlvb/logs",
    "srv/du-lieu",
    "etc/cron.d",
    "etc/ssh/keys",
    "usr/local/bin",
    "var/lib/dpkg/info",
    "var/lib/dpkg/updates",
];

/// Files of the package that is upgraded.
const PACKAGED_FILES: u32 = 40;

/// Names that the web server's cache uses again and again.
const CACHED: u64 = 4;

/// What nobody approved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bad {
    WebShell,
    Defacement,
    Key,
    CronJob,
    PackagedProgram,
    StrangeProgram,
    SetUid,
    Application,
    Configuration,
}

impl Bad {
    pub(super) const ALL: [Self; 9] = [
        Self::WebShell,
        Self::Defacement,
        Self::Key,
        Self::CronJob,
        Self::PackagedProgram,
        Self::StrangeProgram,
        Self::SetUid,
        Self::Application,
        Self::Configuration,
    ];
}

/// What happens on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Routine {
    /// Services log.
    Log,
    /// Logs are renamed, the older ones compressed, the oldest removed.
    Rotate,
    /// A log is copied and then cut to nothing.
    CopyAndTruncate,
    /// The web server renews its cache.
    Cache,
    /// An office program opens and closes a document.
    Office,
}

impl Routine {
    pub(super) const ALL: [Self; 5] =
        [Self::Log, Self::Rotate, Self::CopyAndTruncate, Self::Cache, Self::Office];
}

/// A system below a folder, and what was done to it.
pub(super) struct Machine {
    pub(super) root: PathBuf,
    workshop: PathBuf,
    version: u32,
    number: u64,
    /// Where the bad acts were done.
    pub(super) bad: BTreeSet<PathBuf>,
    pub(super) changes: u64,
    pub(super) installations: u64,
}

impl Machine {
    /// A system with victims for so many bad acts of each kind, and two packages installed.
    pub(super) fn set_up(folder: &Path, victims: u32) -> anyhow::Result<Self> {
        let mut machine = Self {
            root: folder.join("system"),
            workshop: folder.join("workshop"),
            version: 0,
            number: 0,
            bad: BTreeSet::new(),
            changes: 0,
            installations: 0,
        };
        for name in FOLDERS {
            std::fs::create_dir_all(machine.path(name))?;
        }
        for (name, content) in [("info/format", "1\n"), ("status", ""), ("available", "")] {
            std::fs::write(machine.path("var/lib/dpkg").join(name), content)?;
        }
        for log in ["srv/www/logs/access.log", "srv/qlvb/logs/app.log"] {
            std::fs::write(machine.path(log), "begins\n")?;
        }
        for number in 0..victims {
            std::fs::write(machine.path(&format!("srv/www/pages/{number}.html")), "page")?;
            std::fs::write(machine.path(&format!("srv/qlvb/lib/{number}.jar")), "library")?;
            std::fs::write(machine.path(&format!("etc/ssh/keys/{number}.pub")), "key")?;
            std::fs::write(machine.path(&format!("etc/service-{number}.conf")), "a = 1\n")?;
            std::fs::write(machine.path(&format!("usr/local/bin/own-{number}")), "own")?;
        }
        let tools: Vec<_> =
            (0..victims).map(|number| (format!("usr/bin/tool-{number}"), format!("tool {number}"))).collect();
        machine.install("nen", 1, &tools)?;
        machine.upgrade()?;

        Ok(machine)
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The agent's configuration lines for it.
    pub(super) fn watched(&self) -> String {
        let mut lines = format!("package_root = {:?}\nwatch_defaults = false\n", self.root);
        for (area, path) in WATCHED {
            lines.push_str(&format!("[[watch]]\narea = {area:?}\npath = {:?}\n", self.path(path)));
        }

        lines
    }

    pub(super) fn roots() -> usize {
        WATCHED.len()
    }

    /// Installs the next version of the package that changes with the months.
    pub(super) fn upgrade(&mut self) -> anyhow::Result<()> {
        self.version += 1;
        let version = self.version;
        let mut files = vec![("etc/ung-dung.conf".to_owned(), format!("version = {version}\n"))];
        for file in 0..PACKAGED_FILES {
            // Half of them change with each version; one in four comes and goes.
            let content = if file % 2 == 0 { format!("{file} of {version}") } else { format!("{file}") };
            if file % 4 != 3 || version % 2 == 1 {
                files.push((format!("usr/lib/ung-dung/{file}"), content));
            }
        }
        files.push(("usr/bin/ung-dung".to_owned(), format!("#!/bin/sh\necho {version}\n")));

        self.install("ung-dung", version, &files)
    }

    fn install(&mut self, name: &str, version: u32, files: &[(String, String)]) -> anyhow::Result<()> {
        let tree = self.workshop.join(format!("{name}-{version}"));
        let control = tree.join("DEBIAN");
        std::fs::create_dir_all(&control)?;
        let mut conffiles = String::new();
        for (path, content) in files {
            let target = tree.join(path);
            std::fs::create_dir_all(target.parent().context("a folder")?)?;
            std::fs::write(&target, content)?;
            if path.starts_with("etc/") {
                conffiles.push_str(&format!("/{path}\n"));
            }
        }
        std::fs::write(
            control.join("control"),
            format!(
                "Package: {name}\nVersion: {version}\nArchitecture: all\n\
                 Maintainer: Test <test@example.invalid>\nDescription: made for a month\n"
            ),
        )?;
        std::fs::write(control.join("conffiles"), conffiles)?;
        let mut sum = Command::new("sh");
        let script = "find usr -type f -exec md5sum {} + > DEBIAN/md5sums";
        run(sum.current_dir(&tree).args(["-c", script]))?;
        let package = self.workshop.join(format!("{name}_{version}.deb"));
        let mut build = Command::new("dpkg-deb");
        run(build.args(["-Znone", "--root-owner-group", "--build"]).arg(&tree).arg(&package))?;
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.root.display()))
            .args(["--force-not-root", "--force-script-chrootless", "--force-unsafe-io", "--force-confnew"])
            .args(["--log=/dev/null", "--install"])
            .arg(&package);
        run(&mut dpkg)?;
        self.installations += 1;
        self.changes += u64::try_from(files.len())?;

        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.changes += 1;

        self.number
    }

    /// Does what happens on every machine, and is nobody's concern.
    pub(super) fn routine(&mut self, routine: Routine, chance: &mut Chance) -> anyhow::Result<()> {
        let number = self.next();
        match routine {
            Routine::Log => {
                for log in ["srv/www/logs/access.log", "srv/qlvb/logs/app.log"] {
                    self.append(log, &format!("line {number}\n"))?;
                }
            }
            Routine::Rotate => self.rotate("srv/qlvb/logs/app.log")?,
            Routine::CopyAndTruncate => {
                let log = self.path("srv/www/logs/access.log");
                std::fs::copy(&log, self.path("srv/www/logs/access.log.1"))?;
                std::fs::File::options().write(true).open(&log)?.set_len(0)?;
            }
            Routine::Cache => {
                let name = format!("srv/www/cache/{}.html", chance.below(CACHED));
                std::fs::write(self.path(&name), format!("cached {number}"))?;
            }
            Routine::Office => {
                let lock = self.path("srv/du-lieu/.~lock.bao-cao.ods#");
                std::fs::write(&lock, format!("opened {number}"))?;
                let copy = self.path("srv/du-lieu/bao-cao.tmp");
                std::fs::write(&copy, format!("copy {number}"))?;
                std::fs::remove_file(copy)?;
                std::fs::remove_file(lock)?;
            }
        }

        Ok(())
    }

    fn append(&self, log: &str, line: &str) -> anyhow::Result<()> {
        let path = self.path(log);
        let mut file = std::fs::File::options().append(true).create(true).open(path)?;

        Ok(file.write_all(line.as_bytes())?)
    }

    /// As logrotate does with `create`, `delaycompress` and `rotate 3`.
    fn rotate(&mut self, log: &str) -> anyhow::Result<()> {
        let name = |suffix: &str| self.path(&format!("{log}{suffix}"));
        for (from, to) in [(".3.gz", None), (".2.gz", Some(".3.gz"))] {
            let from = name(from);
            match to {
                _ if !from.exists() => {}
                Some(to) => std::fs::rename(&from, name(to))?,
                None => std::fs::remove_file(&from)?,
            }
        }
        if name(".1").exists() {
            run(Command::new("gzip").arg("-f").arg(name(".1")))?;
            std::fs::rename(name(".1.gz"), name(".2.gz"))?;
        }
        std::fs::rename(name(""), name(".1"))?;
        std::fs::write(name(""), "")?;
        self.changes += 4;

        Ok(())
    }

    /// What an administrator does in a window that was opened for it, a step at a time; what was changed is returned.
    pub(super) fn administer(&mut self, mut pause: impl FnMut()) -> anyhow::Result<Vec<PathBuf>> {
        let number = self.next();
        let steps = [
            ("etc/app.conf".to_owned(), "changed"),
            ("srv/www/index.html".to_owned(), "news"),
            (format!("srv/www/module-{number}.php"), "a new module"),
            ("srv/qlvb/lib/main.jar".to_owned(), "release"),
            (format!("etc/site-{number}.conf"), "site"),
        ];
        let mut changed = Vec::new();
        for (place, content) in steps {
            let path = self.path(&place);
            std::fs::write(&path, format!("{content} {number}"))?;
            changed.push(path);
            self.changes += 1;
            pause();
        }

        Ok(changed)
    }

    /// Does harm, at a path that nothing else touches.
    pub(super) fn harm(&mut self, bad: Bad, victim: u32) -> anyhow::Result<()> {
        let number = self.next();
        let place = match bad {
            Bad::WebShell => format!("srv/www/uploads/image-{number}.php"),
            Bad::Defacement => format!("srv/www/pages/{victim}.html"),
            Bad::Key => format!("etc/ssh/keys/{victim}.pub"),
            Bad::CronJob => format!("etc/cron.d/job-{number}"),
            Bad::PackagedProgram => format!("usr/bin/tool-{victim}"),
            Bad::StrangeProgram => format!("usr/local/bin/stranger-{number}"),
            Bad::SetUid => format!("usr/local/bin/own-{victim}"),
            Bad::Application => format!("srv/qlvb/lib/{victim}.jar"),
            Bad::Configuration => format!("etc/service-{victim}.conf"),
        };
        let path = self.path(&place);
        match bad {
            Bad::SetUid => std::fs::set_permissions(&path, Permissions::from_mode(0o4755))?,
            Bad::PackagedProgram => {
                // Made ready elsewhere and moved over it, as who does not want to be seen half done.
                let ready = self.workshop.join("ready");
                std::fs::write(&ready, format!("evil {number}"))?;
                std::fs::rename(ready, &path)?;
            }
            Bad::WebShell
            | Bad::Defacement
            | Bad::Key
            | Bad::CronJob
            | Bad::StrangeProgram
            | Bad::Application
            | Bad::Configuration => std::fs::write(&path, format!("evil {number}"))?,
        }
        anyhow::ensure!(self.bad.insert(path), "each bad act has a path of its own");

        Ok(())
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {command:?}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );

    Ok(())
}
