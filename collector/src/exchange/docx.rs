//! A report as a file for a word processor (Office Open XML, ECMA-376): the parts that a text of paragraphs and one
//! table needs, and no more (decision 0040).

use std::io::{Cursor, Write as _};

use anyhow::Context as _;
use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::writer::Writer;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::iodef::fit;
use super::paper::{Paper, VI};

type Out = Writer<Vec<u8>>;

const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPE: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml";

/// A4 with the margins of official papers (Decree 30/2020/NĐ-CP, annex I: 20 mm above and below, 30 mm left, 15 mm
/// right), in twentieths of a point.
const PAGE: [(&str, &str); 2] = [("w:w", "11906"), ("w:h", "16838")];
const MARGINS: [(&str, &str); 7] = [
    ("w:top", "1134"),
    ("w:right", "850"),
    ("w:bottom", "1134"),
    ("w:left", "1701"),
    ("w:header", "708"),
    ("w:footer", "708"),
    ("w:gutter", "0"),
];

/// Widths of the table's two columns; what the margins leave.
const COLUMNS: [&str; 2] = ["3119", "6236"];

/// The whole file. The same report gives the same bytes.
///
/// # Errors
/// If it cannot be written, or the report lacks a required field: then it is none yet.
pub fn file(paper: &Paper) -> anyhow::Result<Vec<u8>> {
    anyhow::ensure!(paper.missing.is_empty(), "the form lacks required fields");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (name, content) in [
        ("[Content_Types].xml", types()?),
        ("_rels/.rels", relations(&[("officeDocument", OFFICE, "word/document.xml")])?),
        ("word/document.xml", document(paper)?),
        ("word/_rels/document.xml.rels", relations(&[("styles", OFFICE, "styles.xml")])?),
        ("word/styles.xml", styles()?),
    ] {
        zip.start_file(name, options).with_context(|| format!("begin {name}"))?;
        zip.write_all(&content).with_context(|| format!("write {name}"))?;
    }

    Ok(zip.finish().context("finish the file")?.into_inner())
}

fn begin() -> std::io::Result<Out> {
    let mut out = Writer::new(Vec::new());
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), Some("yes"))))?;

    Ok(out)
}

fn types() -> std::io::Result<Vec<u8>> {
    let mut out = begin()?;
    let namespace = format!("{PACKAGE}/content-types");
    out.create_element("Types").with_attribute(("xmlns", namespace.as_str())).write_inner_content(|out| {
        for (extension, kind) in
            [("rels", "application/vnd.openxmlformats-package.relationships+xml"), ("xml", "application/xml")]
        {
            out.create_element("Default")
                .with_attributes([("Extension", extension), ("ContentType", kind)])
                .write_empty()?;
        }
        for (part, kind) in [("/word/document.xml", "document.main"), ("/word/styles.xml", "styles")] {
            let kind = format!("{TYPE}.{kind}+xml");
            out.create_element("Override")
                .with_attributes([("PartName", part), ("ContentType", kind.as_str())])
                .write_empty()?;
        }
        Ok(())
    })?;

    Ok(out.into_inner())
}

fn relations(all: &[(&str, &str, &str)]) -> std::io::Result<Vec<u8>> {
    let mut out = begin()?;
    let namespace = format!("{PACKAGE}/relationships");
    out.create_element("Relationships").with_attribute(("xmlns", namespace.as_str())).write_inner_content(
        |out| {
            for (number, (kind, base, target)) in (1..).zip(all) {
                let (id, kind) = (format!("rId{number}"), format!("{base}/{kind}"));
                out.create_element("Relationship")
                    .with_attributes([("Id", id.as_str()), ("Type", kind.as_str()), ("Target", *target)])
                    .write_empty()?;
            }
            Ok(())
        },
    )?;

    Ok(out.into_inner())
}

