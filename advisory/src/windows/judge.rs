//! One machine: each weakness of its product, what the three sources say of it, and what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::WindowsState;

use super::opinion::{Basis, Opinions, Says, Silence};
use super::release::{System, UnknownSystem, system};
use super::shelves::{Product, Shelves};
use crate::book::{Book, Entry, Said};
use crate::row::Advisory;
use crate::source::Feed;

/// Why nothing is judged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotJudged {
    /// The machine cannot be named as the advisories name products.
    #[error(transparent)]
    Unknown(#[from] UnknownSystem),
    /// No feed has a row of its product.
    #[error("no feed speaks of {0}")]
    NoFeed(String),
}

/// How a weakness stands on a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// An update mends it.
    Fixable,
    /// The update is recorded and the machine waits for a restart.
    RebootPending,
    /// No update is known.
    NoFix,
    /// It is of a part of the system, and the machine does not tell whether it has that part.
    ComponentUntold,
    /// None of the three sources says anything.
    Untold,
}

/// One weakness of one machine.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// How it stands.
    pub state: State,
    /// The advisory.
    pub advisory: &'a Arc<Advisory>,
    /// The part of the system that it is of; `None` for the system itself.
    pub component: Option<&'a str>,
    /// The build that mends it, where one is known for this release.
    pub fixed: Option<&'a str>,
    /// Updates each of which mends it.
    pub updates: BTreeSet<u32>,
    /// What each source says.
    pub opinions: Opinions,
    /// Which of them decided; `None` where none could.
    pub basis: Option<Basis>,
    /// The publisher's remark.
    pub note: &'a str,
    /// The feed that says so.
    pub feed: &'a Feed,
}

/// Two sources that say different things: a finding of its own, whatever was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement<'a> {
    /// What each says; why one says nothing is left out.
    pub opinions: Opinions,
    /// The advisories of which they say that.
    pub advisories: BTreeSet<&'a str>,
    /// The updates that mend those.
    pub updates: BTreeSet<u32>,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// Its product, as Microsoft's advisories name it.
    pub product: String,
    /// What is open, and what nothing is known of, in the order of the advisories' names.
    pub findings: Vec<Finding<'a>>,
    /// How many weaknesses are mended.
    pub mended: usize,
    /// How many are of parts that the machine does not have.
    pub absent: usize,
    /// Where the sources say different things.
    pub disagreements: Vec<Disagreement<'a>>,
    /// The newest updates that hold all that is missing.
    pub missing: BTreeSet<u32>,
}

/// What mends a weakness.
struct Fix<'a> {
    update: Option<u32>,
    version: Option<&'a str>,
    /// The revision, where the version is of the machine's release.
    revision: Option<u32>,
}

/// All that is said of one weakness of one product or part.
struct Weakness<'a> {
    component: Option<&'a str>,
    entry: &'a Entry,
    fixes: Vec<Fix<'a>>,
}

/// What does not differ from weakness to weakness.
struct Machine<'a> {
    state: &'a WindowsState,
    recorded: Option<BTreeSet<u32>>,
    recorded_revision: Option<u32>,
    offered: BTreeSet<u32>,
    held: BTreeSet<u32>,
    held_revision: Option<u32>,
    /// When Windows Update was asked, or its data made; `None` if what it said cannot be used.
    asked: Result<Timestamp, Silence>,
}

impl Shelves {
    /// Judges a machine. `reboot` is whether it waits for a restart, if that is told.
    ///
    /// # Errors
    /// If its product is not known, or no feed speaks of it.
    pub fn judge<'a>(
        &'a self,
        book: &'a Book,
        state: &WindowsState,
        reboot: Option<bool>,
    ) -> Result<Judged<'a>, NotJudged> {
        let system = system(state)?;
        let product =
            self.product(&system.product).ok_or_else(|| NotJudged::NoFeed(system.product.clone()))?;
        let machine = Machine::of(state, &system, product);
        let mut judged = Judged {
            product: system.product.clone(),
            findings: Vec::new(),
            mended: 0,
            absent: 0,
            disagreements: Vec::new(),
            missing: BTreeSet::new(),
        };
        let mut differing: BTreeMap<Opinions, Disagreement<'a>> = BTreeMap::new();
        for weakness in weaknesses(book, product, &system).into_values() {
            if has(state, weakness.component) == Some(false) {
                judged.absent += 1;
                continue;
            }
            let opinions = machine.opinions(&weakness);
            let state = machine.stands(&weakness, &opinions, reboot);
            if opinions.disagree() && state != Some(State::RebootPending) {
                let opinions = opinions.without_reasons();
                let found = differing.entry(opinions).or_insert_with(|| Disagreement {
                    opinions,
                    advisories: BTreeSet::new(),
                    updates: BTreeSet::new(),
                });
                found.advisories.insert(&weakness.entry.advisory.id);
                found.updates.extend(weakness.fixes.iter().filter_map(|fix| fix.update));
            }
            let (Some(state), Some(feed)) = (state, book.feed_of(weakness.entry)) else {
                judged.mended += 1;
                continue;
            };
            let finding = weakness.finding(state, opinions, feed);
            if matches!(state, State::Fixable | State::ComponentUntold) {
                for update in &finding.updates {
                    judged.missing.extend(product.supersedence.newest(*update));
                }
            }
            judged.findings.push(finding);
        }
        judged.disagreements = differing.into_values().collect();

        Ok(judged)
    }
}

