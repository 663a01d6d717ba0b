//! What the rules conclude from an observation.

use std::sync::Arc;

use rsigma_eval::{EvaluationResult, JsonEvent};
use serde_json::{Value, json};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{AgencyId, HostId, ObservationId};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;

use crate::fields::{HOST_STATE, LICENCE_BALANCE, SUBJECT};
use crate::finding::{Finding, key};
use crate::flatten::{Event, flatten, flatten_for};
use crate::in_force::InForce;
use crate::reads::Reads;
use crate::ruleset::{Counted, CountedBy, Rule, RuleSet};
use crate::window::{Entry, GroupKey, Reached, Windows};

/// Findings that one event may give by one rule: one for each item of a list that is the subject.
pub const SUBJECTS_MAX: usize = 200;

/// Where an observation comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    /// The observation; for a host's state, the newest observation that it rests on.
    pub id: ObservationId,
    /// The host, from its certificate.
    pub host: HostId,
    /// Its agency.
    pub agency: AgencyId,
    /// Its name for people.
    pub host_name: String,
    /// What it is for.
    pub role: Role,
    /// When it happened, by whoever saw it.
    pub at: Timestamp,
}

/// Weighs observations against a rule set. Keeps only what is counted within time spans.
///
/// The same observations in the same order give the same findings, whenever that is.
#[derive(Debug)]
pub struct Judge {
    rules: InForce,
    windows: Windows,
}

impl Judge {
    /// A judge that has seen nothing yet.
    #[must_use]
    pub fn new(rules: impl Into<InForce>) -> Self {
        Self { rules: rules.into(), windows: Windows::default() }
    }

    /// The rule sets in force.
    #[must_use]
    pub fn rules(&self) -> &InForce {
        &self.rules
    }

    /// Puts other rule sets in force; what rules have counted that are unchanged for an agency is kept.
    pub fn replace(&mut self, rules: impl Into<InForce>) {
        let before = std::mem::replace(&mut self.rules, rules.into());
        let counts = |sets: &InForce, key: &GroupKey| {
            sets.of(&key.agency).rule(&key.rule).and_then(|rule| rule.counts.clone())
        };
        self.windows.retain(|key| counts(&before, key) == counts(&self.rules, key));
    }

    /// What the rules conclude from one observation. `now` is when it was received: what a host dates later than
    /// that counts as having happened then.
    pub fn weigh(&mut self, context: &Context, observation: &Observation, now: Timestamp) -> Vec<Finding> {
        let category = observation.kind.word();
        // One set judges the whole observation, whatever is put in force meanwhile.
        let rules = Arc::clone(self.rules.of(context.agency.as_str()));
        let Some((engine, reads)) = rules.engine(category) else { return Vec::new() };
        let at = context.at.min(now);
        // Most observations match nothing: first with the fields alone that rules look at, then whole.
        let mut event = flatten_for(observation, reads);
        add_common(&mut event, context, category, at, reads);
        let matches = engine.evaluate(&JsonEvent::borrow(&Value::Object(event)));
        if matches.is_empty() {
            return Vec::new();
        }
        let mut event = flatten(observation);
        add_common(&mut event, context, category, at, &Reads::ALL);

        self.concluded(&rules, &matches, context, &event, at)
    }

    /// What the rules conclude from a host's state as a whole.
    pub fn weigh_state(&mut self, context: &Context, state: Event, now: Timestamp) -> Vec<Finding> {
        self.weigh_event(context, HOST_STATE, state, now)
    }

    /// What the rules conclude from a product held against an agency's ledger. `ledger` tells one standing of the
    /// ledger from another: the same evidence says something new when a right has ended.
    pub fn weigh_balance(
        &mut self,
        context: &Context,
        balance: Event,
        ledger: &str,
        now: Timestamp,
    ) -> Vec<Finding> {
        let mut findings = self.weigh_event(context, LICENCE_BALANCE, balance, now);
        for finding in &mut findings {
            let subject = format!("{}@{ledger}", finding.subject);
            finding.key = key(&finding.rule, &subject, &finding.evidence);
        }

        findings
    }

