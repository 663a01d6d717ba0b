//! Windows machines judged by us and by wesng's `wes.py`, from the same definitions.
//!
//! The definitions name no builds, and `systeminfo` no revision, so only the second of our three ways is compared:
//! recorded updates and what those took the place of. Every vulnerability that one side tells and the other does not is
//! put under a cause that is worked out from the definitions; what has none is counted as that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};
use vonggac_advisory::book::{Book, Loading};
use vonggac_advisory::feed::{self, Item, Limits, Superseded};
use vonggac_advisory::row::Row;
use vonggac_advisory::windows::release::key;
use vonggac_advisory::windows::supersedence::Supersedence;
use vonggac_advisory::windows::{Judged, Shelves};
use vonggac_protocol::time::Timestamp;

use super::super::idle::memory_mib;
use super::super::{progress, quantile, rounded};
use super::data;
use super::wes_machines::{self, Machine};
use crate::programs::instant;

/// Rows of one vulnerability in one product: the numbers of updates that mend it, and `None` for rows without one.
type Rows = BTreeMap<(String, String), BTreeSet<Option<u32>>>;

struct Definitions {
    book: Book,
    shelves: Shelves,
    rows: Rows,
    /// The product of those rows as it is written; `wes.py` compares letter by letter.
    written: BTreeMap<(String, String), BTreeSet<String>>,
    supersedence: BTreeMap<String, Supersedence>,
}

/// What one side says of a machine.
#[derive(Default)]
struct Side {
    cves: BTreeSet<String>,
    updates: BTreeSet<u32>,
    /// Vulnerability and update of rows; the product, for rows that were counted for the machine.
    rows: BTreeSet<(String, Option<u32>, String)>,
}

pub(in super::super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let folder = std::env::args().nth(2).context("name the folder of wesng: measure against-wes FOLDER")?;
    let folder = Path::new(&folder);
    let start = instant();
    let definitions = definitions(folder, None)?;
    let load = start.elapsed().as_secs_f64();
    let (mut map, mut causes) = (Map::new(), BTreeMap::<String, u64>::new());
    let (mut times, mut wes_times) = (Vec::new(), Vec::new());
    let mut totals = [0_usize; 8];
    for machine in wes_machines::all(folder)? {
        let start = instant();
        let judged = definitions.shelves.judge(&definitions.book, &machine.state, None);
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        let theirs = theirs(folder, &machine.name)?;
        let wes_seconds = theirs.as_ref().map(|(_, seconds)| *seconds);
        wes_times.extend(wes_seconds);
        let (product, ours) = match judged {
            Ok(judged) => (judged.product.clone(), Some(side(&judged))),
            Err(why) => (why.to_string(), None),
        };
        let (Some(ours), Some((theirs, _))) = (ours, theirs) else {
            *causes.entry(format!("machine not judged: {product}")).or_default() += 1;
            progress(&format!("{}: {product}; wes.py {wes_seconds:?}", machine.name));
            totals[7] += 1;
            continue;
        };
        let counts = compare(&definitions, &machine, &product, &ours, &theirs, &mut causes);
        progress(&format!("{} ({product}): {counts:?}, wes.py {wes_seconds:?} s", machine.name));
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
        totals[6] += 1;
    }
    let names = [
        "cves_both",
        "cves_ours_only",
        "cves_wes_only",
        "updates_both",
        "updates_ours_only",
        "updates_wes_only",
        "machines",
        "machines_not_judged",
    ];
    for (name, total) in names.into_iter().zip(totals) {
        map.insert(name.to_owned(), total.into());
    }
    map.insert("causes".to_owned(), serde_json::to_value(&causes)?);
    map.insert("load_seconds".to_owned(), rounded(load));
    times.sort_by(f64::total_cmp);
    wes_times.sort_by(f64::total_cmp);
    for (name, times) in [("ms_a_machine", &times), ("wes_seconds", &wes_times)] {
        map.insert(format!("{name}_median"), quantile(times, 0.5).map_or(Value::Null, rounded));
        map.insert(format!("{name}_most"), quantile(times, 1.0).map_or(Value::Null, rounded));
    }
    map.insert("mib".to_owned(), rounded(memory_mib(std::process::id(), "VmHWM:")?));
    drop(definitions);
    map.insert("windows_update".to_owned(), by_windows_update(folder)?);

    Ok(map)
}

