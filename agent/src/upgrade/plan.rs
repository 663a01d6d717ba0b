//! What is to run: `upgrade/plan.json`, replaced whole. The launcher writes it while no version runs, the version that runs
//! otherwise; never both.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::warn;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::release::{AgentUpgrade, UpgradeOutcome, UpgradeReason, Version};

use super::folder;
use crate::keep;
use crate::os::protect;

/// Starts that a version on trial gets. Each is counted before it begins.
pub const STARTS_MAX: u32 = 3;

/// Times that a settled version may end by itself, one after the other, without having reported in between.
pub const CRASHES_MAX: u32 = 5;

/// Outcomes that wait to be told; the oldest go first.
const UNTOLD_MAX: usize = 8;

/// Orders that are remembered as done with.
const CLOSED_MAX: usize = 32;

/// Versions that are remembered as unwanted; older ones than these nobody offers any more.
const UNWANTED_MAX: usize = 16;

const FILENAME: &str = "plan.json";

/// A version on the disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// Which.
    pub version: String,
    /// SHA-256 of its program.
    pub sha256: Digest,
}

impl Slot {
    /// The name of its folder.
    #[must_use]
    pub fn name(&self) -> String {
        let digest = self.sha256.to_string();

        format!("{}-{}", self.version, digest.get(..16).unwrap_or_default())
    }

    fn is_newer_than(&self, own: &Version) -> bool {
        Version::parse(&self.version).is_some_and(|version| version > *own)
    }
}

/// A version that has yet to report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub slot: Slot,
    /// Number of the order.
    pub order: u64,
    /// The version that began it.
    pub from: String,
    /// Starts that were begun.
    pub starts: u32,
}

/// What is to run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The version that has reported; `None`: the installed program.
    pub settled: Option<Slot>,
    /// The one before it; `None`: the installed program.
    pub previous: Option<Slot>,
    /// The version that has yet to report.
    pub trial: Option<Trial>,
    /// How often the settled version ended by itself since it last reported.
    pub crashes: u32,
    /// What is to be told to the collector.
    pub untold: Vec<AgentUpgrade>,
    /// Numbers of orders that nothing more is done about.
    pub closed: Vec<u64>,
    /// The order by which the settled version came; `None`: it came back.
    pub settled_by: Option<u64>,
    /// Versions that a person of this machine sent away: under whatever order, they are not taken again.
    pub unwanted: Vec<Slot>,
}

/// What the launcher starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The installed program itself.
    Own,
    /// A version that has reported before.
    Settled(Slot),
    /// A version on trial.
    Trial(Slot),
}

impl Plan {
    /// The plan of this machine. One that cannot be read is put aside: then the installed program runs.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn load(state_dir: &Path) -> io::Result<Self> {
        let path = folder(state_dir).join(FILENAME);
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(plan) => Ok(plan),
                Err(error) => {
                    warn!(%error, "Plan of versions cannot be used; it was put aside");
                    crate::os::disk::rename(&path, &path.with_extension("aside"))?;
                    Ok(Self::default())
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The plan of this machine for somebody who only looks; one that cannot be used is none.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn look(state_dir: &Path) -> io::Result<Self> {
        match fs::read(folder(state_dir).join(FILENAME)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If the disk refuses; the plan before stands then.
    pub fn keep(&self, state_dir: &Path) -> io::Result<()> {
        let folder = folder(state_dir);
        let _protection = protect::create_private_dir(&folder)?;
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;

        keep::write_whole(&folder.join(FILENAME), &text)
    }

    /// What to start, and what that changes. `own` is the launcher's version; `is_sound` says whether a version on the
    /// disk is what was signed.
    pub fn choose(&mut self, own: &Version, is_sound: impl Fn(&Slot) -> bool) -> Choice {
        if let Some(trial) = &mut self.trial {
            let reason = if !trial.slot.is_newer_than(own) {
                Some(UpgradeReason::Package)
            } else if trial.starts >= STARTS_MAX {
                Some(UpgradeReason::Crashed)
            } else if !is_sound(&trial.slot) {
                Some(UpgradeReason::Damaged)
            } else {
                None
            };
            match reason {
                None => {
                    trial.starts += 1;
                    return Choice::Trial(trial.slot.clone());
                }
                Some(reason) => self.give_trial_up(reason),
            }
        }
        while let Some(slot) = self.settled.clone() {
            if !slot.is_newer_than(own) {
                // The package brought this version or a later one: it takes over.
                (self.settled, self.previous, self.settled_by) = (None, None, None);
                break;
            }
            let reason = if self.crashes >= CRASHES_MAX {
                UpgradeReason::Crashed
            } else if is_sound(&slot) {
                return Choice::Settled(slot);
            } else {
                UpgradeReason::Damaged
            };
            self.go_back(own, reason);
        }

        Choice::Own
    }

    /// The trial is over without success.
    pub fn give_trial_up(&mut self, reason: UpgradeReason) {
        let Some(trial) = self.trial.take() else { return };
        self.close(trial.order);
        self.tell(AgentUpgrade {
            outcome: UpgradeOutcome::Returned,
            from: trial.from,
            to: trial.slot.version,
            reason: Some(reason),
            order: Some(trial.order),
        });
    }

    /// The one before the settled version is to run; says whether there was one.
    pub fn go_back(&mut self, own: &Version, reason: UpgradeReason) -> bool {
        let Some(slot) = self.settled.take() else { return false };
        self.settled = self.previous.take();
        self.crashes = 0;
        let order = self.settled_by.take();
        let from = self.settled.as_ref().map_or_else(|| own.to_string(), |slot| slot.version.clone());
        self.tell(AgentUpgrade {
            outcome: UpgradeOutcome::Returned,
            from,
            to: slot.version,
            reason: Some(reason),
            order,
        });

        true
    }

    /// The version that runs has reported; what that is to be told as, if it was on trial.
    pub fn settle(&mut self, running: &str) -> Option<AgentUpgrade> {
        self.crashes = 0;
        let trial = self.trial.take_if(|trial| trial.slot.version == running)?;
        self.previous = self.settled.replace(trial.slot.clone());
        self.settled_by = Some(trial.order);
        self.close(trial.order);

        Some(AgentUpgrade {
            outcome: UpgradeOutcome::Upgraded,
            from: trial.from,
            to: trial.slot.version,
            reason: None,
            order: Some(trial.order),
        })
    }

    /// Nothing more is done about this order.
    pub fn close(&mut self, order: u64) {
        if !self.closed.contains(&order) {
            self.closed.push(order);
        }
        let over = self.closed.len().saturating_sub(CLOSED_MAX);
        self.closed.drain(..over);
    }

    /// A person of this machine does not want this version.
    pub fn refuse_from_now_on(&mut self, slot: Slot) {
        self.unwanted.retain(|known| *known != slot);
        self.unwanted.push(slot);
        let over = self.unwanted.len().saturating_sub(UNWANTED_MAX);
        self.unwanted.drain(..over);
    }

    /// Starts that were begun of a version on trial under this order; a start that could not be counted leaves it planned.
    #[must_use]
    pub fn starts_of(&self, slot: &Slot, order: u64) -> u32 {
        let trial = self.trial.as_ref().filter(|trial| trial.slot == *slot && trial.order == order);

        trial.map_or(0, |trial| trial.starts)
    }

    /// Is to be told to the collector.
    pub fn tell(&mut self, upgrade: AgentUpgrade) {
        self.untold.push(upgrade);
        let over = self.untold.len().saturating_sub(UNTOLD_MAX);
        self.untold.drain(..over);
    }
}
