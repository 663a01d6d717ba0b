//! Ends of support, as endoflife.date gives them for all products at once (`/api/v1/products/full`).

use std::io::BufRead;

use serde::Deserialize;

use super::item::{Ended, Item};
use super::json::{moment, parse, whole};
use super::reading::Reading;
use crate::source::{FeedError, Place};

/// The only major version of the form that there is.
const SCHEMA: &str = "1";

const PASSED_OVER: [&str; 27] = [
    "total",
    "aliases",
    "label",
    "category",
    "tags",
    "versionCommand",
    "identifiers",
    "labels",
    "links",
    "codename",
    "releaseDate",
    "isLts",
    "ltsFrom",
    "isEoas",
    "eoasFrom",
    "isEoes",
    "isMaintained",
    "latest",
    "custom",
    "isDiscontinued",
    "discontinuedFrom",
    "last_modified",
    "versionCommandOutput",
    "icon",
    "html",
    "releasePolicy",
    "uri",
];

#[derive(Deserialize)]
struct Products {
    schema_version: String,
    generated_at: Option<String>,
    result: Vec<Product>,
}

#[derive(Deserialize)]
struct Product {
    name: String,
    #[serde(default)]
    releases: Vec<Release>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    name: String,
    #[serde(default)]
    is_eol: Option<bool>,
    eol_from: Option<String>,
    eoes_from: Option<String>,
}

/// Reads the file.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let bytes = whole(body, reading)?;
    let products: Products = parse(&bytes, &PASSED_OVER, reading)?;
    if products.schema_version.split('.').next() != Some(SCHEMA) {
        let place = Place::Path("schema_version".to_owned());
        return Err(FeedError::new(place, "form 1.x of endoflife.date", products.schema_version));
    }
    reading.dated(products.generated_at.as_deref().and_then(moment));
    for product in products.result {
        reading.advisory(None, None);
        for release in product.releases {
            for date in [&release.eol_from, &release.eoes_from].into_iter().flatten() {
                if date.len() != 10 || moment(date).is_none() {
                    let place = Place::Path(format!("{}.{}", product.name, release.name));
                    return Err(FeedError::new(place, "a day, YYYY-MM-DD", date));
                }
            }
            reading.give(Item::Ended(Ended {
                product: product.name.clone(),
                release: release.name,
                ended: release.is_eol == Some(true) && release.eol_from.is_none(),
                standard: release.eol_from,
                extended: release.eoes_from,
            }))?;
        }
    }

    Ok(())
}