fn styles() -> std::io::Result<Vec<u8>> {
    let mut out = begin()?;
    out.create_element("w:styles").with_attribute(("xmlns:w", MAIN)).write_inner_content(|out| {
        out.create_element("w:docDefaults").write_inner_content(|out| {
            out.create_element("w:rPrDefault").write_inner_content(|out| {
                out.create_element("w:rPr").write_inner_content(|out| {
                    // Official papers are in this face, at 13 or 14 points.
                    let face = "Times New Roman";
                    out.create_element("w:rFonts")
                        .with_attributes([
                            ("w:ascii", face),
                            ("w:hAnsi", face),
                            ("w:cs", face),
                            ("w:eastAsia", face),
                        ])
                        .write_empty()?;
                    out.create_element("w:sz").with_attribute(("w:val", "26")).write_empty()?;
                    out.create_element("w:lang").with_attribute(("w:val", "vi-VN")).write_empty()?;
                    Ok(())
                })?;
                Ok(())
            })?;
            Ok(())
        })?;
        for (kind, id, name) in [("paragraph", "Normal", "Normal"), ("table", "TableNormal", "Normal Table")]
        {
            out.create_element("w:style")
                .with_attributes([("w:type", kind), ("w:default", "1"), ("w:styleId", id)])
                .write_inner_content(|out| {
                    out.create_element("w:name").with_attribute(("w:val", name)).write_empty()?;
                    Ok(())
                })?;
        }
        Ok(())
    })?;

    Ok(out.into_inner())
}

/// How a paragraph looks.
#[derive(Clone, Copy, Default)]
struct Look {
    is_bold: bool,
    is_centred: bool,
    is_small: bool,
}

const PLAIN: Look = Look { is_bold: false, is_centred: false, is_small: false };
const BOLD: Look = Look { is_bold: true, ..PLAIN };
const HEAD: Look = Look { is_bold: true, is_centred: true, is_small: false };
const CENTRED: Look = Look { is_centred: true, ..PLAIN };
const SMALL: Look = Look { is_small: true, ..PLAIN };

