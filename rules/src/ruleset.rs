//! Rule files, read and checked whole: a set with one mistake in it is refused with all its mistakes, and the
//! caller keeps the set it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use rsigma_eval::Engine;
use serde::Serialize;
use serde_json::{Map, Value};
use vonggac_protocol::digest::Digest;

use crate::finding::Severity;
use crate::mistake::Mistake;
use crate::read::{self, Detection, Filter, Read};
use crate::reads::Reads;
use crate::window::Measure;
use crate::words::{Language, Words};

/// Bytes that a rule file may have; the largest of ours has a tenth of it.
pub const RULE_FILE_BYTES_MAX: usize = 256 * 1024;

/// What a rule without a response plan is called among findings about the rules themselves.
pub const PLAN_MISSING: &str = "R.PLAN.MISSING";

/// The clause that asks for plans: the directive of Hải Dương on information security.
pub const PLAN_CLAUSE: &str = "hai-duong-ct-2011/4.c";

/// One rule file as the caller read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleSource {
    /// Its name in messages and snapshots: the path below the rules folder.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Which findings of a rule are about the same matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    /// Those of one host and subject.
    Host,
    /// Those of one agency and subject, whatever the host.
    Agency,
}

/// One step of a response plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// The role that takes it.
    pub who: String,
    /// Within what time of the incident, in seconds; `None`: no time is set.
    pub within_secs: Option<u64>,
    /// What to do.
    pub text: Words,
}

/// A test that a rule carries.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Whether the rule must fire.
    pub fires: bool,
    /// The events, in order: seconds from the start, host, category, fields.
    pub events: Vec<CaseEvent>,
    /// Its line in the file.
    pub line: usize,
}

/// One event of a test.
#[derive(Clone, PartialEq, Debug)]
pub struct CaseEvent {
    /// Milliseconds after the start of the test.
    pub at_ms: i64,
    /// Which of the test's hosts.
    pub host: String,
    /// Log source.
    pub category: String,
    /// Fields, those of [`COMMON`](crate::fields::COMMON) included where the test gives them.
    pub fields: Map<String, Value>,
}

/// One rule, as relied upon.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// What findings and incidents call it: `name` of the Sigma rule.
    pub name: String,
    /// `id` of the Sigma rule, a UUID.
    pub uuid: String,
    /// The file it stands in, and the line it begins on.
    pub path: String,
    /// Line of its first key.
    pub line: usize,
    /// Title.
    pub title: Words,
    /// What it means, for people.
    pub description: Words,
    /// How grave its findings are.
    pub severity: Severity,
    /// Clauses that oblige what it watches, by id.
    pub clauses: Vec<String>,
    /// The role that answers for its incidents.
    pub owner: String,
    /// Which findings are about the same matter.
    pub join: Join,
    /// The matter that its findings are about: its own name, or a word that several rules share.
    pub matter: String,
    /// The field that says what a finding is about; `host` for the host itself.
    pub subject: String,
    /// Sentence with `{field}` places, for incident pages.
    pub sentence: Words,
    /// What looks like it and is harmless.
    pub false_positives: Vec<Words>,
    /// What to do, by whom, within what time.
    pub plan: Vec<Step>,
    /// The log source.
    pub category: String,
    /// Whether it counts, and how.
    pub counts: Option<Count>,
    /// The tests it carries.
    pub cases: Vec<Case>,
}

impl Rule {
    /// The plan as lines for people, such as `Trong 15 phút – Quản trị viên hệ thống: …`.
    #[must_use]
    pub fn plan_lines(&self, language: Language) -> Vec<String> {
        self.plan
            .iter()
            .map(|step| {
                let who = crate::owner::owner(&step.who).map(crate::owner::Owner::words);
                let who = who.as_ref().map_or(step.who.as_str(), |words| words.of(language));
                let text = step.text.of(language);
                match (step.within_secs, language) {
                    (None, _) => format!("{who}: {text}"),
                    (Some(secs), Language::Vi) => format!("Trong {} – {who}: {text}", span(secs, language)),
                    (Some(secs), Language::En) => format!("Within {} – {who}: {text}", span(secs, language)),
                }
            })
            .collect()
    }
}

/// A span for people, in the largest unit that it is a whole number of.
fn span(secs: u64, language: Language) -> String {
    let units =
        [(86_400, "ngày", "day"), (3_600, "giờ", "hour"), (60, "phút", "minute"), (1, "giây", "second")];
    let (unit, vi, en) = units.into_iter().find(|(unit, ..)| secs.is_multiple_of(*unit)).unwrap_or(units[3]);
    let number = secs / unit;

    match language {
        Language::Vi => format!("{number} {vi}"),
        Language::En if number == 1 => format!("1 {en}"),
        Language::En => format!("{number} {en}s"),
    }
}

/// What a rule counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// Events.
    Events,
    /// Distinct values of a field.
    Values,
    /// Rules of its list that matched, each at least once.
    Rules,
    /// The same, in the order of the list.
    RulesInOrder,
}

/// How a rule counts events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    /// How many within what span.
    pub measure: Measure,
    /// What.
    pub counted: Counted,
    /// Fields whose values are counted apart.
    pub group_by: Vec<String>,
    /// The field whose distinct values are counted; `None`: observations are.
    pub distinct: Option<String>,
    /// Names or ids of the counted rules.
    pub rules: Vec<String>,
    /// Fields that counted rules call by other names: alias, rule, field.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
}

