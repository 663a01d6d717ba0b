use std::fs;
use std::path::Path;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Actor, Area, ChangeBurst, FileAction, FileChanged, FileKind, FileState};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, Seq};
use vonggac_protocol::observation::{AgentStopped, Kind, Observation};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::*;
use crate::store::agencies::{self, Level};
use crate::store::decided::Done;
use crate::store::hosts::{self, HostState};
use crate::store::observations::{self, LaneOf, Row};
use crate::store::view::Scope;
use crate::store::windows::{self, Doer, Wanted};

const HOST: HostId = HostId([5; 16]);

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
}

pub(super) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("collector.db")).unwrap();
    store
        .write(|tx| {
            let agency = AgencyId::new("so-tttt")?;
            agencies::add(tx, &agency, "Sở", Level::Department, Timestamp(0))?;
            hosts::add(tx, HOST, &agency, "may-1", HostState::Active, 180, Timestamp(0))
        })
        .await
        .unwrap();

    World { folder, store }
}

pub(super) fn page_changed(path: &str) -> Kind {
    let state = |content: &[u8]| FileState {
        kind: FileKind::File,
        size: 4,
        digest: Some(Digest::of(content)),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: Timestamp(1),
        changed: Timestamp(1),
        link_target: None,
        attributes: None,
        flags: None,
    };

    Kind::FileChanged(FileChanged {
        path: HostPath::from_text(path),
        area: Area::Web,
        root: HostPath::from_text("/srv/www"),
        action: FileAction::Modified,
        before: Some(state(b"a")),
        after: Some(state(b"b")),
        while_off: false,
        not_before: None,
        actor: None,
        package: None,
        text: None,
    })
}

impl World {
    /// Opens a window as of that moment.
    async fn open_window(&self, roots: &[&str], at: Timestamp) -> i64 {
        let roots = roots.iter().map(|root| (*root).to_owned()).collect();
        let agency = Some("so-tttt".to_owned());
        let wanted = Wanted { agency, host: None, roots, hours: 1, reason: "nâng cấp".to_owned() };
        let open = move |tx: &rusqlite::Transaction<'_>| {
            let doer = Doer { person: "an", audited: "an", scope: &Scope::All, at };
            windows::open(tx, doer, &wanted)
        };
        let Done::Kept(id) = self.store.write(open).await.unwrap() else { panic!("the window was refused") };

        id
    }

    async fn observe_at(&self, at: Timestamp, kind: Kind) {
        self.observe_of(HOST, at, kind).await;
    }

    pub(super) async fn observe_of(&self, host: HostId, at: Timestamp, kind: Kind) {
        self.store
            .write(move |tx| {
                let of = LaneOf { host, epoch: Epoch(1), lane: Lane::Prompt };
                let seq: Seq = observations::mark(tx, of)?.next();
                let word = kind.word();
                let body = Observation { at, kind }.encode();
                observations::insert(tx, of, Row { seq, at, kind: word, body: &body }, clock::now())?;
                observations::set_mark(tx, of, seq)
            })
            .await
            .unwrap();
    }

    async fn kept_by(&self, window: i64) -> (u64, Vec<String>) {
        self.store
            .read(move |db| {
                let kept = windows::find(db, window)?.unwrap().kept;
                let newest = windows::newest_kept(db, window, 10)?;
                Ok((kept, newest.into_iter().map(|seen| seen.kind).collect()))
            })
            .await
            .unwrap()
    }

    pub(super) async fn observe(&self, kinds: Vec<Kind>) {
        self.store
            .write(move |tx| {
                let of = LaneOf { host: HOST, epoch: Epoch(1), lane: Lane::Prompt };
                for kind in kinds {
                    let seq: Seq = observations::mark(tx, of)?.next();
                    let now = clock::now();
                    let word = kind.word();
                    let body = Observation { at: now, kind }.encode();
                    observations::insert(tx, of, Row { seq, at: now, kind: word, body: &body }, now)?;
                    observations::set_mark(tx, of, seq)?;
                }
                Ok(())
            })
            .await
            .unwrap();
    }

    pub(super) fn judging(&self, folder: Folder) -> Judging {
        Judging {
            store: self.store.clone(),
            rules: Arc::new(folder.load(Language::En).unwrap()).into(),
            folder,
            bell: Arc::new(Notify::new()),
            news: news(),
            tell_rules: Box::new(|_| {}),
        }
    }

    async fn judge_all(&self) -> i64 {
        let judging = self.judging(Folder::BuiltIn);
        let mut bench = Bench::open(&self.store, judging.rules.clone()).await.unwrap();
        judging.judge_all(&mut bench, &CancellationToken::new()).await.unwrap();

        self.store.read(rule_sets::cursor).await.unwrap()
    }

    async fn close(&self, incident: i64) {
        use crate::store::casework::{self, Act, Deed};
        use crate::store::view::words::Outcome;
        let done = self
            .store
            .write(move |tx| {
                let act = Act::Close { outcome: Outcome::PlannedChange, text: "nâng cấp".to_owned() };
                let (scope, at) = (Scope::All, clock::now());
                casework::act(tx, &Deed { incident, person: "operator", scope: &scope, at, seen: None, act })
            })
            .await
            .unwrap();
        assert!(matches!(done, casework::Done::Kept(..)), "{done:?}");
    }

    async fn counts(&self) -> (i64, i64, i64) {
        let count = |query: &'static str| {
            self.store.read(move |db| Ok(db.query_row(query, [], |row| row.get::<_, i64>(0))?))
        };

        (
            count("SELECT count(*) FROM incident").await.unwrap(),
            count("SELECT count(*) FROM finding").await.unwrap(),
            count("SELECT count(*) FROM incident_entry").await.unwrap(),
        )
    }
}

