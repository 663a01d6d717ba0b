//! `rules`: checks rule files, runs the tests that they carry, weighs kept history with them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use vonggac_rules::ruleset::{PLAN_CLAUSE, PLAN_MISSING, RuleSet};
use vonggac_rules::trial;

use super::Setting;
use super::rule_packs::PackCommand;
use crate::clock;
use crate::judge::folder::{BrokenRules, Folder};
use crate::judge::replay::{Fired, replay};
use crate::print::{complain, line};

#[derive(Subcommand, Debug)]
pub(super) enum Rules {
    /// Kiểm tra các tệp luật / check the rule files
    Check {
        /// Thư mục có packs/ / folder with packs/; without it the configured one
        dir: Option<PathBuf>,
    },
    /// Chạy kiểm thử của từng luật / run the tests that each rule carries
    Test {
        /// Thư mục có packs/ / folder with packs/; without it the configured one
        dir: Option<PathBuf>,
    },
    /// Luật sẽ phát hiện gì trong dữ liệu đã lưu, không tạo sự cố / what would have fired on kept history; raises nothing
    Replay {
        /// Thư mục có packs/ / folder with packs/; without it the configured one
        dir: Option<PathBuf>,
        /// Từ bao lâu trước: 90m, 24h, 7d / since how long ago
        #[arg(long, value_name = "SPAN")]
        since: String,
        /// Chỉ nêu luật này / tell of this rule only
        #[arg(long, value_name = "NAME")]
        rule: Option<String>,
    },
    #[command(flatten)]
    Packs(PackCommand),
}

impl Rules {
    /// Checking and testing do not.
    pub(super) fn touches_data(&self) -> bool {
        match self {
            Self::Check { .. } | Self::Test { .. } => false,
            Self::Replay { .. } | Self::Packs(_) => true,
        }
    }

    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<ExitCode> {
        let (dir, test) = match &self {
            Self::Check { dir } | Self::Replay { dir, .. } => (dir.clone(), false),
            Self::Test { dir } => (dir.clone(), true),
            Self::Packs(_) => (None, false),
        };
        let replay = match self {
            Self::Packs(command) => return command.run(setting).await.map(|()| ExitCode::SUCCESS),
            Self::Replay { since, rule, .. } => Some((since, rule)),
            Self::Check { .. } | Self::Test { .. } => None,
        };
        let folder = Folder::of(dir.as_deref().or(setting.config.rules_dir.as_deref()));
        let rules = match folder.load(setting.lang.of_rules()) {
            Ok(rules) => Arc::new(rules),
            Err(error) => {
                let Some(BrokenRules(lines)) = error.downcast_ref::<BrokenRules>() else { return Err(error) };
                lines.iter().for_each(complain);
                complain(setting.say("cli-rules-broken", &[("count", &lines.len())]));
                return Ok(ExitCode::FAILURE);
            }
        };
        if let Some((since, rule)) = replay {
            return replay_since(setting, rules, &since, rule.as_deref()).await;
        }
        let outcomes = if test { trial::run_tests(&rules) } else { Vec::new() };
        let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
        for mistake in outcomes.iter().filter_map(trial::TestOutcome::mistake) {
            complain(mistake.shown(setting.lang.of_rules()));
        }
        for rule in rules.without_plan() {
            complain(setting.say(
                "rules-plan-missing",
                &[
                    ("path", &rule.path),
                    ("line", &rule.line),
                    ("code", &PLAN_MISSING),
                    ("rule", &rule.name),
                    ("clause", &PLAN_CLAUSE),
                ],
            ));
        }
        if setting.json {
            line(json!({
                "plan_missing": rules.without_plan().map(|rule| &rule.name).collect::<Vec<_>>(),
                "rules": rules.rules().len(),
                "files": rules.files().len(),
                "digest": rules.digest(),
                "tests": outcomes.len(),
                "passed": passed,
            }));
        } else {
            let (count, files) = (rules.rules().len(), rules.files().len());
            let digest = rules.digest();
            setting.tell("cli-rules-good", &[("rules", &count), ("files", &files), ("digest", &digest)]);
            if test {
                setting.tell("cli-rules-tested", &[("passed", &passed), ("all", &outcomes.len())]);
            }
        }

        Ok(if passed == outcomes.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn replay_since(
    setting: &Setting,
    rules: Arc<RuleSet>,
    since: &str,
    only: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let Some(span) = span(since) else {
        bail!("{}", setting.say("cli-rules-bad-since", &[("found", &since)]))
    };
    if let Some(name) = only.filter(|name| rules.rule(name).is_none()) {
        bail!("{}", setting.say("cli-rules-unknown", &[("rule", &name)]));
    }
    let from = clock::now().minus(span);
    let mut replayed = replay(&setting.store()?, rules, from).await?;
    replayed.rules.retain(|name, _| only.is_none_or(|only| only == name));
    if setting.json {
        line(serde_json::to_string(&replayed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for (rule, fired) in &replayed.rules {
        let Fired { findings, matters, hosts, first_at, last_at } = fired;
        setting.tell(
            "cli-rules-would-fire",
            &[
                ("rule", rule),
                ("findings", findings),
                ("matters", matters),
                ("hosts", hosts),
                ("first", first_at),
                ("last", last_at),
            ],
        );
    }
    setting.tell(
        "cli-rules-replayed",
        &[("count", &replayed.observations), ("since", &from), ("rules", &replayed.rules.len())],
    );

    Ok(ExitCode::SUCCESS)
}

/// A span such as `90m`, `24h`, `7d`.
fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let secs = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;

    number.checked_mul(secs).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(span("7d"), Some(Duration::from_secs(604_800)));
        assert_eq!(span("90m"), Some(Duration::from_secs(5_400)));
        assert!(
            [span(""), span("d"), span("0d"), span("7"), span("7ngày"), span("-1d")]
                .iter()
                .all(Option::is_none)
        );
    }
}
