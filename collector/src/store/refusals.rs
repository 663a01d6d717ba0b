//! Enrolments that were refused: each is counted, few make a row, and the audit log tells of the first of an hour at
//! once and of how many there were in the end.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::hello::RefusalCode;
use vonggac_protocol::time::Timestamp;

use super::audit::{self, Action, COLLECTOR};
use super::view::Scope;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Rows of one hour: beyond it all further addresses are counted as [`OTHERS`]. A flood from everywhere makes at most
/// so many rows and twice as many entries of the audit log in an hour.
const ROWS_OF_AN_HOUR_MAX: i64 = 64;

/// Stands for the addresses beyond.
const OTHERS: &str = "others";

/// Counts are kept so long; the audit log keeps its entries for ever.
const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Characters of a machine's name that are kept.
const NAME_CHARS_MAX: usize = 64;

/// A refused enrolment.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Where it came from.
    pub address: IpAddr,
    /// The agency that it named; empty if it named none.
    pub agency: String,
    /// Why.
    pub code: RefusalCode,
    /// What the machine calls itself.
    pub name: String,
}

/// Refused enrolments of an hour, from one address, for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RefusedCount {
    /// Network address; of IPv6 the first 64 bits; `others` for all beyond the first 64 of an hour.
    pub address: String,
    /// The agency that was named, if we have it; otherwise empty.
    pub agency: String,
    /// The code's word.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    #[schema(value_type = String, format = DateTime)]
    pub first_at: Timestamp,
    /// The last of them.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// What the last of them called itself.
    pub name: String,
}

/// The code's word in the store, the API and the audit log.
#[must_use]
pub fn word(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::IdentityRevoked => "identity_revoked",
        RefusalCode::WaitingForApproval => "waiting_for_approval",
        RefusalCode::VersionUnknown => "version_unknown",
        RefusalCode::LimitBroken => "limit_broken",
        RefusalCode::Malformed => "malformed",
        RefusalCode::TokenUnknown => "token_unknown",
        RefusalCode::TokenUsed => "token_used",
        RefusalCode::TokenExpired => "token_expired",
        RefusalCode::TokenOfAnotherAgency => "token_of_another_agency",
        RefusalCode::IdentityHeld => "identity_held",
        RefusalCode::Busy => "busy",
        RefusalCode::RequestUnusable => "request_unusable",
        RefusalCode::MachineForbidden => "machine_forbidden",
        RefusalCode::CertificateExpired => "certificate_expired",
    }
}

/// Counts one.
///
/// # Errors
/// If the store fails.
pub fn count(tx: &Transaction<'_>, refused: &Refused, now: Timestamp) -> anyhow::Result<()> {
    let hour = now.0 - now.0.rem_euclid(HOUR_MS);
    settle(tx, hour, now)?;
    let agency = known_agency(tx, &refused.agency)?;
    let reason = word(refused.code);
    let address = place(tx, hour, network_of(refused.address), &agency, reason)?;
    let name: String = refused.name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let count: i64 = tx
        .prepare_cached(
            "INSERT INTO refused_enrolment VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, ?6, 1)
             ON CONFLICT DO UPDATE SET count = count + 1, last_at = ?5, name = ?6 RETURNING count",
        )?
        .query_row(params![hour, address, agency, reason, now.0, name], |row| row.get(0))?;
    if count == 1 {
        let detail = format!("{reason}: 1 so far in this hour, the machine calls itself {name:?}");
        write(tx, &address, &agency, &detail, now)?;
    }

    Ok(())
}

/// Tells the audit log how many there were in hours that are over, and forgets what is too old.
///
/// # Errors
/// If the store fails.
fn settle(tx: &Transaction<'_>, hour: i64, now: Timestamp) -> anyhow::Result<()> {
    let over: Vec<(i64, String, String, String, i64)> = tx
        .prepare_cached(
            "SELECT hour, address, agency, reason, count FROM refused_enrolment
             WHERE hour < ?1 AND count > audited ORDER BY hour, address, agency, reason",
        )?
        .query_map([hour], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<Result<_, _>>()?;
    for (since, address, agency, reason, count) in over {
        let detail = format!("{reason}: {count} in the hour from {}", Timestamp(since));
        write(tx, &address, &agency, &detail, now)?;
        tx.prepare_cached(
            "UPDATE refused_enrolment SET audited = count
             WHERE hour = ?1 AND address = ?2 AND agency = ?3 AND reason = ?4",
        )?
        .execute(params![since, address, agency, reason])?;
    }
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    tx.prepare_cached("DELETE FROM refused_enrolment WHERE hour < ?1")?.execute([now.0 - kept])?;

    Ok(())
}

fn write(
    tx: &Transaction<'_>,
    address: &str,
    agency: &str,
    detail: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let entry = Action {
        at: now,
        person: COLLECTOR,
        agency: (!agency.is_empty()).then_some(agency),
        action: "host.refused",
        object: address,
        detail,
    };

    audit::append(tx, &entry)
}

/// Whoever holds an IPv6 network of the smallest usual size has 2^64 addresses.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
    }
}

/// The agency if we have it: a stranger's words make no rows.
fn known_agency(tx: &Transaction<'_>, agency: &str) -> anyhow::Result<String> {
    let known: Option<String> = tx
        .prepare_cached("SELECT id FROM agency WHERE id = ?1")?
        .query_row([agency], |row| row.get(0))
        .optional()?;

    Ok(known.unwrap_or_default())
}

