//! The life of the process, from top to bottom; the only place that knows every part.
//!
//! Start: data folder locked, authority, store, rules; then judge, silence and reception; then the doors open, and
//! only then do we say that we are ready. Stop: the doors close first, then what was kept is judged, then the last
//! signs of life are written. If one task ends unasked, the process stops with its name: half a collector is worse
//! than a restarted one.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use vonggac_protocol::hello::RefusalCode;
use vonggac_rules::in_force::InForce;
use vonggac_rules::plan::Register;
use vonggac_rules::words::Language;

use crate::admission::Admission;
use crate::admission::counts::Reason;
use crate::admission::report;
use crate::authority::Authority;
use crate::cli::Running;
use crate::config::Config;
use crate::desk::knowledge::Knowledge;
use crate::desk::{self, Desk};
use crate::enrol::Enrolment;
use crate::http::HttpDoor;
use crate::intake::Intake;
use crate::judge::folder::Folder;
use crate::judge::{self, Judging, News};
use crate::listen::frames::close_code;
use crate::listen::gate::Gate;
use crate::listen::reset::ResetSecret;
use crate::listen::{self, Arrival, Door};
use crate::mark_key::MarkKey;
use crate::print::{self, Lang};
use crate::sending::{clocks, courier};
use crate::session::renew::Renewals;
use crate::session::{Sessions, registry};
use crate::silence::task::{self as silence, Pulse};
use crate::store::{Store, assignments};
use crate::vulnerabilities::{Vulnerabilities, step};
use crate::{clock, console, service};

/// Enrolment conversations at once: each ends within seconds.
const ENROLMENTS_MAX: usize = 32;

/// After this long we stop even if a task has not: what is acknowledged is on the disk.
const GRACE: Duration = Duration::from_secs(10);

/// A connection may be quiet for four promises before it is closed for that alone.
const IDLE_PROMISES: u32 = 4;

/// The tasks of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Door,
    Reception,
    Watch,
    Silence,
    Judge,
    Status,
    Vulnerabilities,
    Courier,
    Clocks,
    Console,
}

/// Runs the collector as a process: logs, runtime, signals.
///
/// # Errors
/// If it cannot start, or a task fails.
pub fn main(config: Config, lang: Lang) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VONGGAC_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A program that contains us may have set up its own.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init().ok();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;

    runtime.block_on(async {
        let stop = CancellationToken::new();
        let asked = stop.clone();
        tokio::spawn(async move {
            if let Err(error) = service::asked_to_stop().await {
                error!(error = format!("{error:#}"), "Signals cannot be received");
            }
            asked.cancel();
        });
        serve(config, stop, |running| {
            let (link, console) = (running.link, &running.console);
            print::tell(lang, "cli-serve-ready", &[("link", &link), ("console", console)]);
        })
        .await
    })
}

