//! Ledgers: what is read, what is refused, what the store makes of them.

use rusqlite::Connection;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::AgencyId;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::entitlement::{Entitlement, Metric};
use vonggac_rules::words::Language;

use super::sheet;
use super::survey::CATALOGUE;
use crate::store::agencies::{self, Level};
use crate::store::entitlements::{self, Import};
use crate::store::migrate;

const HEAD: &str = "agency,product_id,edition,version_max,metric,quantity,start,end,contract,note\n";

fn read(text: &str) -> Result<Vec<Entitlement>, Vec<String>> {
    read_bytes(text.as_bytes())
}

fn read_bytes(bytes: &[u8]) -> Result<Vec<Entitlement>, Vec<String>> {
    sheet::read("so.csv", bytes, "so-y-te", &CATALOGUE)
        .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.shown(Language::En)).collect())
}

fn refused(lines: &str) -> Vec<String> {
    read(&format!("{HEAD}{lines}")).unwrap_err()
}

#[test]
fn a_ledger_is_the_same_with_commas_or_semicolons_with_or_without_a_mark_in_either_form_of_days() {
    let plain = format!(
        "{HEAD}so-y-te,microsoft.office,Standard 2019,16,device,60,2026-01-01,2026-12-31,\"HĐ 12, 2025\",máy mới\n"
    );
    let excel = "\u{feff}sep=;\r\nCơ quan;Sản phẩm;Ấn bản;Phiên bản tối đa;Hình thức;Số lượng;Bắt đầu;Hết hạn;Hợp đồng;Ghi chú\r\n\
        ;microsoft.office;Standard 2019;16;Máy;60;1/1/2026;31/12/2026;HĐ 12, 2025;máy mới\r\n;;;;;;;;;\r\nTổng cộng:;;;;;60;;;;\r\n";

    let lines = read(&plain).unwrap();

    assert_eq!(lines, read(excel).unwrap());
    assert_eq!(lines[0].end, Some("2026-12-31".parse().unwrap()));
    assert_eq!(
        (lines[0].metric, lines[0].quantity, lines[0].contract.as_str()),
        (Metric::Device, 60, "HĐ 12, 2025")
    );
}

#[test]
fn every_mistake_is_told_at_once_with_line_column_and_what_was_expected() {
    let mistakes = refused(
        "so-tttt,microsoft.ofice,,,device,10,,,,\n\
         ,rarlab.winrar,,,seat,1.000,31/02/2026,2025-13-01,,\n\
         ,kaspersky,,,user,0,2026-05-01,2026-04-30,,\n\
         ,activator.kms,,,device,3,,,,\n",
    );

    let told = |place: &str, words: &str| {
        let found = mistakes.iter().filter(|line| line.starts_with(place) && line.contains(words)).count();
        assert_eq!(found, 1, "{place} {words}: {mistakes:#?}");
    };
    told("so.csv:2: column 1 (agency)", "expected \"so-y-te\", found \"so-tttt\"");
    told("so.csv:2: column 2 (product_id)", "did you mean \"microsoft.office\"?");
    told("so.csv:3: column 5 (metric)", "device, user, core or site, found \"seat\"");
    told("so.csv:3: column 6 (quantity)", "without separators, found \"1.000\"");
    told("so.csv:3: column 7 (start)", "31/12/2026, found \"31/02/2026\"");
    told("so.csv:3: column 8 (end)", "found \"2025-13-01\"");
    told("so.csv:4: column 6 (quantity)", "from 1 to 1000000");
    told("so.csv:4: column 8 (end)", "before it starts");
    told("so.csv:5: column 2 (product_id)", "nobody is entitled");
    assert_eq!(mistakes.len(), 9, "{mistakes:#?}");
}

#[test]
fn a_total_that_is_not_the_sum_is_refused_and_a_right_one_is_no_line() {
    let lines = ",microsoft.office,,,device,60,,,,\n,rarlab.winrar,,,device,40,,,,\n";

    assert_eq!(read(&format!("{HEAD}{lines}Tổng,,,,,100,,,,\n")).unwrap().len(), 2);
    let wrong = refused(&format!("{lines}Tổng,,,,,110,,,,\n"));
    assert_eq!(
        wrong,
        ["so.csv:4: column 6 (quantity): the total says \"110\", the lines above add up to 100"]
    );
    assert!(refused(&format!("{lines}Total,,,,,,,,,\n"))[0].contains("the total says \"\""));
    assert!(refused(&format!("Tổng,,,,,0,,,,\n{lines}"))[0].contains("a line after the total in line 2"));
}

