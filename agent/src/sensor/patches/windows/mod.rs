//! The patch state of Windows: three sources side by side, none of them put together (docs/decisions/0034, 0045).
//!
//! | file | subject |
//! |---|---|
//! | `identity` | which Windows it is, and how its updates are set up, by the registry |
//! | `reboot` | every place where the system records that it waits for a restart |
//! | `recorded` | which updates are installed, by number |
//! | `updater` | what Windows Update says is missing: asked in the background, told with its age |
//! | `state` | all of it as one patch state |
//!
//! Nothing here is bound to the system: registry, management data and Windows Update are passed in, so that all of it is
//! tested everywhere. Texts for people are never understood, but for `KB` and digits in titles.

mod identity;
mod reboot;
mod recorded;
mod state;
#[cfg(test)]
mod tests;
mod updater;

pub use state::{Sources, read};
pub use updater::{Ask, Updater};
