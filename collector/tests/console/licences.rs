//! Ledgers against machines, through the real program and a real store: rows HD-1, HD-2, LC-10 and LC-11.

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;
use vonggac_collector::clock;
use vonggac_collector::judge::bench::{Bench, Weighed};
use vonggac_collector::judge::folder::Folder;
use vonggac_collector::snapshot::book::Book;
use vonggac_collector::snapshot::figures::Figures;
use vonggac_collector::snapshot::gather::gather;
use vonggac_collector::store::agencies::{self, Level};
use vonggac_collector::store::hosts::{self, HostState};
use vonggac_collector::store::observations::{self, LaneOf, Row};
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::{incidents, packages};
use vonggac_protocol::host::{HostDescribed, Role};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Seq};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::package::{LicenceBasis, Manager, Package, PackagesListed, inventory_digest};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::words::Language;

use super::ask::World;

/// The agency of the Hải Dương and Lào Cai rows.
const AGENCY: &str = "so-tai-chinh";

/// Its client machines, all with Microsoft Office.
const CLIENTS: u16 = 120;

const LEDGER: &str = "agency;product_id;edition;version_max;metric;quantity;start;end;contract;note\n\
    so-tai-chinh;microsoft.office;Standard 2016;;device;60;01/01/2024;;HĐ 12/2024;\n\
    so-tai-chinh;microsoft.office;;;device;40;;;HĐ 07/2025;\n\
    so-tai-chinh;rarlab.winrar;;;device;10;01/01/2020;31/12/2020;HĐ cũ;\n\
    Tổng;;;;;110;;;;\n";

fn host(n: u16) -> HostId {
    let mut id = [0xaa; 16];
    id[14..].copy_from_slice(&n.to_be_bytes());
    HostId(id)
}

/// What the nth client has: Office everywhere, the rest in known numbers.
fn names(n: u16, replaced: u16) -> Vec<&'static str> {
    let mut names = vec!["Microsoft Office Word MUI (Vietnamese) 2016"];
    if n >= replaced {
        names.push("Microsoft Office Standard 2016");
    } else {
        names.push("LibreOffice 24.8.2.1");
    }
    for (most, name) in [
        (5, "KMSpico v10.2.0"),
        (12, "Mozilla Thunderbird 128.4 (x64 vi)"),
        (8, "WinRAR 7.01 (64-bit)"),
        (30, "UniKey 4.6 RC2"),
        (48, "Mozilla Firefox (x64 vi)"),
        (60, "7-Zip 24.08 (x64)"),
        (90, "Google Chrome"),
    ] {
        if n < most {
            names.push(name);
        }
    }

    names
}

fn package(name: &str) -> Package {
    Package {
        manager: Manager::WindowsUninstall,
        name: name.to_owned(),
        architecture: "x64".to_owned(),
        version: "16.0.4266.1001".to_owned(),
        source: None,
        source_version: None,
        section: None,
        vendor: None,
        licence: None,
        licence_basis: LicenceBasis::Unknown,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }
}

fn described(n: u16, now: Timestamp) -> HostDescribed {
    HostDescribed {
        name: format!("may-{n:03}"),
        role: Role::Workstation,
        os_family: "windows".to_owned(),
        os_id: "windows".to_owned(),
        os_version: "22H2".to_owned(),
        os_name: "Windows 10 Pro".to_owned(),
        kernel: "19045".to_owned(),
        architecture: "x86_64".to_owned(),
        processor: String::new(),
        processors: 4,
        memory_bytes: 8_000_000_000,
        disk_bytes: 1,
        vendor: String::new(),
        model: String::new(),
        firmware_date: None,
        addresses: Vec::new(),
        booted_at: now,
        virtualisation: None,
        domain: None,
        workgroup: None,
    }
}

/// Keeps an observation as the intake does.
fn keep(tx: &rusqlite::Transaction<'_>, host: HostId, seq: u64, at: Timestamp, kind: Kind) -> i64 {
    let of = LaneOf { host, epoch: Epoch(3), lane: kind.lane() };
    let word = kind.word();
    let body = Observation { at, kind: kind.clone() }.encode();
    let order = observations::insert(tx, of, Row { seq: Seq(seq), at, kind: word, body: &body }, at).unwrap();
    if let Kind::PackagesListed(listed) = &kind {
        packages::list(tx, host, listed, at, order).unwrap();
    } else {
        observations::set_latest(tx, host, word, order).unwrap();
    }

    order
}

fn inventory(n: u16, replaced: u16) -> Kind {
    let whole = names(n, replaced).into_iter().map(package).collect();
    let digest = inventory_digest(&whole);

    Kind::PackagesListed(PackagesListed { digest, part: 0, parts: 1, packages: whole.into_iter().collect() })
}

