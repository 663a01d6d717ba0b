//! dnf's own history: from which repository a package came, whether it was asked for, when something was upgraded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vonggac_protocol::package::{Manager, PackageKey};
use vonggac_protocol::time::Timestamp;

use crate::sensor::packages::{Mark, Marks, open_sqlite, plain};

/// Entries that are read; years of a busy system have some ten thousand.
const ENTRIES_MAX: usize = 1_000_000;

/// An upgrade, among what a transaction did to a package.
const UPGRADE: i64 = 6;

/// What brings a version: install, downgrade, upgrade, reinstall, and a change of the reason alone.
const BRINGS: &str = "SELECT r.name, r.epoch, r.version, r.release, r.arch, i.reason, o.repoid, i.action, t.dt_end \
    FROM trans_item i JOIN rpm r ON r.item_id = i.item_id JOIN trans t ON t.id = i.trans_id \
    LEFT JOIN repo o ON o.id = i.repo_id WHERE i.action IN (1, 2, 6, 9, 11) ORDER BY i.id";

const CHANGED_REASON: i64 = 11;

fn file(root: &Path) -> PathBuf {
    root.join("var/lib/dnf/history.sqlite")
}

pub(super) fn files(root: &Path) -> [PathBuf; 2] {
    [file(root), root.join("var/lib/dnf/history.sqlite-wal")]
}

/// What the history says.
#[derive(Debug, Default)]
pub(in crate::sensor::patches) struct Past {
    pub(in crate::sensor::patches) marks: Marks,
    pub(in crate::sensor::patches) upgraded_at: Option<Timestamp>,
}

/// Reads the history; nothing if there is none or it cannot be read.
pub(in crate::sensor::patches) fn past(root: &Path) -> Past {
    let path = file(root);
    if !path.is_file() {
        return Past::default();
    }

    read(&path).unwrap_or_default()
}

fn read(path: &Path) -> rusqlite::Result<Past> {
    let database = open_sqlite(path)?;
    let mut query = database.prepare(BRINGS)?;
    let mut rows = query.query([])?;
    let (mut past, mut entries) = (Past::default(), 0);
    while let Some(row) = rows.next()? {
        entries += 1;
        if entries > ENTRIES_MAX {
            break;
        }
        let (epoch, action): (i64, i64) = (row.get(1)?, row.get(7)?);
        if action == UPGRADE {
            let at = row.get::<_, Option<i64>>(8)?.and_then(|secs| secs.checked_mul(1_000)).map(Timestamp);
            past.upgraded_at = past.upgraded_at.max(at);
        }
        let own = format!("{}-{}", row.get::<_, String>(2)?, row.get::<_, String>(3)?);
        let key = |version: String| -> rusqlite::Result<PackageKey> {
            Ok(PackageKey { manager: Manager::Rpm, name: row.get(0)?, architecture: row.get(4)?, version })
        };
        let repository: Option<String> = row.get(6)?;
        let mark = Mark {
            offered: None,
            origin: repository.as_deref().and_then(plain),
            automatic: automatic(row.get(5)?),
        };
        // The history does not tell an epoch of 0 from none.
        let keys = if epoch == 0 {
            vec![key(own.clone())?, key(format!("0:{own}"))?]
        } else {
            vec![key(format!("{epoch}:{own}"))?]
        };
        for key in keys {
            note(&mut past.marks, key, mark.clone(), action);
        }
    }

    Ok(past)
}

/// The last entry of a version counts; one that only changed the reason does not know the repository.
fn note(marks: &mut BTreeMap<PackageKey, Mark>, key: PackageKey, mark: Mark, action: i64) {
    let known = marks.entry(key).or_default();
    if action == CHANGED_REASON {
        known.automatic = mark.automatic;
    } else {
        *known = mark;
    }
}

/// 1 dependency, 2 by a person, 3 no longer needed, 4 weak dependency, 5 of a group.
const fn automatic(reason: i64) -> Option<bool> {
    match reason {
        1 | 3 | 4 => Some(true),
        2 | 5 => Some(false),
        _ => None,
    }
}
