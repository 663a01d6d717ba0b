//! `status`: whether a collector runs, who is connected, what was turned away.

use serde_json::Value;

use super::Setting;
use super::running::Running;
use crate::print::line;

/// Prints what the running collector last wrote of itself.
pub(super) fn run(setting: &Setting) -> anyhow::Result<()> {
    let Some(running) = Running::read(&setting.config) else {
        setting.tell("cli-status-stopped", &[]);
        return Ok(());
    };
    let written: Option<Value> = std::fs::read(setting.config.status_path())
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(state) = written else {
        setting.tell("cli-status-unknown", &[("pid", &running.pid)]);
        return Ok(());
    };
    if setting.json {
        line(serde_json::to_string_pretty(&state)?);
        return Ok(());
    }
    let number = |key: &str| state[key].as_u64().unwrap_or(0);
    setting.tell(
        "cli-status",
        &[
            ("pid", &running.pid),
            ("link", &running.link),
            ("at", &state["at"].as_str().unwrap_or_default()),
            ("connections", &number("connections")),
            ("handshakes", &number("handshakes_waiting")),
            ("hellos", &number("hellos_waiting")),
            ("batches", &number("batches_waiting")),
        ],
    );
    if let Some(trouble) = state["trouble"].as_str() {
        setting.tell(&format!("cli-trouble-{trouble}"), &[]);
    }
    for turned in state["turned_away"].as_array().into_iter().flatten() {
        let reason = turned["reason"].as_str().unwrap_or_default().to_owned();
        let why = setting.say(&format!("turned-{reason}"), &[]);
        setting.tell("cli-turned-away", &[("count", &turned["count"]), ("why", &why)]);
    }

    Ok(())
}
