//! Which rules are in force: those of the folder or of a pack for everybody, those of another pack where it is tried.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use vonggac_rules::in_force::InForce;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::words::Language;

use super::folder::{BrokenRules, Folder};
use crate::clock;
use crate::rule_packs::{self, Opened};
use crate::store::rule_packs::{self as store_packs, Pack, Standing};
use crate::store::{Store, rule_sets};

/// The rules in force as the orders stand; each set is noted with what people call it.
///
/// # Errors
/// [`BrokenRules`] if there is a mistake in a set; otherwise if something cannot be read.
pub async fn load(store: &Store, folder: &Folder) -> anyhow::Result<(InForce, Standing)> {
    let standing = store.read(store_packs::standing).await?;
    let all = match &standing.all {
        None => {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || folder.load(Language::En)).await.context("load rules")??
        }
        Some(pack) => of_pack(store, folder, pack).await?,
    };
    let all = noted(store, all, standing.all.as_ref()).await?;
    let Some(pack) = &standing.trial else { return Ok((all.into(), standing)) };
    let trial = of_pack(store, folder, pack).await?;
    let trial = noted(store, trial, Some(pack)).await?;

    Ok((InForce::with_trial(all, standing.agencies.clone(), trial), standing))
}

async fn noted(store: &Store, rules: RuleSet, pack: Option<&Pack>) -> anyhow::Result<Arc<RuleSet>> {
    let rules = Arc::new(rules);
    let (known, label) = (Arc::clone(&rules), pack.map(Pack::label).unwrap_or_default());
    store.write(move |tx| rule_sets::add(tx, &known, &label, clock::now())).await?;

    Ok(rules)
}

/// The rule files of a pack that was taken; its signature is checked once more.
///
/// # Errors
/// If they are not there as they were taken.
pub async fn sources(store: &Store, pack: &Pack) -> anyhow::Result<Vec<RuleSource>> {
    let id = pack.id;
    let bytes = store.read(move |db| store_packs::content(db, id)).await?;
    // Withdrawing a key later does not undo what was taken.
    let Opened { sources, .. } = rule_packs::open(&bytes, &BTreeSet::from([pack.signed_by.clone()]))
        .with_context(|| format!("open the pack {}", pack.label()))?;

    Ok(sources)
}

async fn of_pack(store: &Store, folder: &Folder, pack: &Pack) -> anyhow::Result<RuleSet> {
    let sources = sources(store, pack).await?;
    let clauses: BTreeSet<String> =
        folder.register(Language::En)?.clauses().map(|clause| clause.id.clone()).collect();

    RuleSet::load(sources, &clauses).map_err(|mistakes| {
        BrokenRules(mistakes.iter().map(|mistake| mistake.shown(Language::En)).collect()).into()
    })
}
