//! Pending updates of roots that are held back, against the package manager's own answer in the very root.
//!
//! Roots of Debian are made by debootstrap from the release alone and then told of updates and security; an older root can
//! be named instead (`VONGGAC_HELD_BACK_ROOTS`, folders joined by colons; they must have their lists).
//! For rpm systems [`dnf`] makes repositories and a root.

mod dnf;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_agent::sensor::{packages, patches};
use vonggac_protocol::patch::PatchState;

use super::{progress, rounded};
use crate::programs::instant;

const SUITES: [&str; 2] = ["bookworm", "trixie"];

/// What public servers run, and what has had security updates.
const WITH: &str = "openssl,curl,git,nginx-light,apache2,php-cli,bind9-host,rsync,sudo,vim-tiny,openssh-server,\
    libxml2,python3,perl,imagemagick,ghostscript,postgresql-client,ca-certificates";

const MIRROR: &str = "http://deb.debian.org";

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let made = tempfile::tempdir()?;
    let roots: Vec<PathBuf> = match std::env::var_os("VONGGAC_HELD_BACK_ROOTS") {
        Some(roots) => std::env::split_paths(&roots).collect(),
        None => SUITES.iter().map(|suite| make(made.path(), suite)).collect::<Result<_, _>>()?,
    };
    let mut map = Map::new();
    for root in roots {
        let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        let figures = compare(&root).with_context(|| format!("compare {name}"))?;
        map.extend(figures.into_iter().map(|(key, value)| (format!("{name}_{key}"), value)));
    }
    map.extend(dnf::measure(made.path())?);

    Ok(map)
}

/// A root of the release as it came out last, whose apt then learns of what came after.
fn make(folder: &Path, suite: &str) -> anyhow::Result<PathBuf> {
    progress(&format!("debootstrap of {suite}"));
    let root = folder.join(suite);
    let output = Command::new("debootstrap")
        .args(["--variant=minbase", &format!("--include={WITH}"), suite])
        .arg(&root)
        .arg(format!("{MIRROR}/debian"))
        .output()
        .context("run debootstrap")?;
    anyhow::ensure!(output.status.success(), "debootstrap: {}", String::from_utf8_lossy(&output.stdout));
    let sources = format!(
        "deb {MIRROR}/debian {suite} main\ndeb {MIRROR}/debian {suite}-updates main\n\
         deb {MIRROR}/debian {suite}-backports main\ndeb {MIRROR}/debian-security {suite}-security main\n"
    );
    std::fs::write(root.join("etc/apt/sources.list"), sources)?;
    std::fs::write(root.join(SECURITY), format!("deb {MIRROR}/debian-security {suite}-security main\n"))?;
    inside(&root, &["apt-get", "update"])?;

    Ok(root)
}

/// A list of sources that names the security archive alone; apt is told of it on the command line.
const SECURITY: &str = "etc/apt/security-only";

fn inside(root: &Path, command: &[&str]) -> anyhow::Result<String> {
    let output =
        Command::new("chroot").arg(root).args(command).env("LC_ALL", "C").output().context("run chroot")?;
    anyhow::ensure!(
        output.status.success(),
        "{} failed: {}",
        command.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );

    Ok(String::from_utf8(output.stdout)?)
}

fn compare(root: &Path) -> anyhow::Result<Map<String, Value>> {
    let start = instant();
    let installed = packages::read(root)?.packages;
    let found =
        patches::read(root, vonggac_agent::clock::now(), &installed, &patches::Running::default(), None);
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    anyhow::ensure!(found.problems.is_empty(), "{:?}", found.problems);
    let state = found.state;

    let upgradable = upgradable(&inside(root, &["apt", "list", "--upgradable"])?);
    let simulated = simulated(&inside(root, &["apt-get", "-s", "dist-upgrade"])?);
    let only_security = [
        "-o",
        "Dir::Etc::SourceList=/etc/apt/security-only",
        "-o",
        "Dir::Etc::SourceParts=-",
        "-o",
        "Dir::Cache::pkgcache=",
    ];
    let security = [&["apt-get", "-s"][..], &only_security, &["dist-upgrade"]].concat();
    let security = root.join(SECURITY).is_file().then(|| inside(root, &security)).transpose()?;

    let ours = named(&state, |_| true);
    let mut map = Map::new();
    map.insert("packages".to_owned(), installed.len().into());
    map.insert("pending_ours".to_owned(), ours.len().into());
    differing(&mut map, "apt_list", &ours, &upgradable);
    // A simulated upgrade leaves out what would need new packages that conflict; names and versions of the rest agree.
    differing(&mut map, "dist_upgrade", &ours, &simulated);
    map.insert("security_ours".to_owned(), state.security_count.into());
    if let Some(text) = security {
        let theirs = self::simulated(&text);
        let names = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<BTreeSet<_>>();
        let mine = named(&state, |update| update.security);
        map.insert("security_apt_alone".to_owned(), theirs.len().into());
        let sides: Vec<_> = names(&mine).symmetric_difference(&names(&theirs)).cloned().collect();
        sides.iter().for_each(|name| progress(&format!("security on one side only: {name}")));
        map.insert("security_differing".to_owned(), sides.len().into());
    }
    let exact =
        |mark: &&packages::Mark| mark.origin.as_deref().is_some_and(|origin| !origin.starts_with('<'));
    let former =
        |mark: &&packages::Mark| mark.origin.as_deref().is_some_and(|origin| origin.starts_with('<'));
    map.insert("origin_exact".to_owned(), found.marks.values().filter(exact).count().into());
    map.insert("origin_former".to_owned(), found.marks.values().filter(former).count().into());
    let nowhere =
        inside(root, &["apt", "list", "--installed"])?.lines().filter(|line| line.contains("/now ")).count();
    map.insert("apt_finds_in_no_list".to_owned(), nowhere.into());
    map.insert("ms".to_owned(), rounded(ms));

    Ok(map)
}

fn named(
    state: &PatchState,
    which: impl Fn(&vonggac_protocol::patch::PendingUpdate) -> bool,
) -> BTreeMap<String, String> {
    let wanted = state.pending.iter().filter(|update| which(update));

    wanted.map(|update| (update.name.clone(), update.candidate.clone())).collect()
}

fn differing(
    map: &mut Map<String, Value>,
    peer: &str,
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) {
    let pairs = |of: &BTreeMap<String, String>| {
        of.iter().map(|(name, version)| format!("{name} {version}")).collect::<BTreeSet<_>>()
    };
    let (ours, theirs) = (pairs(ours), pairs(theirs));
    let sides: Vec<_> = ours.symmetric_difference(&theirs).collect();
    sides.iter().for_each(|side| progress(&format!("{peer}: on one side only: {side}")));
    map.insert(format!("pending_{peer}"), theirs.len().into());
    map.insert(format!("pending_{peer}_differing"), sides.len().into());
}

/// `name/suites version architecture [upgradable from: …]`
fn upgradable(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, rest) = line.split_once('/')?;
        Some((name.to_owned(), rest.split_whitespace().nth(1)?.to_owned()))
    };

    text.lines().filter_map(line).collect()
}

/// `Inst name [installed] (candidate archive [architecture])`; what is not installed yet has no first bracket.
fn simulated(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
        let (_, candidate) = rest.strip_prefix('[')?.split_once("] (")?;
        let name = name.split(':').next()?;
        Some((name.to_owned(), candidate.split_whitespace().next()?.to_owned()))
    };

    text.lines().filter_map(line).collect()
}