/// The weaknesses of a product and its parts; two feeds that speak of one are put together.
fn weaknesses<'a>(
    book: &'a Book,
    product: &'a Product,
    system: &System,
) -> BTreeMap<(&'a str, Option<&'a str>), Weakness<'a>> {
    let mut found: BTreeMap<(&str, Option<&str>), Weakness<'_>> = BTreeMap::new();
    for part in &product.parts {
        let component = part.component.as_deref();
        for (entry, version) in book.rows_at(part.shelf) {
            let key = (entry.advisory.id.as_str(), component);
            let weakness =
                found.entry(key).or_insert_with(|| Weakness { component, entry, fixes: Vec::new() });
            let update = entry.update().and_then(|update| update.parse().ok());
            if !matches!(entry.said, Said::Fixed | Said::ByUpdate) {
                continue;
            }
            let revision = version.and_then(|version| revision(version, system));
            if revision.is_some() && weakness.fixes.iter().all(|fix| fix.revision.is_none()) {
                // The feed that knows the build is the one to name.
                weakness.entry = entry;
            }
            weakness.fixes.push(Fix { update, version, revision });
        }
    }

    found
}

/// `10.0.19045.4291` as 4291, if it is of this release.
fn revision(version: &str, system: &System) -> Option<u32> {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let start = (next()?, next()?, next()?);

    if start == system.version { next() } else { None }
}

/// Whether a machine has a part; `None` if that is not told.
fn has(state: &WindowsState, component: Option<&str>) -> Option<bool> {
    let Some(component) = component else { return Some(true) };
    let told = state.components.as_ref()?;
    // `Microsoft .NET Framework 3.5 AND 4.8`: an update for machines with either.
    let plain = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("microsoft ").unwrap_or(&text);
        text.strip_prefix("windows ").unwrap_or(text).to_owned()
    };
    let has: BTreeSet<String> = told.iter().map(|it| plain(it)).collect();
    let whole = plain(component);
    let named = |text: &str| match text.strip_prefix(".net framework ") {
        Some(versions) => versions
            .split(" and ")
            .flat_map(|part| part.split('/'))
            .any(|it| has.contains(&format!(".net framework {}", it.trim()))),
        None => has.contains(text),
    };

    Some(named(&whole))
}

impl<'a> Weakness<'a> {
    fn finding(self, state: State, opinions: Opinions, feed: &'a Feed) -> Finding<'a> {
        let of_release = self.fixes.iter().filter(|fix| fix.revision.is_some());
        let fixed = of_release.min_by_key(|fix| fix.revision).and_then(|fix| fix.version);

        Finding {
            state,
            advisory: &self.entry.advisory,
            component: self.component,
            fixed,
            updates: self.fixes.iter().filter_map(|fix| fix.update).collect(),
            opinions,
            basis: opinions.decided().map(|(basis, _)| basis),
            note: self.entry.note(),
            feed,
        }
    }
}

impl<'a> Machine<'a> {
    fn of(state: &'a WindowsState, system: &System, product: &'a Product) -> Self {
        // From Windows 10 on an update of the system holds all before it, so its build tells what it holds.
        let is_cumulative = system.version.0 >= 10;
        let brought = |updates: &BTreeSet<u32>| {
            let builds = updates.iter().filter_map(|update| product.builds.get(update));
            builds.filter(|_| is_cumulative).filter_map(|(_, version)| revision(version, system)).max()
        };
        let recorded =
            state.installed.as_ref().map(|installed| product.supersedence.held_by(installed.iter().copied()));
        let missing = state.search.iter().flat_map(|search| &search.missing);
        let offered: BTreeSet<u32> =
            missing.clone().flat_map(|update| update.numbers.iter().copied()).collect();
        let held = product.supersedence.held_by(offered.iter().copied());
        let is_known = |update: &u32| product.updates.contains(update) || product.supersedence.knows(*update);
        let strange = missing
            .clone()
            .any(|update| update.security != Some(false) && !update.numbers.iter().any(is_known));
        let asked = match &state.search {
            None => Err(Silence::NotAsked),
            Some(_) if strange => Err(Silence::UnknownUpdates),
            Some(search) => Ok(search.data_at.unwrap_or(search.at)),
        };

        Self {
            state,
            recorded_revision: recorded.as_ref().and_then(brought),
            recorded,
            held_revision: brought(&held),
            offered,
            held,
            asked,
        }
    }

