//! The rows of Windows, by product: what advisories say of a system, and of parts that it may have.

use std::collections::{BTreeMap, BTreeSet};

use super::release::key;
use super::supersedence::Supersedence;
use crate::book::Book;
use crate::row::Names;
use crate::version::Key;

/// Rows of a product or of a part of it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The part, as the advisories name it; `None` for the product itself.
    pub(super) component: Option<String>,
    /// Its number in the book.
    pub(super) shelf: u32,
}

/// All that is known of one product.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    pub(super) parts: Vec<Part>,
    pub(super) supersedence: Supersedence,
    /// The build that an update brings to the product itself.
    pub(super) builds: BTreeMap<u32, (Key, String)>,
    /// Numbers of all updates that its rows name.
    pub(super) updates: BTreeSet<u32>,
}

/// The rows of a book that speak of Windows, in the order in which machines are judged. Make it anew when the book changes.
#[derive(Clone, Debug, Default)]
pub struct Shelves {
    products: BTreeMap<String, Product>,
    /// What takes the place of what, by the product without the words for an installation without desktop.
    supersedence: BTreeMap<String, Supersedence>,
}

const CORE: &str = " (server core installation)";

impl Shelves {
    /// The rows of Windows in a book.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        let mut shelves = Self::default();
        for (place, shelf) in book.of_windows().filter(|(place, _)| place.names == Names::Binary) {
            let (component, system) = parts_of(&place.package);
            let product = shelves.products.entry(key(system)).or_default();
            let is_whole = component.is_none();
            product.parts.push(Part { component: component.map(str::to_owned), shelf });
            for (row, version) in book.rows_at(shelf) {
                let Some(update) = row.update().and_then(|update| update.parse().ok()) else { continue };
                product.updates.insert(update);
                let order = place.ecosystem.order();
                let Some((version, Ok(key))) = version.map(|version| (version, order.key(version))) else {
                    continue;
                };
                if is_whole {
                    let of =
                        product.builds.entry(update).or_insert_with(|| (key.clone(), version.to_owned()));
                    // Two rows that tell different builds of one update: the lower is sure.
                    if key < of.0 {
                        *of = (key, version.to_owned());
                    }
                }
            }
        }
        for edge in book.superseded() {
            let key = key(parts_of(&edge.product).1);
            let system = key.strip_suffix(CORE).unwrap_or(&key).to_owned();
            shelves.supersedence.entry(system).or_default().add(edge.update, edge.before);
        }
        for (name, product) in &mut shelves.products {
            let system = name.strip_suffix(CORE).unwrap_or(name);
            product.supersedence = shelves.supersedence.get(system).cloned().unwrap_or_default();
        }

        shelves
    }

    /// The products that any row speaks of.
    pub fn products(&self) -> impl Iterator<Item = &str> {
        self.products.keys().map(String::as_str)
    }

    pub(super) fn product(&self, name: &str) -> Option<&Product> {
        self.products.get(&key(name))
    }
}

/// `Internet Explorer 11 on Windows 10 for 32-bit Systems` as part and system.
pub(crate) fn parts_of(product: &str) -> (Option<&str>, &str) {
    for on in [" on Windows ", " on Microsoft Windows "] {
        if let Some(at) = product.find(on) {
            let (part, system) = product.split_at(at);
            return (Some(part.trim()), system.trim_start_matches(" on ").trim());
        }
    }

    (None, product)
}
