//! Every kind of feed, in small files of our own making that have the publishers' shape; and files that are none.

use std::io::Write as _;

use super::*;
use crate::row::{Names, Verdict};

fn taken(bytes: &[u8]) -> Result<(Given, Vec<Item>), FeedError> {
    let mut items = Vec::new();
    let given = read(Cursor::new(bytes), &Limits::default(), &mut |item| {
        items.push(item);
        Ok(())
    })?;

    Ok((given, items))
}

/// Ecosystem, package, verdict and advisory of each row.
fn told(bytes: &[u8]) -> Vec<String> {
    let (_, items) = taken(bytes).unwrap();

    items
        .iter()
        .map(|item| match item {
            Item::Row(row) => {
                let module = row.module.as_deref().map(|module| format!(" of {module}")).unwrap_or_default();
                let names = if row.names == Names::Source { "source" } else { "binary" };
                format!(
                    "{} {names} {}{module} {:?} {}",
                    row.ecosystem, row.package, row.verdict, row.advisory.id
                )
            }
            Item::Exploited(it) => format!("{} {} {}", it.cve, it.added, it.ransomware),
            Item::Score(it) => format!("{} {} {:?}", it.cve, it.millionths, it.percentile),
            Item::Superseded(edge) => format!("{} {} before {}", edge.product, edge.update, edge.before),
            Item::Ended(it) => {
                format!("{} {} {:?} {:?} {}", it.product, it.release, it.standard, it.extended, it.ended)
            }
        })
        .collect()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();

    encoder.finish().unwrap()
}

fn xz(mut bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    lzma_rs::xz_compress(&mut bytes, &mut packed).unwrap();

    packed
}

#[test]
fn bzip2_and_xz_are_read_as_what_they_hold() {
    let archive = tar(&[("1.json", OSV.as_bytes())]);
    let plain = told(&archive);

    assert_eq!((told(&bzip2(&archive)), told(&xz(&archive))), (plain.clone(), plain));
    // A second stream behind the first is a part of the file.
    let (half, rest) = OSV.as_bytes().split_at(100);
    assert_eq!(told(&[bzip2(half), bzip2(rest)].concat()), told(OSV.as_bytes()));
    assert_eq!(told(&[xz(half), xz(rest)].concat()), told(OSV.as_bytes()));
}

#[test]
fn an_xz_that_asks_for_more_memory_than_is_given_is_refused() {
    let mut packed = xz(OSV.as_bytes());
    // The size of its dictionary stands after the number of the filter and the length of its properties.
    let at = packed.windows(2).position(|two| two == [0x21, 0x01]).unwrap() + 2;
    packed[at] = 40;
    // The header has a check sum of its own.
    let (start, length) = (12, (usize::from(packed[12]) + 1) * 4);
    let sum = crc32(&packed[start..start + length - 4]);
    packed[start + length - 4..start + length].copy_from_slice(&sum.to_le_bytes());

    assert!(refused(&packed).contains("needed memory"), "{}", refused(&packed));
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);

    sum.sum()
}

fn refused(bytes: &[u8]) -> String {
    taken(bytes).unwrap_err().to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();

    out.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[156] = b'0';
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1_024, 0);

    out
}