    fn opinions(&self, weakness: &Weakness<'_>) -> Opinions {
        Opinions {
            build: self.by_build(&weakness.fixes),
            record: self.by_record(&weakness.fixes),
            system: self.by_system(weakness),
        }
    }

    fn by_build(&self, fixes: &[Fix<'_>]) -> Says {
        let revisions: Vec<u32> = fixes.iter().filter_map(|fix| fix.revision).collect();
        let (Some(least), Some(most)) = (revisions.iter().min(), revisions.iter().max()) else {
            let told = fixes.iter().any(|fix| fix.version.is_some());
            return Says::Nothing(if told { Silence::OtherRelease } else { Silence::NoBuild });
        };
        let Some(here) = self.state.revision else { return Says::Nothing(Silence::RevisionUntold) };
        if here >= *most {
            return Says::Mended;
        }
        if here < *least {
            return Says::Open;
        }
        // Updates without a restart bring builds of their own.
        let reached = fixes.iter().filter(|fix| fix.revision.is_some_and(|revision| revision <= here));
        let is_recorded = |fix: &Fix<'_>| {
            fix.update.is_some_and(|update| self.recorded.as_ref().is_some_and(|it| it.contains(&update)))
        };
        if reached.into_iter().any(is_recorded) { Says::Mended } else { Says::Nothing(Silence::Between) }
    }

    fn by_record(&self, fixes: &[Fix<'_>]) -> Says {
        if fixes.iter().all(|fix| fix.update.is_none()) {
            return Says::Nothing(Silence::NoNumber);
        }
        let Some(recorded) = &self.recorded else { return Says::Nothing(Silence::UpdatesUntold) };
        let is_held = |fix: &Fix<'_>| {
            fix.update.is_some_and(|update| recorded.contains(&update))
                || fix.revision.is_some_and(|it| self.recorded_revision.is_some_and(|most| it <= most))
        };

        if fixes.iter().any(is_held) { Says::Mended } else { Says::Open }
    }

    fn by_system(&self, weakness: &Weakness<'_>) -> Says {
        let asked = match self.asked {
            Ok(asked) => asked,
            Err(silence) => return Says::Nothing(silence),
        };
        let fixes = &weakness.fixes;
        if fixes.iter().all(|fix| fix.update.is_none()) {
            return Says::Nothing(Silence::NoNumber);
        }
        let is_in =
            |set: &BTreeSet<u32>, fix: &Fix<'_>| fix.update.is_some_and(|update| set.contains(&update));
        if fixes.iter().any(|fix| is_in(&self.offered, fix)) {
            return Says::Open;
        }
        let is_held = |fix: &Fix<'_>| {
            is_in(&self.held, fix)
                || fix.revision.is_some_and(|it| self.held_revision.is_some_and(|most| it <= most))
        };
        if fixes.iter().any(is_held) {
            return Says::Nothing(Silence::Held);
        }
        if weakness.entry.advisory.published.is_none_or(|published| published > asked) {
            return Says::Nothing(Silence::AskedBefore);
        }

        Says::Mended
    }

    /// How a weakness stands; `None` if it is mended.
    fn stands(&self, weakness: &Weakness<'_>, opinions: &Opinions, reboot: Option<bool>) -> Option<State> {
        if weakness.fixes.is_empty() {
            return Some(State::NoFix);
        }
        let Some((_, is_open)) = opinions.decided() else { return Some(State::Untold) };
        if !is_open {
            return None;
        }
        if reboot == Some(true) && opinions.build == Says::Open && opinions.record == Says::Mended {
            return Some(State::RebootPending);
        }
        if has(self.state, weakness.component).is_none() {
            return Some(State::ComponentUntold);
        }

        Some(State::Fixable)
    }
}
