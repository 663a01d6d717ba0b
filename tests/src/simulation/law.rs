//! What must hold. A ledger of everything that was ever on a host's disk, compared with the real spool and the real
//! store whenever one of them moved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rusqlite::Connection;
use vonggac_collector::store::observations::{self, LaneOf};
use vonggac_protocol::id::{Epoch, HostId, Lane, Seq};
use vonggac_protocol::observation::{Kind, Observation};

/// Epoch, lane, place.
pub(super) type Place = (u64, Lane, u64);

/// Why a record need not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Excuse {
    /// The spool dropped it to stay within its limit and said so.
    Dropped,
    /// The host's disk was set back to an older copy of itself.
    SetBack,
    /// The collector had it, and its disk was set back to an older copy of itself.
    Restored,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    print: u64,
    version: Option<u64>,
    /// The host's start during which it was spooled.
    life: u64,
    kept: bool,
    excuse: Option<Excuse>,
    carried: bool,
}

/// A host's side of the ledger.
#[derive(Debug, Default)]
struct Account {
    entries: Vec<Entry>,
    at: BTreeMap<Place, Vec<usize>>,
    by_version: BTreeMap<u64, usize>,
    /// What the spool must hold.
    held: BTreeMap<(Lane, u64), usize>,
}

/// What the collector has said of places that never come; as of a moment, so that it can be set back.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    missing: BTreeMap<(usize, u64, Lane), BTreeSet<u64>>,
    marks: BTreeMap<(usize, u64, Lane), u64>,
    own_seen: BTreeMap<usize, u64>,
}

/// The laws.
#[derive(Debug, Default)]
pub struct Law {
    accounts: Vec<Account>,
    pub(super) named: Named,
    /// What was broken.
    pub broken: Vec<String>,
    /// How often something was compared.
    pub checks: u64,
}

/// A print of bytes that are unlike all others.
pub(super) fn print(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);

    hasher.finish()
}

/// The host's name towards the collector.
pub(super) fn host_id(host: usize) -> HostId {
    HostId([u8::try_from(host + 1).unwrap_or(u8::MAX); 16])
}

fn version_of(bytes: &[u8]) -> Option<u64> {
    let Kind::FileChanged(change) = Observation::decode(bytes).ok()?.kind else { return None };

    change.after.map(|state| state.size)
}

impl Law {
    pub(super) fn new(hosts: usize) -> Self {
        Self { accounts: (0..hosts).map(|_| Account::default()).collect(), ..Self::default() }
    }

    pub(super) fn breaks(&mut self, what: String) {
        self.broken.push(what);
    }

