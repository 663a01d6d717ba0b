//! How the machine is protected: anti-malware, firewall, encryption of its disks, backups that the system knows of.
//!
//! How `run.rs` uses it: see [`packages`](super::packages). `read(root)` at every reading of the inventory; told when it
//! differs from what was told last but for moments that pass by themselves, and once a day. Blocks for as long as the
//! system's management data takes, at most a few minutes.
//!
//! | file | subject |
//! |---|---|
//! | [`windows`] | what the security centre, the registry and management data of Windows tell |
//! | [`linux`] | what files of well-known products and of the kernel tell |
//!
//! Each part is a known state or the reason why it is not known; "not known" is never told as "off".

pub mod linux;
pub mod windows;

use std::path::Path;
use std::time::Duration;

use vonggac_protocol::posture::{Fact, Posture, Unknown, Why};

use crate::os::{channels, wmi};
use crate::registry::OfThisMachine;
use crate::sensor::within::within;
use windows::Question;

/// How long one class of management data is waited for; a machine that just started takes a minute.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Reads it; `root` is where the files of a Linux system lie.
#[must_use]
pub fn read(root: &Path) -> Posture {
    if !wmi::AVAILABLE {
        return linux::read(root);
    }
    let ask = |question: &'static Question| {
        within(question.class, ANSWER_MAX, || {
            wmi::ask(question.namespace, question.class, question.properties)
        })
    };
    let event = |channel: &'static str, number: u32| {
        within(channel, ANSWER_MAX, move || channels::newest(channel, number))
    };

    windows::read(&OfThisMachine, &ask, &event)
}

/// The same, but what the system did not answer in time this once stays as it was told before.
#[must_use]
pub fn steadied(found: Posture, before: Option<&Posture>) -> Posture {
    fn steady<T: Clone>(found: Fact<T>, before: Option<&Fact<T>>) -> Fact<T> {
        match (&found, before) {
            (Fact::Unknown(Unknown { why: Why::NoAnswer, .. }), Some(before @ Fact::Known(_))) => {
                before.clone()
            }
            _ => found,
        }
    }

    Posture {
        anti_malware: steady(found.anti_malware, before.map(|it| &it.anti_malware)),
        firewall: steady(found.firewall, before.map(|it| &it.firewall)),
        volumes: steady(found.volumes, before.map(|it| &it.volumes)),
        backups: steady(found.backups, before.map(|it| &it.backups)),
    }
}
