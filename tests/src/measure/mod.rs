//! What we claim in figures, each repeated by one name of the `measure` program.
//!
//! | module | names |
//! |---|---|
//! | [`latency`] | `write-to-incident` |
//! | [`bad_link`] | `bad-link` |
//! | [`fallback`] | `fallback` |
//! | [`kills`] | `kill-nine` |
//! | [`fleet`] | `fleet` |
//! | [`idle`] | `idle` |
//! | [`inventory`] | `inventory` |
//! | [`roots`] | `inventory-roots`, `inventory-cost` |
//! | [`licence_share`] | `licence-share` |
//! | [`sbom`] | `sbom-valid` |
//! | [`exchange`] | `incident-formats` |
//! | [`watch`] | `fim-watch-setup`, `fim-actor` |
//! | [`exposure`] | `unit-exposure` |
//! | [`lanes`] | `sha256-lanes` |
//! | [`scan`] | `fim-first-scan`, `fim-check-scan`, `fim-memory` |
//! | [`simulate`] | `simulate` |
//! | [`storm`] | `fim-storm` |
//! | [`month`] | `fim-month` |
//! | [`wire`] | `wire-size`, `train-dictionary` |
//! | [`spool`] | `spool` |
//! | [`delta`] | `inventory-delta` |
//! | [`held_back`] | `held-back` |
//! | [`advisories`] | `version-order`, `judge-fleet`, `start-fleet`, `feed-update`, `against-debsecan`, `against-rpm`, `against-wes` |
//! | [`policies`] | `policies` |
//! | [`sigma`] | `sigma-corpus`, `judge-rate`, `replay`, `correlation-memory` |
//!
//! [`corpora`] are the folders that are scanned, [`peers`] the programs that scan them beside ours.

mod advisories;
mod bad_link;
mod corpora;
mod delta;
mod exchange;
mod exposure;
mod fallback;
mod fleet;
mod held_back;
mod idle;
mod inventory;
mod kills;
mod lanes;
mod latency;
mod licence_share;
pub mod month;
mod peers;
mod policies;
mod roots;
mod sbom;
mod scan;
mod sigma;
mod simulate;
mod spool;
mod storm;
mod watch;
mod wire;

use std::path::PathBuf;

use serde_json::{Map, Value};

/// One measurement.
pub struct Measurement {
    /// What it is called.
    pub name: &'static str,
    /// What it measures, in a line.
    pub about: &'static str,
    /// Measures; figures carry their units in their keys.
    pub run: fn() -> anyhow::Result<Map<String, Value>>,
}

