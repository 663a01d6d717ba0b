//! The console and its API, whole, over a seeded store: what people and programs get when they ask.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ask;
mod budgets;
mod casework;
mod enrolling;
mod exceptions;
mod exchange;
mod exports;
mod fleet_kept;
mod licences;
mod pages;
mod patch_age;
mod programs;
mod reporting;
mod risks;
mod sbom;
mod scope;
mod seed;
mod sending;
mod sending_killed;
mod sending_tls;
mod signing_in;
mod vex;
mod vulnerabilities;
mod windows;
mod words;
