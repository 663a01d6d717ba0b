//! Judges what was kept, behind the intake, from a durable cursor.
//!
//! What the rules conclude, the incidents it belongs to and the cursor move in one transaction, and a finding has a
//! key of its own: a crash at any point loses nothing and doubles nothing. Rules are swapped whole between two
//! observations; a broken set is reported and the one in force stays.
//!
//! | file | subject |
//! |---|---|
//! | [`folder`], [`force`] | where rules come from; which are in force for whom |
//! | [`state`] | what is known of a host at this moment, for rules about states |
//! | [`ledgers`] | what agencies may use, held against what their machines have |
//! | [`windows`] | what change windows keep quiet |
//! | [`mod@replay`] | kept history weighed again, without filing anything |
//! | [`mod@bench`] | the judge with what it knows of hosts; weighing a stretch of observations |

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use vonggac_rules::in_force::InForce;
use vonggac_rules::ruleset::{PLAN_CLAUSE, PLAN_MISSING, RuleSet};
use vonggac_rules::words::Language;

use crate::clock;
use crate::store::audit::{self, Action, COLLECTOR};
use crate::store::incidents::{self, Filed};
use crate::store::{Store, exceptions, rule_packs, rule_sets};

pub mod bench;
pub mod folder;
pub mod force;
pub mod ledgers;
pub mod replay;
pub mod state;
pub mod windows;

use bench::{Bench, Weighed};
use folder::{Folder, Stamp};

/// Observations weighed for one transaction: a stretch takes milliseconds, so an incident is soon to be seen.
const STRETCH_MAX: usize = 256;

/// A change of the rules folder, or an observation by another process, is noticed within this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What becomes true by the passing of time alone, such as a late patch, is looked for this often.
const STATES_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// After a failed write the same findings are tried again this much later.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// News that a slow listener may be behind before it misses some; it then asks the store.
const NEWS_MAX: usize = 256;

/// Something new for those who look at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The incident.
    pub incident: i64,
    /// Its agency: nobody else may hear of it.
    pub agency: String,
    /// Whether it was just opened.
    pub opened: bool,
}

/// A channel for news.
#[must_use]
pub fn news() -> broadcast::Sender<News> {
    broadcast::channel(NEWS_MAX).0
}

/// What the judge needs.
pub struct Judging {
    /// Where observations come from and conclusions go to.
    pub store: Store,
    /// Where rules come from.
    pub folder: Folder,
    /// Rung after each commit of the intake.
    pub bell: Arc<Notify>,
    /// Who wants to hear of incidents.
    pub news: broadcast::Sender<News>,
    /// The rules to begin with.
    pub rules: InForce,
    /// Told when other rules came into force, for pages that explain incidents.
    pub tell_rules: Box<dyn Fn(&InForce) + Send + Sync>,
}

/// The first rules: as the orders stand, or, if those are broken, the program's own, so that intake and silence work on.
///
/// # Errors
/// If not even the program's own rules can be used.
pub async fn first_rules(store: &Store, folder: &Folder) -> anyhow::Result<InForce> {
    match force::load(store, folder).await {
        Ok((rules, _)) => Ok(rules),
        Err(broken) => {
            report_broken(store, &broken).await;
            let rules = Folder::BuiltIn.load(Language::En).context("load the program's own rules")?;
            Ok(Arc::new(rules).into())
        }
    }
}