/// Reads the definitions; with a day, as they would have been at its end.
fn definitions(folder: &Path, until: Option<Timestamp>) -> anyhow::Result<Definitions> {
    let file = fs::File::open(folder.join("definitions.zip")).context("open definitions.zip")?;
    let (mut loading, mut rows, mut edges) = (Loading::new(), Rows::new(), Vec::<Superseded>::new());
    let (mut known, mut written) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<String>>::new());
    let given = feed::read(file, &Limits::default(), &mut |item| {
        match item {
            Item::Row(row) if until.is_none_or(|until| row.advisory.published <= Some(until)) => {
                known.extend(number(&row));
                let at = (product_of(&row.package), row.advisory.id.clone());
                written.entry(at.clone()).or_default().insert(row.package.clone());
                rows.entry(at).or_default().insert(number(&row));
                loading.push(row);
            }
            Item::Superseded(edge) => edges.push(edge),
            Item::Row(_) | Item::Exploited(_) | Item::Score(_) | Item::Ended(_) => {}
        }
        Ok(())
    })?;
    let mut supersedence = BTreeMap::<String, Supersedence>::new();
    for edge in edges.into_iter().filter(|edge| until.is_none() || known.contains(&edge.update)) {
        supersedence.entry(system_of(&edge.product)).or_default().add(edge.update, edge.before);
        loading.superseded(edge);
    }
    let mut book = Book::new();
    book.put(data::described("wesng", &given), loading);
    let shelves = Shelves::of(&book);

    Ok(Definitions { book, shelves, rows, written, supersedence })
}

/// The system that a part of it is named with: `Internet Explorer 11 on Windows 10 for 32-bit Systems`.
fn system_of(product: &str) -> String {
    let system = product_of(product);

    system.strip_suffix(" (server core installation)").unwrap_or(&system).to_owned()
}

fn product_of(product: &str) -> String {
    let key = key(product);
    let system = key.split_once(" on windows ").map(|(_, rest)| format!("windows {rest}"));
    let system = system.or_else(|| {
        key.split_once(" on microsoft windows ").map(|(_, rest)| format!("microsoft windows {rest}"))
    });

    system.unwrap_or(key)
}

fn number(row: &Row) -> Option<u32> {
    row.update.as_deref().and_then(|update| update.parse().ok())
}

fn side(judged: &Judged<'_>) -> Side {
    let mut side = Side { updates: judged.missing.clone(), ..Side::default() };
    for finding in &judged.findings {
        side.cves.insert(finding.advisory.id.clone());
    }

    side
}

/// What `wes.py` says, and how many seconds it took; `None` if it refused the machine. Its answers are kept in `FOLDER/out`.
fn theirs(folder: &Path, name: &str) -> anyhow::Result<Option<(Side, f64)>> {
    let out = folder.join("out");
    fs::create_dir_all(&out)?;
    let (table, took) = (out.join(format!("{name}.csv")), out.join(format!("{name}.seconds")));
    if !took.is_file() {
        let start = instant();
        let status = Command::new("python3")
            .args(["wes.py", "--definitions", "definitions.zip", "-o"])
            .arg(&table)
            .arg(format!("validation/{name}.txt"))
            .current_dir(folder)
            .output()
            .context("run wes.py")?
            .status;
        fs::write(
            &took,
            if status.success() { start.elapsed().as_secs_f64().to_string() } else { "refused".to_owned() },
        )?;
    }
    let Ok(seconds) = fs::read_to_string(&took)?.trim().parse::<f64>() else { return Ok(None) };
    let mut side = Side::default();
    if !table.is_file() {
        return Ok(Some((side, seconds)));
    }
    let text = fs::read_to_string(&table)?;
    for record in records(&text) {
        let [_, cve, update, _, product, ..] = record.as_slice() else { continue };
        let update = update.parse::<u32>().ok();
        let name = match update {
            _ if !cve.is_empty() => cve.clone(),
            Some(update) => format!("KB{update}"),
            None => continue,
        };
        side.updates.extend(update);
        side.rows.insert((name.clone(), update, key(product)));
        side.cves.insert(name);
    }

    Ok(Some((side, seconds)))
}

/// Records of a table whose every field is quoted, without the head.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => record.push(std::mem::take(&mut field)),
            ('\n', false) => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            ('\r', false) => {}
            (letter, _) => field.push(letter),
        }
    }

    records.into_iter().skip(1).collect()
}