impl Count {
    /// What the counted rule at this place of the list calls a field.
    pub(crate) fn field<'a>(&'a self, name: &'a str, step: usize) -> &'a str {
        let own = self.rules.get(step).and_then(|rule| self.aliases.get(name)?.get(rule));

        own.map_or(name, String::as_str)
    }
}

/// A rule that counts a match, and the place of what matched in its list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CountedBy {
    pub(crate) rule: usize,
    pub(crate) step: usize,
}

/// What becomes of a match.
#[derive(Clone, Debug, Default)]
pub(crate) struct Use {
    /// The rule whose finding it is.
    pub(crate) finding: Option<usize>,
    /// The rules that count it.
    pub(crate) counted_by: Vec<CountedBy>,
}

/// Every rule in force, ready to be weighed with; never changed, only replaced.
pub struct RuleSet {
    rules: Vec<Rule>,
    files: Vec<(String, Digest)>,
    digest: Digest,
    engines: BTreeMap<String, (Engine, Reads)>,
    uses: BTreeMap<String, Use>,
    chains: BTreeMap<usize, Vec<CountedBy>>,
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleSet").field("digest", &self.digest).field("rules", &self.rules.len()).finish()
    }
}

impl RuleSet {
    /// Reads and checks rule files against the clauses that exist.
    ///
    /// # Errors
    /// Every mistake in every file, in order of file and line.
    pub fn load(sources: Vec<RuleSource>, clauses: &BTreeSet<String>) -> Result<Self, Vec<Mistake>> {
        let Read { rules, detections, filters, chains, mut mistakes, .. } = read::files(&sources, clauses);
        let engines = engines(&detections, &filters, &mut mistakes);
        let uses = uses(&rules, &detections);
        if !mistakes.is_empty() {
            mistakes.sort();
            mistakes.dedup();
            return Err(mistakes);
        }
        let mut files: Vec<(String, Digest)> =
            sources.into_iter().map(|source| (source.path, Digest::of(source.text.as_bytes()))).collect();
        files.sort();
        let listed: String = files.iter().map(|(path, digest)| format!("{digest} {path}\n")).collect();

        Ok(Self { rules, files, digest: Digest::of(listed.as_bytes()), engines, uses, chains })
    }

    /// The rules, in order of file and place in it.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of this name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// SHA-256 over the digests and names of its files in order, as `sha256sum` prints them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its files and their digests, in order of name.
    #[must_use]
    pub fn files(&self) -> &[(String, Digest)] {
        &self.files
    }

    /// The rules that say nobody what to do, in order: each is a finding `R.PLAN.MISSING` about the rules themselves.
    pub fn without_plan(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.plan.is_empty())
    }

    /// The longest span that any rule counts over: how far back a judge that has just started should weigh again.
    #[must_use]
    pub fn longest_span(&self) -> Duration {
        let spans = self.rules.iter().filter_map(|rule| rule.counts.as_ref());

        spans.map(|count| count.measure.span).max().unwrap_or_default()
    }

    /// The rules about this category, and the fields that they look at.
    pub(crate) fn engine(&self, category: &str) -> Option<&(Engine, Reads)> {
        self.engines.get(category)
    }

    /// The rules that count what this counting rule concludes.
    pub(crate) fn chained(&self, rule: usize) -> &[CountedBy] {
        self.chains.get(&rule).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn used(&self, uuid: &str) -> Option<&Use> {
        self.uses.get(uuid)
    }
}

/// Every mistake in these rule files, in order of file and line; none if they would be taken.
///
/// Whether the rules do what they promise is told by [`run_tests`](crate::trial::run_tests).
#[must_use]
pub fn check(sources: Vec<RuleSource>, clauses: &BTreeSet<String>) -> Vec<Mistake> {
    RuleSet::load(sources, clauses).err().unwrap_or_default()
}

/// One engine for each log source: what a record costs grows with the rules about its kind, not with all.
fn engines(
    detections: &[Detection],
    filters: &[Filter],
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<String, (Engine, Reads)> {
    let mut engines: BTreeMap<String, (Engine, Reads)> = BTreeMap::new();
    for detection in detections {
        let (engine, reads) = engines.entry(detection.category.clone()).or_default();
        reads.add(&detection.sigma.detection);
        if let Err(error) = engine.add_rule(&detection.sigma) {
            mistakes.push(detection.uncompilable(&error));
        }
    }
    for filter in filters {
        for (category, (engine, reads)) in &mut engines {
            let Some(here) = filter.of(category) else { continue };
            reads.add(&here.detection);
            if let Err(error) = engine.apply_filter(&here) {
                mistakes.push(filter.uncompilable(&error));
            }
        }
    }

    engines
}

fn uses(rules: &[Rule], detections: &[Detection]) -> BTreeMap<String, Use> {
    let mut uses: BTreeMap<String, Use> = BTreeMap::new();
    for detection in detections {
        let using = uses.entry(detection.uuid.clone()).or_default();
        using.finding = detection.rule;
        using.counted_by = detection.counted_by.clone();
    }
    debug_assert!(uses.values().all(|using| using.finding.is_none_or(|rule| rule < rules.len())));

    uses
}
