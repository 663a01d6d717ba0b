//! CISA's list of exploited vulnerabilities.

use std::io::BufRead;

use serde::Deserialize;

use super::item::{Exploited, Item};
use super::json::{is_cve, moment, parse, whole};
use super::reading::Reading;
use crate::source::{FeedError, Place};

const PASSED_OVER: [&str; 9] = [
    "title",
    "catalogVersion",
    "vendorProject",
    "product",
    "vulnerabilityName",
    "shortDescription",
    "requiredAction",
    "notes",
    "cwes",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    date_released: String,
    count: Option<u64>,
    vulnerabilities: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: String,
    due_date: Option<String>,
    known_ransomware_campaign_use: Option<String>,
}

/// Reads the list.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let bytes = whole(body, reading)?;
    let list: List = parse(&bytes, &PASSED_OVER, reading)?;
    let at = |field: &str| Place::Path(field.to_owned());
    let dated = moment(&list.date_released)
        .ok_or_else(|| FeedError::new(at("dateReleased"), "a moment", &list.date_released))?;
    reading.dated(Some(dated));
    if let Some(count) = list.count
        && Some(count) != u64::try_from(list.vulnerabilities.len()).ok()
    {
        let expected = format!("{count} entries, as the list itself says");
        return Err(FeedError::new(at("count"), expected, list.vulnerabilities.len().to_string()));
    }
    for listed in list.vulnerabilities {
        if !is_cve(&listed.cve) {
            reading.skip("name that is no CVE");
            continue;
        }
        reading.advisory(None, None);
        reading.give(Item::Exploited(Exploited {
            cve: listed.cve,
            added: listed.date_added,
            due: listed.due_date,
            ransomware: listed.known_ransomware_campaign_use.as_deref() == Some("Known"),
        }))?;
    }

    Ok(())
}
