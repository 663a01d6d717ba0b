//! Bills of materials held to what the public schemas of CycloneDX 1.6 and SPDX 2.3 demand of the parts that we write,
//! rule by rule; `measure sbom-valid` asks the public validators themselves.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::Value;
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::vulnerabilities::step;
use vonggac_protocol::package::Package;

use super::ask::World;
use super::seed;

/// A world in which one host has packages that are hard to tell.
async fn world() -> World {
    let world = World::new().await;
    let change = |tx: &rusqlite::Transaction<'_>| {
        let of: Vec<Vec<u8>> = tx
            .prepare("SELECT body FROM package WHERE host = ?1 ORDER BY name")?
            .query_map([seed::host(1).0], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let first: Package = minicbor::decode(&of[0])?;
        let odd = [
            ("phần-mềm", "1", Some("Giấy phép riêng"), Some("Công ty (TNHH) A")),
            ("kép", "2:1.0+b1~x", Some("((MIT OR GPL-2.0-or-later)) AND LicenseRef-public-domain"), Some("")),
            ("exception", "1", Some("GPL-2.0-or-later WITH AdditionRef-OpenSSL-exception"), None),
            ("plus", "1", Some("MPL-1.1+ OR LGPL-2.1-or-later"), None),
            ("", "", Some(""), None),
            ("kép", "2:1.0+b1~X", None, None),
        ];
        for (name, version, licence, vendor) in odd {
            let package = Package {
                name: name.to_owned(),
                version: version.to_owned(),
                licence: licence.map(str::to_owned),
                vendor: vendor.map(str::to_owned),
                ..first.clone()
            };
            tx.execute(
                "INSERT INTO package VALUES (?1, 0, ?2, ?3, ?4, ?5)",
                rusqlite::params![
                    seed::host(1).0,
                    package.name,
                    package.architecture,
                    package.version,
                    minicbor::to_vec(&package)?
                ],
            )?;
        }
        Ok(())
    };
    world.seed.desk.store.write(change).await.unwrap();
    step::once(&world.seed.desk.settings.vulnerabilities, &world.seed.desk.store).await.unwrap();

    world
}

async fn asked(world: &World, whose: &str, format: &str) -> Value {
    let token = world.session("an", SessionKind::Token).await;
    let path = format!("/api/v1/{whose}/sbom?format={format}");
    let answer = world.call(&token, "GET", &path, None, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{path}");

    answer.json()
}

fn whose() -> [String; 2] {
    [format!("hosts/{}", seed::host(1)), "agencies/so-tttt".to_owned()]
}

/// The object has these keys and no others; those before the bar must be there.
pub(super) fn keys(value: &Value, allowed: &str) {
    let (required, optional) = allowed.split_once('|').unwrap();
    let object = value.as_object().unwrap_or_else(|| panic!("an object: {value}"));
    for key in required.split_whitespace() {
        assert!(object.contains_key(key), "{key} is missing in {value}");
    }
    for key in object.keys() {
        assert!(allowed.replace('|', " ").split_whitespace().any(|known| known == key), "{key}: {optional}");
    }
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).map_or(&[], |found| found.as_array().unwrap_or_else(|| panic!("{key} is a list")))
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a text in {value}"))
}

/// `8-4-4-4-12` lower-case hex digits.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();

    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

#[tokio::test]
async fn cyclonedx_is_as_its_schema_demands() {
    let world = world().await;

    for whose in whose() {
        let bom = asked(&world, &whose, "cyclonedx").await;
        keys(
            &bom,
            "bomFormat specVersion serialNumber version metadata components dependencies \
             | $schema compositions vulnerabilities",
        );
        assert_eq!((text(&bom, "bomFormat"), text(&bom, "specVersion")), ("CycloneDX", "1.6"));
        assert!(is_uuid(text(&bom, "serialNumber").strip_prefix("urn:uuid:").unwrap()));
        keys(&bom["metadata"], "timestamp tools component |");
        let timestamp: Result<jiff::Timestamp, _> = text(&bom["metadata"], "timestamp").parse();
        assert!(timestamp.is_ok());
        let mut references = BTreeSet::new();
        let whole = std::iter::once(&bom["metadata"]["component"]).chain(list(&bom, "components"));
        for component in whole {
            component_is_sound(component);
            let reference = text(component, "bom-ref").to_owned();
            assert!(!reference.is_empty() && !reference.starts_with("urn:cdx:"), "{reference}");
            assert!(references.insert(reference.clone()), "{reference} twice");
        }
        let mut depending = BTreeSet::new();
        for dependency in list(&bom, "dependencies") {
            keys(dependency, "ref | dependsOn");
            assert!(depending.insert(text(dependency, "ref")), "{dependency}");
            let on: Vec<&str> = list(dependency, "dependsOn").iter().map(|on| on.as_str().unwrap()).collect();
            assert_eq!(on.iter().collect::<BTreeSet<_>>().len(), on.len(), "each once");
            for reference in on.into_iter().chain([text(dependency, "ref")]) {
                assert!(references.contains(reference), "{reference} is nowhere");
            }
        }
        for composition in list(&bom, "compositions") {
            keys(composition, "aggregate assemblies |");
            assert!(["incomplete", "unknown"].contains(&text(composition, "aggregate")));
            assert!(
                list(composition, "assemblies").iter().all(|it| references.contains(it.as_str().unwrap()))
            );
        }
        assert_eq!(
            list(&bom, "components").len(),
            if whose.starts_with("hosts") { 5 + 6 } else { 2 + 5 + 6 }
        );
    }
}

