//! Correlations: which rules are counted, how, and over which log sources.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rsigma_parser::{ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode};

use super::sheet::Sheet;
use super::{Form, Parsed};
use crate::fields::Category;
use crate::mistake::{Code, Mistake};
use crate::ruleset::{Count, Counted};
use crate::text::Step;
use crate::window::{Measure, THRESHOLD_MAX};

/// The longest span a rule may count over; a judge that starts weighs that much again.
const SPAN_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Correlations of correlations of … .
const DEPTH_MAX: usize = 4;

/// What one of the counted rules is about.
type Sources = Vec<&'static Category>;

/// The log sources of every counted rule, in the order of `rules`.
pub(super) fn sources(
    one: &Parsed<'_>,
    correlation: &CorrelationRule,
    parsed: &[Parsed<'_>],
    mistakes: &mut Vec<Mistake>,
) -> Option<Vec<Sources>> {
    let each = correlation.rules.iter().map(|name| of_rule(name, parsed, DEPTH_MAX));
    let found: Vec<Option<Sources>> = each.collect();
    if !found.is_empty() && found.iter().all(Option::is_some) {
        return Some(found.into_iter().flatten().collect());
    }
    let missing: Vec<&str> = correlation
        .rules
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let missing = missing.join(", ");
    mistakes.push(one.sheet.mistake(
        &[Step::Key("correlation"), Step::Key("rules")],
        Code::R013,
        (
            format!("`rules` phải là tên các luật đã có; không có hoặc tự tham chiếu: {missing}"),
            format!("`rules` must name rules that exist; missing or counting themselves: {missing}"),
        ),
        ("Viết tên hoặc mã của luật được đếm", "Give the name or id of the counted rule"),
    ));

    None
}

/// The log sources of one rule; `None` if there is no such rule, or if it counts itself.
fn of_rule(name: &str, parsed: &[Parsed<'_>], depth: usize) -> Option<Sources> {
    let one = parsed.iter().find(|one| one.names.iter().any(|own| own == name))?;
    match &one.form {
        Form::Detection(_) => {
            Some(one.category.as_deref().and_then(crate::fields::category).into_iter().collect())
        }
        Form::Correlation(correlation) => {
            let mut sources = Sources::new();
            for name in &correlation.rules {
                sources.extend(of_rule(name, parsed, depth.checked_sub(1)?)?);
            }
            sources.sort_unstable_by_key(|category| category.name);
            sources.dedup();
            Some(sources)
        }
        Form::Filter(_) => None,
    }
}

/// All log sources once, in order of first mention.
pub(super) fn all(sources: Option<&Vec<Sources>>) -> Sources {
    let mut seen = BTreeSet::new();

    sources.into_iter().flatten().flatten().copied().filter(|category| seen.insert(category.name)).collect()
}

/// How it counts.
pub(super) fn count(
    sheet: &Sheet<'_>,
    correlation: &CorrelationRule,
    sources: Option<&Vec<Sources>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Count> {
    let before = mistakes.len();
    let mut reader = Reader { sheet, correlation, mistakes };
    let counted = reader.kind();
    let span = reader.span();
    let (threshold, fields) = reader.threshold(counted);
    let aliases = reader.aliases();
    let count = Count {
        measure: Measure {
            threshold: threshold.unwrap_or(2),
            span,
            ordered: counted == Some(Counted::RulesInOrder),
        },
        counted: counted.unwrap_or(Counted::Events),
        group_by: correlation.group_by.clone(),
        distinct: fields.into_iter().next(),
        rules: correlation.rules.clone(),
        aliases,
    };
    reader.fields(&count, sources);
    if mistakes.len() > before {
        return None;
    }

    Some(count)
}

struct Reader<'r, 's> {
    sheet: &'r Sheet<'s>,
    correlation: &'r CorrelationRule,
    mistakes: &'r mut Vec<Mistake>,
}

impl Reader<'_, '_> {
    fn wrong(&mut self, key: &str, vi: String, en: String) {
        self.mistakes.push(self.sheet.mistake(
            &[Step::Key("correlation"), Step::Key(key)],
            Code::R013,
            (vi, en),
            ("Xem docs/adding-a-rule.md, mục đếm sự kiện", "See docs/adding-a-rule.md on counting"),
        ));
    }

    fn kind(&mut self) -> Option<Counted> {
        let counted = match self.correlation.correlation_type {
            CorrelationType::EventCount => Some(Counted::Events),
            CorrelationType::ValueCount => Some(Counted::Values),
            CorrelationType::Temporal => Some(Counted::Rules),
            CorrelationType::TemporalOrdered => Some(Counted::RulesInOrder),
            CorrelationType::ValueSum
            | CorrelationType::ValueAvg
            | CorrelationType::ValuePercentile
            | CorrelationType::ValueMedian => None,
        };
        if counted.is_none() || self.correlation.window != WindowMode::Sliding {
            let vi = "cần event_count, value_count, temporal hoặc temporal_ordered, cửa sổ trượt";
            let en = "expected event_count, value_count, temporal or temporal_ordered over a sliding window";
            self.wrong("type", vi.to_owned(), en.to_owned());
        }

        counted
    }

    fn span(&mut self) -> Duration {
        let span = Duration::from_secs(self.correlation.timespan.seconds);
        if span.is_zero() || span > SPAN_MAX {
            let most = SPAN_MAX.as_secs() / 86_400;
            let vi = format!("cần từ 1 giây đến {most} ngày");
            self.wrong("timespan", vi, format!("expected 1 second to {most} days"));
        }

        span
    }

    fn threshold(&mut self, counted: Option<Counted>) -> (Option<usize>, Vec<String>) {
        let (threshold, fields) = threshold(&self.correlation.condition);
        if matches!(counted, Some(Counted::Rules | Counted::RulesInOrder)) {
            let rules = self.correlation.rules.len();
            if !(2..=THRESHOLD_MAX).contains(&rules) {
                let vi = "temporal cần ít nhất hai luật".to_owned();
                self.wrong("rules", vi, "temporal needs at least two rules".to_owned());
            }
            if self.sheet_has_condition() {
                let vi = "temporal chờ mọi luật trong `rules`, không có `condition`".to_owned();
                let en = "temporal waits for every one of `rules`, it has no `condition`".to_owned();
                self.wrong("condition", vi, en);
            }
            return (Some(rules), Vec::new());
        }
        if !threshold.is_some_and(|threshold| (2..=THRESHOLD_MAX).contains(&threshold)) {
            let vi = format!("cần một điều kiện gte, gt hoặc eq, từ 2 đến {THRESHOLD_MAX}");
            let en = format!("expected one condition, gte, gt or eq, of 2 to {THRESHOLD_MAX}");
            self.wrong("condition", vi, en);
        }
        if (counted == Some(Counted::Values)) != (fields.len() == 1) {
            let vi = "value_count cần đúng một `field`, event_count không có".to_owned();
            self.wrong("condition", vi, "value_count needs one `field`, event_count has none".to_owned());
        }

        (threshold, fields)
    }

    fn sheet_has_condition(&self) -> bool {
        self.sheet.whole.get("correlation").and_then(|part| part.get("condition")).is_some()
    }

    fn aliases(&mut self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut aliases = BTreeMap::new();
        for alias in &self.correlation.aliases {
            let of_rules: BTreeMap<String, String> = self
                .correlation
                .rules
                .iter()
                .filter_map(|rule| Some((rule.clone(), alias.mapping.get(rule)?.clone())))
                .collect();
            if of_rules.len() != alias.mapping.len() {
                let vi = format!("bí danh `{}` nhắc đến luật không có trong `rules`", alias.alias);
                let en = format!("alias `{}` speaks of a rule that is not among `rules`", alias.alias);
                self.wrong("aliases", vi, en);
            }
            aliases.insert(alias.alias.clone(), of_rules);
        }

        aliases
    }

    /// Every field that is grouped or counted by must be one of every log source.
    fn fields(&mut self, count: &Count, sources: Option<&Vec<Sources>>) {
        let asked: Vec<&String> = count.group_by.iter().chain(&count.distinct).collect();
        for (step, sources) in sources.into_iter().flatten().enumerate() {
            for name in &asked {
                let field = count.field(name, step);
                let without = sources.iter().find(|category| category.field(field).is_none());
                if let Some(category) = without {
                    let source = category.name;
                    let vi = format!("nguồn `{source}` không có trường `{field}`");
                    self.wrong("group-by", vi, format!("log source `{source}` has no field `{field}`"));
                }
            }
        }
    }
}

fn threshold(condition: &CorrelationCondition) -> (Option<usize>, Vec<String>) {
    let CorrelationCondition::Threshold { predicates, field, .. } = condition else {
        return (None, Vec::new());
    };
    let least = match predicates.as_slice() {
        // Events come one by one: the first moment at which there are so many is the one that is told.
        [(ConditionOperator::Gte | ConditionOperator::Eq, least)] => Some(*least),
        [(ConditionOperator::Gt, below)] => below.checked_add(1),
        _ => None,
    };

    (least.and_then(|least| usize::try_from(least).ok()), field.clone().unwrap_or_default())
}