fn document(paper: &Paper) -> std::io::Result<Vec<u8>> {
    let mut out = begin()?;
    out.create_element("w:document").with_attribute(("xmlns:w", MAIN)).write_inner_content(|out| {
        out.create_element("w:body").write_inner_content(|out| {
            body(out, paper)?;
            out.create_element("w:sectPr").write_inner_content(|out| {
                out.create_element("w:pgSz").with_attributes(PAGE).write_empty()?;
                out.create_element("w:pgMar").with_attributes(MARGINS).write_empty()?;
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(())
    })?;

    Ok(out.into_inner())
}

fn body(out: &mut Out, paper: &Paper) -> std::io::Result<()> {
    paragraph(out, HEAD, &VI.say("paper-state"))?;
    paragraph(out, HEAD, &VI.say("paper-motto"))?;
    paragraph(out, PLAIN, &VI.say("paper-number"))?;
    paragraph(out, PLAIN, &VI.say("paper-place"))?;
    if paper.is_drill {
        paragraph(out, HEAD, &VI.say("paper-drill"))?;
    }
    paragraph(out, HEAD, &paper.form)?;
    paragraph(out, CENTRED, &paper.duty)?;
    paragraph(out, BOLD, &format!("{} {}", VI.say("paper-to"), paper.to.join("; ")))?;
    out.create_element("w:tbl").write_inner_content(|out| {
        table_look(out)?;
        paper.rows.iter().try_for_each(|(name, value)| row(out, name, value))
    })?;
    paragraph(out, PLAIN, "")?;
    paragraph(out, PLAIN, &VI.say("paper-copies"))?;
    paragraph(out, CENTRED, "…………………")?;
    paragraph(out, CENTRED, &VI.say("paper-signature"))?;
    if paper.is_drill {
        paragraph(out, HEAD, &VI.say("paper-drill"))?;
    }
    let foot = format!("{} · {} {} · #{}", paper.tlp, VI.say("paper-form"), paper.source, paper.incident);

    paragraph(out, SMALL, &foot)
}

fn table_look(out: &mut Out) -> std::io::Result<()> {
    out.create_element("w:tblPr").write_inner_content(|out| {
        out.create_element("w:tblW").with_attributes([("w:w", "9355"), ("w:type", "dxa")]).write_empty()?;
        out.create_element("w:tblBorders").write_inner_content(|out| {
            for side in ["top", "left", "bottom", "right", "insideH", "insideV"] {
                out.create_element(format!("w:{side}"))
                    .with_attributes([
                        ("w:val", "single"),
                        ("w:sz", "4"),
                        ("w:space", "0"),
                        ("w:color", "auto"),
                    ])
                    .write_empty()?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    out.create_element("w:tblGrid").write_inner_content(|out| {
        for width in COLUMNS {
            out.create_element("w:gridCol").with_attribute(("w:w", width)).write_empty()?;
        }
        Ok(())
    })?;

    Ok(())
}

fn row(out: &mut Out, name: &str, value: &str) -> std::io::Result<()> {
    out.create_element("w:tr").write_inner_content(|out| {
        for (width, look, text) in [(COLUMNS[0], BOLD, name), (COLUMNS[1], PLAIN, value)] {
            out.create_element("w:tc").write_inner_content(|out| {
                out.create_element("w:tcPr").write_inner_content(|out| {
                    out.create_element("w:tcW")
                        .with_attributes([("w:w", width), ("w:type", "dxa")])
                        .write_empty()?;
                    Ok(())
                })?;
                paragraph(out, look, text)
            })?;
        }
        Ok(())
    })?;

    Ok(())
}

fn paragraph(out: &mut Out, look: Look, text: &str) -> std::io::Result<()> {
    out.create_element("w:p").write_inner_content(|out| {
        if look.is_centred {
            out.create_element("w:pPr").write_inner_content(|out| {
                out.create_element("w:jc").with_attribute(("w:val", "center")).write_empty()?;
                Ok(())
            })?;
        }
        for (number, line) in text.lines().enumerate() {
            out.create_element("w:r").write_inner_content(|out| run(out, look, line, number > 0))?;
        }
        Ok(())
    })?;

    Ok(())
}

fn run(out: &mut Out, look: Look, line: &str, breaks: bool) -> std::io::Result<()> {
    if look.is_bold || look.is_small {
        out.create_element("w:rPr").write_inner_content(|out| {
            if look.is_bold {
                out.create_element("w:b").write_empty()?;
            }
            if look.is_small {
                out.create_element("w:sz").with_attribute(("w:val", "18")).write_empty()?;
            }
            Ok(())
        })?;
    }
    if breaks {
        out.create_element("w:br").write_empty()?;
    }
    out.create_element("w:t")
        .with_attribute(("xml:space", "preserve"))
        .write_text_content(BytesText::new(&fit(line)))?;

    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn paper() -> Paper {
        Paper {
            incident: 12,
            form: "Thông báo ban đầu".to_owned(),
            kind: "initial".to_owned(),
            duty: "Thông báo trong 24 giờ".to_owned(),
            to: vec!["Bộ Công an".to_owned(), "Sở <X> & Y".to_owned()],
            source: "Nghị định – chưa ai xác nhận".to_owned(),
            tlp: "TLP:AMBER".to_owned(),
            is_drill: false,
            rows: vec![("Mô tả".to_owned(), "dòng <1>\ndòng & 2\u{1}".to_owned())],
            missing: Vec::new(),
        }
    }

    fn part(file: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_file_holds_every_row_escaped_and_in_its_lines() {
        let text = part(&file(&paper()).unwrap(), "word/document.xml");

        for expected in
            ["Thông báo ban đầu", "Sở &lt;X&gt; &amp; Y", "dòng &lt;1&gt;", "<w:br/>", "TLP:AMBER"]
        {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains('\u{1}') && !text.contains("DIỄN TẬP"));
        assert_eq!(file(&paper()).unwrap(), file(&paper()).unwrap());
    }

    #[test]
    fn a_report_that_lacks_a_required_field_is_no_file() {
        let paper = Paper { missing: vec!["Điện thoại".to_owned()], ..paper() };

        assert!(file(&paper).is_err());
    }

    #[test]
    fn a_drill_says_so_at_its_beginning_and_its_end() {
        let text = part(&file(&Paper { is_drill: true, ..paper() }).unwrap(), "word/document.xml");

        assert_eq!(text.matches("DIỄN TẬP – KHÔNG PHẢI SỰ CỐ THẬT").count(), 2);
    }
}
