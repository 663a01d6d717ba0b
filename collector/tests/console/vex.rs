//! Documents of how weaknesses stand (VEX), held to what the public schema of CycloneDX 1.6 demands of the parts we write.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::Value;
use vonggac_collector::store::sessions::SessionKind;

use super::ask::World;
use super::sbom::{component_is_sound, is_uuid, keys, list, text};
use super::seed;
use super::vulnerabilities::{TRACKER, carry_in};

/// A world with a feed that mends, does not mend and clears.
async fn world() -> World {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let cleared = r#""nginx": {"CVE-2026-1004": {"releases": {"bookworm": {"status": "resolved",
        "fixed_version": "0", "urgency": "not yet assigned"}}}, "#;
    carry_in(&world, folder.path(), &TRACKER.replace(r#""nginx": {"#, cleared), 3).await;

    world
}

async fn accept(world: &World, place: &str, name: &str, package: &str) {
    let token = world.session("binh", SessionKind::Token).await;
    let body = format!(
        r#"{{"name":"{name}","package":"{package}",{place}"until":"2026-12-31","reason":"Máy sắp thay"}}"#
    );
    let answer = world.call(&token, "POST", "/api/v1/risks", None, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
}

async fn vex(world: &World, whose: &str) -> Value {
    let token = world.session("an", SessionKind::Token).await;
    let answer = world.call(&token, "GET", &format!("/api/v1/{whose}/sbom?format=vex"), None, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/vnd.cyclonedx+json; version=1.6");
    assert!(answer.header("content-disposition").contains("vonggac-vex-"));

    answer.json()
}

fn of<'a>(document: &'a Value, id: &str) -> Vec<&'a Value> {
    list(document, "vulnerabilities").iter().filter(|it| it["id"] == id).collect()
}

fn is_sound(document: &Value) {
    keys(
        document,
        "bomFormat specVersion serialNumber version metadata components dependencies vulnerabilities \
         | $schema compositions",
    );
    assert!(is_uuid(text(document, "serialNumber").strip_prefix("urn:uuid:").unwrap()));
    let mut references = BTreeSet::new();
    for component in std::iter::once(&document["metadata"]["component"]).chain(list(document, "components")) {
        component_is_sound(component);
        assert!(references.insert(text(component, "bom-ref")), "{component}");
    }
    for dependency in list(document, "dependencies") {
        let on = list(dependency, "dependsOn").iter().map(|on| on.as_str().unwrap());
        for reference in on.chain([text(dependency, "ref")]) {
            assert!(references.contains(reference), "{reference} is nowhere");
        }
    }
    for told in list(document, "vulnerabilities") {
        keys(told, "id source analysis affects | references ratings description recommendation properties");
        let analysis = &told["analysis"];
        keys(analysis, "state detail | justification response firstIssued lastUpdated");
        let states = ["resolved", "exploitable", "in_triage", "false_positive", "not_affected"];
        assert!(states.contains(&text(analysis, "state")), "{analysis}");
        let is_clear = analysis["state"] == "not_affected";
        assert_eq!(
            analysis.get("justification").is_some(),
            is_clear,
            "only what does no harm says why: {told}"
        );
        let responses = ["can_not_fix", "will_not_fix", "update", "rollback", "workaround_available"];
        let given = list(analysis, "response");
        assert!(given.iter().all(|it| responses.contains(&it.as_str().unwrap())), "{analysis}");
        for moment in ["firstIssued", "lastUpdated"] {
            let moment = analysis.get(moment).and_then(Value::as_str);
            assert!(moment.is_none_or(|at| at.parse::<jiff::Timestamp>().is_ok()), "{analysis}");
        }
        assert!(!list(told, "affects").is_empty(), "{told}");
        for affected in list(told, "affects") {
            assert!(references.contains(text(affected, "ref")), "{affected}");
        }
    }
}

#[tokio::test]
async fn a_host_says_of_each_weakness_how_it_stands_and_who_accepted_it_until_when() {
    let world = world().await;
    accept(&world, &format!(r#""host":"{}","#, seed::host(1)), "cve-2026-1001", "bash").await;

    let document = vex(&world, &format!("hosts/{}", seed::host(1))).await;

    is_sound(&document);
    let accepted = of(&document, "CVE-2026-1001")[0];
    let analysis = &accepted["analysis"];
    assert_eq!(analysis["state"], "exploitable", "to accept a risk mends nothing");
    assert_eq!(analysis["response"], serde_json::json!(["will_not_fix"]));
    let detail = text(analysis, "detail");
    for words in ["accepted for this host until 2026-12-31", "(analyst)", "Máy sắp thay", "mends it"] {
        assert!(detail.contains(words), "{words} in {detail}");
    }
    assert!(!document.to_string().contains("binh"), "a role, not a name");
    assert!(analysis["firstIssued"].is_string());
    let open = of(&document, "CVE-2026-1003")[0];
    assert_eq!(open["analysis"]["state"], "exploitable");
    assert!(text(&open["analysis"], "detail").contains("no version is known"));
    let clear = of(&document, "CVE-2026-1004")[0];
    assert_eq!(clear["analysis"]["state"], "not_affected");
    assert_eq!(clear["analysis"]["justification"], "code_not_present");
    assert!(of(&document, "CVE-2026-1002").is_empty(), "what is mended is not told");
    assert_eq!(document.to_string(), vex(&world, &format!("hosts/{}", seed::host(1))).await.to_string());
}

#[tokio::test]
async fn an_agency_names_the_hosts_where_the_same_package_stands_differently() {
    let world = world().await;
    accept(&world, &format!(r#""host":"{}","#, seed::host(1)), "CVE-2026-1001", "bash").await;

    let document = vex(&world, "agencies/so-tttt").await;

    is_sound(&document);
    let both = of(&document, "CVE-2026-1001");
    assert_eq!(both.len(), 2, "accepted on one host, open on others");
    let hosts = |told: &Value| -> BTreeSet<String> {
        let named = list(told, "properties").iter().filter(|it| it["name"] == "vonggac:host");
        named.map(|it| text(it, "value").to_owned()).collect()
    };
    let accepted = both.iter().find(|it| text(&it["analysis"], "detail").contains("accepted")).unwrap();
    let open = both.iter().find(|it| !text(&it["analysis"], "detail").contains("accepted")).unwrap();
    assert_eq!(hosts(accepted), BTreeSet::from([seed::host(1).to_string()]));
    assert!(!hosts(open).is_empty() && !hosts(open).contains(&seed::host(1).to_string()));
    assert!(hosts(of(&document, "CVE-2026-1003")[0]).is_empty(), "the same everywhere");
}

#[tokio::test]
async fn people_of_another_agency_get_no_document() {
    let world = world().await;
    let token = world.session("chi", SessionKind::Token).await;

    for whose in [format!("hosts/{}", seed::host(1)), "agencies/so-y-te".to_owned()] {
        let path = format!("/api/v1/{whose}/sbom?format=vex");
        let answer = world.call(&token, "GET", &path, None, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}