const OSV: &str = r#"{"id":"ALSA-2026:1","schema_version":"1.6.3","modified":"2026-02-01T00:00:00Z","published":"2026-01-01T00:00:00Z",
 "summary":"Important: nodejs:18 security update","related":["CVE-2026-0001"],"something_new":{"a":[1]},"affected":[
 {"package":{"ecosystem":"AlmaLinux:9","name":"nodejs"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:18.1-1.module_el9.2.0+36"}]}]},
 {"package":{"ecosystem":"AlmaLinux:9","name":"npm"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]},
 {"package":{"ecosystem":"AlmaLinux:9","name":"libuv"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1"},{"last_affected":"3"}]},{"type":"GIT","events":[]}]},
 {"package":{"ecosystem":"Wolfi","name":"x"},"ranges":[]}]}"#;

#[test]
fn osv_rows_say_what_mends_what_was_last_and_what_has_no_fix() {
    assert_eq!(
        told(OSV.as_bytes()),
        [
            "AlmaLinux:9 binary nodejs of nodejs:18 Fixed(\"1:18.1-1.module_el9.2.0+36\") ALSA-2026:1",
            "AlmaLinux:9 binary npm NoFix ALSA-2026:1",
            "AlmaLinux:9 binary libuv LastAffected(\"3\") ALSA-2026:1",
        ]
    );
    let (given, items) = taken(OSV.as_bytes()).unwrap();
    let Item::Row(row) = &items[0] else { panic!("a row") };
    assert_eq!(row.advisory.cves, ["CVE-2026-0001"]);
    assert_eq!(given.summary.skipped["unknown field something_new"], 1);
    assert_eq!(given.summary.skipped["range of type GIT"], 1);
    assert_eq!(given.summary.skipped["ecosystem Wolfi"], 1);
    assert!(given.summary.covers.is_empty(), "one advisory does not speak for a distribution");
    assert_eq!(given.summary.dated.unwrap().to_string(), "2026-02-01T00:00:00.000Z");
}

#[test]
fn a_withdrawn_advisory_gives_no_rows_and_is_counted() {
    let text = OSV.replacen("\"summary\"", "\"withdrawn\":\"2026-03-01T00:00:00Z\",\"summary\"", 1);
    let (given, items) = taken(text.as_bytes()).unwrap();

    assert!(items.is_empty());
    assert_eq!(given.summary.skipped["withdrawn"], 1);
}

#[test]
fn a_schema_that_is_too_new_is_refused_with_the_version() {
    let text = refused(OSV.replace("1.6.3", "2.0.0").as_bytes());

    assert_eq!(text, "schema_version: expected OSV schema 1.x, found 2.0.0");
}

#[test]
fn archives_speak_for_their_ecosystems_whatever_they_are_wrapped_in() {
    let archive = tar(&[("LICENSE", b"free"), ("a/1.json", OSV.as_bytes()), ("a/2.json", OSV.as_bytes())]);
    for bytes in
        [archive.clone(), gzip(&archive), gzip(&gzip(&archive)), zstd::encode_all(&*archive, 1).unwrap()]
    {
        let (given, items) = taken(&bytes).unwrap();
        assert_eq!((given.documents, items.len()), (2, 6));
        assert_eq!(given.summary.covers.len(), 1);
        assert_eq!(given.summary.skipped["file of no known kind"], 1);
    }
}

#[test]
fn torn_wrappings_are_refused_wherever_they_end() {
    let archive = tar(&[("1.json", OSV.as_bytes()), ("2.json", OSV.as_bytes())]);
    let packed = [gzip(OSV.as_bytes()), gzip(&archive), zstd::encode_all(&*archive, 1).unwrap()];
    for whole in packed.into_iter().chain([bzip2(&archive), xz(&archive)]) {
        for until in 1..whole.len() {
            assert!(taken(&whole[..until]).is_err(), "cut at {until}");
        }
    }
    assert!(taken(&archive[..archive.len() - 1_024]).is_err(), "a tar without its end mark");
    for until in 1..OSV.len() {
        assert!(taken(&OSV.as_bytes()[..until]).is_err(), "cut at {until}");
    }
}

#[test]
fn a_torn_file_inside_an_archive_is_named() {
    let archive = tar(&[("good.json", OSV.as_bytes()), ("bad.json", &OSV.as_bytes()[..300])]);

    assert!(refused(&archive).starts_with("bad.json: line "), "{}", refused(&archive));
}

#[test]
fn what_packs_others_inside_each_other_without_end_is_refused() {
    let deep = gzip(&gzip(&gzip(&gzip(&gzip(OSV.as_bytes())))));

    assert!(refused(&deep).contains("wrappings"), "{}", refused(&deep));
    assert!(refused(b"Rar!\x1a\x07\x01\x00").contains("unpack it first"));
}

#[test]
fn a_bomb_is_refused_at_the_bound() {
    let mut zeros = br#"{"id":"A-1","modified":""#.to_vec();
    zeros.resize(80 * 1024 * 1024, b'0');
    let limits = Limits { ratio: 10, ..Limits::default() };
    let refused = read(Cursor::new(gzip(&zeros)), &limits, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("bytes after unpacking"), "{refused}");
    zeros.truncate(2 * 1024 * 1024);
    let limits = Limits { unpacked_bytes: 1024 * 1024, ..Limits::default() };
    for packed in [bzip2(&zeros), xz(&zeros)] {
        let refused = read(Cursor::new(packed), &limits, &mut |_| Ok(())).unwrap_err().to_string();
        assert!(refused.contains("bytes after unpacking"), "{refused}");
    }

    let limits = Limits { rows: 2, ..Limits::default() };
    let refused = read(Cursor::new(OSV.as_bytes()), &limits, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("at most 2 rows"), "{refused}");

    let limits = Limits { document_bytes: 100, ..Limits::default() };
    let refused = read(Cursor::new(OSV.as_bytes()), &limits, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("at most 100 bytes in one document"), "{refused}");
}

#[test]
fn the_debian_tracker_is_told_release_by_release() {
    let text = r#"{"curl":{
      "CVE-2026-1":{"description":"** REJECT ** never given","releases":{"bookworm":{"status":"open"}}},
      "CVE-2026-1111":{"description":"x","debianbug":1,"releases":{
        "bookworm":{"status":"resolved","fixed_version":"7.88-1","urgency":"high"},
        "bullseye":{"status":"open","nodsa":"Minor issue","nodsa_reason":"ignored","urgency":"low"},
        "buster":{"status":"open","urgency":"end-of-life"},
        "trixie":{"status":"resolved","fixed_version":"0","urgency":"unimportant"},
        "stretch":{"status":"undetermined"},
        "sid":{"status":"open"}}}}}"#;
    let (given, items) = taken(text.as_bytes()).unwrap();

    assert_eq!(
        told(text.as_bytes()),
        [
            "Debian:12 source curl Fixed(\"7.88-1\") CVE-2026-1111",
            "Debian:11 source curl WillNotFix CVE-2026-1111",
            "Debian:10 source curl EndOfLife CVE-2026-1111",
            "Debian:13 source curl NotAffected CVE-2026-1111",
        ]
    );
    let Item::Row(row) = &items[1] else { panic!("a row") };
    assert_eq!(row.note, "no-dsa (ignored): Minor issue");
    for counted in ["rejected", "release sid", "status undetermined"] {
        assert_eq!(given.summary.skipped[counted], 1, "{counted}");
    }
    assert_eq!(given.summary.covers.len(), 5, "stretch is spoken for, though nothing is determined");
}

#[test]
fn exploited_marks_scores_and_dates_are_read() {
    let kev = r#"{"catalogVersion":"1","dateReleased":"2026-01-02T00:00:00Z","count":1,"vulnerabilities":[
      {"cveID":"CVE-2026-1111","dateAdded":"2026-01-01","knownRansomwareCampaignUse":"Known"}]}"#;
    assert_eq!(told(kev.as_bytes()), ["CVE-2026-1111 2026-01-01 true"]);
    assert!(refused(kev.replace("\"count\":1", "\"count\":2").as_bytes()).contains("expected 2 entries"));

    let epss =
        "#model_version:v1,score_date:2026-01-02T00:00:00+0000\ncve,epss,percentile\nCVE-2026-1111,0.5,0.9\n";
    assert_eq!(told(&gzip(epss.as_bytes())), ["CVE-2026-1111 500000 Some(900000)"]);
    let (given, _) = taken(epss.as_bytes()).unwrap();
    assert_eq!(given.summary.dated.unwrap().to_string(), "2026-01-02T00:00:00.000Z");
    assert!(
        refused(format!("{epss}CVE-2026-2222,1.5,0\n").as_bytes())
            .starts_with("line 4: expected a CVE and numbers")
    );

    let support = r#"{"schema_version":"1.2.0","generated_at":"2026-01-02T00:00:00+00:00","total":1,"result":[{"name":"ubuntu","releases":[
      {"name":"22.04","isEol":false,"eolFrom":"2027-04-01","eoesFrom":"2032-04-09"}]}]}"#;
    assert_eq!(told(support.as_bytes()), ["ubuntu 22.04 Some(\"2027-04-01\") Some(\"2032-04-09\") false"]);
    assert!(
        refused(support.replace("2027-04-01", "soon").as_bytes()).starts_with("ubuntu.22.04: expected a day")
    );
}

