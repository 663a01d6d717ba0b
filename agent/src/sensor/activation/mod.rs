//! How Windows and Office are activated, and what activation tools left. Neither a product key nor a part of one is asked
//! for, read or told.
//!
//! | file | subject |
//! |---|---|
//! | `products` | what the licensing service says of products that have a key (`SoftwareLicensingProduct`) |
//! | `office` | Office as Click-to-Run installed it, from the registry |
//! | `traces` | services, tasks, lines of the hosts file, files, hooks and activation servers of the list `traces.toml` |
//!
//! `run.rs` reads it on a thread of its own, at every pass of the inventory: [`read`] blocks for as long as the licensing
//! service takes, within the limits of `os::wmi`.

mod office;
mod products;
mod traces;

use std::path::{Path, PathBuf};
use std::time::Duration;

use vonggac_protocol::activation::Activation;
use vonggac_protocol::posture::{Fact, Unknown, Why};

use super::within::within;
use crate::os::told::Instance;
use crate::os::wmi;
use crate::registry::OfThisMachine;

/// The namespace that holds the licensing service's classes.
const NAMESPACE: &str = "ROOT\\CIMV2";

/// How long the licensing service is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// Asks the licensing service. Systems before Windows 8 lack the last properties.
fn ask() -> Result<Vec<Instance>, Unknown> {
    let of = |properties: &[&str]| wmi::ask_where(NAMESPACE, products::CLASS, products::HAS_KEY, properties);
    match of(&products::PROPERTIES) {
        Err(Unknown { why: Why::Failed, .. }) => of(&products::PROPERTIES[..products::OF_ALL_SYSTEMS]),
        answer => answer,
    }
}

/// How this machine's products are activated; `None` where there is nothing of the kind (no Windows).
#[must_use]
pub fn read(root: &Path, excluded: &[PathBuf]) -> Option<Activation> {
    if !wmi::AVAILABLE || root.parent().is_some() {
        return None;
    }
    let asked = within("activation", ANSWER_MAX, ask);
    let products = match asked {
        Ok(instances) => Fact::Known(products::of(&instances)),
        // Systems without the class, and those that refuse, say so.
        Err(unknown) => Fact::Unknown(unknown),
    };
    let servers = products.known().into_iter().flatten().filter_map(|it| it.server.clone()).collect();
    let traces = traces::find(&OfThisMachine, root, excluded, servers);

    Some(Activation { products, office: office::read(&OfThisMachine), traces })
}