#[test]
fn a_line_that_is_there_twice_is_refused_and_another_contract_is_another_right() {
    let twice = ",microsoft.office,,,device,60,,,HD-1,\n,rarlab.winrar,,,device,1,,,,\n,microsoft.office,,,device,9,,,HD-1,x\n";

    assert!(refused(twice)[0].starts_with("so.csv:4: repeats line 2"));
    assert_eq!(read(&format!("{HEAD}{}", twice.replace("9,,,HD-1", "9,,,HD-2"))).unwrap().len(), 3);
}

#[test]
fn a_file_of_another_form_is_told_in_a_line() {
    let one = |bytes: &[u8]| read_bytes(bytes).unwrap_err().join("\n");

    assert!(one(b"").contains("the file is empty"));
    assert!(one(HEAD.as_bytes()).contains("no line"));
    assert!(one(b"\xff\xfea\0g\0").contains("CSV UTF-8"));
    assert!(
        one(b"product_id,metric,quantity\nunikey,device,1\n\xe1\xba").starts_with("so.csv:3: is not UTF-8")
    );
    assert!(one(b"product_id,metric\n").contains("the column quantity is missing"));
    assert!(one(b"product_id,metric,quantiy\n").contains("did you mean \"quantity\"?"));
    assert!(
        one(b"product_id,metric,quantity,metric\n").contains("column 4 (metric): the column is there twice")
    );
    assert!(refused(",kaspersky,,,device,1,,,,,more\n")[0].contains("11 cells, there are 10 columns"));
    assert!(refused(",kaspersky,,,device,1,,,\"open\n,eset,,,device,1,,,,\n")[0].contains("closing quote"));
    assert!(refused(&format!(",kaspersky,,,device,1,,,,{}\n", "x".repeat(501)))[0].contains("501 letters"));
}

fn ledger() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    migrate::to_newest(&mut db).unwrap();
    let tx = db.transaction().unwrap();
    agencies::add(&tx, &AgencyId::new("so-y-te").unwrap(), "Sở Y tế", Level::Department, Timestamp(1))
        .unwrap();
    tx.commit().unwrap();

    db
}

fn take(db: &mut Connection, lines: &str, now: i64) -> super::difference::Difference {
    let import = Import {
        agency: "so-y-te".to_owned(),
        person: "an".to_owned(),
        file: "so.csv".to_owned(),
        digest: Digest::of(lines.as_bytes()),
    };
    let lines = read(&format!("{HEAD}{lines}")).unwrap();
    let tx = db.transaction().unwrap();
    let difference = entitlements::take(&tx, &import, &lines, Timestamp(now)).unwrap();
    tx.commit().unwrap();

    difference
}

#[test]
fn a_ledger_is_told_as_it_was_at_any_moment() {
    let mut db = ledger();
    take(&mut db, ",kaspersky,,,device,10,,,HD-1,\n,eset,,,device,5,,,,\n", 100);
    let second = take(&mut db, ",kaspersky,,,device,30,,,HD-1,\n,unikey,,,site,1,,,,\n", 200);
    let same = take(&mut db, ",unikey,,,site,1,,,,\n,kaspersky,,,device,30,,,HD-1,\n", 300);

    assert_eq!((second.added.len(), second.changed.len(), second.removed.len()), (1, 1, 1));
    assert!(same.is_empty() && same.same == 2);
    assert_eq!(entitlements::revision(&db).unwrap(), 2, "what changes nothing is no import");
    let at = |moment: Option<i64>| -> Vec<(String, u64)> {
        entitlements::in_force(&db, Some("so-y-te"), moment.map(Timestamp))
            .unwrap()
            .into_iter()
            .map(|held| (held.entitlement.product, held.entitlement.quantity))
            .collect()
    };
    assert!(at(Some(99)).is_empty());
    assert_eq!(at(Some(199)), [("eset".to_owned(), 5), ("kaspersky".to_owned(), 10)]);
    assert_eq!(at(None), [("kaspersky".to_owned(), 30), ("unikey".to_owned(), 1)]);
    assert!(db.execute("DELETE FROM entitlement", []).is_err());
}