fn oval(system: &str, definitions: &str, rest: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><oval_definitions xmlns="x" xmlns:r="y"><generator><o:schema_version xmlns:o="z">5.10</o:schema_version>
        <timestamp>2026-01-02T00:00:00</timestamp></generator><definitions><!-- oval:{system}. -->{definitions}</definitions>{rest}</oval_definitions>"#
    )
}

#[test]
fn oval_of_the_rpm_family_is_joined_from_its_tables() {
    let definition = r#"<definition id="oval:org.almalinux.alsa:def:1" class="patch"><metadata><title>ALSA-2026:1: x &amp; y</title>
      <reference ref_id="ALSA-2026:1" source="ALSA"/><reference ref_id="CVE-2026-1111" source="CVE"/>
      <advisory><severity>Important</severity><issued date="2026-01-01"/></advisory></metadata>
      <criteria operator="AND"><criterion test_ref="t:os" comment="AlmaLinux 9 is installed"/><criteria operator="AND">
        <criterion test_ref="t:module" comment="Module nodejs:18 is enabled"/>
        <criterion test_ref="t:1" comment="nodejs is earlier than 1:2"/><criterion test_ref="t:key" comment="nodejs is signed with a key"/>
      </criteria></criteria></definition>"#;
    let rest = r#"<tests><r:rpminfo_test id="t:1"><r:object object_ref="o:1"/><r:state state_ref="s:1"/></r:rpminfo_test>
      <r:rpminfo_test id="t:key"><r:object object_ref="o:1"/><r:state state_ref="s:key"/></r:rpminfo_test></tests>
      <objects><r:rpminfo_object id="o:1"><r:name>nodejs</r:name></r:rpminfo_object></objects>
      <states><r:rpminfo_state id="s:1"><r:arch operation="pattern match">x86_64|aarch64</r:arch>
        <r:evr datatype="evr_string" operation="less than">0:2-1.el9</r:evr></r:rpminfo_state>
      <r:rpminfo_state id="s:key"><r:signature_keyid operation="equals">ff</r:signature_keyid></r:rpminfo_state></states>"#;
    let text = oval("org.almalinux", definition, rest);

    assert_eq!(
        told(text.as_bytes()),
        ["AlmaLinux:9 binary nodejs of nodejs:18 Fixed(\"2-1.el9\") ALSA-2026:1"]
    );
    let (_, items) = taken(text.as_bytes()).unwrap();
    let Item::Row(row) = &items[0] else { panic!("a row") };
    assert_eq!(row.architectures, ["x86_64", "aarch64"]);
    assert_eq!((row.advisory.summary.as_str(), row.advisory.cves.len()), ("ALSA-2026:1: x & y", 1));
    for until in (1..text.len()).step_by(11) {
        assert!(taken(&text.as_bytes()[..until]).is_err(), "cut at {until}");
    }
    assert!(refused(text.replace("5.10", "6.0").as_bytes()).contains("OVAL 5.x"));
    assert!(
        refused(text.replacen("?>", "?><!DOCTYPE x [<!ENTITY a \"b\">]>", 1).as_bytes())
            .contains("document type")
    );
}

