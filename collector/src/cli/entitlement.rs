//! `entitlement`: ledgers of what agencies may use.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::AgencyId;
use vonggac_rules::entitlement::{Entitlement, day_of};

use super::{Setting, note};
use crate::clock;
use crate::entitlements::difference::Difference;
use crate::entitlements::sheet::{self, FILE_BYTES_MAX, SheetMistake};
use crate::entitlements::survey::CATALOGUE;
use crate::print::{complain, line, plain};
use crate::store::audit::OPERATOR;
use crate::store::entitlements::{self, Import};
use crate::store::{Store, agencies};

/// Mistakes that are shown; the rest is counted.
const SHOWN_MAX: usize = 500;

#[derive(Subcommand, Debug)]
pub(super) enum EntitlementCommand {
    /// Nhập sổ bản quyền của một cơ quan từ tệp CSV; không có --apply thì chỉ cho xem khác biệt / read an agency's ledger from a CSV file; without --apply only the difference is shown
    Import {
        /// Tệp CSV (UTF-8) / CSV file
        file: PathBuf,
        /// Cơ quan / agency
        #[arg(long)]
        agency: AgencyId,
        /// Thực hiện / apply
        #[arg(long)]
        apply: bool,
        /// Người quyết định / the person who decided it
        #[arg(long, default_value = OPERATOR)]
        by: String,
    },
    /// Liệt kê / list
    List {
        /// Chỉ một cơ quan / one agency only
        #[arg(long)]
        agency: Option<AgencyId>,
    },
}

impl EntitlementCommand {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<ExitCode> {
        let store = setting.store()?;
        match self {
            Self::Import { file, agency, apply, by } => {
                import(setting, &store, &file, agency, apply, by).await
            }
            Self::List { agency } => {
                list(setting, &store, agency).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn import(
    setting: &Setting,
    store: &Store,
    path: &PathBuf,
    agency: AgencyId,
    apply: bool,
    by: String,
) -> anyhow::Result<ExitCode> {
    known(setting, store, &agency).await?;
    let length = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.len();
    if usize::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        bail!("{}", setting.say("entitlement-file-size", &[("most", &FILE_BYTES_MAX), ("found", &length)]));
    }
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lines = match sheet::read(&file, &bytes, agency.as_str(), &CATALOGUE) {
        Ok(lines) => lines,
        Err(mistakes) => {
            refuse(setting, &mistakes);
            return Ok(ExitCode::FAILURE);
        }
    };
    let import = Import { agency: agency.to_string(), person: by, file, digest: Digest::of(&bytes) };
    let difference = if apply {
        applied(store, import, lines).await?
    } else {
        store.read(move |db| entitlements::compared(db, &import.agency, &lines)).await?
    };
    show(setting, &agency, &difference, apply)?;

    Ok(ExitCode::SUCCESS)
}

async fn known(setting: &Setting, store: &Store, agency: &AgencyId) -> anyhow::Result<()> {
    let asked = agency.clone();
    if store.read(move |db| agencies::name(db, &asked)).await?.is_none() {
        bail!("{}", setting.say("cli-no-agency", &[("agency", agency)]));
    }

    Ok(())
}

/// The file becomes the ledger in one transaction with its line in the audit log.
async fn applied(store: &Store, import: Import, lines: Vec<Entitlement>) -> anyhow::Result<Difference> {
    let now = clock::now();

    store
        .write(move |tx| {
            let difference = entitlements::take(tx, &import, &lines, now)?;
            if !difference.is_empty() {
                let detail = format!(
                    "{} by {}: {} added, {} changed, {} removed, {} same; sha256 {}",
                    import.file,
                    import.person,
                    difference.added.len(),
                    difference.changed.len(),
                    difference.removed.len(),
                    difference.same,
                    import.digest
                );
                note(tx, now, Some(&import.agency), "entitlement.imported", &import.agency, &detail)?;
            }
            Ok(difference)
        })
        .await
}

fn refuse(setting: &Setting, mistakes: &[SheetMistake]) {
    let language = setting.lang.of_rules();
    for mistake in mistakes.iter().take(SHOWN_MAX) {
        complain(plain(&mistake.shown(language)));
    }
    complain(setting.say("entitlement-refused", &[("count", &mistakes.len())]));
}

fn show(setting: &Setting, agency: &AgencyId, difference: &Difference, applied: bool) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(&json!({
            "agency": agency.as_str(),
            "applied": applied,
            "added": difference.added,
            "changed": difference.changed,
            "removed": difference.removed,
            "same": difference.same,
        }))?);
        return Ok(());
    }
    let told = |sign: &str, entitlement: &Entitlement| line(format!("{sign}\t{}", plain_tabs(entitlement)));
    difference.added.iter().for_each(|it| told("+", it));
    for (before, after) in &difference.changed {
        told("<", before);
        told(">", after);
    }
    difference.removed.iter().for_each(|it| told("-", it));
    let (added, changed, removed) =
        (difference.added.len(), difference.changed.len(), difference.removed.len());
    let key = match (difference.is_empty(), applied) {
        (true, _) => "entitlement-same",
        (false, true) => "entitlement-applied",
        (false, false) => "entitlement-would",
    };
    let values: [(&'static str, &dyn std::fmt::Display); 5] = [
        ("agency", agency),
        ("added", &added),
        ("changed", &changed),
        ("removed", &removed),
        ("same", &difference.same),
    ];
    setting.tell(key, &values);

    Ok(())
}

/// A line of a ledger, its tabs kept; cells have no control characters.
fn plain_tabs(entitlement: &Entitlement) -> String {
    entitlement.to_string().split('\t').map(plain).collect::<Vec<_>>().join("\t")
}

async fn list(setting: &Setting, store: &Store, agency: Option<AgencyId>) -> anyhow::Result<()> {
    if let Some(agency) = &agency {
        known(setting, store, agency).await?;
    }
    let held =
        store.read(move |db| entitlements::in_force(db, agency.as_ref().map(AgencyId::as_str), None)).await?;
    let today = day_of(clock::now());
    if setting.json {
        let all: Vec<_> = held
            .iter()
            .map(|held| {
                json!({
                    "agency": held.agency,
                    "standing": held.entitlement.standing(today),
                    "entitlement": held.entitlement,
                    "taken_at": held.taken_at.to_string(),
                })
            })
            .collect();
        line(serde_json::to_string(&all)?);
        return Ok(());
    }
    if held.is_empty() {
        setting.tell("entitlement-none", &[]);
        return Ok(());
    }
    setting.tell("entitlement-heading", &[]);
    for held in &held {
        let standing = held.entitlement.standing(today).word().replace('_', "-");
        let standing = setting.say(&format!("entitlement-standing-{standing}"), &[]);
        line(format!("{}\t{}\t{standing}", held.agency, plain_tabs(&held.entitlement)));
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_message_stands_in_both_languages() {
        let ids = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
            lines.filter_map(|line| Some(line.split_once(" =")?.0.to_owned())).collect()
        };
        let vi = include_str!("../../locales/vi/licence.ftl");
        let en = include_str!("../../locales/en/licence.ftl");

        assert_eq!(ids(vi), ids(en));
        assert!(ids(vi).len() > 10);
    }
}