/// Compares the two sides of one machine; vulnerabilities of both, ours, theirs; the same of updates.
fn compare(
    definitions: &Definitions,
    machine: &Machine,
    product: &str,
    ours: &Side,
    theirs: &Side,
    causes: &mut BTreeMap<String, u64>,
) -> [usize; 6] {
    let (as_written, product) = (product, key(product));
    let is_of = |named: &str| named == product || named.ends_with(&format!(" on {product}"));
    let none = Supersedence::default();
    let supersedence = definitions.supersedence.get(&product).unwrap_or(&none);
    let recorded = supersedence.held_by(machine.state.installed.iter().flatten().copied());
    let listed = supersedence.held_by(theirs.updates.iter().copied());
    let mut count = |cause: &str| *causes.entry(cause.to_owned()).or_default() += 1;
    for cve in ours.cves.difference(&theirs.cves) {
        let updates = definitions.rows_of(&product, cve);
        let numbers: BTreeSet<u32> = updates.iter().flatten().copied().collect();
        if theirs.cves.is_empty() {
            count("ours: wes.py finds nothing for the product it derives");
        } else if numbers.iter().any(|update| listed.contains(update) && !theirs.updates.contains(update)) {
            count("ours: wes.py leaves out what a newer missing update holds");
        } else if numbers.iter().any(|update| !supersedence.newest(*update).contains(update)) {
            count(
                "ours: wes.py leaves out what any update takes the place of, also one that it does not tell",
            );
        } else if !theirs.rows.iter().any(|(_, _, named)| is_of(named)) {
            count("ours: wes.py derives another product");
        } else if !definitions.is_written(&product, cve, as_written) {
            count("ours: wes.py compares names letter by letter; these rows are written in others");
        } else {
            if std::env::var_os("VONGGAC_WES_NAMED").is_some() {
                progress(&format!("  ours only, no cause: {cve} {updates:?}"));
            }
            count("ours: no cause found");
        }
    }
    for cve in theirs.cves.difference(&ours.cves) {
        let updates = definitions.rows_of(&product, cve);
        let of: BTreeSet<&str> =
            theirs.rows.iter().filter(|(it, _, _)| it == cve).map(|(_, _, named)| named.as_str()).collect();
        if updates.is_empty() || !of.iter().any(|named| is_of(named)) {
            count(&format!(
                "wes: rows of another product ({})",
                if of.iter().any(|it| it.contains("server core")) { "Server Core" } else { "other name" }
            ));
        } else if updates.iter().flatten().any(|update| recorded.contains(update)) {
            let bare =
                theirs.rows.iter().filter(|(it, _, _)| it == cve).all(|(_, update, _)| update.is_none());
            count(if bare {
                "wes: row without an update number beside one that is installed"
            } else {
                "wes: asks for each of several updates that mend it; one is installed"
            });
        } else {
            if std::env::var_os("VONGGAC_WES_NAMED").is_some() {
                progress(&format!("  wes only, no cause: {cve} {updates:?}"));
            }
            count("wes: no cause found");
        }
    }

    [
        ours.cves.intersection(&theirs.cves).count(),
        ours.cves.difference(&theirs.cves).count(),
        theirs.cves.difference(&ours.cves).count(),
        ours.updates.intersection(&theirs.updates).count(),
        ours.updates.difference(&theirs.updates).count(),
        theirs.updates.difference(&ours.updates).count(),
    ]
}

impl Definitions {
    /// Whether a row names the product in these very letters.
    fn is_written(&self, product: &str, cve: &str, as_written: &str) -> bool {
        let names = self.written.get(&(product.to_owned(), cve.to_owned()));

        names.is_some_and(|names| names.iter().any(|name| name.contains(as_written)))
    }

    /// The updates that rows of a product, or of parts of it, name for a vulnerability.
    fn rows_of(&self, product: &str, cve: &str) -> BTreeSet<Option<u32>> {
        self.rows.get(&(product.to_owned(), cve.to_owned())).cloned().unwrap_or_default()
    }
}

/// Machines of which Windows Update's own answer was kept: the updates that we say are missing by what was known that
/// day, beside those that it named and that the definitions know.
fn by_windows_update(folder: &Path) -> anyhow::Result<Value> {
    let mut map = Map::new();
    let mut held = BTreeMap::<String, Definitions>::new();
    for machine in wes_machines::all(folder)? {
        let (Some(missing), Some(day)) = (&machine.missing, &machine.day) else { continue };
        if !held.contains_key(day) {
            let part = |range| day.get(range).unwrap_or_default();
            let until =
                format!("{}-{}-{}T23:59:59Z", part(0..4), part(4..6), part(6..8)).parse::<Timestamp>();
            held.insert(
                day.clone(),
                definitions(folder, Some(until.map_err(|_| anyhow::anyhow!("{day}"))?))?,
            );
        }
        let Some(definitions) = held.get(day) else { continue };
        let judged = definitions.shelves.judge(&definitions.book, &machine.state, None)?;
        let known: BTreeSet<u32> = definitions.rows.values().flatten().flatten().copied().collect();
        let named: BTreeSet<u32> =
            missing.iter().map(|(number, _)| *number).filter(|it| known.contains(it)).collect();
        progress(&format!("{}: ours {:?}, Windows Update {named:?}", machine.name, judged.missing));
        map.insert(
            machine.name.clone(),
            serde_json::json!({
                "both": judged.missing.intersection(&named).count(),
                "ours_only": judged.missing.difference(&named).count(),
                "windows_update_only": named.difference(&judged.missing).count(),
                "windows_update_unknown_to_definitions": missing.len() - named.len(),
            }),
        );
    }

    Ok(Value::Object(map))
}