#[test]
fn oval_of_red_hat_says_what_will_not_be_mended() {
    let definition = |id: &str, state: &str| {
        format!(
            r#"<definition id="oval:com.redhat.{id}:def:1" class="vulnerability"><metadata><title>CVE-2026-1111 tar (moderate)</title>
      <reference ref_id="CVE-2026-1111" source="CVE"/><advisory><affected><resolution state="{state}"><component>tar</component></resolution></affected></advisory></metadata>
      <criteria><criterion test_ref="t:os" comment="Red Hat Enterprise Linux 9 is installed"/><criterion test_ref="t:1" comment="tar is installed"/></criteria></definition>"#
        )
    };
    let rest = r#"<tests><r:rpminfo_test id="t:1"><r:object object_ref="o:1"/></r:rpminfo_test></tests>
      <objects><r:rpminfo_object id="o:1"><r:name>tar</r:name></r:rpminfo_object></objects>"#;
    for (id, state, verdict) in [
        ("cve", "Will not fix", "WillNotFix"),
        ("cve", "Out of support scope", "EndOfLife"),
        ("cve", "Affected", "NoFix"),
        ("unaffected", "", "NotAffected"),
    ] {
        let text = oval("com.redhat", &definition(id, state), rest);
        let expected = format!("Red Hat:enterprise_linux:9 binary tar {verdict} CVE-2026-1111");
        assert_eq!(told(text.as_bytes()), [expected]);
    }
}