/// Serves until told to stop; calls `ready` once everything is open.
///
/// # Errors
/// If it cannot start, or a task fails.
pub async fn serve(
    config: Config,
    stop: CancellationToken,
    ready: impl FnOnce(&Running),
) -> anyhow::Result<()> {
    let _lock = lock(&config)?;
    let authority = Arc::new(Authority::load(&config.authority_dir())?);
    let store = Store::open(&config.database_path())?;
    let wanted = config.assignment.clone();
    store
        .write(move |tx| assignments::put(tx, &wanted, clock::now()))
        .await
        .context("keep the assignment")?;
    let key = MarkKey::ensure(&config.keys_dir(), &store).await?;
    let folder = Folder::of(config.rules_dir.as_deref());
    let rules = judge::first_rules(&store, &folder).await?;

    let bell = Arc::new(Notify::new());
    let pulse = Pulse::new(Duration::from_secs(config.promised_secs));
    let admission = Admission::shared(config.limits.clone());
    let intake = Intake::new(store.clone(), Arc::clone(&bell));
    let renewals = Renewals::new(store.clone(), Arc::clone(&authority), config.certificates);
    let sessions =
        Sessions::new(store.clone(), intake, pulse.clone(), renewals, Arc::clone(&admission), key.clone());
    let sessions = Arc::new(sessions);
    let enrolment = Arc::new(Enrolment::new(
        store.clone(),
        Arc::clone(&authority),
        config.certificates,
        config.promised_secs,
        Arc::clone(&admission),
        key,
    ));
    let (news, knowledge) = (judge::news(), Arc::new(ArcSwap::from_pointee(knowledge(&rules, &folder))));
    let judging = judging(&store, folder, rules, Arc::clone(&bell), news.clone(), Arc::clone(&knowledge));
    let door = Door::open(&authority, door_settings(&config)?, Gate::new(Arc::clone(&admission)))?;
    let http = HttpDoor::open(&config.console, &authority)?;
    let running =
        Running { pid: std::process::id(), link: door.address()?, console: http.url(), pin: authority.pin() };
    let vulnerabilities = Arc::new(Vulnerabilities::new(config.feeds_days_max));
    let settings = desk::Settings {
        tls: http.is_tls(),
        admission: Arc::clone(&admission),
        vulnerabilities: Arc::clone(&vulnerabilities),
        ..desk::Settings::default()
    };
    let pages = console::router(Desk::new(store.clone(), knowledge, news, settings));

    // The doors close before the rest stops, so nothing arrives that nobody would judge.
    let (doors, rest) = (stop.clone(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let watch = registry::watch(store.clone(), sessions.registry().clone(), rest.clone());
    start(&mut tasks, Task::Watch, watch);
    start(&mut tasks, Task::Silence, silence::run(store.clone(), pulse.clone(), bell, rest.clone()));
    start(&mut tasks, Task::Judge, judging.run(rest.clone()));
    start(&mut tasks, Task::Vulnerabilities, step::keep(vulnerabilities, store.clone(), rest.clone()));
    start(&mut tasks, Task::Clocks, clocks::run(store.clone(), rest.clone()));
    start(&mut tasks, Task::Courier, courier::run(store.clone(), rest.clone()));
    let state =
        report::keep_written(Arc::clone(&admission), store.clone(), config.status_path(), rest.clone());
    start(&mut tasks, Task::Status, state);
    let (arrivals, arrived) = listen::arrivals();
    start(&mut tasks, Task::Reception, receive(arrived, sessions, enrolment, pulse, admission));
    start(&mut tasks, Task::Console, http.keep(pages, doors.clone()));
    start(&mut tasks, Task::Door, door.keep(arrivals, doors));

    running.write(&config.running_path())?;
    service::tell_ready();
    info!(link = %running.link, console = running.console, "Collector ready");
    ready(&running);
    let ended = wait(&mut tasks, &stop, &rest).await;
    service::tell_stopping();
    // It is only a hint for others; the next start writes it anew.
    std::fs::remove_file(config.running_path()).ok();
    info!("Collector stopped");

    ended
}

/// What people read of rules and plans.
fn knowledge(rules: &InForce, folder: &Folder) -> Knowledge {
    let register = folder.register(Language::En).unwrap_or_else(|error| {
        error!(error = format!("{error:#}"), "Plans are broken; the program's own are shown");
        Register::embedded()
    });

    Knowledge::in_force(rules, &register)
}

fn judging(
    store: &Store,
    folder: Folder,
    rules: InForce,
    bell: Arc<Notify>,
    news: broadcast::Sender<News>,
    shown: Arc<ArcSwap<Knowledge>>,
) -> Judging {
    let plans = folder.clone();
    let tell_rules = Box::new(move |rules: &InForce| shown.store(Arc::new(knowledge(rules, &plans))));

    Judging { store: store.clone(), folder, bell, news, rules, tell_rules }
}

fn door_settings(config: &Config) -> anyhow::Result<listen::Settings> {
    Ok(listen::Settings {
        listen: config.link.listen,
        listen_tcp: config.link.listen_tcp,
        idle: Duration::from_secs(config.promised_secs) * IDLE_PROMISES,
        reset: ResetSecret::ensure(&config.keys_dir())?,
    })
}

/// Keeps a second collector from the same data folder.
fn lock(config: &Config) -> anyhow::Result<File> {
    let path = config.data_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another collector runs on {}", config.data_dir.display());
    }

    Ok(file)
}

fn start(
    tasks: &mut JoinSet<(Task, anyhow::Result<()>)>,
    task: Task,
    life: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) {
    tasks.spawn(async move { (task, life.await) });
}

/// Waits until told to stop or until a task ends unasked; then stops the others in order.
async fn wait(
    tasks: &mut JoinSet<(Task, anyhow::Result<()>)>,
    stop: &CancellationToken,
    rest: &CancellationToken,
) -> anyhow::Result<()> {
    let mut ended = Ok(());
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        Some(first) = tasks.join_next() => ended = unasked(first),
    }
    stop.cancel();
    let joined = async {
        while let Some(next) = tasks.join_next().await {
            match next {
                Ok((Task::Reception, Ok(()))) => rest.cancel(),
                Ok((_, Ok(()))) => {}
                Ok((task, Err(error))) => {
                    error!(?task, error = format!("{error:#}"), "Task failed while stopping")
                }
                Err(error) => error!(%error, "Task failed while stopping"),
            }
        }
    };
    if tokio::time::timeout(GRACE / 2, joined).await.is_err() {
        rest.cancel();
        while let Ok(Some(_)) = tokio::time::timeout(GRACE / 2, tasks.join_next()).await {}
    }

    ended
}

fn unasked(first: Result<(Task, anyhow::Result<()>), tokio::task::JoinError>) -> anyhow::Result<()> {
    match first {
        Ok((task, Ok(()))) => bail!("the task {task:?} ended unasked"),
        Ok((task, Err(error))) => Err(error.context(format!("the task {task:?} failed"))),
        Err(error) => Err(anyhow::Error::from(error).context("a task failed")),
    }
}

/// Gives everybody who comes in to whom they belong; ends when the door is closed and everybody has gone.
async fn receive(
    mut arrived: mpsc::Receiver<Arrival>,
    sessions: Arc<Sessions>,
    enrolment: Arc<Enrolment>,
    pulse: Pulse,
    admission: Arc<Admission>,
) -> anyhow::Result<()> {
    let rooms = Arc::new(Semaphore::new(ENROLMENTS_MAX));
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            arrival = arrived.recv() => match arrival {
                Some(Arrival::Link { connection, certificate, pass }) => {
                    let sessions = Arc::clone(&sessions);
                    visits.spawn(async move {
                        sessions.serve(connection, certificate).await;
                        drop(pass);
                    });
                }
                Some(Arrival::Enrol { connection, pass }) => {
                    let Ok(room) = Arc::clone(&rooms).try_acquire_owned() else {
                        admission.counts.count(Reason::EnrolmentsAtOnce);
                        connection.close(close_code(RefusalCode::Busy), b"too many enrolments at once");
                        continue;
                    };
                    let (enrolment, pulse) = (Arc::clone(&enrolment), pulse.clone());
                    visits.spawn(async move {
                        if let Some(host) = enrolment.talk(connection).await {
                            pulse.heard(host);
                        }
                        drop((room, pass));
                    });
                }
                None => break,
            },
            Some(left) = visits.join_next() => left.context("a visit failed")?,
        }
    }
    while let Some(left) = visits.join_next().await {
        left.context("a visit failed")?;
    }

    Ok(())
}
