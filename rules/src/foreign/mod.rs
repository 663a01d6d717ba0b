//! Sigma rules that others wrote for log sources of others, and what they match: our engine without our own block.
//!
//! Such a rule has no clauses, no plan and no test, so it concludes nothing here: no finding, no incident. What it
//! shows is that the engine reads the language whole, and how fast.
//!
//! | file | subject |
//! |---|---|
//! | [`windows`] | a record of a Windows event log: its log source and its flat fields |

use std::collections::BTreeMap;

use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::{FilterRule, LogSource, SigmaRule, parse_sigma_yaml};
use serde_json::Value;

use crate::ruleset::RuleSource;

pub mod windows;

/// Bytes that a file of others may have: lists of known drivers are longer than any rule of ours.
const FOREIGN_FILE_BYTES_MAX: usize = 1024 * 1024;

/// Where a record comes from, in the words of Sigma's taxonomy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Origin {
    /// `windows`, `linux` ….
    pub product: Option<String>,
    /// `sysmon`, `auditd` ….
    pub service: Option<String>,
    /// `process_creation` …; a record may be of several.
    pub categories: Vec<String>,
}

/// A rule that matched a record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Match {
    /// `id` of the rule, empty if it has none.
    pub id: String,
    /// Its title.
    pub title: String,
}

/// A rule or file that was not taken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refused {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A log source as rules name it, in lower case; what is not named applies everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Named {
    product: Option<String>,
    service: Option<String>,
    category: Option<String>,
}

/// Rules of others, one engine for each log source: a record is tried only with the rules that can apply to it.
#[derive(Default)]
pub struct ForeignSet {
    engines: BTreeMap<Named, Engine>,
    read: usize,
    compiled: usize,
}

impl ForeignSet {
    /// Reads and compiles what can be compiled; the rest is told with its reason.
    #[must_use]
    pub fn load(sources: &[RuleSource]) -> (Self, Vec<Refused>) {
        let mut set = Self::default();
        let mut refused = Vec::new();
        let mut groups: BTreeMap<Named, Vec<(String, SigmaRule)>> = BTreeMap::new();
        let mut filters = Vec::new();
        for source in sources {
            let mut refuse = |reason: String| refused.push(Refused { path: source.path.clone(), reason });
            if source.text.len() > FOREIGN_FILE_BYTES_MAX {
                refuse(format!("{} bytes, at most {FOREIGN_FILE_BYTES_MAX} are accepted", source.text.len()));
                continue;
            }
            let mut parsed = match parse_sigma_yaml(&source.text) {
                Ok(parsed) => parsed,
                Err(error) => {
                    refuse(error.to_string());
                    continue;
                }
            };
            parsed.errors.into_iter().for_each(&mut refuse);
            for correlation in parsed.correlations {
                refuse(format!("correlation “{}”: counted only with a vonggac block", correlation.title));
            }
            for rule in parsed.rules.drain(..) {
                set.read += 1;
                groups.entry(Named::of(&rule.logsource)).or_default().push((source.path.clone(), rule));
            }
            filters.extend(parsed.filters.into_iter().map(|filter| (source.path.clone(), filter)));
        }
        for (named, rules) in groups {
            let mut engine = Engine::new();
            let failed = engine.add_rules(rules.iter().map(|(_, rule)| rule));
            set.compiled += rules.len() - failed.len();
            for (at, error) in failed {
                let Some((path, _)) = rules.get(at) else { continue };
                refused.push(Refused { path: path.clone(), reason: error.to_string() });
            }
            set.engines.insert(named, engine);
        }
        set.filter(&filters, &mut refused);
        refused.sort();

        (set, refused)
    }

    fn filter(&mut self, filters: &[(String, FilterRule)], refused: &mut Vec<Refused>) {
        for (path, filter) in filters {
            for engine in self.engines.values_mut() {
                if let Err(error) = engine.apply_filter(filter) {
                    refused.push(Refused { path: path.clone(), reason: error.to_string() });
                }
            }
        }
    }