#[tokio::test]
async fn judging_the_same_observations_again_changes_nothing() {
    let world = world().await;
    world.observe(vec![page_changed("/srv/www/index.html"), page_changed("/srv/www/index.html")]).await;
    world.observe(vec![Kind::AgentStopped(AgentStopped { reason: "service".to_owned() })]).await;

    let cursor = world.judge_all().await;
    let first = world.counts().await;
    world.store.write(|tx| rule_sets::set_cursor(tx, 0)).await.unwrap();
    let again = world.judge_all().await;

    assert!(first.0 > 0 && first.1 > first.0, "two changes of one page are one incident: {first:?}");
    assert_eq!((cursor, world.counts().await), (again, first));
}

#[tokio::test]
async fn a_closed_incident_is_not_opened_again_by_its_own_evidence() {
    let world = world().await;
    world.observe(vec![page_changed("/srv/www/index.html")]).await;
    world.judge_all().await;
    let before = world.counts().await;
    let all = world.store.read(|db| incidents::list(db, false)).await.unwrap();
    for one in all {
        world.close(one.id).await;
    }

    world.store.write(|tx| rule_sets::set_cursor(tx, 0)).await.unwrap();
    world.judge_all().await;
    assert_eq!(world.counts().await.0, before.0);
    world.observe(vec![page_changed("/srv/www/index.html")]).await;
    world.judge_all().await;

    assert!(world.counts().await.0 > before.0, "new evidence opens a new incident");
}

fn write_packs(dir: &Path, leave_out: &str) {
    for source in vonggac_rules::packs::embedded() {
        if source.path != leave_out {
            let path = dir.join(&source.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, source.text).unwrap();
        }
    }
}

