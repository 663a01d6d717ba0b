//! Real machines as wesng's folder `validation` holds them: what `systeminfo` printed, in any language.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use vonggac_protocol::windows::WindowsState;

/// A machine.
pub(super) struct Machine {
    /// File name without its ending.
    pub(super) name: String,
    pub(super) state: WindowsState,
    /// What Windows Update said was missing on it, where that was kept: number and title.
    pub(super) missing: Option<Vec<(u32, String)>>,
    /// Day of the listing, `20190305`, where its name tells it.
    pub(super) day: Option<String>,
}

/// All machines of a folder, by name.
pub(super) fn all(folder: &Path) -> anyhow::Result<Vec<Machine>> {
    let folder = folder.join("validation");
    let mut machines = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let Some((stem, _)) = name.split_once("_systeminfo") else { continue };
        machines.push(one(&folder, stem, &name, &text(&path)?)?);
    }
    machines.sort_by(|a, b| a.name.cmp(&b.name));

    Ok(machines)
}

fn one(folder: &Path, stem: &str, name: &str, info: &str) -> anyhow::Result<Machine> {
    let mut installed = numbers(info);
    let listed = folder.join(format!("{stem}_qfe.txt"));
    if listed.is_file() {
        installed.extend(numbers(&text(&listed)?));
    }
    let (build, pack) = version(info).with_context(|| format!("{name}: no version"))?;
    let system = info.lines().find(|line| line.contains("Windows")).unwrap_or_default();
    let lower = info.to_lowercase();
    let word = |word: &str| lower.find(word).unwrap_or(usize::MAX);
    let architecture = if word("arm64-") < word("x64-").min(word("x86-")) {
        "arm64"
    } else if word("x86-") < word("x64-") {
        "x86"
    } else {
        "x64"
    };
    let missing = folder.join(format!("{stem}_updates.txt"));
    let missing = if missing.is_file() { Some(named(&text(&missing)?)) } else { None };

    Ok(Machine {
        name: name.to_owned(),
        state: WindowsState {
            build,
            revision: None,
            product_name: system.to_owned(),
            display_version: None,
            edition: None,
            installation: None,
            architecture: architecture.to_owned(),
            service_pack: Some(pack),
            installed: Some(installed.into_iter().collect()),
            search: None,
            components: None,
            reboot: None,
            untold: None,
            server: None,
        },
        missing,
        day: stem
            .rsplit('_')
            .next()
            .filter(|part| part.len() == 8 && part.parse::<u32>().is_ok())
            .map(str::to_owned),
    })
}

/// UTF-16 with its mark, or bytes of some code page of which only ASCII is used.
fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let text = match bytes.strip_prefix(&[0xff, 0xfe]) {
        Some(rest) => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .filter_map(|two| Some(u16::from_le_bytes(two.try_into().ok()?)))
                .collect();
            String::from_utf16_lossy(&units)
        }
        None => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };

    Ok(text)
}

/// The build and the service pack of the first line that names a version.
fn version(info: &str) -> Option<(u32, u32)> {
    for line in info.lines() {
        let build = line.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
            let mut parts = word.split('.');
            let major: u32 = parts.next()?.parse().ok()?;
            let _minor: u32 = parts.next()?.parse().ok()?;
            let build: u32 = parts.next()?.parse().ok()?;
            (matches!(major, 5 | 6 | 10) && build >= 2_000 && parts.next().is_none()).then_some(build)
        });
        if let Some(build) = build {
            let pack =
                line.split_once("Service Pack ").and_then(|(_, rest)| rest.chars().next()?.to_digit(10));
            return Some((build, pack.unwrap_or(0)));
        }
    }

    None
}

/// All numbers of updates in a text.
fn numbers(text: &str) -> BTreeSet<u32> {
    text.split("KB")
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .collect()
}

/// `KB4486553: title`, a line each.
fn named(text: &str) -> Vec<(u32, String)> {
    text.lines()
        .filter_map(|line| {
            let (number, title) = line.trim().strip_prefix("KB")?.split_once(':')?;
            Some((number.parse().ok()?, title.trim().to_owned()))
        })
        .collect()
}