/// The agency with its machines, as of a minute ago.
async fn sown() -> World {
    let world = World::at(clock::now()).await;
    let at = world.seed.desk.now().minus(Duration::from_secs(60));
    let sow = move |tx: &rusqlite::Transaction<'_>| {
        let agency = AgencyId::new(AGENCY).unwrap();
        agencies::add(tx, &agency, "Sở Tài chính", Level::Department, at)?;
        for n in 0..CLIENTS {
            hosts::add(tx, host(n), &agency, &format!("may-{n:03}"), HostState::Active, 180, at)?;
            keep(tx, host(n), 1, at, Kind::HostDescribed(described(n, at)));
            keep(tx, host(n), 2, at, inventory(n, 0));
        }
        Ok(())
    };
    world.seed.desk.store.write(sow).await.unwrap();

    world
}

/// The real program on the world's data folder.
fn program(world: &World, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vonggac-collector"))
        .arg("--data-dir")
        .arg(world.folder())
        .args(arguments)
        .env_remove("VONGGAC_LANG")
        .output()
        .unwrap()
}

fn good(world: &World, arguments: &[&str]) -> String {
    let output = program(world, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");

    String::from_utf8(output.stdout).unwrap()
}

fn json(world: &World, arguments: &[&str]) -> Value {
    serde_json::from_str(&good(world, &[&["--json"], arguments].concat())).unwrap()
}

fn import(world: &World, text: &str, more: &[&str]) -> Output {
    let path = world.folder().join("so.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();

    program(world, &[&["entitlement", "import", &path, "--agency", AGENCY], more].concat())
}

async fn file(world: &World, rules: &Arc<vonggac_rules::ruleset::RuleSet>, weighed: Weighed) {
    let rules = Arc::clone(rules);
    let filing = move |tx: &rusqlite::Transaction<'_>| {
        for finding in &weighed.findings {
            let rule = rules.rule(&finding.rule).unwrap();
            incidents::file_finding(tx, finding, rule, rules.digest(), weighed.now)?;
        }
        tx.execute("UPDATE judge SET cursor = ?1", [weighed.cursor])?;
        Ok(())
    };
    world.seed.desk.store.write(filing).await.unwrap();
}

/// Judges everything as the collector does: what arrived, then the states, then the ledgers.
async fn judge(world: &World) {
    let rules = Arc::new(Folder::BuiltIn.load(Language::En).unwrap());
    let store = &world.seed.desk.store;
    let mut bench = Bench::open(store, Arc::clone(&rules)).await.unwrap();
    while let Some(weighed) = bench.weigh_next(store, 256, clock::now()).await.unwrap() {
        file(world, &rules, weighed).await;
    }
    let weighed = bench.weigh_states(store, clock::now()).await.unwrap();
    file(world, &rules, weighed).await;
    let weighed = bench.weigh_balances(store, clock::now()).await.unwrap().unwrap();
    file(world, &rules, weighed).await;
    assert!(bench.weigh_balances(store, clock::now()).await.unwrap().is_none(), "nothing is due twice");
}

/// Incidents of a rule in the agency: subject and number of findings.
async fn incidents_of(world: &World, rule: &'static str) -> Vec<(String, i64)> {
    world
        .seed
        .desk
        .store
        .read(move |db| {
            let mut query = db.prepare(
                "SELECT subject, findings FROM incident WHERE rule = ?1 AND agency = ?2 AND state <> 'closed' ORDER BY id",
            )?;
            let rows = query.query_map([rule, AGENCY], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap()
}

fn product<'v>(figures: &'v Value, id: &str) -> &'v Value {
    let products = figures["balance"]["products"].as_array().unwrap();
    products.iter().find(|line| line["product"] == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hd_1_the_balance_of_120_installations_against_100_with_5_activators() {
    let world = sown().await;

    let shown = import(&world, LEDGER, &[]);
    let nothing = good(&world, &["entitlement", "list"]);
    let applied = import(&world, LEDGER, &["--apply"]);
    let again = import(&world, LEDGER, &["--apply"]);
    judge(&world).await;

    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text(&shown).contains("Sẽ thêm 3") && text(&shown).contains("+\tmicrosoft.office\tStandard 2016")
    );
    assert!(nothing.contains("Chưa nhập"), "only shown: {nothing}");
    assert!(text(&applied).contains("Đã thêm 3"), "{}", text(&applied));
    assert!(text(&again).contains("không có gì thay đổi"));
    assert_eq!(world.audited("entitlement.imported").await, 1);

    let figures = &json(&world, &["licence", "balance", "--agency", AGENCY])[0]["figures"];
    let office = product(figures, "microsoft.office");
    assert_eq!((office["installed"].as_u64(), office["entitled"].as_u64()), (Some(120), Some(100)));
    assert_eq!((office["over"].as_u64(), office["unused"].as_u64()), (Some(20), Some(0)));
    assert_eq!(figures["with_activators"], 5);
    let winrar = product(figures, "rarlab.winrar");
    assert_eq!((winrar["over"].as_u64(), winrar["expired"].as_u64()), (Some(8), Some(10)));
    let said = good(&world, &["licence", "balance", "--agency", AGENCY]);
    assert!(said.contains("so-tai-chinh\tmicrosoft.office\tMicrosoft Office\t120\t100\t20\t0\t0"), "{said}");
    assert!(said.contains("5 máy có dấu vết công cụ kích hoạt"), "{said}");

    assert_eq!(incidents_of(&world, "activation-crack").await.len(), 5);
    assert_eq!(incidents_of(&world, "software-over-deployed").await, [("microsoft.office".to_owned(), 1)]);
    assert_eq!(incidents_of(&world, "entitlement-expired").await, [("rarlab.winrar".to_owned(), 1)]);
    let unlicensed = incidents_of(&world, "unlicensed-commercial").await;
    assert_eq!(unlicensed, [("rarlab.winrar".to_owned(), 8)], "Office has entitlements on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn hd_2_replacing_15_of_the_20_moves_both_rates_as_was_estimated() {
    let world = sown().await;
    import(&world, LEDGER, &["--apply"]);
    let arguments = ["licence", "what-if", "--replace", "microsoft-office=libreoffice", "--count", "15"];
    let arguments = [&arguments[..], &["--agency", AGENCY]].concat();

    let estimate = json(&world, &arguments);
    let said = good(&world, &arguments);
    let before = json(&world, &["licence", "balance", "--agency", AGENCY])[0]["figures"].clone();
    let at = clock::now();
    let replace = move |tx: &rusqlite::Transaction<'_>| {
        for n in 0..15 {
            keep(tx, host(n), 3, at, inventory(n, 15));
        }
        Ok(())
    };
    world.seed.desk.store.write(replace).await.unwrap();
    let after = json(&world, &["licence", "balance", "--agency", AGENCY])[0]["figures"].clone();

    assert!(said.lines().skip(1).all(|line| line.contains("(ước tính)")), "{said}");
    assert!(said.contains("so-tai-chinh: ước tính nếu thay đổi 15 máy"), "{said}");
    let office = product(&after, "microsoft.office");
    assert_eq!((office["installed"].as_u64(), office["over"].as_u64()), (Some(105), Some(5)));
    let figures = &estimate["figures"];
    for (pair, name) in [("over", "over"), ("installed", "installed")] {
        assert_eq!(figures[pair][0], before["balance"][name], "{pair} before");
        assert_eq!(figures[pair][1], after["balance"][name], "{pair} after");
    }
    for share in ["strict", "wide"] {
        assert_eq!(figures[share][0], before["open"][share], "{share} before");
        assert_eq!(figures[share][1], after["open"][share], "{share} after");
    }
    assert_eq!(
        before["open"]["strict"]["open"].as_u64().unwrap() + 15,
        after["open"]["strict"]["open"].as_u64().unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lc_10_shares_of_named_tools_are_right_and_chrome_is_in_the_wide_count_only() {
    let world = sown().await;

    let figures = &json(&world, &["licence", "share", "--agency", AGENCY])[0]["figures"];
    let said = good(&world, &["licence", "share", "--agency", AGENCY]);

    let tool = |name: &str| {
        let tools = figures["open"]["tools"].as_array().unwrap();
        let tool = tools.iter().find(|tool| tool["tool"] == name).unwrap();
        (
            tool["clients_by_licence"].as_u64().unwrap(),
            tool["clients"].as_u64().unwrap(),
            tool["of"].as_u64().unwrap(),
        )
    };
    assert_eq!(tool("firefox"), (48, 48, 120));
    assert_eq!(tool("thunderbird"), (12, 12, 120));
    assert_eq!(tool("chrome"), (0, 90, 120));
    assert_eq!(
        tool("unikey"),
        (0, 30, 120),
        "the Windows build is free of charge, its source is of older versions"
    );
    assert!(said.contains("chrome\t0\t0,0 %\t90\t75,0 %\t120\tkhông phải nguồn mở theo giấy phép"), "{said}");
    assert!(said.contains("firefox\t48\t40,0 %\t48\t40,0 %\t120\t\n"), "{said}");
    assert!(said.contains("7-zip\t7-Zip\t60\t50,0 %"), "{said}");
    let strict = figures["open"]["strict"]["open"].as_u64().unwrap();
    assert_eq!(strict, 48 + 12 + 60);
    assert_eq!(figures["open"]["wide"]["open"].as_u64().unwrap(), strict + 90 + 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn lc_11_what_if_firefox_were_installed_everywhere_is_told_as_an_estimate() {
    let world = sown().await;

    let said = good(&world, &["licence", "what-if", "--install", "firefox", "--agency", "ALL"]);
    let some = json(&world, &["licence", "what-if", "--install", "firefox", "--count", "12"]);
    let wrong = program(&world, &["licence", "what-if", "--install", "firefix"]);

    assert!(said.contains("ALL: ước tính nếu thay đổi 72 máy"), "{said}");
    assert!(said.contains("Máy trạm có phần mềm (ước tính): 40,0 % → 100,0 %"), "{said}");
    assert_eq!(
        (&some["estimate"], &some["figures"]["clients"]),
        (&true.into(), &serde_json::json!([48, 60]))
    );
    assert!(!wrong.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_with_mistakes_loads_nothing_and_tells_all_in_vietnamese() {
    let world = sown().await;
    let wrong = LEDGER.replace("microsoft.office;;;", "microsft.office;;;").replace(";110;", ";111;");

    let refused = import(&world, &wrong, &["--apply"]);
    let total = import(&world, &LEDGER.replace(";110;", ";111;"), &["--apply"]);

    let told = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(told(&refused).contains("so.csv:3: cột 2 (product_id): danh mục không có sản phẩm \"microsft.office\"; có phải là \"microsoft.office\"?"), "{}", told(&refused));
    assert!(
        told(&total)
            .contains("so.csv:5: cột 6 (quantity): dòng tổng ghi \"111\", các dòng trên cộng lại là 110")
    );
    assert!(good(&world, &["entitlement", "list"]).contains("Chưa nhập"));
    assert_eq!(world.audited("entitlement.imported").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_routes_show_the_balance_and_a_snapshot_tells_it_as_of_any_moment() {
    let world = sown().await;
    let before = clock::now();
    import(&world, LEDGER, &["--apply"]);
    let (session, token) =
        (world.session("an", SessionKind::Browser).await, world.session("an", SessionKind::Token).await);

    let page = world.get(&session, &format!("/ban-quyen/{AGENCY}")).await;
    let all = world.get(&session, "/ban-quyen").await.text;
    let part = world.call(&token, "GET", &format!("/api/v1/licences/{AGENCY}"), None, "").await;
    let absent = world.call(&token, "GET", "/api/v1/licences/khong-co", None, "").await;
    let software = world.get(&session, &format!("/may/{}/phan-mem", host(100))).await.text;

    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("HĐ 12/2024") && page.text.contains("không phải nguồn mở theo giấy phép"));
    assert!(page.text.contains("<td class=\"num bad\">20</td>"), "{}", page.text);
    assert!(all.contains("href=\"/ban-quyen/so-tai-chinh\""));
    let json = part.json();
    assert_eq!((json["over"].as_u64(), json["with_activators"].as_u64()), (Some(28), Some(5)));
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert!(!software.contains("chưa ghi nhận quyền sử dụng"), "Office is on record");

    let figure = |as_of: Timestamp| {
        let folder = Folder::BuiltIn;
        let book = Book::load(folder.sources().unwrap(), &folder.tables().unwrap(), Language::En).unwrap();
        let db = rusqlite::Connection::open(world.folder().join("collector.db")).unwrap();
        let facts = gather(&db, as_of).unwrap();
        let all = Figures::of(&facts, &book).about("copyright");
        let found = all.into_iter().find(|one| one.name == "installations_without_recorded_entitlement");
        found.map(|figure| (figure.value, figure.of.unwrap())).unwrap()
    };
    assert_eq!(figure(before), (128, 128), "before the import");
    assert_eq!(figure(clock::now()), (28, 128));
    let (file, forged) = (world.folder().join("anh.zip"), world.folder().join("gia.zip"));
    let file = file.to_str().unwrap();
    good(&world, &["snapshot", "make", "--out", file]);
    good(&world, &["snapshot", "verify", file]);
    let mut bytes = std::fs::read(file).unwrap();
    let at = position(&bytes, b"\"quantity\": 60");
    bytes[at + 12] = b'9';
    std::fs::write(&forged, bytes).unwrap();
    assert!(!program(&world, &["snapshot", "verify", forged.to_str().unwrap()]).status.success());
}

fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|here| here == part).unwrap()
}
