//! The whole agent against the small collector, on a small root of its own.

use std::path::PathBuf;

use quinn::Endpoint;
use vonggac_carrier::Connection;
use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::{Area, FileChanged};
use vonggac_protocol::frame::{Ack, Frame};
use vonggac_protocol::hello::{LaneMark, WIRE_VERSION};

use super::*;
use crate::config::Excluded;
use crate::status::Status;
use crate::wire::frames;
use crate::wire::tests::Authority;

/// A name that is out of bounds.
const SECRET: &str = "tai-lieu-mat-7f3a";

/// A name that is watched.
const WATCHED: &str = "so-lieu-91bc.csv";

/// All that the program logs, from every thread, down to DEBUG.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct World {
    folder: tempfile::TempDir,
    authority: Authority,
    endpoint: Endpoint,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let endpoint = authority.listen();
        let dpkg = folder.path().join("root/var/lib/dpkg");
        fs::create_dir_all(&dpkg).unwrap();
        let package = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n";
        fs::write(dpkg.join("status"), package).unwrap();
        let world = Self { folder, authority, endpoint };
        let _lock = keep::lock(&world.state_dir()).unwrap();
        let identity = world.authority.identity(world.endpoint.local_addr().unwrap());
        identity.write(&world.state_dir(), &world.authority.key_pem(&identity)).unwrap();

        world
    }

    fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Watches one folder, of which one part is out of bounds.
    fn config(&self) -> Config {
        let path = |name: &str| self.folder.path().join(name);
        fs::create_dir_all(path("data").join(SECRET)).unwrap();
        let watch = WatchPath { area: Area::Data, path: path("data").display().to_string() };

        Config {
            state_dir: self.state_dir(),
            watch_defaults: false,
            watch: vec![watch],
            exclude: Excluded(vec![path("data").join(SECRET)]),
            ..Config::default()
        }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join("data").join(name), content).unwrap();
    }

    /// Runs an agent until the collector has seen what it waits for, then stops it; gives all observations. The agent's
    /// own start and end take their thread for seconds: what answers it must have another.
    async fn run_until(
        &self,
        assignment: Option<Assignment>,
        seen: impl Fn(&[Observation]) -> bool,
    ) -> Vec<Observation> {
        let stop = CancellationToken::new();
        let root = self.folder.path().join("root");
        let (ended, observations) = tokio::join!(
            run(self.config(), &root, stop.clone()),
            collect(&self.endpoint, assignment, |observations| {
                if seen(observations) {
                    stop.cancel();
                }
            })
        );
        ended.unwrap();

        observations.expect("no goodbye, although the agent ended in order")
    }
}

/// Keeps one connection's observations until goodbye; `None` if the connection ended without.
async fn collect(
    endpoint: &Endpoint,
    assignment: Option<Assignment>,
    look: impl Fn(&[Observation]),
) -> Option<Vec<Observation>> {
    let connection = Connection::from(endpoint.accept().await.unwrap().await.unwrap());
    let (mut send, mut receive) = connection.accept_control().await.unwrap();
    let Ok(Frame::Hello(hello)) = frames::read(&mut receive).await else { panic!("no hello") };
    let marks = hello.lanes.iter().map(|span| LaneMark {
        lane: span.lane,
        kept: Seq(span.kept_from.0 - 1),
        digest: None,
    });
    let welcome = Welcome {
        wire: WIRE_VERSION,
        marks: marks.collect(),
        now: clock::now(),
        assignment,
        packages: None,
        standing: None,
        dictionary: None,
        line: None,
        next_step: None,
    };
    frames::write(&mut send, &Frame::Welcome(welcome)).await.unwrap();
    let (sender, mut batches) = mpsc::channel(8);
    let (lanes, goodbye) = (connection.clone(), sender.clone());
    tokio::spawn(async move {
        while let Ok(frame) = frames::read(&mut receive).await {
            goodbye.send(frame).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok(mut stream) = lanes.accept_lane().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Ok(frame) = frames::read(&mut stream).await {
                    sender.send(frame).await.unwrap();
                }
            });
        }
    });
    let mut observations = Vec::new();
    while let Some(frame) = batches.recv().await {
        if matches!(frame, Frame::Goodbye(_)) {
            return Some(observations);
        }
        let Frame::Batch(batch) = frame else { continue };
        let raw = batch.unpack().unwrap();
        observations.extend(raw.iter().map(|bytes| Observation::decode(bytes).unwrap()));
        let kept = Seq(batch.first.0 + u64::from(batch.count) - 1);
        let ack = Ack { epoch: batch.epoch, lane: batch.lane, kept, resend: false };
        frames::write(&mut send, &Frame::Ack(ack)).await.unwrap();
        look(&observations);
    }

    None
}

