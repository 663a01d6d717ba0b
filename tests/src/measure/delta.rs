//! What of an inventory travels: the whole once, a difference after a change, the whole again to a collector that lost it.
//!
//! A real agent in a mount namespace of its own, where a copy of this machine's package database can be changed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};

use super::{progress, this_executable};
use crate::programs::{AS_AGENT, Province, wait_for};

const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let (data, database) = (folder.path().join("data"), folder.path().join("dpkg"));
    std::fs::create_dir(&data)?;
    let copied = Command::new("cp").args(["-r", "/var/lib/dpkg"]).arg(&database).status()?;
    anyhow::ensure!(copied.success(), "the package database could not be copied");
    let collector = province.serve()?;
    province.enrol("agent", &Province::watch_only("application", &data))?;
    let store = province.dir.join("collector").join("collector.db");

    let agent = Agent::start(&province, &database)?;
    let whole = wait_for("the inventory", LIMIT, || held(&store).ok().flatten())?;
    agent.stop()?;
    progress("one package more");
    let status = database.join("status");
    let mut text = std::fs::read_to_string(&status)?;
    text.push_str(
        "\nPackage: vonggac-delta\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\
         Maintainer: A <a@b>\nDescription: x\n",
    );
    std::fs::write(&status, text)?;
    let agent = Agent::start(&province, &database)?;
    let after =
        wait_for("the difference", LIMIT, || held(&store).ok().flatten().filter(|digest| *digest != whole))?;
    let (listed, listed_bytes) = told(&store, "packages_listed")?;
    let (changed, changed_bytes) = told(&store, "packages_changed")?;

    progress("the collector loses the inventory");
    collector.stop(Duration::from_secs(30))?;
    lose(&store)?;
    let _collector = province.serve()?;
    let again = wait_for("the whole again", LIMIT, || held(&store).ok().flatten())?;
    agent.stop()?;
    anyhow::ensure!(again == after, "the collector holds what the machine has");
    let (listed_again, _) = told(&store, "packages_listed")?;

    let mut map = Map::new();
    map.insert("whole_parts".to_owned(), listed.into());
    map.insert("whole_cbor_bytes".to_owned(), listed_bytes.into());
    map.insert("differences".to_owned(), changed.into());
    map.insert("difference_cbor_bytes".to_owned(), changed_bytes.into());
    map.insert("whole_parts_after_loss".to_owned(), (listed_again - listed).into());

    Ok(map)
}

/// An agent whose package database is a folder of ours.
struct Agent(Child);

impl Agent {
    fn start(province: &Province, database: &Path) -> anyhow::Result<Self> {
        let script = "mount --bind \"$1\" /var/lib/dpkg && exec \"$2\" \"$3\" --config \"$4\" run";
        let child = Command::new("unshare")
            .args(["--mount", "/bin/sh", "-c", script, "agent"])
            .arg(database)
            .arg(this_executable()?)
            .arg(AS_AGENT)
            .arg(province.dir.join("agent").join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start an agent in a namespace")?;

        Ok(Self(child))
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        anyhow::ensure!(asked.success(), "the agent was already gone");
        wait_for("the agent's end", Duration::from_secs(30), || self.0.try_wait().ok().flatten())?;

        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn open(store: &Path) -> anyhow::Result<Connection> {
    Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).context("open the store")
}

/// Digest of the inventory that the collector holds.
fn held(store: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let store = open(store)?;
    let mut query = store.prepare("SELECT digest FROM inventory")?;
    let mut rows = query.query([])?;

    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// How many observations of a kind were kept, and their bytes.
fn told(store: &Path, kind: &str) -> anyhow::Result<(u64, u64)> {
    let query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM observation WHERE kind = ?1";

    Ok(open(store)?.query_row(query, [kind], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// As after a backup from before the inventory was brought back.
fn lose(store: &Path) -> anyhow::Result<()> {
    Connection::open(store)?.execute_batch("DELETE FROM package; DELETE FROM inventory;")?;

    Ok(())
}
