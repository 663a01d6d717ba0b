//! Rules and plans as people read them: plain values, made from the rule set and the register of clauses.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use vonggac_rules::clause::{Clause, Measure};
use vonggac_rules::in_force::InForce;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{Rule, RuleSet};
use vonggac_rules::{finding, words};

use super::words::Language;
use crate::store::view::words::Severity;

/// A text in both languages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Both {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

impl Both {
    /// The text in one language; Vietnamese where there is no English.
    #[must_use]
    pub fn of(&self, language: impl std::borrow::Borrow<Language>) -> &str {
        match language.borrow() {
            Language::En if !self.en.is_empty() => &self.en,
            Language::En | Language::Vi => &self.vi,
        }
    }
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RuleCard {
    /// Its name, as findings and incidents cite it.
    pub id: String,
    /// Title.
    pub title: Both,
    /// What it looks for and why.
    pub about: Both,
    /// What a finding of it says, with `{field}` places.
    pub sentence: Both,
    /// How bad its findings are.
    pub severity: Severity,
    /// Role that answers for it.
    pub owner: Both,
    /// Ids of the clauses it serves.
    pub clauses: Vec<String>,
    /// Its log source: the kind of observation it weighs.
    pub category: String,
    /// What to do, step by step.
    pub response: Vec<Both>,
    /// File it was read from.
    pub file: String,
}

/// One clause of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ClauseCard {
    /// Its id, such as `lao-cai-332-2017/II`.
    pub id: String,
    /// Its number in the plan.
    pub number: String,
    /// What it asks, in our words.
    pub text: Both,
    /// By when.
    pub due: Both,
    /// How it can be known: any of `auto`, `import`, `attest`; several mean that all are needed.
    pub ways: Vec<String>,
}

/// One plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PlanCard {
    /// Its id, the part of clause ids before the slash.
    pub id: String,
    /// Number of the paper, such as `332/KH-UBND`.
    pub number: String,
    /// Title.
    pub title: Both,
    /// Who issued it.
    pub issuer: Both,
    /// Date of the paper.
    pub date: String,
    /// Its clauses, in order.
    pub clauses: Vec<ClauseCard>,
}

/// All rules and plans in force.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Knowledge {
    /// Rules by name.
    pub rules: BTreeMap<String, RuleCard>,
    /// Plans, in order.
    pub plans: Vec<PlanCard>,
}

impl Knowledge {
    /// A clause and its plan.
    #[must_use]
    pub fn clause(&self, id: &str) -> Option<(&PlanCard, &ClauseCard)> {
        let in_plan = |plan: &&PlanCard| id.split_once('/').is_some_and(|(name, _)| name == plan.id);
        let plan = self.plans.iter().find(in_plan)?;

        plan.clauses.iter().find(|clause| clause.id == id).map(|clause| (plan, clause))
    }

    /// The rules that serve a clause.
    pub fn serving<'a>(&'a self, clause: &'a str) -> impl Iterator<Item = &'a RuleCard> {
        self.rules.values().filter(move |rule| rule.clauses.iter().any(|cited| cited == clause))
    }
}

impl RuleCard {
    /// What a finding of it says, with the finding's own fields.
    #[must_use]
    pub fn told(&self, language: Language, fields: &serde_json::Map<String, serde_json::Value>) -> String {
        let words = words::Words { vi: self.sentence.vi.clone(), en: self.sentence.en.clone() };

        words.fill(
            match language {
                Language::Vi => words::Language::Vi,
                Language::En => words::Language::En,
            },
            fields,
        )
    }
}

impl From<&words::Words> for Both {
    fn from(words: &words::Words) -> Self {
        Self { vi: words.vi.clone(), en: words.en.clone() }
    }
}

impl Knowledge {
    /// What people read of the rules in force: those of everybody, and those that only a set on trial has.
    #[must_use]
    pub fn in_force(rules: &InForce, register: &Register) -> Self {
        let mut all = Self::of(rules.all(), register);
        for rule in rules.trial().into_iter().flat_map(|(_, rules)| rules.rules()) {
            all.rules.entry(rule.name.clone()).or_insert_with(|| rule_card(rule));
        }

        all
    }

    /// What people read of these rules and this register.
    #[must_use]
    pub fn of(rules: &RuleSet, register: &Register) -> Self {
        let plans = register.plans().iter().map(|plan| PlanCard {
            id: plan.id.clone(),
            number: plan.number.clone().unwrap_or_default(),
            title: (&plan.title).into(),
            issuer: (&plan.province).into(),
            date: plan.date.clone().unwrap_or_default(),
            clauses: register.clauses().filter(|clause| clause.plan == plan.id).map(clause_card).collect(),
        });

        Self {
            rules: rules.rules().iter().map(|rule| (rule.name.clone(), rule_card(rule))).collect(),
            plans: plans.collect(),
        }
    }
}

fn clause_card(clause: &Clause) -> ClauseCard {
    let ways = [(Measure::Auto, "auto"), (Measure::Import, "import"), (Measure::Attest, "attest")];

    ClauseCard {
        id: clause.id.clone(),
        number: clause.cited(),
        text: (&clause.title).into(),
        due: (&clause.due).into(),
        ways: ways.iter().filter(|(way, _)| clause.is(*way)).map(|(_, word)| (*word).to_owned()).collect(),
    }
}

fn rule_card(rule: &Rule) -> RuleCard {
    let owner = vonggac_rules::owner::owner(&rule.owner).map(vonggac_rules::owner::Owner::words);
    let plan = rule.plan_lines(words::Language::Vi).into_iter().zip(rule.plan_lines(words::Language::En));

    RuleCard {
        id: rule.name.clone(),
        title: (&rule.title).into(),
        about: (&rule.description).into(),
        sentence: (&rule.sentence).into(),
        severity: match rule.severity {
            finding::Severity::Low => Severity::Low,
            finding::Severity::Medium => Severity::Medium,
            finding::Severity::High => Severity::High,
            finding::Severity::Critical => Severity::Critical,
        },
        owner: owner
            .as_ref()
            .map_or_else(|| Both { vi: rule.owner.clone(), en: rule.owner.clone() }, Both::from),
        clauses: rule.clauses.clone(),
        category: rule.category.clone(),
        response: plan.map(|(vi, en)| Both { vi, en }).collect(),
        file: rule.path.clone(),
    }
}
