//! The packages of a host, worked out from its observations alone, so that anybody can do it again.

use std::collections::{BTreeMap, BTreeSet};

use vonggac_protocol::digest::Digest;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::{Package, PackageKey, inventory_digest};

/// Reads lists and changes in the order in which they arrived.
#[derive(Debug)]
pub struct Fold<T> {
    parts: BTreeMap<(Digest, u32), (u32, Vec<Package>, T)>,
    whole: Option<Whole<T>>,
}

#[derive(Debug)]
struct Whole<T> {
    digest: Digest,
    packages: BTreeMap<PackageKey, Package>,
    sources: Vec<T>,
}

impl<T> Default for Fold<T> {
    fn default() -> Self {
        Self { parts: BTreeMap::new(), whole: None }
    }
}

impl<T: Clone> Fold<T> {
    /// Takes the next observation; other kinds are passed over. `source` says which it was.
    pub fn take(&mut self, observation: Observation, source: T) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these two kinds speak of packages")]
        match observation.kind {
            Kind::PackagesListed(listed) => {
                self.parts.insert((listed.digest, listed.part), (listed.parts, listed.packages, source));
                self.complete(listed.digest, listed.parts);
            }
            Kind::PackagesChanged(changed) => {
                let Some(whole) = self.whole.as_mut().filter(|whole| whole.digest == changed.before) else {
                    return;
                };
                let mut packages = whole.packages.clone();
                for key in &changed.removed {
                    packages.remove(key);
                }
                packages.extend(changed.added.into_iter().map(|package| (package.key(), package)));
                // A change that does not lead where it says is not believed; the next whole list mends it.
                if digest_of(&packages) == changed.after {
                    whole.packages = packages;
                    whole.digest = changed.after;
                    whole.sources.push(source);
                }
            }
            _ => {}
        }
    }

    fn complete(&mut self, digest: Digest, parts: u32) {
        let here: Vec<_> = (0..parts).filter_map(|part| self.parts.get(&(digest, part))).collect();
        if u32::try_from(here.len()).ok() != Some(parts) {
            return;
        }
        let sources = here.iter().map(|(_, _, source)| source.clone()).collect();
        let packages: BTreeMap<_, _> =
            here.iter().flat_map(|(_, packages, _)| packages.iter().map(|p| (p.key(), p.clone()))).collect();
        if digest_of(&packages) == digest {
            self.whole = Some(Whole { digest, packages, sources });
            self.parts.clear();
        }
    }

    /// The packages and the sources that they follow from; `None` if no whole list ever arrived.
    #[must_use]
    pub fn finish(self) -> Option<(Vec<Package>, Vec<T>)> {
        self.whole.map(|whole| (whole.packages.into_values().collect(), whole.sources))
    }
}

fn digest_of(packages: &BTreeMap<PackageKey, Package>) -> Digest {
    let set: BTreeSet<Package> = packages.values().cloned().collect();

    inventory_digest(&set)
}
