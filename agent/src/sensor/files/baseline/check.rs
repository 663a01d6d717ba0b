//! Reading all of it once, at the start: what is damaged is let go of, and what lay there is measured anew.
//!
//! A block that is not as it was written is dropped, and every root that reaches into the gap it leaves counts as not
//! taken: its next scan compares what is still known and takes the rest without a word, as a first scan does, so that
//! nothing is invented. That changes in the gap cannot be told is told.

use anyhow::Result;
use rusqlite::params;

use super::super::key::Key;
use super::Baseline;
use super::block::{self, Damaged, Place};
use super::form::Damage;
use super::names::Names;

/// Keys between which entries were lost, the last one open if nothing sound follows.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Gap {
    from: Vec<u8>,
    to: Option<Vec<u8>>,
}

/// What a block holds that is as it was written.
struct Sound {
    paths: u64,
    last: Vec<u8>,
}

/// What reading all of it came to.
#[derive(Default)]
struct Findings {
    paths: u64,
    /// The last key of the last sound block.
    last: Option<Vec<u8>>,
    gaps: Vec<Gap>,
    /// First keys, as the table of places has them, of damaged blocks.
    damaged: Vec<Vec<u8>>,
    is_open: bool,
}

impl Baseline {
    /// Counts the paths and mends what is damaged, if that is wanted; whether anything was.
    ///
    /// # Errors
    /// [`Damaged`], if it is not, or cannot be.
    pub(super) fn check(&mut self, damage: Damage) -> Result<bool> {
        let findings = self.read_all()?;
        self.paths = findings.paths;
        if findings.damaged.is_empty() {
            return Ok(false);
        }
        if damage == Damage::PutAside {
            return Err(Damaged.into());
        }
        self.change(|baseline| baseline.mend(findings))?;
        // A rotten key can lie where no look-up by key finds it, and so stay: then nothing of the file is to be trusted.
        let again = self.read_all()?;
        if !again.damaged.is_empty() {
            return Err(Damaged.into());
        }
        self.paths = again.paths;

        Ok(true)
    }

    fn read_all(&self) -> Result<Findings> {
        let mut findings = Findings::default();
        let mut statement = self.db.prepare(
            "SELECT place.first, block.body FROM place LEFT JOIN block ON block.id = place.block ORDER BY place.first",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let first = row.get_ref(0)?.as_blob()?;
            let body = row.get_ref(1)?.as_blob_or_null()?.unwrap_or_default();
            match sound(&self.names, body) {
                Ok((own, sound))
                    if own == first && findings.last.as_deref().is_none_or(|last| last < first) =>
                {
                    if std::mem::take(&mut findings.is_open) {
                        findings.close(Some(first));
                    }
                    findings.paths += sound.paths;
                    findings.last = Some(sound.last);
                }
                found => {
                    // Sound itself and not where it belongs: what it holds is lost as well.
                    if let Ok((own, sound)) = found {
                        findings.gaps.push(around(own, sound.last));
                    }
                    findings.damaged.push(first.to_vec());
                    findings.is_open = true;
                }
            }
        }
        if findings.is_open {
            findings.close(None);
        }

        Ok(findings)
    }

    fn mend(&mut self, mut findings: Findings) -> Result<()> {
        for first in &findings.damaged {
            self.db.execute("DELETE FROM place WHERE first = ?1", [first])?;
        }
        {
            let mut statement =
                self.db.prepare("SELECT body FROM block WHERE id NOT IN (SELECT block FROM place)")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if let Ok((own, sound)) = sound(&self.names, row.get_ref(0)?.as_blob()?) {
                    findings.gaps.push(around(own, sound.last));
                }
            }
        }
        self.db.execute("DELETE FROM block WHERE id NOT IN (SELECT block FROM place)", [])?;
        for root in self.roots()? {
            if findings.gaps.iter().any(|gap| gap.meets(&root)) {
                self.db.execute("DELETE FROM root WHERE key = ?1", params![root.as_bytes()])?;
            }
        }

        Ok(())
    }
}

impl Findings {
    fn close(&mut self, to: Option<&[u8]>) {
        let from = self.last.clone().unwrap_or_default();
        self.gaps.push(Gap { from, to: to.map(<[u8]>::to_vec) });
    }
}

impl Gap {
    fn meets(&self, root: &Key) -> bool {
        let end = root.beneath().1;

        self.from.as_slice() < end.as_bytes() && self.to.as_deref().is_none_or(|to| to > root.as_bytes())
    }
}

/// The gap that a block leaves which held these keys.
fn around(first: Vec<u8>, mut last: Vec<u8>) -> Gap {
    last.push(0);

    Gap { from: first, to: Some(last) }
}

/// Reads a whole block: its first key, and what it holds.
fn sound(names: &Names, body: &[u8]) -> Result<(Vec<u8>, Sound), Damaged> {
    block::check(body)?;
    let (mut place, mut first, mut paths) = (Place::new(), None, 0);
    while let Some(fields) = place.next(body)? {
        names.name(fields.rights.owner)?;
        names.name(fields.rights.group)?;
        first.get_or_insert_with(|| place.key().to_vec());
        paths += 1;
    }

    Ok((first.ok_or(Damaged)?, Sound { paths, last: place.key().to_vec() }))
}
