//! Machines, and what is known of each.

use std::collections::BTreeMap;

use vonggac_protocol::package::{LicenceBasis, Package, PackageKey};

use super::{Asked, Source};
use crate::desk::licences;
use crate::exports::bill::manager_word;
use crate::exports::gather::report;
use crate::exports::table::{Cell, Sink};
use crate::store::hosts::{self as kept, Host, HostState};
use crate::store::view::host;
use crate::store::view::hosts::{self as view, HostFilter};

/// Machines read at once.
const PAGE: usize = 2_000;

pub(super) const HOSTS: &[&str] = &[
    "host-id",
    "host",
    "agency",
    "agency-name",
    "state",
    "system",
    "agent-version",
    "address",
    "way",
    "enrolled-at",
    "last-heard-at",
    "silent-since",
    "certificate-until",
    "clock-offset-ms",
    "open-incidents",
    "security-updates",
];

pub(super) const PACKAGES: &[&str] = &[
    "host-id",
    "host",
    "agency",
    "manager",
    "package",
    "architecture",
    "version",
    "source",
    "source-version",
    "section",
    "vendor",
    "licence",
    "licence-basis",
    "class",
    "class-basis",
    "installed-at",
    "in-repository",
    "origin",
    "automatic",
    "module",
    "place",
    "copies",
];

pub(super) const SOFTWARE: &[&str] =
    &["manager", "package", "architecture", "version", "vendor", "licence", "class", "hosts"];

pub(super) const UPDATES: &[&str] = &[
    "host-id",
    "host",
    "agency",
    "package",
    "architecture",
    "version",
    "candidate",
    "security",
    "origin",
    "first-seen",
    "lists-at",
];

pub(super) const VULNERABILITIES: &[&str] = &[
    "host-id",
    "host",
    "agency",
    "advisory",
    "cves",
    "package",
    "installed",
    "fixed",
    "weakness-state",
    "severity",
    "exploited",
    "epss",
    "update-number",
    "feed",
    "feed-dated",
    "feed-old",
    "contradicted-by",
    "also",
    "note",
    "summary",
    "accepted-by",
    "accepted-until",
    "accepted-reason",
];

pub(super) const NOT_JUDGED: &[&str] = &["host-id", "host", "agency", "package", "version", "why"];