    /// The same for an event that is flat already.
    pub(crate) fn weigh_event(
        &mut self,
        context: &Context,
        category: &str,
        mut event: Event,
        now: Timestamp,
    ) -> Vec<Finding> {
        // One set judges the whole observation, whatever is put in force meanwhile.
        let rules = Arc::clone(self.rules.of(context.agency.as_str()));
        let Some((engine, _)) = rules.engine(category) else { return Vec::new() };
        let at = context.at.min(now);
        add_common(&mut event, context, category, at, &Reads::ALL);
        let event = Value::Object(event);
        let matches = engine.evaluate(&JsonEvent::borrow(&event));
        let Value::Object(event) = event else { return Vec::new() };

        self.concluded(&rules, &matches, context, &event, at)
    }

    /// What becomes of the matches of one event, which is whole.
    fn concluded(
        &mut self,
        rules: &RuleSet,
        matches: &[EvaluationResult],
        context: &Context,
        event: &Event,
        at: Timestamp,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for matched in matches {
            let Some(used) = matched.header.rule_id.as_deref().and_then(|uuid| rules.used(uuid)) else {
                continue;
            };
            if let Some(rule) = used.finding.and_then(|at| rules.rules().get(at)) {
                findings.extend(conclude(rule, context, event, at, vec![context.id]));
            }
            for by in &used.counted_by {
                findings.extend(self.count(rules, *by, context, event, at));
            }
        }
        findings.sort_by(|a, b| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)));

        findings
    }

    fn count(
        &mut self,
        rules: &RuleSet,
        by: CountedBy,
        context: &Context,
        event: &Event,
        at: Timestamp,
    ) -> Vec<Finding> {
        let Some(rule) = rules.rules().get(by.rule) else { return Vec::new() };
        let Some(count) = &rule.counts else { return Vec::new() };
        let value_of = |name: &String| short(event.get(count.field(name, by.step)));
        let values = count.group_by.iter().map(value_of).collect();
        let group = GroupKey { rule: rule.name.clone(), agency: context.agency.to_string(), values };
        let value = match (count.counted, &count.distinct) {
            (Counted::Values, Some(name)) => value_of(name),
            (Counted::Rules, _) => by.step.to_string(),
            (Counted::RulesInOrder, _) => format!("{}:{}", by.step, context.id),
            (Counted::Events | Counted::Values, _) => context.id.to_string(),
        };
        let entry = Entry { at, value, id: context.id, step: by.step };
        let Some(reached) = self.windows.count(&group, count.measure, entry) else { return Vec::new() };
        let Reached { count: counted, first_at, last_at, evidence } = reached;
        let mut fields = event.clone();
        fields.insert("count".to_owned(), counted.into());
        fields.insert("span_secs".to_owned(), count.measure.span.as_secs().into());
        fields.insert("first_at".to_owned(), first_at.to_string().into());
        fields.insert("last_at".to_owned(), last_at.to_string().into());
        let mut findings = conclude(rule, context, &fields, last_at, evidence);
        // What it concludes may be counted in its turn; no rule counts itself, so this ends.
        for next in rules.chained(by.rule) {
            findings.extend(self.count(rules, *next, context, &fields, last_at));
        }

        findings
    }
}

fn add_common(event: &mut Event, context: &Context, category: &str, at: Timestamp, reads: &Reads) {
    let mut put = |name: &str, value: &dyn Fn() -> Value| {
        if reads.wants(name) {
            event.insert(name.to_owned(), value());
        }
    };
    put("kind", &|| category.into());
    put("at", &|| at.to_string().into());
    put("host", &|| context.host.to_string().into());
    put("host_name", &|| context.host_name.clone().into());
    put("host_role", &|| json!(context.role));
    put("agency", &|| context.agency.to_string().into());
}

