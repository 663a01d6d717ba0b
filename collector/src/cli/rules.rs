//! `rules`: checks rule files and runs the tests that they carry.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;
use vonggac_rules::trial;

use super::Setting;
use crate::judge::folder::{BrokenRules, Folder};
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
}

impl Rules {
    pub(super) fn run(self, setting: &Setting) -> anyhow::Result<ExitCode> {
        let (dir, test) = match self {
            Self::Check { dir } => (dir, false),
            Self::Test { dir } => (dir, true),
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
        let outcomes = if test { trial::run_tests(&rules) } else { Vec::new() };
        let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
        for mistake in outcomes.iter().filter_map(trial::TestOutcome::mistake) {
            complain(mistake.shown(setting.lang.of_rules()));
        }
        if setting.json {
            line(json!({
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
