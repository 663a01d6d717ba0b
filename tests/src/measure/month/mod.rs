//! A month in fast motion: what a server lives through, at random moments, and what an intruder does in between. Every
//! bad act must stand in an incident; nothing else may open one.
//!
//! | module | subject |
//! |---|---|
//! | `machine` | the system that is watched, its routine and the harm done to it |
//! | `verdict` | what the collector made of it |
//!
//! What is routine here is what the rules call so: logs and their rotation, caches, lock files of office programs,
//! packages, and what is done in a change window. Documents below a path declared as data are left alone: the rules
//! tell each of their changes on purpose. A window is closed by a person here; that it closes by itself takes an
//! hour of real time, and stands in the collector's own tests.

mod machine;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value};

use self::machine::{Bad, Machine, Routine};
use self::verdict::Verdict;
use super::kills::Chance;
use super::{progress, this_executable};
use crate::programs::{AGENCY, Province, Running, instant, rest, wait_for};

const DAYS: u32 = 30;

/// Fixed, so that a month can be lived again; the moments still differ with the machine's speed.
const SEED: u64 = 0x9_2026;

const PATIENCE: Duration = Duration::from_secs(60);

/// Between opening a window and the first change in it. An agent writes down every few seconds until when it watched, and
/// a change that may be older than the window is told by design (decision 0019), so that an agent killed sooner than
/// this makes the work of its off time an incident.
const BEFORE_WORK: Duration = Duration::from_secs(8);

/// Nothing arrives for so long: everything was told, installations too.
const STILL: Duration = Duration::from_secs(8);

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let days = number("VONGGAC_MONTH_DAYS").unwrap_or(DAYS);
    let seed = number("VONGGAC_MONTH_SEED").map_or(SEED, u64::from);
    let outcome = live(&this_executable()?, days, seed)?;
    for line in outcome.missed.iter().map(|path| format!("missed: {path}")) {
        progress(&line);
    }
    for line in outcome.false_findings.iter().map(|finding| format!("false: {finding}")) {
        progress(&line);
    }

    Ok(outcome.figures())
}

/// How a month went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Simulated days.
    pub days: u32,
    /// Bad acts done.
    pub bad_acts: usize,
    /// Paths of bad acts that stand in no incident.
    pub missed: Vec<String>,
    /// Incidents that rest on harmless changes, or on failures of the program's own, alone.
    pub false_incidents: usize,
    /// Findings that do, wherever they stand, in words.
    pub false_findings: Vec<String>,
    counts: Vec<(&'static str, u64)>,
}

impl Outcome {
    fn figures(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("days".to_owned(), self.days.into());
        map.insert("bad_acts".to_owned(), self.bad_acts.into());
        map.insert("found".to_owned(), (self.bad_acts - self.missed.len()).into());
        map.insert("missed".to_owned(), self.missed.len().into());
        map.insert("false_incidents".to_owned(), self.false_incidents.into());
        map.insert("false_findings".to_owned(), self.false_findings.len().into());
        for (name, count) in &self.counts {
            map.insert((*name).to_owned(), (*count).into());
        }

        map
    }
}

/// Lives so many days with the programs that `exe` becomes.
///
/// # Errors
/// If a program fails, or an act.
pub fn live(exe: &Path, days: u32, seed: u64) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().canonicalize()?;
    let province = Province::found(exe, &path)?;
    let machine = Machine::set_up(&path, days * 4)?;
    let collector = province.serve()?;
    province.enrol("agent", &machine.watched())?;
    let agent = province.watch("agent")?;
    province.wait_for_baselines(Machine::roots())?;
    let store = province.dir.join("collector").join("collector.db");
    let mut life = Life {
        province: &province,
        store: &store,
        agent: Some(agent),
        collector: Some(collector),
        reboots: 0,
        power_cuts: 0,
    };
    let mut work = Work {
        province: &province,
        store: &store,
        machine,
        chance: Chance::new(seed),
        bad_acts: 0,
        windows: 0,
    };
    let mut faults = Chance::new(seed ^ 0xfa11);
    for day in 1..=days {
        let start = instant();
        life.day(day, &mut work, &mut faults)?;
        progress(&format!("day {day} of {days}: {:.1} s", start.elapsed().as_secs_f64()));
    }
    life.settle(&work.machine)?;
    let verdict = Verdict::read(&store, &work.machine.bad)?;
    let missed: Vec<&PathBuf> = work.machine.bad.difference(&verdict.found).collect();

    Ok(Outcome {
        days,
        bad_acts: work.machine.bad.len(),
        missed: missed.into_iter().map(|path| path.display().to_string()).collect(),
        false_incidents: verdict.false_incidents.len(),
        false_findings: verdict.false_findings,
        counts: vec![
            ("power_cuts", life.power_cuts),
            ("reboots", life.reboots),
            ("installations", work.machine.installations),
            ("windows", work.windows),
            ("changes", work.machine.changes),
            ("findings", verdict.findings),
            ("findings_of_stops_and_crashes", verdict.of_the_agent),
        ],
    })
}

/// The programs through the days.
struct Life<'a> {
    province: &'a Province,
    store: &'a Path,
    agent: Option<Running>,
    collector: Option<Running>,
    reboots: u64,
    power_cuts: u64,
}

/// A power cut, some milliseconds into the work.
#[derive(Clone, Copy, Debug)]
struct Cut {
    after: u64,
    off: u64,
    agent: bool,
    collector: bool,
}

