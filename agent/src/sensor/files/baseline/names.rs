//! Names of owners and groups by number: few, and each kept once.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use rusqlite::{Connection, params};

use super::block::Damaged;

/// What the table of names holds; machines have few users.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_number: Vec<Option<Arc<str>>>,
    by_name: BTreeMap<Arc<str>, u32>,
}

impl Names {
    pub(super) fn load(db: &Connection) -> rusqlite::Result<Self> {
        let mut names = Self::default();
        let mut statement = db.prepare("SELECT number, name, checksum FROM name ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (number, name) = (row.get::<_, u32>(0)?, row.get_ref(1)?.as_bytes()?);
            match std::str::from_utf8(name) {
                Ok(name) if row.get::<_, u32>(2)? == checksum(number, name) => {
                    names.remember(number, name.into())
                }
                // Damaged: no number of a name, and so is every block that uses it.
                Ok(_) | Err(_) => {}
            }
        }

        Ok(names)
    }

    fn remember(&mut self, number: u32, name: Arc<str>) {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        while self.by_number.len() < at {
            self.by_number.push(None);
        }
        self.by_number.push(Some(Arc::clone(&name)));
        self.by_name.insert(name, number);
    }

    /// The name of a number that a block gave.
    pub(super) fn name(&self, number: u32) -> Result<&str, Damaged> {
        let at = usize::try_from(number).map_err(|_| Damaged)?;

        self.by_number.get(at).and_then(Option::as_deref).ok_or(Damaged)
    }

    /// The number of a name, kept with the change under way if it is new.
    pub(super) fn number(&mut self, db: &Connection, name: &str) -> Result<u32> {
        if let Some(number) = self.by_name.get(name) {
            return Ok(*number);
        }
        let number = u32::try_from(self.by_number.len())?;
        db.execute(
            "INSERT OR REPLACE INTO name VALUES (?1, ?2, ?3)",
            params![number, name, checksum(number, name)],
        )?;
        self.remember(number, name.into());

        Ok(number)
    }
}

fn checksum(number: u32, name: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(name.as_bytes());

    hasher.finalize()
}
