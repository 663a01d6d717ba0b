//! Which rule set judges whose observations: one for all, and while a roll-out is tried, another for some agencies.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::ruleset::RuleSet;

/// The rule sets in force; cheap to clone. Every agency has exactly one.
#[derive(Clone, Debug)]
pub struct InForce {
    all: Arc<RuleSet>,
    trial: Option<(Arc<BTreeSet<String>>, Arc<RuleSet>)>,
}

impl InForce {
    /// `trial` for these agencies, `all` for every other.
    #[must_use]
    pub fn with_trial(all: Arc<RuleSet>, agencies: BTreeSet<String>, trial: Arc<RuleSet>) -> Self {
        Self { all, trial: Some((Arc::new(agencies), trial)) }
    }

    /// The set that judges what the hosts of this agency send.
    #[must_use]
    pub fn of(&self, agency: &str) -> &Arc<RuleSet> {
        match &self.trial {
            Some((agencies, rules)) if agencies.contains(agency) => rules,
            Some(_) | None => &self.all,
        }
    }

    /// The set of every agency in which nothing is tried.
    #[must_use]
    pub fn all(&self) -> &Arc<RuleSet> {
        &self.all
    }

    /// The set that is tried, and the agencies in which it is.
    #[must_use]
    pub fn trial(&self) -> Option<(&BTreeSet<String>, &Arc<RuleSet>)> {
        self.trial.as_ref().map(|(agencies, rules)| (agencies.as_ref(), rules))
    }

    /// Every set, that of all first.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<RuleSet>> {
        std::iter::once(&self.all).chain(self.trial.iter().map(|(_, rules)| rules))
    }

    /// Whether the same sets judge the same agencies.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let told = |it: &Self| {
            let trial = it.trial.as_ref().map(|(agencies, rules)| (Arc::clone(agencies), rules.digest()));
            (it.all.digest(), trial)
        };

        told(self) == told(other)
    }

    /// The longest span that any rule counts over.
    #[must_use]
    pub fn longest_span(&self) -> Duration {
        self.sets().map(|rules| rules.longest_span()).max().unwrap_or_default()
    }
}

impl From<Arc<RuleSet>> for InForce {
    fn from(all: Arc<RuleSet>) -> Self {
        Self { all, trial: None }
    }
}