impl Life<'_> {
    fn day(&mut self, day: u32, work: &mut Work<'_>, faults: &mut Chance) -> anyhow::Result<()> {
        if day % 5 == 2 {
            self.reboot(day, work)?;
        }
        let cut = (day % 3 != 1).then(|| {
            let which = faults.below(3);
            // In a day with a window, about when it is used.
            let after = if has_window(day) { 7_000 + faults.below(4_000) } else { faults.below(2_500) };
            Cut { after, off: faults.below(1_500), agent: which != 1, collector: which != 0 }
        });
        std::thread::scope(|scope| {
            let working = scope.spawn(|| work.day(day));
            if let Some(cut) = cut {
                self.cut_power(cut)?;
            }
            working.join().map_err(|_| anyhow::anyhow!("the work panicked"))?
        })
    }

    /// An orderly stop and start, with changes in between.
    fn reboot(&mut self, day: u32, work: &mut Work<'_>) -> anyhow::Result<()> {
        self.reboots += 1;
        self.agent.take().context("an agent")?.stop(PATIENCE)?;
        work.while_off(day)?;
        self.agent = Some(self.province.watch("agent")?);

        Ok(())
    }

    fn cut_power(&mut self, cut: Cut) -> anyhow::Result<()> {
        self.power_cuts += 1;
        rest(Duration::from_millis(cut.after));
        if cut.agent {
            self.agent.take().context("an agent")?.kill_nine()?;
        }
        if cut.collector {
            self.collector.take().context("a collector")?.kill_nine()?;
        }
        rest(Duration::from_millis(cut.off));
        if cut.collector {
            self.collector = Some(self.province.serve()?);
        }
        if cut.agent {
            self.agent = Some(self.province.watch("agent")?);
        }

        Ok(())
    }

    /// Waits until everything is told and judged. That a bad act was not found within the time is for the verdict.
    fn settle(&self, machine: &Machine) -> anyhow::Result<()> {
        let all_found = || {
            rest(Duration::from_millis(500));
            let verdict = Verdict::read(self.store, &machine.bad).ok()?;
            (verdict.found == machine.bad).then_some(())
        };
        if wait_for("every bad act in an incident", PATIENCE, all_found).is_err() {
            progress("not every bad act is in an incident yet");
        }
        let (mut last, mut since) = (0, instant());
        wait_for("stillness", 3 * PATIENCE, || {
            rest(Duration::from_millis(250));
            let (newest, is_judged) = verdict::newest(self.store).ok()?;
            if newest != last || !is_judged {
                (last, since) = (newest, instant());
            }
            (since.elapsed() > STILL).then_some(())
        })
    }
}

fn has_window(day: u32) -> bool {
    day % 4 == 1
}

/// What is done on the machine.
struct Work<'a> {
    province: &'a Province,
    store: &'a Path,
    machine: Machine,
    chance: Chance,
    bad_acts: u32,
    windows: u64,
}

impl Work<'_> {
    /// A day's acts, with a rest of random length behind each.
    fn day(&mut self, day: u32) -> anyhow::Result<()> {
        for hour in 0..8 {
            match hour {
                2 if day.is_multiple_of(2) => self.harm()?,
                3 if day.is_multiple_of(3) => self.machine.upgrade()?,
                4 if has_window(day) => self.window()?,
                5 if self.chance.below(2) == 0 => self.harm()?,
                _ => self.routine()?,
            }
            rest(Duration::from_millis(self.chance.below(500)));
        }

        Ok(())
    }

    /// What happens while the agent is off.
    fn while_off(&mut self, day: u32) -> anyhow::Result<()> {
        for routine in Routine::ALL {
            self.machine.routine(routine, &mut self.chance)?;
        }
        if day.is_multiple_of(2) {
            self.machine.upgrade()?;
        }
        self.harm()
    }

    fn routine(&mut self) -> anyhow::Result<()> {
        let at = usize::try_from(self.chance.below(u64::try_from(Routine::ALL.len())?))?;
        let routine = *Routine::ALL.get(at).context("a routine")?;

        self.machine.routine(routine, &mut self.chance)
    }

    fn harm(&mut self) -> anyhow::Result<()> {
        let at = usize::try_from(self.bad_acts)? % Bad::ALL.len();
        let bad = *Bad::ALL.get(at).context("a bad act")?;
        self.bad_acts += 1;

        self.machine.harm(bad, self.bad_acts)
    }

    /// A change window of the agency, changes in it, and a bad act at a place that no such window covers.
    fn window(&mut self) -> anyhow::Result<()> {
        let path = |relative: &str| self.machine.path(relative).display().to_string();
        let (etc, www, qlvb) = (path("etc"), path("srv/www"), path("srv/qlvb"));
        let opened = self.province.collector(&[
            "--json",
            "window",
            "open",
            "--agency",
            AGENCY,
            "--root",
            &etc,
            "--root",
            &www,
            "--root",
            &qlvb,
            "--hours",
            "1",
            "--reason",
            "planned work",
        ])?;
        let opened: Value = serde_json::from_str(&opened)?;
        let id = opened["id"].as_i64().context("the number of a window")?;
        self.windows += 1;
        rest(BEFORE_WORK);
        let chance = &mut self.chance;
        let changed = self.machine.administer(|| rest(Duration::from_millis(chance.below(600))))?;
        self.machine.harm(Bad::CronJob, 0)?;
        // Nobody closes a window before all the work was seen, whatever failed meanwhile: what is seen later is told.
        wait_for("the window's changes", PATIENCE, || {
            rest(Duration::from_millis(100));
            let mut all = changed.iter();
            all.all(|path| verdict::has_arrived(self.store, path).is_ok_and(|it| it)).then_some(())
        })?;
        self.province.collector(&["window", "close", &id.to_string()])?;

        Ok(())
    }
}
