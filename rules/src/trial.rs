//! Runs the tests that every rule carries.

use std::sync::Arc;

use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::time::Timestamp;

use crate::judge::{Context, Judge};
use crate::mistake::{Code, Mistake};
use crate::ruleset::{Case, CaseEvent, Rule, RuleSet};
use crate::words::Words;

/// Where the clock of a test stands when it begins: 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp(1_767_225_600_000);

/// How one test came out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TestOutcome {
    /// The rule.
    pub rule: String,
    /// Its file.
    pub path: String,
    /// The line of the test.
    pub line: usize,
    /// What the test shows.
    pub test: String,
    /// Whether the rule must fire.
    pub expected: bool,
    /// How many findings the rule gave.
    pub findings: usize,
}

impl TestOutcome {
    /// Whether it came out as it says.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.expected == (self.findings > 0)
    }

    /// The mistake of a test that did not pass.
    #[must_use]
    pub fn mistake(&self) -> Option<Mistake> {
        let (test, rule) = (&self.test, &self.rule);
        let problem = match (self.passed(), self.expected) {
            (true, _) => return None,
            (false, true) => Words {
                vi: format!("kiểm thử “{test}”: luật {rule} phải kích hoạt nhưng đã không kích hoạt"),
                en: format!("test “{test}”: rule {rule} must fire and did not"),
            },
            (false, false) => Words {
                vi: format!("kiểm thử “{test}”: luật {rule} không được kích hoạt nhưng đã kích hoạt"),
                en: format!("test “{test}”: rule {rule} must not fire and did"),
            },
        };

        Some(Mistake {
            path: self.path.clone(),
            line: self.line,
            code: Code::R015,
            problem,
            hint: Words {
                vi: "Sửa phần detection hoặc sửa kiểm thử".to_owned(),
                en: "Correct the detection or the test".to_owned(),
            },
        })
    }
}

/// Runs every test of every rule, each from a fresh start.
#[must_use]
pub fn run_tests(rules: &Arc<RuleSet>) -> Vec<TestOutcome> {
    let cases = rules.rules().iter().flat_map(|rule| rule.cases.iter().map(move |case| (rule, case)));

    cases.map(|(rule, case)| run(rules, rule, case)).collect()
}

fn run(rules: &Arc<RuleSet>, rule: &Rule, case: &Case) -> TestOutcome {
    let mut judge = Judge::new(Arc::clone(rules));
    let mut findings = 0;
    for (seq, event) in (1..).zip(&case.events) {
        let context = context(event, seq);
        let found = judge.weigh_event(&context, &event.category, event.fields.clone(), context.at);
        findings += found.iter().filter(|finding| finding.rule == rule.name).count();
    }

    TestOutcome {
        rule: rule.name.clone(),
        path: rule.path.clone(),
        line: case.line,
        test: case.name.clone(),
        expected: case.fires,
        findings,
    }
}

fn context(event: &CaseEvent, seq: u64) -> Context {
    let mut host = [0; 16];
    host.copy_from_slice(&Digest::of(event.host.as_bytes()).0[..16]);
    let host = HostId(host);
    let text = |name: &str| event.fields.get(name).and_then(serde_json::Value::as_str);
    let agency = text("agency").and_then(|id| AgencyId::new(id).ok());
    let role = match text("host_role") {
        Some("server") => Role::Server,
        Some("workstation") => Role::Workstation,
        Some(_) | None => Role::Unknown,
    };

    Context {
        id: ObservationId { host, epoch: Epoch(1), lane: Lane::Prompt, seq: Seq(seq) },
        host,
        agency: agency.unwrap_or_else(|| AgencyId::new("co-quan-thu").expect("the text is an agency id")),
        host_name: text("host_name").unwrap_or(&event.host).to_owned(),
        role,
        at: Timestamp(START.0.saturating_add(event.at_ms)),
    }
}
