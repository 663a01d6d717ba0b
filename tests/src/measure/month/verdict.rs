//! What the collector made of a month: read from its own store, finding by finding.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::ObservationId;
use vonggac_protocol::observation::{Kind, Observation};

/// What a finding rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Ground {
    /// The state of the machine that the measurement runs on, such as its pending updates: none of the month's making.
    TheMachineItself,
    /// The agent was stopped or killed, which is true.
    TheAgent,
    /// Only what is harmless, or a failure of the program's own.
    Harmless,
    /// A bad act.
    Bad,
}

/// What the findings say.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) found: BTreeSet<PathBuf>,
    /// Incidents without any finding of a bad act, though it is of files or of the program's own failure.
    pub(super) false_incidents: BTreeSet<i64>,
    /// Each finding that rests on no bad act, in words.
    pub(super) false_findings: Vec<String>,
    pub(super) findings: u64,
    pub(super) of_the_agent: u64,
}

impl Verdict {
    pub(super) fn read(store: &Path, bad: &BTreeSet<PathBuf>) -> anyhow::Result<Self> {
        let store = open(store)?;
        let mut verdict = Self::default();
        let mut grounds: BTreeMap<i64, Ground> = BTreeMap::new();
        let mut query = store.prepare("SELECT incident, rule, evidence FROM finding ORDER BY id")?;
        let rows = query.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        for row in rows {
            let (incident, rule, evidence) = row?;
            let ids: Vec<String> = serde_json::from_str(&evidence)?;
            let mut ground = None;
            let mut words = Vec::new();
            for id in ids {
                let seen = observation(&store, id.parse()?)?.with_context(|| format!("evidence {id}"))?;
                let (of_it, word) = verdict.weigh(&seen, bad);
                ground = ground.max(Some(of_it));
                words.push(word);
            }
            let ground = ground.unwrap_or(Ground::Harmless);
            verdict.findings += 1;
            match ground {
                Ground::Harmless => verdict.false_findings.push(format!("{rule}: {}", words.join(", "))),
                Ground::TheAgent => verdict.of_the_agent += 1,
                Ground::Bad | Ground::TheMachineItself => {}
            }
            let known = grounds.entry(incident).or_insert(ground);
            *known = ground.max(*known);
        }
        verdict.false_incidents = grounds
            .into_iter()
            .filter_map(|(incident, ground)| (ground == Ground::Harmless).then_some(incident))
            .collect();

        Ok(verdict)
    }

    fn weigh(&mut self, seen: &Observation, bad: &BTreeSet<PathBuf>) -> (Ground, String) {
        let (at, kind) = (seen.at, &seen.kind);
        match kind {
            Kind::FileChanged(changed) => {
                let path = PathBuf::from(changed.path.as_str());
                let since = changed.not_before.map(|from| format!(" not before {from}")).unwrap_or_default();
                let off = if changed.while_off { " while off" } else { "" };
                let word = format!("{} {:?} at {at}{off}{since}", path.display(), changed.action);
                if bad.contains(&path) {
                    self.found.insert(path);
                    return (Ground::Bad, word);
                }
                (Ground::Harmless, word)
            }
            Kind::AgentStarted(_) | Kind::AgentStopped(_) => (Ground::TheAgent, kind.word().to_owned()),
            Kind::PatchState(_)
            | Kind::PackagesListed(_)
            | Kind::PackagesChanged(_)
            | Kind::HostDescribed(_)
            | Kind::Posture(_)
            | Kind::Activation(_) => (Ground::TheMachineItself, kind.word().to_owned()),
            Kind::Health(_)
            | Kind::BaselineTaken(_)
            | Kind::WatchLost(_)
            | Kind::SpoolDropped(_)
            | Kind::AssignmentRefused(_)
            | Kind::SensorFailed(_)
            | Kind::AgentSilent(_)
            | Kind::AgentHeard(_)
            | Kind::IdentityTwice(_)
            | Kind::HostMisbehaved(_)
            | Kind::MachineSetBack(_)
            | Kind::RecordsMissing(_)
            | Kind::FilesInstalled(_)
            | Kind::ChangeBurst(_)
            | Kind::CertificateEnding(_)
            | Kind::BudgetReached(_)
            | Kind::Login(_)
            | Kind::PrivilegeUsed(_)
            | Kind::AccountChanged(_)
            | Kind::ServiceChanged(_)
            | Kind::LogGap(_)
            | Kind::AgentUpgrade(_)
            | Kind::WatchModeChanged(_) => (Ground::Harmless, format!("{kind:?}")),
        }
    }
}

/// The store, to be read only.
pub(super) fn open(store: &Path) -> anyhow::Result<Connection> {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    store.busy_timeout(std::time::Duration::from_secs(5))?;

    Ok(store)
}

fn observation(store: &Connection, id: ObservationId) -> anyhow::Result<Option<Observation>> {
    let body: Option<Vec<u8>> = store
        .prepare_cached(
            "SELECT body FROM observation WHERE host = ?1 AND epoch = ?2 AND lane = ?3 AND seq = ?4",
        )?
        .query_row((id.host.0, id.epoch.0.cast_signed(), id.lane.code(), id.seq.0.cast_signed()), |row| {
            row.get(0)
        })
        .optional()?;

    body.map(|body| Ok(Observation::decode(&body)?)).transpose()
}

/// Whether the change of a file to what it is now has arrived.
pub(super) fn has_arrived(store: &Path, path: &Path) -> anyhow::Result<bool> {
    let now = Digest::of(&std::fs::read(path)?);
    let store = open(store)?;
    let mut query = store
        .prepare("SELECT body FROM observation WHERE kind = 'file_changed' ORDER BY id DESC LIMIT 200")?;
    for body in query.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        if let Kind::FileChanged(changed) = Observation::decode(&body?)?.kind
            && Path::new(changed.path.as_str()) == path
            && changed.after.as_ref().and_then(|state| state.digest) == Some(now)
        {
            return Ok(true);
        }
    }

    Ok(false)
}

/// The newest prompt observation, and whether all of them were judged.
pub(super) fn newest(store: &Path) -> anyhow::Result<(i64, bool)> {
    let store = open(store)?;

    Ok(store.query_row(
        "SELECT coalesce((SELECT max(id) FROM observation WHERE lane = 0), 0), \
         (SELECT cursor FROM judge) >= (SELECT coalesce(max(id), 0) FROM observation)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?)
}
