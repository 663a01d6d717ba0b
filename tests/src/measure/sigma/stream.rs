//! The records that are judged: flat, each with its log source, drawn to the shares of a fleet.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};
use vonggac_rules::foreign::{Origin, windows};

use super::folder;

/// Records of a made stream.
const RECORDS: usize = 40_000;

/// One in ten is of Linux.
const LINUX_EVERY: usize = 10;

/// Lines of JSON. Of a file that the command line names (made by `mix_events.py`), or of the regression samples, over
/// and over with numbers that differ, and records of Linux between them.
pub(super) fn lines(folder: &Path) -> anyhow::Result<(Vec<String>, String)> {
    if let Some(named) = std::env::args().nth(3) {
        let text = std::fs::read_to_string(&named).with_context(|| format!("read {named}"))?;
        return Ok((text.lines().map(str::to_owned).collect(), named));
    }
    let mut pool = Vec::new();
    for sample in folder::samples(folder)? {
        for record in folder::records(&sample.path)? {
            let Some((origin, Value::Object(flat))) = windows::read(&record) else { continue };
            pool.push(tagged(flat, &origin));
        }
    }
    if pool.is_empty() {
        bail!("{} holds no samples", folder.display());
    }
    let lines = (0..RECORDS).map(|n| match n % LINUX_EVERY {
        0 => linux(n).to_string(),
        _ => {
            let mut record = pool[(n * 7) % pool.len()].clone();
            record["EventRecordID"] = n.into();
            record.to_string()
        }
    });

    Ok((lines.collect(), "regression samples".to_owned()))
}

/// The log source that a line carries.
pub(super) fn origin(record: &Value) -> Origin {
    let text = |name: &str| {
        record.get(name).and_then(Value::as_str).filter(|text| *text != "none").map(str::to_owned)
    };
    let categories = record.get("_cats").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);

    Origin {
        product: text("product"),
        service: text("service"),
        categories: categories.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
    }
}

fn tagged(mut flat: Map<String, Value>, origin: &Origin) -> Value {
    flat.insert("product".to_owned(), json!(origin.product));
    flat.insert("service".to_owned(), json!(origin.service));
    flat.insert("_cats".to_owned(), json!(origin.categories));

    Value::Object(flat)
}

fn linux(n: usize) -> Value {
    let pick = |of: &[&'static str], by: usize| of[(n / by) % of.len()];
    let program = pick(
        &[
            "/usr/bin/apt-get",
            "/bin/sh",
            "/usr/bin/curl",
            "/usr/bin/systemctl",
            "/usr/bin/tar",
            "/usr/bin/id",
        ],
        10,
    );
    let argument = pick(&["-l", "status postgresql.service", "-xzf backup.tgz -C /srv", "-u root"], 70);
    let user = pick(&["root", "www-data", "postgres", "vanthu"], 30);
    match (n / LINUX_EVERY) % 10 {
        0..6 => json!({"product": "linux", "_cats": ["process_creation"], "Image": program, "ProcessId": n,
            "CommandLine": format!("{program} {argument}"), "ParentImage": "/bin/sh", "User": user,
            "CurrentDirectory": "/srv/app", "Hostname": format!("srv-{:03}", n % 400)}),
        6..8 => json!({"product": "linux", "service": "sshd", "_cats": [], "program": "sshd", "pid": n,
            "message": format!("Failed password for {user} from 10.0.{}.7 port {} ssh2", n % 250, 1_024 + n)}),
        _ => json!({"product": "linux", "service": "auditd", "_cats": [], "type": "EXECVE", "a0": program,
            "a1": argument, "exe": program, "uid": n % 1_000, "success": "yes"}),
    }
}
