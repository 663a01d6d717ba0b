//! Sigma filters: what certain rules, or all of a log source, leave out.

use rsigma_eval::EvalError;
use rsigma_parser::{FilterRule, FilterRuleTarget};

use super::sheet::Part;
use super::{Parsed, Read, sigma};
use crate::fields::PRODUCT;
use crate::mistake::{Code, Mistake};
use crate::text::Step;

/// A filter and the detections that it applies to.
pub(crate) struct Filter {
    pub(crate) filter: FilterRule,
    /// Log sources and ids of its detections.
    pub(crate) targets: Vec<(String, String)>,
    pub(super) path: String,
    pub(super) line: usize,
}

impl Filter {
    /// The filter for the engine of one log source; `None` if it applies to nothing there.
    pub(crate) fn of(&self, category: &str) -> Option<FilterRule> {
        let targets = self.targets.iter().filter(|(of, _)| of == category).map(|(_, id)| id.clone());
        let rules: Vec<String> = targets.collect();

        (!rules.is_empty()).then(|| FilterRule {
            logsource: None,
            rules: FilterRuleTarget::Specific(rules),
            ..self.filter.clone()
        })
    }

    /// The mistake of a filter that the engine refuses.
    pub(crate) fn uncompilable(&self, error: &EvalError) -> Mistake {
        super::uncompilable(&self.path, self.line, error)
    }
}

/// Reads one filter; every detection is known by now.
pub(super) fn read(one: &Parsed<'_>, filter: &FilterRule, read: &mut Read) {
    let Parsed { sheet, .. } = one;
    let whole = Part { sheet, steps: Vec::new(), values: &sheet.whole };
    // Why something is left out must be told: it is what an auditor asks first.
    whole.text("description", &mut read.mistakes);
    let wrong = |key: &'static str, vi: String, en: String, mistakes: &mut Vec<Mistake>| {
        mistakes.push(sheet.mistake(
            &[Step::Key(key)],
            Code::R018,
            (vi, en),
            ("Xem docs/adding-a-rule.md, mục bộ lọc", "See docs/adding-a-rule.md on filters"),
        ));
    };
    let source = filter.logsource.clone().unwrap_or_default();
    if source.product.as_deref() != Some(PRODUCT) || source.service.is_some() || !source.custom.is_empty() {
        let vi = format!("bộ lọc cần logsource với product: {PRODUCT}, có thể thêm category");
        let en = format!("a filter needs a logsource with product: {PRODUCT} and may name a category");
        wrong("logsource", vi, en, &mut read.mistakes);
        return;
    }
    let mut targets = Vec::new();
    let mut found: Vec<&str> = Vec::new();
    let wanted: &[String] = match &filter.rules {
        FilterRuleTarget::Any => &[],
        FilterRuleTarget::Specific(names) => names,
    };
    for detection in &read.detections {
        let names = [Some(&detection.uuid), detection.sigma.name.as_ref()];
        let named = wanted.iter().find(|wanted| names.contains(&Some(wanted)));
        let of_source = source.category.as_ref().is_none_or(|category| *category == detection.category);
        found.extend(named.map(String::as_str));
        if of_source && (wanted.is_empty() || named.is_some()) {
            targets.push((detection.category.clone(), detection.uuid.clone()));
        }
    }
    let missing: Vec<&str> = wanted.iter().map(String::as_str).filter(|name| !found.contains(name)).collect();
    if targets.is_empty() || !missing.is_empty() {
        let missing = if missing.is_empty() { "—".to_owned() } else { missing.join(", ") };
        let vi = format!("bộ lọc không khớp luật phát hiện nào (không có: {missing})");
        let en = format!("the filter applies to no detection rule (not there: {missing})");
        wrong("filter", vi, en, &mut read.mistakes);
        return;
    }
    let mut categories: Vec<&str> = targets.iter().map(|(category, _)| category.as_str()).collect();
    categories.sort_unstable();
    categories.dedup();
    for category in categories.into_iter().filter_map(crate::fields::category) {
        sigma::check_fields(sheet, "filter", category, &mut read.mistakes);
    }
    let (path, line) = (sheet.path.to_owned(), sheet.line(&["filter"]));
    read.filters.push(Filter { filter: filter.clone(), targets, path, line });
}