/// The address, or [`OTHERS`] if the hour has too many rows for another.
fn place(
    tx: &Transaction<'_>,
    hour: i64,
    address: String,
    agency: &str,
    reason: &str,
) -> anyhow::Result<String> {
    let stands: bool = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM refused_enrolment
             WHERE hour = ?1 AND address = ?2 AND agency = ?3 AND reason = ?4)",
        )?
        .query_row(params![hour, address, agency, reason], |row| row.get(0))?;
    let rows: i64 = tx
        .prepare_cached("SELECT count(*) FROM refused_enrolment WHERE hour = ?1 AND address <> ?2")?
        .query_row(params![hour, OTHERS], |row| row.get(0))?;

    Ok(if stands || rows < ROWS_OF_AN_HOUR_MAX { address } else { OTHERS.to_owned() })
}

/// The newest, as far as they are in view; those that named no agency of ours are in view of the whole province only.
///
/// # Errors
/// If the store cannot be read.
pub fn newest(db: &Connection, scope: &Scope, limit: usize) -> anyhow::Result<Vec<RefusedCount>> {
    let agency = match scope {
        Scope::All => None,
        Scope::Agency(agency) => Some(agency.as_str()),
    };
    let mut query = db.prepare_cached(
        "SELECT address, agency, reason, count, first_at, last_at, name FROM refused_enrolment
         WHERE ?1 IS NULL OR agency = ?1 ORDER BY last_at DESC, address, agency, reason LIMIT ?2",
    )?;
    let rows = query.query_map(params![agency, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        Ok(RefusedCount {
            address: row.get(0)?,
            agency: row.get(1)?,
            reason: row.get(2)?,
            count: row.get(3)?,
            first_at: Timestamp(row.get(4)?),
            last_at: Timestamp(row.get(5)?),
            name: row.get(6)?,
        })
    })?;

    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::id::AgencyId;

    use super::*;
    use crate::store::{agencies, migrate};

    const START: Timestamp = Timestamp(1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS);

    fn refused(address: [u8; 4]) -> Refused {
        Refused {
            address: IpAddr::from(address),
            agency: "so-tttt".to_owned(),
            code: RefusalCode::TokenUnknown,
            name: "may-1".to_owned(),
        }
    }

    fn with_store(trial: impl FnOnce(&Transaction<'_>)) {
        let mut db = Connection::open_in_memory().unwrap();
        migrate::to_newest(&mut db).unwrap();
        let tx = db.transaction().unwrap();
        let agency = AgencyId::new("so-tttt").unwrap();
        agencies::add(&tx, &agency, "Sở", agencies::Level::Department, Timestamp(0)).unwrap();
        trial(&tx);
    }

    fn entries(tx: &Transaction<'_>) -> Vec<String> {
        audit::verify(tx).unwrap();
        let mut query = tx.prepare("SELECT detail FROM audit ORDER BY id").unwrap();

        query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_thousand_refusals_of_an_hour_are_one_row_and_two_entries_the_second_with_their_number() {
        with_store(|tx| {
            for n in 0..1000 {
                count(tx, &refused([10, 0, 0, 9]), Timestamp(START.0 + n)).unwrap();
            }
            assert_eq!(entries(tx).len(), 1);
            let seen = newest(tx, &Scope::All, 10).unwrap();
            assert_eq!((seen.len(), seen[0].count, seen[0].reason.as_str()), (1, 1000, "token_unknown"));

            count(tx, &refused([10, 0, 0, 8]), Timestamp(START.0 + HOUR_MS)).unwrap();

            let told = entries(tx);
            assert_eq!(told.len(), 3);
            assert!(told[1].starts_with("token_unknown: 1000 in the hour"), "{}", told[1]);
        });
    }

    #[test]
    fn a_flood_from_everywhere_makes_no_more_rows_than_a_few_and_loses_no_count() {
        with_store(|tx| {
            for n in 0..2000_u32 {
                let [_, _, high, low] = n.to_be_bytes();
                count(tx, &refused([10, 1, high, low]), START).unwrap();
            }

            let seen = newest(tx, &Scope::All, 10_000).unwrap();
            assert_eq!(seen.len(), 65);
            assert_eq!(seen.iter().map(|row| row.count).sum::<u64>(), 2000);
            assert_eq!(entries(tx).len(), 65);
        });
    }

    #[test]
    fn agencies_that_we_do_not_have_make_no_rows_of_their_own_and_are_seen_by_the_province_alone() {
        with_store(|tx| {
            for n in 0..50 {
                count(tx, &Refused { agency: format!("co-quan-{n}"), ..refused([10, 0, 0, 9]) }, START)
                    .unwrap();
            }
            count(tx, &refused([10, 0, 0, 9]), START).unwrap();

            let own = Scope::Agency(AgencyId::new("so-tttt").unwrap());
            assert_eq!(newest(tx, &Scope::All, 10).unwrap().len(), 2);
            assert_eq!(newest(tx, &own, 10).unwrap().len(), 1);
        });
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one() {
        let of = |text: &str| network_of(text.parse().unwrap());

        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_eq!(of("::ffff:10.0.0.9"), "10.0.0.9");
    }
}
