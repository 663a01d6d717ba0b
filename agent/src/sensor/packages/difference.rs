//! What to tell the collector: the whole in parts at first, then differences; pure.

use std::collections::BTreeSet;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::limits::{INVENTORY_PART_PACKAGES_MAX, INVENTORY_PARTS_MAX, OBSERVATION_BYTES_MAX};
use vonggac_protocol::observation::Kind;
use vonggac_protocol::package::{Package, PackagesChanged, PackagesListed, inventory_digest};

/// Bytes of packages in one observation; the rest of its limit is room for what stands around them.
const PACKAGES_BYTES_MAX: usize = OBSERVATION_BYTES_MAX - 4096;

/// The inventory cannot be told within the protocol's limits.
#[derive(Debug, thiserror::Error)]
#[error("the inventory needs {parts} parts, at most {INVENTORY_PARTS_MAX} are accepted")]
pub struct ReportInventoryError {
    parts: usize,
}

/// The observations that bring a collector from what it holds to `now`.
///
/// `before` is the inventory told last (from [`load`](super::load)), `held` the digest that the collector's Welcome named.
/// None are needed if it holds `now` already. A difference is made if it holds `before` and the difference is smaller
/// than one part; otherwise the whole is told in parts.
///
/// # Errors
/// If the whole does not fit into the parts that the protocol allows.
pub fn report(
    before: Option<&BTreeSet<Package>>,
    held: Option<Digest>,
    now: &BTreeSet<Package>,
) -> Result<Vec<Kind>, ReportInventoryError> {
    let digest = inventory_digest(now);
    if held == Some(digest) {
        return Ok(Vec::new());
    }
    let told = before.filter(|before| held == Some(inventory_digest(before)));
    if let Some(changed) = told.and_then(|before| difference(before, now)) {
        return Ok(vec![Kind::PackagesChanged(changed)]);
    }

    Ok(whole(now)?.into_iter().map(Kind::PackagesListed).collect())
}

/// What changed; `None` if that is too much for one observation.
fn difference(before: &BTreeSet<Package>, after: &BTreeSet<Package>) -> Option<PackagesChanged> {
    let added: Vec<Package> = after.difference(before).cloned().collect();
    let removed: Vec<_> = before.difference(after).map(Package::key).collect();
    let bytes =
        added.iter().map(encoded_bytes).sum::<usize>() + removed.iter().map(encoded_bytes).sum::<usize>();
    let fits = added.len() + removed.len() <= INVENTORY_PART_PACKAGES_MAX && bytes <= PACKAGES_BYTES_MAX;

    fits.then(|| PackagesChanged {
        before: inventory_digest(before),
        after: inventory_digest(after),
        added,
        removed,
    })
}

fn whole(packages: &BTreeSet<Package>) -> Result<Vec<PackagesListed>, ReportInventoryError> {
    let mut parts: Vec<Vec<Package>> = vec![Vec::new()];
    let mut bytes = 0;
    for package in packages {
        let size = encoded_bytes(package);
        let last = parts.last().map_or(0, Vec::len);
        if last == INVENTORY_PART_PACKAGES_MAX || (last > 0 && bytes + size > PACKAGES_BYTES_MAX) {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(package.clone());
        }
    }
    let digest = inventory_digest(packages);
    let count = u32::try_from(parts.len()).ok().filter(|count| *count <= INVENTORY_PARTS_MAX);
    let count = count.ok_or(ReportInventoryError { parts: parts.len() })?;

    Ok((0..)
        .zip(parts)
        .map(|(part, packages)| PackagesListed { digest, part, parts: count, packages })
        .collect())
}

fn encoded_bytes<T: minicbor::Encode<()>>(value: &T) -> usize {
    minicbor::to_vec(value).map_or(usize::MAX / 4, |bytes| bytes.len())
}