fn has(observations: &[Observation], word: &str) -> bool {
    observations.iter().any(|observation| observation.kind.word() == word)
}

fn started(observations: &[Observation]) -> AgentStarted {
    observations
        .iter()
        .find_map(|observation| {
            let Kind::AgentStarted(started) = &observation.kind else { return None };
            Some(started.clone())
        })
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_tells_of_its_start_its_packages_and_its_stop_and_of_nothing_twice() {
    let world = World::new();

    let first = world.run_until(None, |seen| has(seen, "packages_listed") && has(seen, "health")).await;
    let second = world.run_until(None, |seen| has(seen, "health")).await;

    for word in ["agent_started", "health", "patch_state", "packages_listed", "agent_stopped"] {
        assert_eq!(first.iter().filter(|seen| seen.kind.word() == word).count(), 1, "{word}");
    }
    assert_eq!(started(&first).watched_until, None);
    let again = started(&second);
    assert!(!again.after_crash && again.watched_until.is_some());
    let status = Status::read(&world.state_dir()).unwrap().unwrap();
    assert!(!status.connected && status.wire_sent_bytes > 1200, "{status:?}");
    assert_eq!((status.waiting_prompt, status.waiting_bulk), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assignment_that_is_not_valid_is_refused_with_its_reason_and_the_last_one_stays() {
    let world = World::new();
    let good = Assignment { version: 1, heartbeat_secs: 30, ..Assignment::default() };
    let wrong = Assignment { version: 2, heartbeat_secs: 1, ..Assignment::default() };

    let mut before = Assigned::load(&world.state_dir(), &world.config()).unwrap();
    assert_eq!(before.take(good, &world.state_dir()), Ok(true));

    let observations = world.run_until(Some(wrong), |seen| has(seen, "assignment_refused")).await;

    let refused = observations.iter().find_map(|observation| {
        let Kind::AssignmentRefused(refused) = &observation.kind else { return None };
        Some(refused.reason.clone())
    });
    assert!(refused.unwrap().contains("heartbeat_secs is 1, expected 5 to 3600"));
    assert_eq!(Status::read(&world.state_dir()).unwrap().unwrap().assignment, 1);
}

#[tokio::test]
async fn a_second_agent_of_the_same_state_folder_does_not_start() {
    let world = World::new();
    let _first = keep::lock(&world.state_dir()).unwrap();

    let error = run(world.config(), Path::new("/"), CancellationToken::new()).await.unwrap_err();

    assert_eq!(error.downcast_ref::<crate::print::Message>().unwrap().id(), "state-in-use");
}

fn changed(observations: &[Observation]) -> Vec<&FileChanged> {
    observations
        .iter()
        .filter_map(|observation| {
            let Kind::FileChanged(changed) = &observation.kind else { return None };
            Some(changed)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_told_also_one_made_while_off_and_no_log_line_names_a_path() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let world = World::new();
    let config = world.config();
    world.write(WATCHED, "1");
    world.write(&format!("{SECRET}/a.doc"), "1");

    let mut baseline = world.run_until(None, |seen| has(seen, "baseline_taken")).await;
    world.write(WATCHED, "2");
    world.write(&format!("{SECRET}/b.doc"), "2");
    let off = world.run_until(None, |seen| !changed(seen).is_empty()).await;
    let on = world
        .run_until(None, |seen| {
            if has(seen, "agent_started") && changed(seen).is_empty() {
                world.write(WATCHED, &format!("{}", seen.len()));
            }
            !changed(seen).is_empty()
        })
        .await;

    assert!(changed(&off)[0].while_off && changed(&off)[0].path.as_str().ends_with(WATCHED));
    assert!(changed(&on).iter().all(|one| one.path.as_str().ends_with(WATCHED)), "{:?}", changed(&on));
    baseline.extend(off);
    baseline.extend(on);
    let told = serde_json::to_string(&baseline).unwrap();
    assert!(told.contains(WATCHED) && !told.contains(SECRET));
    let sent = fs::read_to_string(config.state_dir.join("last-sent.jsonl")).unwrap();
    assert!(sent.contains(WATCHED) && !sent.contains(SECRET));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Agent started"), "the log is being watched");
    assert!(!log.contains(WATCHED) && !log.contains(SECRET), "{log}");
}