pub(super) fn hosts(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let agency = asked.agency.as_ref().map(ToString::to_string);
    let filter = HostFilter { agency, ..HostFilter::default() };
    let mut after = None;
    loop {
        let page = view::list(source.db, source.scope, &filter, after, PAGE)?;
        for line in page.items.iter().filter(|line| asked.host.is_none_or(|id| id == line.id)) {
            sink.row(&[
                line.id.to_string().into(),
                (&line.name).into(),
                (&line.agency).into(),
                (&line.agency_name).into(),
                Cell::word("host-state", line.state.word()),
                (&line.system).into(),
                (&line.agent_version).into(),
                (&line.address).into(),
                line.way.clone().into(),
                line.enrolled_at.into(),
                line.last_heard_at.into(),
                line.silent_since.into(),
                line.certificate_until.into(),
                line.clock_offset_ms.into(),
                line.open.into(),
                line.security_updates.into(),
            ])?;
        }
        match page.next.as_deref().and_then(crate::store::view::page::Cursor::parse) {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// The machines that are asked about, in order of agency, name and id. Of many, only those that work or are held: the
/// others have no right to be counted.
fn machines(source: &Source<'_>, asked: &Asked) -> anyhow::Result<Vec<Host>> {
    let mut machines = kept::list(source.db)?;
    machines.retain(|host| {
        let is_wanted = source.wants(asked, &host.agency);
        match asked.host {
            Some(id) => is_wanted && host.id == id,
            None => is_wanted && matches!(host.state, HostState::Active | HostState::Held),
        }
    });
    machines
        .sort_by(|one, other| (&one.agency, &one.name, one.id).cmp(&(&other.agency, &other.name, other.id)));

    Ok(machines)
}

/// The first three cells of a row about a machine.
fn of(host: &Host) -> [Cell; 3] {
    [host.id.to_string().into(), (&host.name).into(), (&host.agency).into()]
}

pub(super) fn packages(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    for machine in machines(source, asked)? {
        for package in host::packages(source.db, machine.id)? {
            let (class, class_basis) = licences::class(&package);
            let mut row = of(&machine).to_vec();
            row.extend([
                manager_word(package.manager).into(),
                package.name.into(),
                package.architecture.into(),
                package.version.into(),
                package.source.into(),
                package.source_version.into(),
                package.section.into(),
                package.vendor.into(),
                package.licence.into(),
                Cell::word("licence-basis", basis(package.licence_basis)),
                Cell::word("class", class),
                Cell::word("basis", class_basis),
                package.installed_at.into(),
                package.in_repository.into(),
                package.origin.into(),
                package.automatic.into(),
                package.module.into(),
                package.place.into(),
                package.copies.map(i64::from).into(),
            ]);
            sink.row(&row)?;
        }
    }

    Ok(())
}

fn basis(basis: LicenceBasis) -> &'static str {
    match basis {
        LicenceBasis::Unknown => "unknown",
        LicenceBasis::CopyrightFile => "copyright_file",
        LicenceBasis::CommonLicence => "common_licence",
        LicenceBasis::RpmTag => "rpm_tag",
        LicenceBasis::Catalogue => "catalogue",
        LicenceBasis::Metadata => "metadata",
    }
}

pub(super) fn software(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut distinct: BTreeMap<PackageKey, (Package, u64)> = BTreeMap::new();
    for machine in machines(source, asked)? {
        for package in host::packages(source.db, machine.id)? {
            let (known, count) = distinct.entry(package.key()).or_insert_with(|| (package.clone(), 0));
            *count += 1;
            if known.licence.is_none() {
                known.licence = package.licence;
                known.licence_basis = package.licence_basis;
            }
        }
    }
    for (package, count) in distinct.into_values() {
        let (class, _) = licences::class(&package);
        sink.row(&[
            manager_word(package.manager).into(),
            package.name.into(),
            package.architecture.into(),
            package.version.into(),
            package.vendor.into(),
            package.licence.into(),
            Cell::word("class", class),
            count.into(),
        ])?;
    }

    Ok(())
}

pub(super) fn updates(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    for machine in machines(source, asked)? {
        let (_, Some(mut patches)) = host::newest_states(source.db, machine.id)? else { continue };
        patches.pending.sort_by(|one, other| (!one.security, one).cmp(&(!other.security, other)));
        for update in patches.pending {
            let mut row = of(&machine).to_vec();
            row.extend([
                update.name.into(),
                update.architecture.into(),
                update.installed.into(),
                update.candidate.into(),
                update.security.into(),
                update.origin.into(),
                update.first_seen.into(),
                patches.lists_at.into(),
            ]);
            sink.row(&row)?;
        }
    }

    Ok(())
}

/// A machine that no feed speaks for, or whose software is not known, has one row that says so: an absence of rows must
/// not look like an absence of weaknesses.
pub(super) fn vulnerabilities(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    for machine in machines(source, asked)? {
        let report = report(source.db, source.vulnerabilities, machine.id, source.now)?;
        if !report.has_inventory || !report.covered {
            let why = if report.has_inventory { "not_covered" } else { "no_inventory" };
            let mut row = of(&machine).to_vec();
            row.resize(VULNERABILITIES.len(), Cell::Empty);
            row[8] = Cell::word("vuln-state", why);
            sink.row(&row)?;
        }
        let old: BTreeMap<&str, bool> =
            report.feeds.iter().map(|feed| (feed.name.as_str(), feed.too_old)).collect();
        for line in report.with_fix.iter().chain(&report.without_fix).chain(&report.accepted) {
            let mut row = of(&machine).to_vec();
            let epss = u64::from(line.epss_millionths);
            row.extend([
                (&line.advisory).into(),
                Cell::joined(&line.cves),
                (&line.package).into(),
                line.installed.join(", ").into(),
                line.fixed.clone().into(),
                Cell::word("vuln-state", line.state),
                line.severity.clone().into(),
                line.exploited.into(),
                if epss == 0 { Cell::Empty } else { Cell::share(epss, 1_000_000) },
                line.update.clone().into(),
                (&line.feed).into(),
                line.feed_dated.into(),
                old.get(line.feed.as_str()).copied().into(),
                line.contradicted_by.clone().into(),
                line.also_told().into(),
                (&line.note).into(),
                (&line.summary).into(),
                Cell::joined(line.accepted.iter().map(|it| &it.by)),
                Cell::joined(line.accepted.iter().map(|it| &it.last_day)),
                line.accepted.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>().join("; ").into(),
            ]);
            sink.row(&row)?;
        }
    }

    Ok(())
}

pub(super) fn not_judged(source: &Source<'_>, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<()> {
    for machine in machines(source, asked)? {
        for unknown in report(source.db, source.vulnerabilities, machine.id, source.now)?.unknown {
            let mut row = of(&machine).to_vec();
            row.extend([unknown.package.into(), unknown.version.into(), Cell::word("vuln-why", unknown.why)]);
            sink.row(&row)?;
        }
    }

    Ok(())
}