#[test]
fn oval_of_ubuntu_names_packages_by_patterns_and_keeps_esm_apart() {
    let text = |version: &str| {
        let definition = r#"<definition id="oval:com.ubuntu.jammy:def:1" class="patch"><metadata><title>USN-1-1 -- ssh</title>
      <affected><platform>Ubuntu 22.04 LTS</platform></affected><reference source="USN" ref_id="USN-1-1"/></metadata>
      <criteria><criterion test_ref="t:1" comment="Long Term Support"/></criteria></definition>"#;
        let rest = format!(
            r#"<tests><i:textfilecontent54_test xmlns:i="i" id="t:1"><i:object object_ref="o:1"/><i:state state_ref="s:1"/></i:textfilecontent54_test></tests>
      <objects><i:textfilecontent54_object xmlns:i="i" id="o:1"><i:pattern var_ref="v:1"/></i:textfilecontent54_object></objects>
      <states><i:textfilecontent54_state xmlns:i="i" id="s:1"><i:subexpression operation="less than">
        {version}</i:subexpression></i:textfilecontent54_state></states>
      <variables><constant_variable id="v:1"><value>^ssh(?::\w+|)\s+(.*)$</value><value>^libstdc\+\+6(?::\w+|)\s+(.*)$</value></constant_variable></variables>"#
        );
        oval("com.ubuntu", definition, &rest)
    };

    assert_eq!(
        told(text("0:2-1ubuntu1").as_bytes()),
        [
            "Ubuntu:22.04:LTS binary libstdc++6 Fixed(\"2-1ubuntu1\") USN-1-1",
            "Ubuntu:22.04:LTS binary ssh Fixed(\"2-1ubuntu1\") USN-1-1",
        ]
    );
    assert!(told(text("2-1~esm1").as_bytes())[0].starts_with("Ubuntu:Pro:22.04:LTS binary"));
    let fips = text("2").replace("Ubuntu 22.04 LTS", "Ubuntu Pro FIPS-updates 22.04 LTS");
    assert_eq!(told(fips.as_bytes()), Vec::<String>::new(), "another product is counted, not judged");
}

const CSAF: &str = r#"{"document":{"csaf_version":"2.0","title":"T","publisher":{"namespace":"https://www.redhat.com"},
  "tracking":{"id":"CVE-2026-1111","current_release_date":"2026-01-02T00:00:00Z","initial_release_date":"2026-01-01T00:00:00Z"}},
 "product_tree":{"branches":[{"category":"vendor","name":"Red Hat","branches":[
   {"category":"product_name","name":"E","product":{"product_id":"base","name":"E","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:9::baseos"}}},
   {"category":"product_name","name":"U","product":{"product_id":"eus","name":"U","product_identification_helper":{"cpe":"cpe:/a:redhat:rhel_eus:9.2::appstream"}}},
   {"category":"product_version","name":"tar","product":{"product_id":"tar-new","name":"t","product_identification_helper":{"purl":"pkg:rpm/redhat/tar@1.34-9.el9?arch=x86_64&epoch=2"}}},
   {"category":"product_version","name":"tar","product":{"product_id":"tar","name":"t","product_identification_helper":{"purl":"pkg:rpm/redhat/tar?arch=src"}}}]}],
  "relationships":[
   {"category":"default_component_of","full_product_name":{"product_id":"base:tar-new","name":"x"},"product_reference":"tar-new","relates_to_product_reference":"base"},
   {"category":"default_component_of","full_product_name":{"product_id":"eus:tar-new","name":"x"},"product_reference":"tar-new","relates_to_product_reference":"eus"},
   {"category":"default_component_of","full_product_name":{"product_id":"base:tar","name":"x"},"product_reference":"tar","relates_to_product_reference":"base"}]},
 "vulnerabilities":[{"cve":"CVE-2026-1111","product_status":{"fixed":["base:tar-new","eus:tar-new"],"known_affected":["base:tar"]},
  "remediations":[{"category":"vendor_fix","details":"x","url":"https://access.redhat.com/errata/RHSA-2026:7","product_ids":["base:tar-new"]},
   {"category":"no_fix_planned","details":"Will not fix","product_ids":["base:tar"]}]}]}"#;

#[test]
fn csaf_of_red_hat_speaks_of_the_plain_system_only() {
    assert_eq!(
        told(CSAF.as_bytes()),
        [
            "Red Hat:enterprise_linux:9 binary tar Fixed(\"2:1.34-9.el9\") RHSA-2026:7",
            "Red Hat:enterprise_linux:9 source tar WillNotFix CVE-2026-1111",
        ]
    );
    let (given, _) = taken(CSAF.as_bytes()).unwrap();
    assert_eq!(given.summary.skipped["product rhel_eus:9.2"], 1);
    assert!(refused(CSAF.replace("\"2.0\"", "\"3.0\"").as_bytes()).contains("CSAF 2.0 or 2.1"));
}