#[tokio::test]
async fn a_changed_folder_is_taken_over_whole_and_a_broken_one_is_reported_and_left() {
    let world = world().await;
    let dir = world.folder.path().join("rules");
    write_packs(&dir, "packs/integrity/web.yml");
    let judging = world.judging(Folder::Dir(dir.clone()));
    let mut bench = Bench::open(&world.store, judging.rules.clone()).await.unwrap();
    let before = (judging.folder.stamp().unwrap(), 0);
    let mut stamp = Seen { taken: before.clone(), last: before };
    let few = bench.rules().all().rules().len();

    fs::write(dir.join("packs/integrity/web.yml"), "title: [broken").unwrap();
    // What changed since the last look may still be changing.
    assert!(!judging.look_at_rules(&mut bench, &mut stamp).await);
    assert!(!judging.look_at_rules(&mut bench, &mut stamp).await);
    assert_eq!(bench.rules().all().rules().len(), few);
    write_packs(&dir, "");
    assert!(!judging.look_at_rules(&mut bench, &mut stamp).await);
    assert!(judging.look_at_rules(&mut bench, &mut stamp).await);
    assert!(!judging.look_at_rules(&mut bench, &mut stamp).await);

    assert!(bench.rules().all().rules().len() > few);
    let noted: Vec<String> = world
        .store
        .read(|db| {
            let mut statement = db.prepare("SELECT action FROM audit ORDER BY id")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!(noted, ["rules.refused", "rules.replaced"]);
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_window_keeps_changes_and_raises_nothing_by_the_moment_of_seeing_however_late_they_arrive() {
    let world = world().await;
    let opened = clock::now().minus(5 * HOUR);
    let window = world.open_window(&[], opened).await;
    // Delivered four hours after the window has closed by itself.
    world.observe_at(opened.plus(HOUR / 2), page_changed("/srv/www/index.html")).await;

    world.judge_all().await;
    assert_eq!(world.counts().await.0, 0);
    assert_eq!(world.kept_by(window).await, (1, vec!["file_changed".to_owned()]));

    world.observe_at(opened.plus(HOUR * 2), page_changed("/srv/www/index.html")).await;
    world.judge_all().await;
    assert_eq!(world.counts().await.0, 1);
    assert_eq!(world.kept_by(window).await.0, 1);
}

#[tokio::test]
async fn judging_again_after_a_restart_concludes_the_same_whatever_became_of_the_window() {
    let world = world().await;
    let opened = clock::now().minus(HOUR / 2);
    let window = world.open_window(&[], opened).await;
    world.observe(vec![page_changed("/srv/www/index.html")]).await;
    let cursor = world.judge_all().await;
    world
        .store
        .write(move |tx| {
            let doer = Doer { person: "an", audited: "an", scope: &Scope::All, at: opened.plus(HOUR / 4) };
            windows::close(tx, doer, window)
        })
        .await
        .unwrap();

    assert_eq!(world.judge_all().await, cursor);
    assert_eq!(world.counts().await.0, 0);
    assert_eq!(world.kept_by(window).await.0, 1);
}

#[tokio::test]
async fn a_window_never_silences_what_is_no_change_of_a_file() {
    let world = world().await;
    let window = world.open_window(&[], clock::now().minus(HOUR / 2)).await;
    world.observe(vec![Kind::AgentStopped(AgentStopped { reason: "service".to_owned() })]).await;

    world.judge_all().await;

    assert_eq!(world.counts().await.0, 1);
    assert_eq!(world.kept_by(window).await.0, 0);
}

#[tokio::test]
async fn a_window_over_other_paths_keeps_nothing_quiet() {
    let world = world().await;
    let window = world.open_window(&["/opt"], clock::now().minus(HOUR / 2)).await;
    world.observe(vec![page_changed("/srv/www/index.html")]).await;

    world.judge_all().await;

    assert_eq!(world.counts().await.0, 1);
    assert_eq!(world.kept_by(window).await.0, 0);
}

#[tokio::test]
async fn a_burst_and_the_changes_that_made_it_are_one_incident_of_a_burst_and_one_of_the_data() {
    let world = world().await;
    let root = HostPath::from_text("/srv/du-lieu");
    let change = |n: u32| {
        let Kind::FileChanged(change) = page_changed(&format!("/srv/du-lieu/{n}.docx")) else {
            unreachable!()
        };
        Kind::FileChanged(FileChanged { area: Area::Data, root: root.clone(), ..change })
    };
    let burst = |actor: Option<Actor>, rewritten: u64| {
        Kind::ChangeBurst(ChangeBurst {
            root: root.clone(),
            area: Area::Data,
            actor,
            rewritten,
            renamed: 0,
            from: clock::now(),
            until: clock::now(),
        })
    };
    let actor =
        Actor { process: 7, program: Some(HostPath::from_text("/tmp/.x")), user: None, session: None };
    world.observe((0..300).map(change).collect()).await;
    world.observe(vec![burst(Some(actor), 100), burst(None, 300)]).await;

    world.judge_all().await;

    let rules = |db: &rusqlite::Connection| {
        let mut statement = db.prepare(
            "SELECT i.severity, group_concat(DISTINCT f.rule), i.join_key FROM incident i
             JOIN finding f ON f.incident = i.id GROUP BY i.id ORDER BY i.severity",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    };
    let found = world.store.read(rules).await.unwrap();
    let expected = [("critical", "rewrite-burst,change-burst"), ("low", "data-changed")];
    assert_eq!(found, expected.map(|(severity, rules)| (severity.to_owned(), rules.to_owned())));
}

/// The judge crashed before its cursor was kept, or a rule judges anew what it judged before: what was closed stays
/// as its people left it, and what is new of it is put beside.
#[tokio::test]
async fn a_judgement_made_again_adds_a_finding_to_the_closed_incident_and_changes_nothing_else() {
    let world = world().await;
    world.observe(vec![page_changed("/srv/www/index.html")]).await;
    world.judge_all().await;
    let all = world.store.read(|db| incidents::list(db, false)).await.unwrap();
    let id = all.iter().find(|one| one.rule == "web-page-changed").unwrap().id;
    world.close(id).await;
    let before = world.counts().await;
    let row = "SELECT state || outcome || severity || last_at || version FROM incident WHERE id = ?1";
    let stands = move |db: &rusqlite::Connection| Ok(db.query_row(row, [id], |row| row.get::<_, String>(0))?);
    let stood = world.store.read(stands).await.unwrap();
    let folder = Folder::BuiltIn.load(Language::En).unwrap();
    let rule = folder.rule("web-page-changed").unwrap().clone();
    let (digest, seen) = (folder.digest(), {
        world.store.write(|tx| rule_sets::set_cursor(tx, 0)).await.unwrap();
        let mut bench = Bench::open(&world.store, Arc::new(folder)).await.unwrap();
        bench.weigh_next(&world.store, STRETCH_MAX, clock::now()).await.unwrap().unwrap()
    });
    let mut again = seen.findings.iter().find(|one| one.rule == "web-page-changed").unwrap().clone();
    again.key = "another judgement of the same".to_owned();
    let mut graver = again.clone();
    (graver.key, graver.severity) = ("a graver one".to_owned(), vonggac_rules::finding::Severity::Critical);

    let (filed, opened) = world
        .store
        .write(move |tx| {
            let filed = incidents::file_finding(tx, &again, &rule, digest, clock::now())?;
            Ok((filed, incidents::file_finding(tx, &graver, &rule, digest, clock::now())?))
        })
        .await
        .unwrap();

    assert_eq!(filed, Filed::Added(id));
    assert_eq!(world.store.read(stands).await.unwrap(), stood);
    assert!(matches!(opened, Filed::Opened(_)), "what is graver than what was closed is told: {opened:?}");
    assert_eq!(world.counts().await.1, before.1 + 2);
}

/// Row G-5 and Show 4: 300 like alerts from 12 machines in 10 minutes are one incident with 12 machines; wherever the
/// collector crashes while it judges, the incidents are the same and none is doubled.
#[tokio::test]
async fn three_hundred_like_alerts_from_twelve_machines_are_one_incident_wherever_the_judge_crashes() {
    let folder = rules_that_join_by_agency();
    let whole = flood().await;
    let rules = Arc::new(Folder::Dir(folder.path().to_owned()).load(Language::En).unwrap());
    judge_with(&whole, &rules, 1_000, None).await;
    let expected = whole.verdict().await;
    assert_eq!(expected, vec![(300, 12, 300)], "one incident, twelve machines, all alerts");

    for crash_after in [0, 1, 7, 63, 64, 128, 255, 299] {
        let world = flood().await;
        // The transaction of the stretch that ends there is lost; a new judge begins from the kept cursor.
        judge_with(&world, &rules, 64, Some(crash_after)).await;
        judge_with(&world, &rules, 64, None).await;
        world.store.write(|tx| rule_sets::set_cursor(tx, 0)).await.unwrap();
        judge_with(&world, &rules, 100, None).await;
        assert_eq!(world.verdict().await, expected, "crashed after {crash_after}");
    }
}

/// The packs, with changes of web pages joined by agency and told by the agency.
fn rules_that_join_by_agency() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_packs(dir.path(), "");
    let path = dir.path().join("packs/integrity/web.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("join: host", "join: agency")).unwrap();

    dir
}

async fn flood() -> World {
    let world = world().await;
    world
        .store
        .write(|tx| {
            let agency = AgencyId::new("so-tttt")?;
            let start = Timestamp(1_795_312_000_000);
            for n in 0..12_u8 {
                let host = HostId([100 + n; 16]);
                hosts::add(tx, host, &agency, &format!("may-{n}"), HostState::Active, 180, Timestamp(0))?;
            }
            for n in 0..300_u64 {
                let host = HostId([100 + u8::try_from(n % 12)?; 16]);
                let of = LaneOf { host, epoch: Epoch(1), lane: Lane::Prompt };
                let seq: Seq = observations::mark(tx, of)?.next();
                let at = start.plus(Duration::from_secs(2 * n));
                let kind = page_changed("/srv/www/index.html");
                let word = kind.word();
                let body = Observation { at, kind }.encode();
                observations::insert(tx, of, Row { seq, at, kind: word, body: &body }, at)?;
                observations::set_mark(tx, of, seq)?;
            }
            Ok(())
        })
        .await
        .unwrap();

    world
}

/// Judges until all is judged, or until so many observations were: then the last stretch's write fails, as in a crash.
async fn judge_with(world: &World, rules: &Arc<RuleSet>, stretch: usize, crash_after: Option<i64>) {
    let mut bench = Bench::open(&world.store, Arc::clone(rules)).await.unwrap();
    while let Some(weighed) = bench.weigh_next(&world.store, stretch, clock::now()).await.unwrap() {
        let crash = crash_after.is_some_and(|after| weighed.cursor > after);
        let written = world
            .store
            .write(move |tx| {
                file_in(tx, &weighed)?;
                anyhow::ensure!(!crash, "the collector crashed");
                Ok(())
            })
            .await;
        assert_eq!(written.is_err(), crash);
        if crash {
            return;
        }
    }
}

impl World {
    /// Findings, hosts and counted findings of each incident about the changed page.
    async fn verdict(&self) -> Vec<(i64, i64, i64)> {
        self.store
            .read(|db| {
                let query = "SELECT (SELECT count(*) FROM finding WHERE incident = i.id),
                    (SELECT count(*) FROM incident_host WHERE incident = i.id), i.findings
                    FROM incident i WHERE i.rule = 'web-page-changed' ORDER BY i.id";
                let mut query = db.prepare(query)?;
                let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_replay_tells_what_would_have_fired_and_raises_nothing() {
    let world = world().await;
    let now = clock::now();
    world.observe_at(now.minus(Duration::from_secs(60)), page_changed("/srv/www/index.html")).await;
    world.observe_at(now, page_changed("/srv/www/index.html")).await;
    let rules = Arc::new(Folder::BuiltIn.load(Language::En).unwrap());
    let before = world.counts().await;
    let cursor = world.store.read(rule_sets::cursor).await.unwrap();

    let replayed = replay::replay(&world.store, rules, now.minus(Duration::from_secs(3_600))).await.unwrap();

    assert_eq!(replayed.observations, 2);
    assert!(replayed.rules.values().any(|fired| fired.findings >= 1 && fired.hosts == 1), "{replayed:?}");
    assert_eq!(world.counts().await, before);
    assert_eq!(world.store.read(rule_sets::cursor).await.unwrap(), cursor);
}

#[tokio::test]
async fn a_finding_on_a_critical_host_makes_a_graver_incident_and_stays_as_its_rule_says() {
    use vonggac_rules::incident::marks::HostMark;
    let world = world().await;
    let mark = HostMark { critical: true, level: None };
    world.store.write(move |tx| incidents::set_host_mark(tx, HOST, mark)).await.unwrap();
    world.observe(vec![page_changed("/srv/www/index.html")]).await;
    world.judge_all().await;

    let told = world
        .store
        .read(|db| {
            let query = "SELECT i.severity, f.severity, e.before || '>' || e.after FROM incident i
                JOIN finding f ON f.incident = i.id
                JOIN incident_entry e ON e.incident = i.id AND e.action = 'severity'
                WHERE i.rule = 'web-page-changed'";
            Ok(db.query_row(query, [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })?)
        })
        .await
        .unwrap();

    assert_eq!(told, ("critical".to_owned(), "high".to_owned(), "high>critical".to_owned()));
}
