//! What is kept: one SQLite file, one writer, many readers.
//!
//! All writing goes through one thread that runs whatever is queued inside one transaction and commits once
//! (group commit): a caller hears back after the commit, so what it acknowledges is on the disk. Each job has a
//! savepoint of its own; one that fails leaves no trace and harms no other. Readers use their own connections and
//! see the last commit. Callers on the runtime use [`Store::write`] and [`Store::read`]; both bounded, both `async`.
//!
//! One file per kind of thing kept lies beside this one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock;

pub mod agencies;
pub mod assignments;
pub mod audit;
pub mod budgets;
pub mod casework;
pub mod certificates;
pub mod decided;
pub mod entitlements;
pub mod exceptions;
pub mod feeds;
pub mod findings;
pub mod fleet;
pub mod forbidden;
pub mod health;
pub mod hosts;
pub mod incidents;
pub mod installation;
pub mod machines;
pub mod migrate;
pub mod observations;
pub mod orders;
pub mod packages;
pub mod people;
pub mod refusals;
pub mod releases;
pub mod risks;
pub mod rule_packs;
pub mod rule_sets;
pub mod sending;
pub mod sessions;
pub mod tokens;
pub mod view;
pub mod warnings;
pub mod windows;

use health::{Health, Trouble};

/// Jobs that may wait for the writer: beyond it callers wait, and agents with them. Nothing is dropped.
const WRITES_WAITING_MAX: usize = 256;

/// Jobs in one commit: bounds how long the first of them waits for the last.
const WRITES_PER_COMMIT_MAX: usize = 64;

/// A transaction that cannot begin because another process holds the database is tried again for this long; callers
/// wait, and agents with them. After that they are told that nothing was kept.
const HELD_MOST: Duration = Duration::from_secs(120);

/// How long one try waits.
const HELD_TRY: Duration = Duration::from_secs(10);

/// Readers at once: a page needs one for milliseconds; more than this only contend for the disk.
const READERS_MAX: usize = 8;

type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), Arc<anyhow::Error>>) + Send>;

/// The store; cheap to clone, closes when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
    health: Health,
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Store {
    /// Opens the file, makes it if it is not there, and brings it to the newest form.
    ///
    /// # Errors
    /// If the file cannot be opened or written, is not a database, or was made by a newer program.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut writer =
            Connection::open(path).with_context(|| format!("open the database {}", path.display()))?;
        writer.busy_timeout(HELD_TRY)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        migrate::to_newest(&mut writer)
            .with_context(|| format!("bring {} to the newest form", path.display()))?;
        let (jobs, queue) = mpsc::channel(WRITES_WAITING_MAX);
        let health = Health::default();
        std::thread::Builder::new().name("store-writer".to_owned()).spawn({
            let health = health.clone();
            move || write_loop(writer, queue, &health)
        })?;
        let permits = Semaphore::new(READERS_MAX);
        let readers = Readers { path: path.to_owned(), idle: Mutex::new(Vec::new()), permits };

        Ok(Self { jobs, readers: Arc::new(readers), health })
    }

    /// The folder that the file lies in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.readers.path.parent().unwrap_or_else(|| Path::new("."))
    }

    /// What keeps the store from taking what it is given; `None` if nothing does.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.health.trouble(clock::instant())
    }

    /// Runs `job` in the next transaction and answers after its commit.
    ///
    /// # Errors
    /// If the job fails (nothing of it is kept) or the commit does (nothing of the whole group is kept).
    pub async fn write<T, F>(&self, job: F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> anyhow::Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = in_savepoint(transaction, job);
            Box::new(move |committed| {
                let result = committed.map_err(|error| anyhow!("{error:#}")).and(result);
                // A caller that has gone away does not want the answer.
                drop(tell.send(result));
            })
        });
        self.jobs.send(job).await.map_err(|_| anyhow!("the store is closed"))?;

        told.await.map_err(|_| anyhow!("the store closed before it answered"))?
    }

    /// Runs `query` on a read-only connection, on a thread where it may block.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn read<T, F>(&self, query: F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let _permit = self.readers.permits.acquire().await.map_err(|_| anyhow!("the store is closed"))?;

        tokio::task::spawn_blocking(move || readers.with(query)).await.context("run a query")?
    }
}

impl Readers {
    fn with<T>(&self, query: impl FnOnce(&Connection) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let idle = self.idle.lock().expect("no reader panics while it holds this lock").pop();
        let reader = match idle {
            Some(reader) => reader,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let reader = Connection::open_with_flags(&self.path, flags).context("open a reader")?;
                reader.busy_timeout(Duration::from_secs(10))?;
                reader
            }
        };
        // One read transaction: everything a page shows is of one moment.
        let transaction = reader.unchecked_transaction()?;
        let result = query(&transaction);
        drop(transaction);
        self.idle.lock().expect("no reader panics while it holds this lock").push(reader);

        result
    }
}

fn in_savepoint<T>(
    transaction: &mut Transaction<'_>,
    job: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    transaction.execute_batch("SAVEPOINT job")?;
    let result = job(transaction);
    transaction.execute_batch(if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })?;

    result
}

fn write_loop(mut writer: Connection, mut queue: mpsc::Receiver<Job>, health: &Health) {
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < WRITES_PER_COMMIT_MAX
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        health.begin();
        let changes = writer.total_changes();
        let mut answers = Vec::with_capacity(jobs.len());
        let committed = commit(&mut writer, jobs, &mut answers);
        match &committed {
            Ok(()) => health.good(writer.total_changes() != changes),
            Err(error) => health.bad(Trouble::of(error), error),
        }
        let committed = committed.map_err(Arc::new);
        // If the transaction could not even begin, the jobs are dropped unanswered and their callers told so.
        for answer in answers {
            answer(committed.clone());
        }
    }
}

/// Runs jobs in one transaction; a full disk ends it in the middle, and nothing of it is kept.
fn commit(writer: &mut Connection, jobs: Vec<Job>, answers: &mut Vec<Answer>) -> anyhow::Result<()> {
    let mut transaction = begin(writer)?;
    for job in jobs {
        answers.push(job(&mut transaction));
        if transaction.is_autocommit() {
            // SQLite took the whole transaction back, as it does when there is no room; without this the jobs that
            // follow would each be a transaction of its own.
            let full =
                rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
            return Err(anyhow::Error::new(full).context("the transaction was taken back"));
        }
    }

    transaction.commit().context("commit")
}

fn begin(writer: &mut Connection) -> anyhow::Result<Transaction<'_>> {
    let until = clock::instant() + HELD_MOST;
    loop {
        let held = match writer.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => break,
            Err(error) => error,
        };
        let busy = held.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
        if !busy || clock::instant() >= until {
            return Err(held.into());
        }
    }

    Ok(writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?)
}

#[cfg(test)]
mod tests;