    /// Detection rules that were read.
    #[must_use]
    pub fn read(&self) -> usize {
        self.read
    }

    /// Those of them that compiled.
    #[must_use]
    pub fn compiled(&self) -> usize {
        self.compiled
    }

    /// Log sources that the rules name.
    #[must_use]
    pub fn log_sources(&self) -> usize {
        self.engines.len()
    }

    /// The rules that match a flat record of this origin.
    #[must_use]
    pub fn matches(&self, origin: &Origin, record: &Value) -> Vec<Match> {
        let event = JsonEvent::borrow(record);
        let mut matches = Vec::new();
        for engine in named_by(origin).iter().filter_map(|named| self.engines.get(named)) {
            matches.extend(engine.evaluate(&event).into_iter().map(|matched| Match {
                id: matched.header.rule_id.as_deref().unwrap_or_default().to_owned(),
                title: matched.header.rule_title.to_string(),
            }));
        }

        matches
    }
}

impl Named {
    fn of(source: &LogSource) -> Self {
        let lower = |name: &Option<String>| name.as_ref().map(|name| name.to_ascii_lowercase());

        Self {
            product: lower(&source.product),
            service: lower(&source.service),
            category: lower(&source.category),
        }
    }
}

/// Every log source that a rule may name to be tried with such a record.
fn named_by(origin: &Origin) -> Vec<Named> {
    let either = |name: &Option<String>| match name {
        Some(name) => vec![None, Some(name.clone())],
        None => vec![None],
    };
    let mut named = Vec::new();
    for product in either(&origin.product) {
        for service in either(&origin.service) {
            let categories = origin.categories.iter().cloned().map(Some);
            for category in std::iter::once(None).chain(categories) {
                let (product, service) = (product.clone(), service.clone());
                named.push(Named { product, service, category });
            }
        }
    }

    named
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: &str = "\
title: Someone asks who he is
id: 11111111-1111-4111-8111-111111111111
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: whoami}
  condition: selection
---
title: A word anywhere
id: 22222222-2222-4222-8222-222222222222
logsource: {product: linux}
detection:
  keywords: ['*stack smashing detected*']
  condition: keywords
";

    fn set(text: &str) -> (ForeignSet, Vec<Refused>) {
        ForeignSet::load(&[RuleSource { path: "rules.yml".to_owned(), text: text.to_owned() }])
    }

    fn origin(product: &str, category: &str) -> Origin {
        Origin { product: Some(product.to_owned()), service: None, categories: vec![category.to_owned()] }
    }

    #[test]
    fn a_rule_is_tried_only_where_its_log_source_applies() {
        let (set, refused) = set(RULES);
        let record = json!({"CommandLine": "cmd /c whoami"});

        assert_eq!((set.read(), set.compiled(), set.log_sources(), refused), (2, 2, 2, vec![]));
        assert_eq!(set.matches(&origin("windows", "process_creation"), &record).len(), 1);
        assert_eq!(set.matches(&origin("linux", "process_creation"), &record), []);
        assert_eq!(set.matches(&origin("windows", "image_load"), &record), []);
    }

    #[test]
    fn a_search_without_a_field_looks_into_every_field() {
        let (set, _) = set(RULES);
        let record = json!({"program": "sshd", "message": "*** stack smashing detected ***: terminated"});

        let matches = set.matches(&origin("linux", "none"), &record);

        assert_eq!(matches.len(), 1);
        assert_eq!(matches[0].title, "A word anywhere");
    }

    #[test]
    fn what_cannot_be_compiled_is_told_and_the_rest_is_taken() {
        let wrong = RULES.replace("CommandLine|contains: whoami", "CommandLine|re: '(whoami'");

        let (set, refused) = set(&wrong);

        assert_eq!((set.read(), set.compiled()), (2, 1));
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].path, "rules.yml");
    }
}