    /// Counts a comparison; says what was broken if it does not hold.
    pub(super) fn holds(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.broken.push(what());
        }
    }

    /// The spool said that this record is on the disk.
    pub(super) fn spooled(&mut self, host: usize, place: Place, bytes: &[u8], life: u64) {
        let (print, version) = (print(bytes), version_of(bytes));
        if let Some(before) = version.and_then(|version| self.accounts[host].by_version.get(&version)) {
            let again = self.accounts[host].entries[*before].life == life;
            self.holds(!again, || format!("host {host} told version {version:?} twice without a crash"));
        }
        self.enter(host, place, (print, version), life);
    }

    /// Enters a record that the spool holds from now on.
    fn enter(&mut self, host: usize, place: Place, (print, version): (u64, Option<u64>), life: u64) {
        let account = &mut self.accounts[host];
        let number = account.entries.len();
        account.entries.push(Entry {
            place,
            print,
            version,
            life,
            kept: false,
            excuse: None,
            carried: false,
        });
        account.at.entry(place).or_default().push(number);
        account.held.insert((place.1, place.2), number);
        if let Some(version) = version {
            account.by_version.insert(version, number);
        }
    }

    /// The spool dropped everything of a lane before this place, to stay within its limit.
    pub(super) fn dropped(&mut self, host: usize, lane: Lane, kept_from: u64) {
        let account = &mut self.accounts[host];
        let gone: Vec<(Lane, u64)> =
            account.held.range((lane, 0)..(lane, kept_from)).map(|(key, _)| *key).collect();
        for key in gone {
            if let Some(number) = account.held.remove(&key) {
                account.entries[number].excuse.get_or_insert(Excuse::Dropped);
            }
        }
    }

    /// The agent let the spool go of everything up to `up_to`, because the collector has it.
    pub(super) fn forgotten(&mut self, host: usize, lane: Lane, up_to: u64, kept_from: u64) {
        let account = &mut self.accounts[host];
        let gone: Vec<(Lane, u64)> =
            account.held.range((lane, 0)..=(lane, up_to)).map(|(key, _)| *key).collect();
        let mut lost = Vec::new();
        for key in gone {
            let Some(number) = account.held.remove(&key) else { continue };
            let entry = &account.entries[number];
            if !entry.kept && entry.excuse.is_none() {
                lost.push(key.1);
            }
        }
        self.holds(lost.is_empty(), || {
            format!(
                "host {host} {}: {lost:?} were acknowledged, and are not on the collector's disk",
                lane.word()
            )
        });
        let first = self.accounts[host].held.range((lane, 0)..=(lane, u64::MAX)).next().map(|(key, _)| key.1);
        self.holds(first.is_none_or(|first| first == kept_from), || {
            format!(
                "host {host} {}: confirmed up to {up_to}, the spool begins at {kept_from}, and {first:?} is the first to wait",
                lane.word()
            )
        });
        self.holds(kept_from > up_to, || {
            format!(
                "host {host} {}: confirmed up to {up_to}, and the spool still holds {kept_from}",
                lane.word()
            )
        });
    }

    /// The spool was opened again and holds this. `torn`: power was lost while something was written.
    pub(super) fn reopened(
        &mut self,
        host: usize,
        epoch: u64,
        found: &[(Lane, u64, Vec<u8>)],
        torn: bool,
        life: u64,
    ) {
        let held = std::mem::take(&mut self.accounts[host].held);
        for (lane, seq, bytes) in found {
            let place = (epoch, *lane, *seq);
            let account = &mut self.accounts[host];
            let print = print(bytes);
            let known = account
                .at
                .get(&place)
                .and_then(|all| all.iter().rev().find(|at| account.entries[**at].print == print))
                .copied();
            match known {
                Some(number) => {
                    account.held.insert((*lane, *seq), number);
                }
                // A write that never returned and is whole all the same.
                None if torn => {
                    self.enter(host, place, (print, version_of(bytes)), life.saturating_sub(1));
                }
                None => self.breaks(format!("host {host}: place {place:?} holds what nobody wrote")),
            }
        }
        for (key, number) in held {
            let account = &mut self.accounts[host];
            if account.held.get(&key) == Some(&number) {
                continue;
            }
            let entry = &mut account.entries[number];
            // What an unfinished append dropped, it dropped to make room.
            if torn {
                entry.excuse.get_or_insert(Excuse::Dropped);
            } else {
                self.breaks(format!("host {host}: the spool lost {key:?}, which was synced"));
            }
        }
    }

    /// The host's disk is an older copy of itself and holds this.
    pub(super) fn set_back(&mut self, host: usize, epoch: u64, found: &[(Lane, u64, Vec<u8>)]) {
        let account = &mut self.accounts[host];
        let held = std::mem::take(&mut account.held);
        for (lane, seq, bytes) in found {
            if let Some(numbers) = account.at.get(&(epoch, *lane, *seq))
                && let Some(number) = numbers.iter().find(|at| account.entries[**at].print == print(bytes))
            {
                account.held.insert((*lane, *seq), *number);
            }
        }
        let still: BTreeSet<usize> = account.held.values().copied().collect();
        for number in held.into_values().filter(|number| !still.contains(number)) {
            account.entries[number].excuse.get_or_insert(Excuse::SetBack);
        }
        account.by_version.clear();
    }

    /// The spool began a new life and holds this under new places.
    pub(super) fn renewed(&mut self, host: usize, epoch: u64, found: &[(Lane, u64, Vec<u8>)], life: u64) {
        let held = std::mem::take(&mut self.accounts[host].held);
        let account = &self.accounts[host];
        // Two losses of one moment and one size read alike, and are two all the same.
        let mut by_print: BTreeMap<u64, VecDeque<usize>> = BTreeMap::new();
        for number in held.values() {
            by_print.entry(account.entries[*number].print).or_default().push_back(*number);
        }
        let mut carried = BTreeSet::new();
        for (lane, seq, bytes) in found {
            match by_print.get_mut(&print(bytes)).and_then(VecDeque::pop_front) {
                Some(old) => {
                    self.accounts[host].entries[old].carried = true;
                    carried.insert(old);
                }
                None => self.breaks(format!("host {host}: a new life begins with what nobody wrote")),
            }
            self.enter(host, (epoch, *lane, *seq), (print(bytes), version_of(bytes)), life);
        }
        let lost: Vec<_> =
            held.iter().filter(|(_, number)| !carried.contains(number)).map(|(key, _)| *key).collect();
        self.holds(lost.is_empty(), || format!("host {host}: a new life began without {lost:?}"));
    }

    /// The host's baseline has this version.
    pub(super) fn baseline(&mut self, host: usize, version: u64) {
        let told = self.accounts[host].entries.iter().rev().any(|entry| entry.version == Some(version));
        self.holds(told, || format!("host {host} has version {version} in its baseline and told nobody"));
    }

    /// The collector committed something of this lane: everything up to the mark is kept once, as it was written, in
    /// order, or is named missing; and what is named missing is.
    pub(super) fn committed(
        &mut self,
        db: &Connection,
        host: usize,
        epoch: u64,
        lane: Lane,
    ) -> anyhow::Result<()> {
        let of = LaneOf { host: host_id(host), epoch: Epoch(epoch), lane };
        let mark = observations::mark(db, of)?.0;
        let before = self.named.marks.insert((host, epoch, lane), mark).unwrap_or(0);
        self.holds(mark >= before, || format!("host {host} {}: the mark went back", lane.word()));
        self.learn_missing(db, host, epoch)?;
        let mut rows = db.prepare_cached(
            "SELECT seq, body, id FROM observation WHERE host = ?1 AND epoch = ?2 AND lane = ?3 AND seq > ?4 ORDER BY seq",
        )?;
        let rows: Vec<(i64, Vec<u8>, i64)> = rows
            .query_map(
                rusqlite::params![of.host.0, epoch.cast_signed(), lane.code(), before.cast_signed()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?
            .collect::<Result<_, _>>()?;
        self.holds(rows.is_sorted_by(|one, next| one.2 < next.2), || {
            format!("host {host} {}: kept out of order", lane.word())
        });
        let mut expected = before + 1;
        for (seq, body, _) in &rows {
            self.gap(host, (epoch, lane), expected, seq.cast_unsigned());
            self.kept(host, (epoch, lane, seq.cast_unsigned()), body);
            expected = seq.cast_unsigned() + 1;
        }
        self.gap(host, (epoch, lane), expected, mark + 1);
        self.holds(expected <= mark + 1, || format!("host {host} {}: kept beyond the mark", lane.word()));

        Ok(())
    }

    fn kept(&mut self, host: usize, place: Place, body: &[u8]) {
        let print = print(body);
        let account = &mut self.accounts[host];
        let entry = account
            .at
            .get(&place)
            .and_then(|all| all.iter().rev().find(|at| account.entries[**at].print == print))
            .copied();
        if let Some(number) = entry {
            account.entries[number].kept = true;
        }
        self.holds(entry.is_some(), || format!("host {host}: {place:?} is not what was written there"));
        let twice =
            self.named.missing.get(&(host, place.0, place.1)).is_some_and(|all| all.contains(&place.2));
        self.holds(!twice, || format!("host {host}: {place:?} is kept, and named missing"));
    }

    /// The places from `from` to before `until` are not kept: each must be named, and rightly.
    fn gap(&mut self, host: usize, (epoch, lane): (u64, Lane), from: u64, until: u64) {
        for seq in from..until {
            let named = self.named.missing.get(&(host, epoch, lane)).is_some_and(|all| all.contains(&seq));
            self.holds(named, || {
                format!("host {host} {} {seq}: neither kept nor named missing", lane.word())
            });
            let account = &self.accounts[host];
            let entry = account.at.get(&(epoch, lane, seq)).and_then(|all| all.last());
            let rightly = entry.is_none_or(|at| {
                let entry = &account.entries[*at];
                entry.excuse.is_some() || entry.carried
            });
            self.holds(rightly, || {
                format!("host {host} {} {seq}: named missing, and nothing took it", lane.word())
            });
        }
    }

    fn learn_missing(&mut self, db: &Connection, host: usize, epoch: u64) -> anyhow::Result<()> {
        let seen = self.named.own_seen.get(&host).copied().unwrap_or(0);
        let mut rows = db.prepare_cached(
            "SELECT seq, kind, body FROM observation WHERE host = ?1 AND epoch = 0 AND seq > ?2 ORDER BY seq",
        )?;
        let rows: Vec<(i64, String, Vec<u8>)> = rows
            .query_map(rusqlite::params![host_id(host).0, seen.cast_signed()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (seq, kind, body) in rows {
            self.named.own_seen.insert(host, seq.cast_unsigned());
            if kind == "records_missing"
                && let Ok(Observation { kind: Kind::RecordsMissing(missing), .. }) =
                    Observation::decode(&body)
            {
                let of_lane = self.named.missing.entry((host, epoch, missing.lane)).or_default();
                of_lane.extend(missing.first..=missing.last);
            }
        }

        Ok(())
    }

    /// The collector's disk is an older copy of itself, of the moment when this was named.
    pub(super) fn restored(&mut self, db: &Connection, named: Named) -> anyhow::Result<()> {
        self.named = named;
        for host in 0..self.accounts.len() {
            let still = kept_places(db, host)?;
            for entry in &mut self.accounts[host].entries {
                if entry.kept && still.get(&entry.place).is_none_or(|(print, _)| *print != entry.print) {
                    entry.kept = false;
                    entry.excuse = Some(Excuse::Restored);
                }
            }
        }

        Ok(())
    }

    /// Everything works again and is at rest: all has arrived, or is named.
    pub(super) fn settled(&mut self, db: &Connection, host: usize, spool: &Settled) -> anyhow::Result<()> {
        for (at, lane) in Lane::ALL.into_iter().enumerate() {
            let of = LaneOf { host: host_id(host), epoch: Epoch(spool.epoch), lane };
            let mark = observations::mark(db, of)?;
            let (from, next) = spool.spans[at];
            self.holds(mark.next() == next && from == next, || {
                format!(
                    "host {host} {}: at rest, spool {from:?} to {next:?}, collector has {mark:?}",
                    lane.word()
                )
            });
        }
        let told = spool.file == 0
            || self.accounts[host].entries.iter().any(|entry| entry.version == Some(spool.file));
        self.holds(told, || format!("host {host}: at rest, and version {} was never told", spool.file));
        let held: Vec<_> = self.accounts[host].held.keys().copied().collect();
        self.holds(held.is_empty(), || format!("host {host}: at rest, and {held:?} still wait"));

        self.audit(db, host)
    }

    /// Compares everything with everything.
    pub(super) fn audit(&mut self, db: &Connection, host: usize) -> anyhow::Result<()> {
        let kept = kept_places(db, host)?;
        let mut lost = Vec::new();
        for entry in &self.accounts[host].entries {
            let there = kept.get(&entry.place).is_some_and(|(print, _)| *print == entry.print);
            let waits = self.accounts[host]
                .held
                .get(&(entry.place.1, entry.place.2))
                .is_some_and(|number| self.accounts[host].entries[*number].place == entry.place);
            if entry.kept != there || !(there || waits || entry.carried || entry.excuse.is_some()) {
                lost.push(entry.place);
            }
        }
        self.holds(lost.is_empty(), || {
            format!("host {host}: {lost:?} neither kept, nor waiting, nor excused")
        });
        let mut last: BTreeMap<(u64, Lane), i64> = BTreeMap::new();
        let mut counts: BTreeMap<(u64, Lane), (u64, u64)> = BTreeMap::new();
        for (place, (_, id)) in &kept {
            let before = last.insert((place.0, place.1), *id).unwrap_or(0);
            self.holds(before < *id, || format!("host {host}: {place:?} was kept before its predecessor"));
            let count = counts.entry((place.0, place.1)).or_default();
            *count = (count.0 + 1, place.2);
        }
        for ((epoch, lane), (count, most)) in counts {
            let mark = self.named.marks.get(&(host, epoch, lane)).copied().unwrap_or(0);
            let missing = self.named.missing.get(&(host, epoch, lane)).map_or(0, BTreeSet::len);
            let all = count + u64::try_from(missing).unwrap_or(u64::MAX);
            self.holds(most <= mark && all == mark, || {
                format!("host {host} {}: {count} kept, {missing} missing, mark {mark}", lane.word())
            });
        }

        Ok(())
    }

    /// How many places the collector named as missing.
    pub(super) fn missing(&self) -> usize {
        self.named.missing.values().map(BTreeSet::len).sum()
    }

    /// How many records were ever spooled.
    pub(super) fn records(&self) -> usize {
        self.accounts.iter().map(|account| account.entries.len()).sum()
    }
}

/// Where a host's spool stands, and which version of its file.
pub(super) struct Settled {
    pub(super) epoch: u64,
    pub(super) spans: [(Seq, Seq); 2],
    pub(super) file: u64,
}

fn kept_places(db: &Connection, host: usize) -> anyhow::Result<BTreeMap<Place, (u64, i64)>> {
    let mut rows = db.prepare_cached(
        "SELECT epoch, lane, seq, body, id FROM observation WHERE host = ?1 AND epoch <> 0",
    )?;
    let rows = rows.query_map([host_id(host).0], |row| {
        let lane = Lane::from_code(row.get(1)?).unwrap_or(Lane::Prompt);
        let place = (row.get::<_, i64>(0)?.cast_unsigned(), lane, row.get::<_, i64>(2)?.cast_unsigned());
        Ok((place, (print(&row.get::<_, Vec<u8>>(3)?), row.get(4)?)))
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}