impl Judging {
    /// Judges until told to stop.
    ///
    /// # Errors
    /// If the store cannot even be read at the start.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let rules = self.rules.clone();
        for rules in rules.sets() {
            let rules = Arc::clone(rules);
            info!(rules = rules.rules().len(), digest = %rules.digest(), "Rules loaded");
            // A set without a name keeps the one that it has.
            let noted = self.store.write(move |tx| {
                rule_sets::add(tx, &rules, "", clock::now())?;
                note_missing_plans(tx, &rules)
            });
            noted.await?;
        }
        let mut bench = Bench::open(&self.store, rules).await?;
        let folder = self.folder.stamp().unwrap_or_default();
        let order = self.store.read(|db| Ok(rule_packs::standing(db)?.order)).await?;
        let mut seen = Seen { taken: (folder.clone(), order), last: (folder, order) };
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick comes at once: after a start, and with other rules, every state is weighed anew.
        let mut states = tokio::time::interval(STATES_EVERY);
        let mut excepting = Vec::new();
        loop {
            let mut all_states = false;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.bell.notified() => {}
                _ = look.tick() => {
                    all_states = self.look_at_rules(&mut bench, &mut seen).await;
                    all_states |= bench.ledgers_changed(&self.store).await.unwrap_or(false);
                    all_states |=
                        bench.support_changed(&self.store, clock::now()).await.unwrap_or(false);
                    // What an exception kept quiet about a state is due when it ends.
                    all_states |= self.exceptions_ended(&mut excepting).await;
                    self.balances(&mut bench, &stop).await;
                }
                _ = states.tick() => all_states = true,
            }
            if all_states {
                match bench.weigh_states(&self.store, clock::now()).await {
                    Ok(weighed) => self.file(Arc::new(weighed), &stop).await,
                    Err(error) => warn!(error = format!("{error:#}"), "States could not be weighed"),
                }
            }
            if let Err(error) = self.judge_all(&mut bench, &stop).await {
                warn!(error = format!("{error:#}"), "Observations could not be judged; trying again");
            }
        }
    }

    /// Holds agencies' software against their ledgers, where either changed.
    async fn balances(&self, bench: &mut Bench, stop: &CancellationToken) {
        match bench.weigh_balances(&self.store, clock::now()).await {
            Ok(None) => {}
            Ok(Some(weighed)) => self.file(Arc::new(weighed), stop).await,
            Err(error) => warn!(error = format!("{error:#}"), "Ledgers could not be weighed; trying again"),
        }
    }

    async fn judge_all(&self, bench: &mut Bench, stop: &CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            let Some(weighed) = bench.weigh_next(&self.store, STRETCH_MAX, clock::now()).await? else {
                break;
            };
            self.file(Arc::new(weighed), stop).await;
        }

        Ok(())
    }

    /// Files what was concluded; the judge has counted it already, so it is tried until it is kept.
    async fn file(&self, weighed: Arc<Weighed>, stop: &CancellationToken) {
        loop {
            let job = Arc::clone(&weighed);
            match self.store.write(move |tx| file_in(tx, &job)).await {
                Ok(all) => {
                    for news in all {
                        debug!(incident = news.incident, opened = news.opened, "Finding filed");
                        // Nobody may be listening.
                        drop(self.news.send(news));
                    }
                    return;
                }
                Err(error) => {
                    error!(error = format!("{error:#}"), "Findings could not be kept; trying again")
                }
            }
            tokio::select! {
                // The cursor has not moved: they are concluded again after the next start.
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY_AFTER) => {}
            }
        }
    }

    /// Whether an exception that was in force at the last look is not any more.
    async fn exceptions_ended(&self, before: &mut Vec<i64>) -> bool {
        let Ok(now) = self.store.read(|db| exceptions::numbers_in_force(db, clock::now())).await else {
            return false;
        };
        let ended = before.iter().any(|id| !now.contains(id));
        *before = now;

        ended
    }

    /// Takes over what changed in the rules folder and by orders; says whether other rules are in force now.
    ///
    /// Files that are being copied are half old and half new: a folder is taken once it looks the same at two looks,
    /// and still does after it was read.
    async fn look_at_rules(&self, bench: &mut Bench, seen: &mut Seen) -> bool {
        let now = match self.look().await {
            Ok(now) => now,
            Err(error) => {
                debug!(error = format!("{error:#}"), "Rules could not be looked at");
                return false;
            }
        };
        let stands_still = seen.last.0 == now.0;
        seen.last = now.clone();
        if now == seen.taken || !stands_still {
            return false;
        }
        let loaded = force::load(&self.store, &self.folder).await;
        if !self.look().await.is_ok_and(|after| after == now) {
            return false;
        }
        seen.taken = now;
        match loaded {
            Ok((rules, _)) => self.replace_rules(bench, rules).await,
            Err(broken) => {
                report_broken(&self.store, &broken).await;
                false
            }
        }
    }

    /// How the folder looks from outside, and the newest order.
    async fn look(&self) -> anyhow::Result<(Stamp, i64)> {
        let folder = self.folder.clone();
        let stamp =
            tokio::task::spawn_blocking(move || folder.stamp()).await.context("look at the folder")??;

        Ok((stamp, self.store.read(|db| Ok(rule_packs::standing(db)?.order)).await?))
    }

    async fn replace_rules(&self, bench: &mut Bench, rules: InForce) -> bool {
        if rules.same(bench.rules()) {
            return false;
        }
        let told = rules.clone();
        let noted = self.store.write(move |tx| {
            for (at, rules) in told.sets().enumerate() {
                let where_ =
                    told.trial().filter(|_| at > 0).map(|(agencies, _)| format!(", tried in {agencies:?}"));
                let (count, files) = (rules.rules().len(), rules.files().len());
                let detail = format!("{count} rules in {files} files{}", where_.unwrap_or_default());
                let entry = Action {
                    at: clock::now(),
                    person: COLLECTOR,
                    agency: None,
                    action: "rules.replaced",
                    object: &rules.digest().to_string(),
                    detail: &detail,
                };
                audit::append(tx, &entry)?;
                note_missing_plans(tx, rules)?;
            }
            Ok(())
        });
        if let Err(error) = noted.await {
            error!(error = format!("{error:#}"), "New rules could not be noted; the old ones stay");
            return false;
        }
        for rules in rules.sets() {
            info!(rules = rules.rules().len(), digest = %rules.digest(), "Rules replaced");
        }
        (self.tell_rules)(&rules);
        bench.replace(rules);

        true
    }
}