/// All of them.
pub const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        name: "sigma-corpus",
        about: "SigmaHQ's active rules and regression samples below the folder named next: rules, compiled, samples, matched",
        run: sigma::corpus::measure,
    },
    Measurement {
        name: "judge-rate",
        about: "3,000 rules of the SigmaHQ folder named next, a mixed stream, one core: events_per_s_3000, share_of_parse_limit, observations_per_s_own_packs",
        run: sigma::rate::measure,
    },
    Measurement {
        name: "replay",
        about: "a week of 1,000,000 observations (VONGGAC_REPLAY_OBSERVATIONS) weighed again by a changed rule: observations, seconds, raised",
        run: sigma::replay::measure,
    },
    Measurement {
        name: "policies",
        about: "10,000 hosts (VONGGAC_POLICY_HOSTS), 50 policies about their state: fleet_seconds for a full evaluation, host_ms for one host's change",
        run: policies::measure,
    },
    Measurement {
        name: "correlation-memory",
        about: "a correlation under 1,000,000 distinct keys: groups_kept_at_most, memory_mib",
        run: sigma::memory::measure,
    },
    Measurement {
        name: "write-to-incident",
        about: "milliseconds from a write to its finding in an incident, seen through the API; 200 changes",
        run: latency::measure,
    },
    Measurement {
        name: "kill-nine",
        about: "100,000 changes while agent and collector are each killed 100 times, 20 % loss (VONGGAC_KILL_CHANGES, VONGGAC_KILLS): sent, kept, doubled, lost",
        run: kills::measure,
    },
    Measurement {
        name: "bad-link",
        about: "1,000 observations over 64 kbit/s, 600 ms there and back, 30 % loss: seconds, share_of_link (VONGGAC_LINE_SEED)",
        run: bad_link::measure,
    },
    Measurement {
        name: "fallback",
        about: "a network without UDP: seconds to the first kept observation, bytes of 1,000 by TCP and by QUIC, bytes at rest, the way back (VONGGAC_FALLBACK_SECONDS)",
        run: fallback::measure,
    },
    Measurement {
        name: "idle",
        about: "memory, processor and wire bytes of an agent on this machine's default paths, an hour (VONGGAC_IDLE_SECONDS)",
        run: idle::measure,
    },
    Measurement {
        name: "fleet",
        about: "10,000 agents (VONGGAC_FLEET_AGENTS) on one collector: memory of each, handshakes a second, the storm after kill -9",
        run: fleet::measure,
    },
    Measurement {
        name: "licence-share",
        about: "packages of this machine with a known licence; agreement with licensecheck on 200 of them (VONGGAC_LICENCE_SEED)",
        run: licence_share::measure,
    },
    Measurement {
        name: "sbom-valid",
        about: "CycloneDX and SPDX of this machine's packages, all of them and 50, held to the public validators (VONGGAC_SBOM_PYTHON)",
        run: sbom::measure,
    },
    Measurement {
        name: "incident-formats",
        about: "an incident as STIX, MISP, IODEF, OCSF and DOCX, in four states, held to public validators (VONGGAC_EXCHANGE_PYTHON, VONGGAC_EXCHANGE_SCHEMAS)",
        run: exchange::measure,
    },
    Measurement {
        name: "inventory",
        about: "this machine's packages, pending updates and licences against the package manager's own answers",
        run: inventory::measure,
    },
    Measurement {
        name: "inventory-roots",
        about: "every system unpacked in FOLDER: packages of dpkg, rpm, apk, Python, npm and Java against their own managers' lists",
        run: roots::roots,
    },
    Measurement {
        name: "inventory-cost",
        about: "2,000 packages of dpkg and 2,000 of languages: milliseconds and MiB, first and second reading",
        run: roots::cost,
    },
    Measurement {
        name: "simulate",
        about: "1,000,000 hours of simulated worlds (VONGGAC_SIMULATE_HOURS, VONGGAC_SIMULATE_SEEDS): laws broken, planted mistakes found",
        run: simulate::measure,
    },
    Measurement {
        name: "fim-storm",
        about: "500,000 changes over 20,000 directories (VONGGAC_STORM_CHANGES): the collector's belief against the disk",
        run: storm::measure,
    },
    Measurement {
        name: "fim-month",
        about: "30 days of a server in fast motion (VONGGAC_MONTH_DAYS, VONGGAC_MONTH_SEED): bad acts missed, false incidents",
        run: month::measure,
    },
    Measurement {
        name: "unit-exposure",
        about: "systemd-analyze security of both units, lower is better",
        run: exposure::measure,
    },
    Measurement {
        name: "sha256-lanes",
        about: "SHA-256 of many files in memory: MB per processor second of each engine, and against the sha2 crate",
        run: lanes::measure,
    },
    Measurement {
        name: "fim-first-scan",
        about: "first scan of a copy of /usr beside aide --init, sha256sum and openssl; one processor and two (VONGGAC_FIM_DIR, VONGGAC_FIM_ROUNDS)",
        run: scan::first,
    },
    Measurement {
        name: "fim-check-scan",
        about: "a scan that finds nothing changed, beside aide --check and find -printf, on /usr and 200,000 small files",
        run: scan::check,
    },
    Measurement {
        name: "fim-memory",
        about: "peak memory of the whole agent through its first scan of 200,000 and of 1,000,000 files",
        run: scan::memory,
    },
    Measurement {
        name: "fim-watch-setup",
        about: "setting up realtime over 20,000 directories by fanotify and by inotify: time, memory, the kernel's marks",
        run: watch::set_up,
    },
    Measurement {
        name: "fim-actor",
        about: "who did 1,000 changes by known programs, as the collector holds it: right, wrong, unknown; both ways",
        run: watch::actor,
    },
    Measurement {
        name: "wire-size",
        about: "bytes of an event in batches of 1, 10, 100, 500, of changes that the dictionary was not trained on",
        run: wire::size::measure,
    },
    Measurement {
        name: "spool",
        about: "records a second and bytes a record of the spool, of its first form and of SQLite, one sync per 100",
        run: spool::measure,
    },
    Measurement {
        name: "inventory-delta",
        about: "what of an inventory travels: the whole, a difference, the whole again after the collector lost it",
        run: delta::measure,
    },
    Measurement {
        name: "held-back",
        about: "pending updates of Debian roots held back (made by debootstrap, or VONGGAC_HELD_BACK_ROOTS): ours, apt's, differing",
        run: held_back::measure,
    },
    Measurement {
        name: "version-order",
        about: "FOLDER with published vectors (docs/advisories.md): right, wrong, refused by ecosystem, each also turned round",
        run: advisories::versions::measure,
    },
    Measurement {
        name: "judge-fleet",
        about: "20,000 machines (VONGGAC_JUDGE_HOSTS) judged by real advisories (VONGGAC_SHARED_DATA): seconds, mib",
        run: advisories::judge::fleet,
    },
    Measurement {
        name: "start-fleet",
        about: "a collector's start on a store that judge-fleet sowed; judge-fleet calls it",
        run: advisories::start::start,
    },
    Measurement {
        name: "feed-update",
        about: "the same machines after an update that touches 1,000 packages: ms",
        run: advisories::judge::update,
    },
    Measurement {
        name: "against-debsecan",
        about: "verdicts by Debian's lists of advisories beside debsecan's, buster and bullseye: equal, ours only, theirs only",
        run: advisories::debsecan::measure,
    },
    Measurement {
        name: "against-rpm",
        about: "verdicts by AlmaLinux' advisories beside rpm's own comparison on package lists made for it: equal, differing",
        run: advisories::rpm_root::measure,
    },
    Measurement {
        name: "against-wes",
        about: "FOLDER of bitsadmin/wesng: its real Windows machines judged by us and by wes.py from the same definitions: vulnerabilities and updates of both, of one side by cause, ms_a_machine",
        run: advisories::wes::measure,
    },
    Measurement {
        name: "train-dictionary",
        about: "makes the dictionary of batches from what a real agent says; writes VONGGAC_DICTIONARY_OUT",
        run: wire::train::measure,
    },
];

fn this_executable() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?)
}

/// The value at `share` (0 to 1) of sorted figures; `None` if there are none.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let mut best = None;
    let mut at = 0.0;
    let step = 1.0 / f64::from(u32::try_from(sorted.len()).ok()?);
    for value in sorted {
        best = Some(*value);
        at += step;
        if at >= share - 1e-9 {
            break;
        }
    }

    best
}

/// Two decimals are more than a shared machine can repeat.
fn rounded(value: f64) -> Value {
    ((value * 100.0).round() / 100.0).into()
}

#[expect(clippy::print_stderr, reason = "progress of a long measurement goes to stderr")]
fn progress(text: &str) {
    eprintln!("{text}");
}
