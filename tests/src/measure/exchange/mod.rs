//! An incident of the real programs in every format, held to public validators.
//!
//! A file appears in a watched folder; what the collector raises is exported by its command line as it is, as a drill,
//! for strangers and where personal data were touched. `validate.py` beside this file asks stix2-validator, pymisp,
//! the schema of RFC 7970, that of OCSF and python-docx.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value};

use super::{progress, this_executable};
use crate::programs::{Province, wait_for};

/// The script; given to the interpreter on its standard input's place, as `-c`.
const SCRIPT: &str = include_str!("validate.py");

/// What is done to the incident before its files are made, by name.
const STATES: [(&str, &[&[&str]]); 4] = [
    ("real", &[&["ack", "ID"]]),
    ("personal", &[&["mark", "ID", "personal_data", "--text", "x"]]),
    ("clear", &[&["label", "ID", "TLP:CLEAR"], &["label", "ID", "PAP:RED"]]),
    ("drill", &[&["label", "ID", "TLP:AMBER+STRICT"], &["drill", "ID", "8", "--text", "x"]]),
];

/// What the form of a first notice asks of people.
const FILLED: [(&str, &str); 6] = [
    ("reporter_name", "Sở <Thử nghiệm> & Đo lường"),
    ("reporter_phone", "0123"),
    ("contact_name", "Người trực"),
    ("contact_phone", "0456"),
    ("cause", "Mật khẩu yếu\nvà bản vá chưa cài"),
    ("remedy", "Đã đổi"),
];

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = tempfile::tempdir()?;
    let province = Province::found(&this_executable()?, folder.path())?;
    let pages = folder.path().join("pages");
    std::fs::create_dir(&pages)?;
    let _collector = province.serve()?;
    let extra =
        format!("{}{}", Province::without_packages(folder.path()), Province::watch_only("web", &pages));
    province.enrol("agent", &extra)?;
    let _agent = province.watch("agent")?;
    province.wait_for_baselines(1)?;
    std::fs::write(pages.join("lạ <1> & 2.html"), "page")?;
    let id = wait_for("the incident", Duration::from_secs(60), || {
        let incidents = province.get("/api/v1/incidents?rule=web-page-changed").ok()?;
        incidents["items"].get(0)?["id"].as_i64()
    })?
    .to_string();
    for (field, value) in FILLED {
        province.collector(&["incident", "fill", &id, field, value])?;
    }

    let mut map = Map::new();
    let mut seen = 0_usize;
    for (state, acts) in STATES {
        for act in acts {
            let act: Vec<&str> =
                act.iter().map(|word| if *word == "ID" { id.as_str() } else { word }).collect();
            province.collector(&[&["incident"], act.as_slice()].concat())?;
        }
        for format in ["stix", "misp", "iodef", "ocsf", "docx"] {
            let path = folder.path().join(format!("{state}.{format}"));
            let named = path.display().to_string();
            let mut asked = vec!["incident", "export", &id, "--as", format, "--out", &named];
            if format == "docx" {
                asked.extend(["--duty", "first-notice-24-hours"]);
            }
            province.collector(&asked)?;
            judge(&format!("{state}_{format}"), format, &path, &mut map)?;
            seen += 1;
        }
    }
    map.insert("files".to_owned(), seen.into());

    Ok(map)
}

/// Asks the validator about one file; without it the figures say so.
fn judge(name: &str, format: &str, path: &Path, map: &mut Map<String, Value>) -> anyhow::Result<()> {
    let (Ok(python), Ok(schemas)) =
        (std::env::var("VONGGAC_EXCHANGE_PYTHON"), std::env::var("VONGGAC_EXCHANGE_SCHEMAS"))
    else {
        let told = "VONGGAC_EXCHANGE_PYTHON and VONGGAC_EXCHANGE_SCHEMAS are not set: nothing was validated";
        map.insert("validator".to_owned(), told.into());
        return Ok(());
    };
    let output = Command::new(&python)
        .args(["-c", SCRIPT, format])
        .arg(path)
        .arg(&schemas)
        .output()
        .context("run the validator")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        map.insert(format!("{name}_faults"), format!("not validated: {why}").into());
        return Ok(());
    }
    let said: Value = serde_json::from_slice(&output.stdout).context("read the validator's answer")?;
    let count = |key: &str| said[key].as_array().map(Vec::len);
    ensure!(count("faults").is_some(), "the validator told no faults: {said}");
    progress(&format!("{name}: {said}"));
    map.insert(format!("{name}_faults"), count("faults").into());
    if format == "stix" {
        map.insert(format!("{name}_warnings"), count("notes").into());
    }
    map.insert(format!("by_{format}"), said["by"].clone());

    Ok(())
}
