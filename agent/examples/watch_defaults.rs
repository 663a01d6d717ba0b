//! Watches the default paths of this system and says what that costs: `cargo run --example watch_defaults -- STATE_DIR`.

use std::io::Write;

use vonggac_agent::os::own;
use vonggac_agent::sensor::files::{FilesSensor, FilesSettings};
use vonggac_protocol::observation::Kind;

fn main() -> anyhow::Result<()> {
    let state = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let (sender, mut changes) = tokio::sync::mpsc::channel(256);
    let settings = FilesSettings {
        scan_cpu_percent: 100,
        ..FilesSettings::new(state.canonicalize()?.join("baseline.db"))
    };
    let began = vonggac_agent::clock::instant();
    let sensor = FilesSensor::start(settings, sender)?;
    let mut out = std::io::stdout().lock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    loop {
        let next = async { tokio::time::timeout(std::time::Duration::from_secs(3), changes.recv()).await };
        match runtime.block_on(next) {
            Ok(Some(change)) => {
                sensor.confirm(change.ticket);
                if let Kind::BaselineTaken(taken) = &change.observation.kind {
                    writeln!(
                        out,
                        "{} paths={} bytes={} unreadable={} took_ms={}",
                        taken.root, taken.paths, taken.bytes, taken.unreadable, taken.took_ms
                    )?;
                } else {
                    writeln!(out, "other: {:?}", change.observation.kind.word())?;
                }
            }
            Ok(None) => break,
            Err(_) => {
                let used = own::used()?;
                let stats = sensor.stats();
                writeln!(
                    out,
                    "{:?} rss_mib={} cpu_ms={} {stats:?}",
                    began.elapsed(),
                    used.memory_bytes / 1024 / 1024,
                    used.processor_ms
                )?;
                if stats.is_scanned {
                    break;
                }
            }
        }
    }
    for _ in 0..2 {
        let idle = async { tokio::time::timeout(std::time::Duration::from_secs(20), changes.recv()).await };
        let before = own::used()?;
        let got = runtime.block_on(idle);
        let after = own::used()?;
        writeln!(
            out,
            "idle 20 s: cpu_ms={} rss_kib={} event={}",
            after.processor_ms - before.processor_ms,
            after.memory_bytes / 1024,
            got.is_ok()
        )?;
    }
    sensor.ask_to_stop();
    while changes.blocking_recv().is_some() {}
    sensor.join()
}