/// What was seen of the rules folder and of orders.
struct Seen {
    /// When rules were last taken.
    taken: (Stamp, i64),
    /// At the last look.
    last: (Stamp, i64),
}

fn file_in(tx: &rusqlite::Transaction<'_>, weighed: &Weighed) -> anyhow::Result<Vec<News>> {
    let mut all = Vec::new();
    for finding in &weighed.findings {
        let rules = weighed.rules.of(finding.agency.as_str());
        let rule = rules.rule(&finding.rule).context("a finding is of a rule in force")?;
        let filed = incidents::file_finding(tx, finding, rule, rules.digest(), weighed.now)?;
        let (incident, opened) = match filed {
            // What was put to a closed incident or under an exception troubles nobody.
            Filed::Known | Filed::Added(_) | Filed::Excepted(_) => continue,
            Filed::Opened(id) => (id, true),
            Filed::Joined(id) => (id, false),
        };
        all.push(News { incident, agency: finding.agency.to_string(), opened });
    }
    for (window, observation) in &weighed.quiet {
        crate::store::windows::keep_quiet(tx, *window, *observation)?;
    }
    rule_sets::set_cursor(tx, weighed.cursor)?;

    Ok(all)
}

/// A rule that says nobody what to do judges all the same, and the audit log names it with the clause that asks for plans.
fn note_missing_plans(tx: &rusqlite::Transaction<'_>, rules: &RuleSet) -> anyhow::Result<()> {
    for rule in rules.without_plan() {
        warn!(rule = rule.name, clause = PLAN_CLAUSE, "{PLAN_MISSING}");
        let entry = Action {
            at: clock::now(),
            person: COLLECTOR,
            agency: None,
            action: "rules.plan_missing",
            object: &rule.name,
            detail: &format!("{PLAN_MISSING} {PLAN_CLAUSE} {}:{}", rule.path, rule.line),
        };
        audit::append(tx, &entry)?;
    }

    Ok(())
}

async fn report_broken(store: &Store, broken: &anyhow::Error) {
    let detail: String = format!("{broken:#}").chars().take(2_000).collect();
    error!(mistakes = %detail, "Rules are broken; those in force stay");
    let noted = store.write(move |tx| {
        let entry = Action {
            at: clock::now(),
            person: COLLECTOR,
            agency: None,
            action: "rules.refused",
            object: "rules_dir",
            detail: &detail,
        };
        audit::append(tx, &entry)
    });
    if let Err(error) = noted.await {
        error!(error = format!("{error:#}"), "Broken rules could not be noted");
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_restart;
#[cfg(test)]
mod tests_rollout;