/// The findings of one match: one, or one for each item where the subject is a list.
fn conclude(
    rule: &Rule,
    context: &Context,
    event: &Event,
    at: Timestamp,
    evidence: Vec<ObservationId>,
) -> Vec<Finding> {
    let subjects = match event.get(&rule.subject) {
        _ if rule.subject == "host" => vec![context.host_name.clone()],
        Some(Value::Array(items)) => {
            items.iter().take(SUBJECTS_MAX).map(|item| text_of(Some(item))).collect()
        }
        None | Some(Value::Null) => vec![context.host_name.clone()],
        Some(value) => vec![text_of(Some(value))],
    };

    subjects
        .into_iter()
        .map(|subject| {
            let mut fields = event.clone();
            fields.insert(SUBJECT.name.to_owned(), subject.clone().into());

            Finding {
                key: key(&rule.name, &subject, &evidence),
                rule: rule.name.clone(),
                matter: rule.matter.clone(),
                severity: rule.severity,
                join: rule.join,
                subject,
                at,
                host: context.host,
                agency: context.agency.clone(),
                fields,
                evidence: evidence.clone(),
            }
        })
        .collect()
}

/// What tells a value apart: itself, or its digest where a host could make it long.
fn short(value: Option<&Value>) -> String {
    let text = text_of(value);

    if text.len() > 64 { Digest::of(text.as_bytes()).to_string() } else { text }
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vonggac_protocol::file::{Area, FileAction, FileChanged, FileKind, FileState};
    use vonggac_protocol::id::{Epoch, Lane, Seq};
    use vonggac_protocol::observation::Kind;
    use vonggac_protocol::path::HostPath;

    use super::*;
    use crate::packs;
    use crate::plan::Register;

    const AT: Timestamp = Timestamp(1_767_225_600_000);

    fn changes() -> impl Iterator<Item = FileChanged> {
        let state = |mode| FileState {
            kind: FileKind::File,
            size: 7,
            digest: Some(Digest([7; 32])),
            mode,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            modified: AT,
            changed: AT,
            link_target: None,
            attributes: None,
            flags: None,
        };
        let areas =
            [Area::Web, Area::Persistence, Area::Access, Area::Configuration, Area::Programs, Area::Data];
        let paths = [
            "/srv/www/index.php",
            "/etc/cron.d/viec",
            "/root/.ssh/authorized_keys",
            "/etc/passwd",
            "/usr/bin/x",
            "/srv/a.docx.khoa",
            "/etc/systemd/system/a.service",
        ];
        let actions = [FileAction::Created, FileAction::Modified, FileAction::Deleted];

        areas.into_iter().flat_map(move |area| {
            paths.into_iter().flat_map(move |path| {
                actions.into_iter().flat_map(move |action| {
                    [0o644, 0o4755, 0o666].into_iter().map(move |mode| FileChanged {
                        path: HostPath::from_text(path),
                        area,
                        root: HostPath::from_text(path.get(..4).unwrap_or("/")),
                        action,
                        before: (action != FileAction::Created).then(|| state(0o644)),
                        after: (action != FileAction::Deleted).then(|| state(mode)),
                        while_off: mode == 0o666,
                        not_before: None,
                        actor: None,
                        package: None,
                        text: None,
                    })
                })
            })
        })
    }

    #[test]
    fn an_observation_with_the_fields_that_rules_look_at_gives_what_the_whole_one_gives() {
        let clauses: BTreeSet<String> =
            Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
        let rules = Arc::new(RuleSet::load(packs::embedded(), &clauses).unwrap());
        let (mut slim, mut whole) = (Judge::new(Arc::clone(&rules)), Judge::new(rules));
        let mut found = BTreeSet::new();
        for (n, change) in changes().enumerate() {
            let context = Context {
                id: ObservationId {
                    host: HostId([7; 16]),
                    epoch: Epoch(1),
                    lane: Lane::Prompt,
                    seq: Seq(u64::try_from(n).unwrap()),
                },
                host: HostId([7; 16]),
                agency: AgencyId::new("so-van-hoa").unwrap(),
                host_name: "may-12".to_owned(),
                role: Role::Server,
                at: AT,
            };
            let observation = Observation { at: AT, kind: Kind::FileChanged(change) };
            let of_slim = slim.weigh(&context, &observation, AT);
            let of_whole = whole.weigh_event(&context, observation.kind.word(), flatten(&observation), AT);
            assert_eq!(of_slim, of_whole, "{observation:?}");
            found.extend(of_slim.into_iter().map(|finding| finding.rule));
        }

        assert!(found.len() >= 8, "too few rules fired to say anything: {found:?}");
    }
}