#[test]
fn microsofts_month_gives_products_builds_and_updates() {
    let csaf = r#"{"document":{"csaf_version":"2.0","title":"T","publisher":{"namespace":"https://msrc.microsoft.com"},
      "tracking":{"id":"msrc_CVE-2026-1111","current_release_date":"2026-01-02T00:00:00Z","initial_release_date":"2026-01-01T00:00:00Z"}},
      "product_tree":{"branches":[{"category":"product_name","name":"Windows 10 Version 22H2 for x64-based Systems","branches":[
        {"category":"product_version_range","name":"<10.0.19045.5737","product":{"product_id":"1","name":"x"}},
        {"category":"product_version","name":"10.0.19045.5737","product":{"product_id":"2","name":"x"}}]}]},
      "vulnerabilities":[{"cve":"CVE-2026-1111","product_status":{"fixed":["2"],"known_affected":["1"]},
        "remediations":[{"category":"vendor_fix","details":"x","url":"https://support.microsoft.com/help/5055518","product_ids":["1"]}]}]}"#;
    let cvrf = r#"<cvrf:cvrfdoc xmlns:cvrf="c" xmlns:v="v"><DocumentPublisher>secure@microsoft.com</DocumentPublisher>
      <InitialReleaseDate>2026-01-01T08:00:00</InitialReleaseDate><FullProductName ProductID="7">Windows 10 Version 22H2 for x64-based Systems</FullProductName>
      <v:Vulnerability><v:Title>T</v:Title><v:CVE>CVE-2026-1111</v:CVE><v:ProductStatuses><v:Status Type="Known Affected"><v:ProductID>7</v:ProductID></v:Status></v:ProductStatuses>
      <v:Remediations><v:Remediation Type="Vendor Fix"><v:Description>5055518</v:Description><v:ProductID>7</v:ProductID><v:FixedBuild>10.0.19045.5737</v:FixedBuild></v:Remediation></v:Remediations>
      </v:Vulnerability></cvrf:cvrfdoc>"#;
    for text in [csaf, cvrf] {
        let (_, items) = taken(text.as_bytes()).unwrap();
        let [Item::Row(row)] = items.as_slice() else { panic!("one row") };
        assert_eq!(row.ecosystem.to_string(), "Windows:Windows 10 Version 22H2 for x64-based Systems");
        assert_eq!(row.verdict, Verdict::Fixed("10.0.19045.5737".to_owned()));
        assert_eq!((row.update.as_deref(), row.advisory.id.as_str()), (Some("5055518"), "CVE-2026-1111"));
    }
}

#[test]
fn of_two_statements_that_disagree_the_more_careful_one_is_kept_and_told() {
    let text = OSV.replace("\"name\":\"npm\"", "\"name\":\"libuv\"").replace(
        "{\"introduced\":\"1\"},{\"last_affected\":\"3\"}",
        "{\"introduced\":\"0\"},{\"fixed\":\"3\"}",
    );
    let mut careful = Careful::default();
    let mut kept = Vec::new();
    rows(text.as_bytes(), &mut |row| kept.extend(careful.take(row))).unwrap();
    kept.extend(careful.end());

    let told: Vec<_> = kept.iter().map(|row| (row.package.as_str(), &row.verdict)).collect();
    assert_eq!(told[1], ("libuv", &Verdict::NoFix));
    assert_eq!((told.len(), careful.count()), (2, 1));
    assert_eq!(
        careful.examples()[0].to_string(),
        "ALSA-2026:1 about libuv (AlmaLinux:9): no fix and fixed in 3; the first counts"
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(mut bytes in proptest::collection::vec(0_u8.., 0..200), at in 0_usize..2_000, which in 0_usize..3) {
        drop(taken(&bytes));
        let whole = [OSV, CSAF, r#"{"a":{"CVE-2026-1111":{"releases":{"sid":{"status":"open"}}}}}"#][which].as_bytes();
        let mut altered = whole.to_vec();
        let at = at % altered.len();
        let until = (at + bytes.len() / 20).min(altered.len());
        altered.splice(at..until, bytes.drain(..bytes.len() / 20));
        drop(taken(&altered));
    }
}
