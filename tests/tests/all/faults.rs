//! Real programs with faults beneath them: lines, clocks and disks that fail, programs that stand still.
//!
//! What a machine's clock does when it jumps cannot be tried here, for no program has a wall clock of its own: silence,
//! backoff and delivery take their time from the steady clock, and their tests pass it in.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_tests::line::udp::Line;
use vonggac_tests::programs::{Province, Running, rest, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// A collector, a line, and an agent that watches one folder behind it.
struct Story {
    folder: tempfile::TempDir,
    province: Province,
    line: Line,
}

impl Story {
    fn new(collector: &str, agent: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
        append(&folder.path().join("collector.toml"), collector);
        let line = Line::to(([127, 0, 0, 1], province.link_port).into(), 7).unwrap();
        for name in ["data", "outside"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        {
            let _collector = province.serve().unwrap();
            let watch = Province::without_packages(folder.path())
                + &Province::watch_only("data", &folder.path().join("data"));
            let address = line.address().to_string();
            province.enrol_at("agent", &(agent.to_owned() + &watch), Some(&address)).unwrap();
        }

        Self { folder, province, line }
    }

    fn baseline(&self) {
        wait_for("the baseline", PATIENCE, || (self.count("baseline_taken") > 0).then_some(())).unwrap();
    }

    /// A change that is one observation: a whole file moved into the folder.
    fn change(&self, name: &str) {
        let made = self.folder.path().join("outside").join(name);
        std::fs::write(&made, name).unwrap();
        std::fs::rename(made, self.folder.path().join("data").join(name)).unwrap();
    }

    fn kept(&self) -> Vec<Observation> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = self.folder.path().join("collector/collector.db");
        let Ok(store) = Connection::open_with_flags(path, flags) else { return Vec::new() };
        let Ok(mut query) = store.prepare("SELECT body FROM observation") else { return Vec::new() };
        let Ok(rows) = query.query_map([], |row| row.get::<_, Vec<u8>>(0)) else { return Vec::new() };

        rows.filter_map(Result::ok).filter_map(|body| Observation::decode(&body).ok()).collect()
    }

    fn count(&self, kind: &str) -> usize {
        self.kept().iter().filter(|observation| observation.kind.word() == kind).count()
    }

    fn told(&self, name: &str) -> usize {
        let is_it = |observation: &&Observation| matches!(&observation.kind, Kind::FileChanged(change) if change.path.as_str().ends_with(name));

        self.kept().iter().filter(is_it).count()
    }

    fn wait_told(&self, name: &str) {
        let told = wait_for(name, PATIENCE, || (self.told(name) > 0).then_some(()));
        assert!(
            told.is_ok(),
            "{name} is not told; the agent says {:#} and wrote\n{}",
            self.status(),
            self.log()
        );
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }

    fn connections(&self) -> usize {
        self.log().matches("Connected to the collector").count()
    }

    fn status(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.folder.path().join("agent/state/status.json")).unwrap();

        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn append(path: &Path, text: &str) {
    let before = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, before + text).unwrap();
}

fn signal(program: &Running, name: &str) {
    assert!(Command::new("kill").args([name, &program.id().to_string()]).status().unwrap().success());
}

fn not_run(why: &str) {
    use std::io::Write as _;

    drop(writeln!(std::io::stderr(), "NOT RUN: {why}"));
}

#[test]
fn a_new_outer_port_in_the_middle_costs_nothing_and_the_connection_stays() {
    let story = Story::new("", "");
    let _collector = story.province.serve().unwrap();
    let _agent = story.province.watch("agent").unwrap();
    story.baseline();

    for round in 0..3 {
        story.line.rebind();
        story.change(&format!("after-{round}"));
        story.wait_told(&format!("after-{round}"));
    }

    assert!((0..3).all(|round| story.told(&format!("after-{round}")) == 1));
    assert_eq!(story.connections(), 1, "{}", story.log());
}

#[test]
fn a_partition_longer_than_an_agent_waits_for_an_answer_loses_and_doubles_nothing() {
    // How long it waits for one follows from what the collector promises to notice.
    let story = Story::new("[silence]\npromised_secs = 15\n", "heartbeat_secs = 5\n");
    let _collector = story.province.serve().unwrap();
    let _agent = story.province.watch("agent").unwrap();
    story.baseline();

    let connected = || (story.status()["connected"] == true).then_some(());
    wait_for("a status that says connected", PATIENCE, connected).unwrap();
    story.line.cut(true);
    story.change("in-the-dark");
    let over = wait_for("the end of the connection", PATIENCE, || {
        (story.status()["connected"] == false).then(|| story.status())
    });
    story.line.cut(false);
    story.wait_told("in-the-dark");

    assert!(over.unwrap()["waiting_prompt"].as_u64() >= Some(1));
    assert_eq!(story.told("in-the-dark"), 1);
    assert_eq!(story.connections(), 2, "{}", story.log());
}

#[test]
fn an_agent_that_stands_still_is_silent_heard_again_and_has_lost_nothing() {
    let story = Story::new("[silence]\npromised_secs = 15\n", "heartbeat_secs = 5\n");
    let _collector = story.province.serve().unwrap();
    let agent = story.province.watch("agent").unwrap();
    story.baseline();

    signal(&agent, "-STOP");
    story.change("while-it-stood-still");
    wait_for("silence", PATIENCE, || (story.count("agent_silent") == 1).then_some(())).unwrap();
    signal(&agent, "-CONT");
    story.wait_told("while-it-stood-still");
    wait_for("a word", PATIENCE, || (story.count("agent_heard") == 1).then_some(())).unwrap();

    assert_eq!(story.told("while-it-stood-still"), 1);
    assert_eq!(story.count("agent_silent"), 1);
}

#[test]
fn a_collector_that_stands_still_or_is_gone_gets_everything_once_when_it_is_back() {
    let story = Story::new("", "");
    let collector = story.province.serve().unwrap();
    let _agent = story.province.watch("agent").unwrap();
    story.baseline();

    signal(&collector, "-STOP");
    story.change("while-it-stood-still");
    rest(Duration::from_secs(2));
    signal(&collector, "-CONT");
    story.wait_told("while-it-stood-still");
    collector.kill_nine().unwrap();
    story.change("while-it-was-gone");
    let _collector = story.province.serve().unwrap();
    story.wait_told("while-it-was-gone");

    assert_eq!((story.told("while-it-stood-still"), story.told("while-it-was-gone")), (1, 1));
}

/// A small disk of its own at this path, gone when dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    /// `None` if this process may not mount.
    fn mount(path: &'a Path) -> Option<Self> {
        let options = ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(path).output().ok()?;

        mounted.status.success().then_some(Self(path))
    }

    fn remount(&self, options: &str) {
        let mount = Command::new("mount").args(["-o", options]).arg(self.0).status().unwrap();
        assert!(mount.success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

/// The agent's state on a small disk.
fn on_a_disk(story: &Story) -> Option<Disk<'_>> {
    let state: &'static Path = Box::leak(story.folder.path().join("agent/state").into_boxed_path());
    let aside = story.folder.path().join("aside");
    std::fs::rename(state, &aside).unwrap();
    std::fs::create_dir(state).unwrap();
    let disk = Disk::mount(state);
    let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(state).status().unwrap();
    assert!(copied.success());

    disk
}

#[test]
fn an_agent_does_not_start_on_a_read_only_disk_says_so_and_tells_once_what_changed_meanwhile() {
    let story = Story::new("", "");
    let Some(disk) = on_a_disk(&story) else { return not_run("this process may not mount") };
    let _collector = story.province.serve().unwrap();
    let agent = story.province.watch("agent").unwrap();
    story.baseline();
    agent.kill_nine().unwrap();

    // A disk that is written to cannot be made read-only by hand; one that is found so at the start can.
    disk.remount("remount,ro");
    story.change("on-a-read-only-disk");
    let mut agent = story.province.watch("agent").unwrap();
    wait_for("the agent's end", PATIENCE, || agent.has_ended().then_some(())).unwrap();
    let doctor = story.province.agent("agent", &["--lang", "en", "doctor"]).unwrap_err().to_string();
    disk.remount("remount,rw");
    let _agent = story.province.watch("agent").unwrap();
    story.wait_told("on-a-read-only-disk");

    assert_eq!(story.told("on-a-read-only-disk"), 1);
    assert!(story.log().contains("os error 30"), "{}", story.log());
    assert!(doctor.contains("[BAD ] Disk"), "{doctor}");
}

#[test]
fn a_full_disk_stops_nothing_that_there_is_room_for_and_names_what_it_gives_up() {
    let story = Story::new("", "");
    let Some(_disk) = on_a_disk(&story) else { return not_run("this process may not mount") };
    let collector = story.province.serve().unwrap();
    let _agent = story.province.watch("agent").unwrap();
    story.baseline();
    collector.kill_nine().unwrap();

    let filling = story.folder.path().join("agent/state/filling");
    let mut file = std::fs::File::create(&filling).unwrap();
    while std::io::Write::write_all(&mut file, &[7; 4096]).is_ok() {}
    for number in 0..50 {
        story.change(&format!("full-{number:02}"));
    }
    let doctor = story.province.agent("agent", &["--lang", "en", "doctor"]).unwrap_err().to_string();
    drop(file);
    std::fs::remove_file(filling).unwrap();
    let _collector = story.province.serve().unwrap();
    story.change("after-all");
    story.wait_told("after-all");
    let all = || (0..50).all(|number| story.told(&format!("full-{number:02}")) == 1);
    wait_for("all that was made while full", PATIENCE, || all().then_some(())).unwrap();

    assert!(doctor.contains("[BAD ] Disk"), "{doctor}");
}

#[test]
fn a_name_that_no_longer_resolves_is_said_and_what_changed_arrives_when_it_does() {
    let story = Story::new("", "");
    let (hosts, resolver) = (story.folder.path().join("hosts"), story.folder.path().join("resolv.conf"));
    let known = "127.0.0.1 localhost\n127.0.0.1 thu-thap.vonggac.test\n";
    std::fs::write(&hosts, known).unwrap();
    std::fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let identity = story.folder.path().join("agent/state/identity/identity.toml");
    let text = std::fs::read_to_string(&identity).unwrap();
    std::fs::write(&identity, text.replace("127.0.0.1:", "thu-thap.vonggac.test:")).unwrap();
    let collector = story.province.serve().unwrap();
    let binds = [(hosts.as_path(), Path::new("/etc/hosts")), (&resolver, Path::new("/etc/resolv.conf"))];
    let Some(agent) = story.province.watch_with_files("agent", &binds).unwrap() else {
        return not_run("this process may not make a mount namespace");
    };
    story.baseline();

    std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    collector.kill_nine().unwrap();
    let _collector = story.province.serve().unwrap();
    story.change("without-a-name");
    let said = wait_for("the reason", PATIENCE, || {
        (story.status()["reason"] == "dial-name").then(|| story.status())
    });
    std::fs::write(&hosts, known).unwrap();
    story.wait_told("without-a-name");
    drop(agent);

    assert!(said.is_ok(), "{}", story.log());
    assert_eq!(story.told("without-a-name"), 1);
}
