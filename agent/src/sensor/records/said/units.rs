//! What the service manager says of services. The start and the end of the machine move everything: told is what happens between.

use vonggac_protocol::record::ServiceAction;

use crate::sensor::records::fact::Fact;
use crate::sensor::records::record::{Job, Record};

/// `SD_MESSAGE_UNIT_STARTED`.
const STARTED: &str = "39f53479d3a045ac8e11786248231fbf";
/// `SD_MESSAGE_UNIT_STOPPED`.
const STOPPED: &str = "9d1aaa27d60140bd96365438aad20286";
/// `SD_MESSAGE_UNIT_FAILURE_RESULT`.
const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";

/// Units that come and go with people and with the agent's own sight of them.
const PASSED_OVER: [&str; 4] = ["user@", "user-runtime-dir@", "session-", "run-"];

pub(super) fn read(job: &Job) -> Option<Fact> {
    if !job.unit.ends_with(".service") || PASSED_OVER.iter().any(|start| job.unit.starts_with(start)) {
        return None;
    }
    let action = match (job.message.as_str(), job.result.as_deref()) {
        (STARTED, Some("done")) => ServiceAction::Started,
        (STOPPED, Some("done")) => ServiceAction::Stopped,
        (FAILED, _) => ServiceAction::Failed,
        _ => return None,
    };
    let result = job.unit_result.clone().filter(|_| action == ServiceAction::Failed);

    Some(Fact::Service { unit: job.unit.clone(), action, result })
}

/// `systemd-logind` says when the machine goes down.
pub(super) fn logind(message: &str) -> Option<Fact> {
    let is_down = ["System is rebooting", "System is powering down", "System is halting", "The system will "]
        .iter()
        .any(|start| message.starts_with(start));

    is_down.then_some(Fact::GoingDown)
}

/// The manager itself says when the machine is up.
pub(super) fn manager(message: &str, record: &Record) -> Option<Fact> {
    (record.process == Some(1) && record.sure && message.starts_with("Startup finished in "))
        .then_some(Fact::Up)
}