pub(super) fn component_is_sound(component: &Value) {
    keys(component, "type name bom-ref | supplier version licenses purl properties");
    let kinds = ["application", "library", "platform", "operating-system", "device"];
    assert!(kinds.contains(&text(component, "type")));
    let licences = list(component, "licenses");
    assert!(licences.len() <= 1, "an expression stands alone");
    for licence in licences {
        keys(licence, "expression acknowledgement |");
        assert_eq!(text(licence, "acknowledgement"), "declared");
        let expression = text(licence, "expression");
        assert!(spdx::Expression::parse(expression).is_ok(), "{expression}");
    }
    if let Some(purl) = component.get("purl").and_then(Value::as_str) {
        assert!(purl.starts_with("pkg:deb/debian/") && purl.is_ascii() && !purl.contains(' '), "{purl}");
    }
    for property in list(component, "properties") {
        keys(property, "name value |");
        assert!(text(property, "name").starts_with("vonggac:"));
        assert!(!text(property, "value").is_empty());
    }
    if let Some(supplier) = component.get("supplier") {
        keys(supplier, "name |");
        assert!(!text(supplier, "name").is_empty());
    }
}

/// `SPDXRef-` and letters, digits, dots and hyphens.
fn is_id(text: &str, prefix: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';

    text.strip_prefix(prefix).is_some_and(|own| !own.is_empty() && own.bytes().all(fits))
}

#[tokio::test]
async fn spdx_is_as_its_schema_demands() {
    let world = world().await;

    for whose in whose() {
        let document = asked(&world, &whose, "spdx").await;
        keys(
            &document,
            "spdxVersion dataLicense SPDXID name documentNamespace creationInfo packages relationships \
             | hasExtractedLicensingInfos",
        );
        assert_eq!(text(&document, "spdxVersion"), "SPDX-2.3");
        assert_eq!(text(&document, "dataLicense"), "CC0-1.0");
        assert_eq!(text(&document, "SPDXID"), "SPDXRef-DOCUMENT");
        let namespace = text(&document, "documentNamespace");
        assert!(is_uuid(namespace.strip_prefix("https://spdx.org/spdxdocs/vonggac-").unwrap()));
        let info = &document["creationInfo"];
        keys(info, "created creators licenseListVersion |");
        let version: Vec<&str> = text(info, "licenseListVersion").split('.').collect();
        assert!(version.len() == 2 && version.iter().all(|part| part.parse::<u32>().is_ok()), "{version:?}");
        let created = text(info, "created");
        assert!(created.ends_with('Z') && created.len() == "2026-11-22T01:52:25Z".len(), "{created}");
        assert!(list(info, "creators")[0].as_str().unwrap().starts_with("Tool: vonggac-collector-"));
        let extracted: BTreeSet<&str> = list(&document, "hasExtractedLicensingInfos")
            .iter()
            .map(|info| {
                keys(info, "licenseId extractedText |");
                assert!(
                    is_id(text(info, "licenseId"), "LicenseRef-") && !text(info, "extractedText").is_empty()
                );
                text(info, "licenseId")
            })
            .collect();
        let (mut ids, mut referred) = (BTreeSet::from(["SPDXRef-DOCUMENT"]), BTreeSet::new());
        for package in list(&document, "packages") {
            package_is_sound(package, &mut referred);
            let id = text(package, "SPDXID");
            assert!(is_id(id, "SPDXRef-") && ids.insert(id), "{id}");
        }
        assert_eq!(extracted, referred.iter().map(String::as_str).collect(), "each reference has its text");
        let mut described = 0;
        for relationship in list(&document, "relationships") {
            keys(relationship, "spdxElementId relationshipType relatedSpdxElement |");
            let kind = text(relationship, "relationshipType");
            assert!(["DESCRIBES", "CONTAINS"].contains(&kind));
            described += usize::from(kind == "DESCRIBES");
            for end in ["spdxElementId", "relatedSpdxElement"] {
                assert!(ids.contains(text(relationship, end)), "{relationship}");
            }
        }
        let machines = if whose.starts_with("hosts") { 1 } else { 2 };
        assert_eq!(described, machines);
        assert_eq!(list(&document, "packages").len(), machines + 5 + 6);
    }
}

fn package_is_sound(package: &Value, referred: &mut BTreeSet<String>) {
    keys(
        package,
        "SPDXID name supplier downloadLocation filesAnalyzed licenseConcluded licenseDeclared copyrightText \
         | versionInfo sourceInfo comment externalRefs primaryPackagePurpose",
    );
    assert!(!text(package, "name").is_empty());
    assert_eq!(package["filesAnalyzed"], false);
    for unknown in ["downloadLocation", "licenseConcluded", "copyrightText"] {
        assert_eq!(text(package, unknown), "NOASSERTION");
    }
    let supplier = text(package, "supplier");
    let organisation = supplier.strip_prefix("Organization: ");
    assert!(
        supplier == "NOASSERTION" || organisation.is_some_and(|name| !name.contains(['(', ')'])),
        "{supplier}"
    );
    let declared = text(package, "licenseDeclared");
    if declared != "NOASSERTION" {
        let parsed = spdx::Expression::parse(declared).unwrap();
        for found in parsed.requirements() {
            let written = found.req.to_string();
            assert!(!written.contains('+') && !written.contains("AdditionRef"), "{written}");
            if written.starts_with("LicenseRef-") {
                referred.insert(written);
            }
        }
    }
    for reference in list(package, "externalRefs") {
        keys(reference, "referenceCategory referenceType referenceLocator |");
        assert_eq!(text(reference, "referenceCategory"), "PACKAGE-MANAGER");
        assert_eq!(text(reference, "referenceType"), "purl");
        assert!(text(reference, "referenceLocator").starts_with("pkg:"));
    }
}
