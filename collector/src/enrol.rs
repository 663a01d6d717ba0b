//! How a machine becomes one of ours: a token, a certificate request, an answer; every refusal is written down.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use vonggac_carrier::Connection;
use vonggac_protocol::enrolment::{EnrolReply, EnrolRequest, Enrolled};
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{Refusal, RefusalCode, WIRE_VERSION};
use vonggac_protocol::id::HostId;
use vonggac_protocol::limits::CSR_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

use crate::admission::Admission;
use crate::admission::counts::Reason;
use crate::admission::origin::Origin;
use crate::authority::{Authority, Issued, Terms};
use crate::listen::frames::{self, close_code, refusal};
use crate::mark_key::MarkKey;
use crate::session::twice::Known;
use crate::store::audit::{self, Action, COLLECTOR};
use crate::store::hosts::{self, HostState};
use crate::store::refusals::{self, Refused};
use crate::store::{Store, agencies, certificates, forbidden, machines, tokens};
use crate::{clock, random};

/// The whole conversation takes two packets each way.
const WITHIN: Duration = Duration::from_secs(15);

/// Bytes of a request: the certificate request and a few short texts.
const REQUEST_BYTES_MAX: usize = CSR_BYTES_MAX + 4 * 1024;

/// Characters of a machine's name that are kept.
const NAME_CHARS_MAX: usize = 253;

/// When a machine that came after too many others of this hour is to come again.
const AGAIN_SECS: u32 = 600;

/// Takes machines in.
pub struct Enrolment {
    store: Store,
    authority: Arc<Authority>,
    terms: Terms,
    promised_secs: u64,
    admission: Arc<Admission>,
    key: MarkKey,
}

impl Enrolment {
    /// Takes machines in for this authority and store.
    #[must_use]
    pub fn new(
        store: Store,
        authority: Arc<Authority>,
        terms: Terms,
        promised_secs: u64,
        admission: Arc<Admission>,
        key: MarkKey,
    ) -> Self {
        Self { store, authority, terms, promised_secs, admission, key }
    }

    /// Has the conversation with one machine; gives the host if it became one of ours and may work.
    pub async fn talk(&self, connection: Connection) -> Option<HostId> {
        match tokio::time::timeout(WITHIN, self.answer(&connection)).await {
            Ok(Ok(host)) => host,
            Ok(Err(error)) => {
                info!(%error, "Enrolment broken off");
                None
            }
            Err(_) => {
                connection.close(close_code(RefusalCode::LimitBroken), b"too slow");
                None
            }
        }
    }

    async fn answer(&self, connection: &Connection) -> anyhow::Result<Option<HostId>> {
        let (mut send, mut receive) = connection.accept_control().await?;
        let address = connection.remote_address().ip();
        // Before anything is read, and without a line in the audit log, which nobody may fill.
        let allowed = self.admission.enrolments.from(Origin::of(address), clock::instant());
        let reply = if let Err(reason) = allowed {
            EnrolReply::Refused(self.crowded(reason))
        } else {
            match frames::read(&mut receive, REQUEST_BYTES_MAX).await {
                Ok(Frame::EnrolRequest(request)) => self.weigh(request, address).await?,
                Ok(_) => {
                    self.refuse(refusal(RefusalCode::Malformed, "expected a request"), "", "", address)
                        .await?
                }
                Err(frames::ReadFrameError::Broken { code, detail }) => {
                    self.refuse(refusal(code, detail), "", "", address).await?
                }
                Err(error) => return Err(error.into()),
            }
        };
        let host = match &reply {
            EnrolReply::Accepted(enrolled) if enrolled.approved => Some(enrolled.host),
            EnrolReply::Accepted(_) | EnrolReply::Refused(_) => None,
        };
        frames::write_last(&mut send, &Frame::EnrolReply(reply)).await;
        connection.close(0, b"done");

        Ok(host)
    }

    fn crowded(&self, reason: Reason) -> Refusal {
        self.admission.counts.count(reason);
        let detail = format!("too many enrolments in this hour: {}", reason.word());

        Refusal { retry_after_secs: Some(AGAIN_SECS), ..refusal(RefusalCode::Busy, detail) }
    }

    /// Weighs a request and keeps the new host, or the refusal.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn weigh(&self, mut request: EnrolRequest, address: IpAddr) -> anyhow::Result<EnrolReply> {
        let agency = request.agency.to_string();
        if request.wire != WIRE_VERSION {
            let detail = format!("wire version {}, this collector speaks {WIRE_VERSION}", request.wire);
            return self
                .refuse(refusal(RefusalCode::VersionUnknown, detail), &agency, &request.name, address)
                .await;
        }
        request.marks.iter_mut().for_each(|marks| self.key.seal(marks));
        let now = clock::now();
        let host = HostId(random::bytes()?);
        let issued = match self.authority.issue(&request.request, host, &request.agency, self.terms.life, now)
        {
            Ok(issued) => issued,
            Err(error) => {
                let detail = format!("{error:#}");
                return self
                    .refuse(refusal(RefusalCode::RequestUnusable, detail), &agency, &request.name, address)
                    .await;
            }
        };
        let authority = self.authority.root().to_vec();
        let promised_secs = self.promised_secs;
        let newcomer = Newcomer { host, request, issued, address, promised_secs, authority };
        let admission = Arc::clone(&self.admission);
        let filed = self.store.write(move |tx| newcomer.file(tx, &admission, now)).await;
        let reply = match filed {
            Err(error) if error.is::<Crowded>() => {
                EnrolReply::Refused(self.crowded(Reason::EnrolmentsOfAgency))
            }
            filed => filed?,
        };
        match &reply {
            EnrolReply::Accepted(enrolled) => {
                info!(host = %enrolled.host, agency = %enrolled.agency, approved = enrolled.approved, "Host enrolled");
            }
            EnrolReply::Refused(refusal) => warn!(code = ?refusal.code, "Enrolment refused"),
        }

        Ok(reply)
    }

    async fn refuse(
        &self,
        refusal: Refusal,
        agency: &str,
        name: &str,
        address: IpAddr,
    ) -> anyhow::Result<EnrolReply> {
        let (kept, agency, name) = (refusal.clone(), agency.to_owned(), name.to_owned());
        let now = clock::now();
        self.store.write(move |tx| write_refusal(tx, &kept, &agency, &name, address, now)).await?;
        warn!(code = ?refusal.code, "Enrolment refused");

        Ok(EnrolReply::Refused(refusal))
    }
}

/// So many machines became the agency's in this hour that the next must wait; its token is not used up.
#[derive(Debug, thiserror::Error)]
#[error("the agency took in as many machines as it may in an hour")]
struct Crowded;

struct Newcomer {
    host: HostId,
    request: EnrolRequest,
    issued: Issued,
    address: IpAddr,
    promised_secs: u64,
    authority: Vec<u8>,
}

impl Newcomer {
    fn is_forbidden(&self, tx: &rusqlite::Transaction<'_>) -> anyhow::Result<bool> {
        let (agency, name) = (self.request.agency.as_str(), &self.request.name);

        Ok(forbidden::names(tx, agency, name, self.request.marks.as_ref())?.is_some())
    }

    fn file(
        self,
        tx: &rusqlite::Transaction<'_>,
        admission: &Admission,
        now: Timestamp,
    ) -> anyhow::Result<EnrolReply> {
        let agency = &self.request.agency;
        let weighed = match tokens::look(tx, &self.request.token, agency, now)? {
            // Only who has a good token may learn what is on the list; the token stays good.
            Ok(_) if self.is_forbidden(tx)? => Err(RefusalCode::MachineForbidden),
            weighed => weighed,
        };
        let needs_approval = match weighed {
            Ok(needs_approval) => needs_approval,
            Err(code) => {
                let refusal = refusal(code, why(code));
                write_refusal(tx, &refusal, agency.as_str(), &self.request.name, self.address, now)?;
                return Ok(EnrolReply::Refused(refusal));
            }
        };
        // Only who has a token of the agency can use its share up.
        admission.enrolments.into_agency(agency, clock::instant()).map_err(|_| Crowded)?;
        tokens::take(tx, &self.request.token)?;
        let name: String =
            self.request.name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let state = if needs_approval { HostState::Waiting } else { HostState::Active };
        hosts::add(tx, self.host, agency, &name, state, self.promised_secs, now)?;
        certificates::add(tx, &self.issued, self.host)?;
        if let Some(marks) = self.request.marks {
            let known = Known { marks: Some(marks), ..Known::default() };
            machines::keep(tx, self.host, &known, now)?;
        }
        let agency_name = agencies::name(tx, agency)?.unwrap_or_default();
        let entry = Action {
            at: now,
            person: COLLECTOR,
            agency: Some(agency.as_str()),
            action: "host.enrolled",
            object: &self.host.to_string(),
            detail: &format!("{name} from {}, state {}", self.address, state.word()),
        };
        audit::append(tx, &entry)?;

        Ok(EnrolReply::Accepted(Enrolled {
            host: self.host,
            agency: self.request.agency,
            agency_name,
            certificate: self.issued.certificate,
            authority: self.authority,
            now,
            approved: !needs_approval,
        }))
    }
}

fn why(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::TokenUnknown => "there is no such token",
        RefusalCode::TokenUsed => "the token was used up",
        RefusalCode::TokenExpired => "the token's time is over",
        RefusalCode::TokenOfAnotherAgency => "the token belongs to another agency",
        RefusalCode::MachineForbidden => {
            "this machine is on the list of machines that are never to be enrolled"
        }
        RefusalCode::IdentityRevoked
        | RefusalCode::WaitingForApproval
        | RefusalCode::VersionUnknown
        | RefusalCode::LimitBroken
        | RefusalCode::Malformed
        | RefusalCode::IdentityHeld
        | RefusalCode::Busy
        | RefusalCode::RequestUnusable
        | RefusalCode::CertificateExpired => "",
    }
}

fn write_refusal(
    tx: &rusqlite::Transaction<'_>,
    refusal: &Refusal,
    agency: &str,
    name: &str,
    address: IpAddr,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (agency, name) = (agency.to_owned(), name.to_owned());

    refusals::count(tx, &Refused { address, agency, code: refusal.code, name }, now)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use vonggac_protocol::enrolment::Token;
    use vonggac_protocol::id::AgencyId;

    use super::*;
    use crate::store::agencies::Level;
    use crate::store::tokens::Terms;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    struct World {
        _folder: tempfile::TempDir,
        enrolment: Enrolment,
        store: Store,
    }

    async fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("collector.db")).unwrap();
        let authority = Arc::new(Authority::make(&folder.path().join("authority"), clock::now()).unwrap());
        let terms = crate::authority::Terms { life: Duration::from_secs(3_600), grace: Duration::ZERO };
        let key = MarkKey::ensure(&folder.path().join("keys"), &store).await.unwrap();
        let enrolment = Enrolment::new(store.clone(), authority, terms, 180, Arc::default(), key);
        store
            .write(|tx| {
                for id in ["so-tttt", "so-yt"] {
                    agencies::add(tx, &AgencyId::new(id)?, id, Level::Department, Timestamp(0))?;
                }
                Ok(())
            })
            .await
            .unwrap();

        World { _folder: folder, enrolment, store }
    }

    impl World {
        async fn token(&self, uses: u32, expires_at: Timestamp, needs_approval: bool) -> Token {
            let token = Token(random::bytes().unwrap());
            let terms = Terms { agency: AgencyId::new("so-tttt").unwrap(), uses, expires_at, needs_approval };
            self.store
                .write(move |tx| tokens::add(tx, &token, &terms, "operator", Timestamp(0)))
                .await
                .unwrap();

            token
        }

        async fn ask(&self, token: Token, agency: &str) -> Result<Enrolled, RefusalCode> {
            let key = KeyPair::generate().unwrap();
            let request = EnrolRequest {
                wire: WIRE_VERSION,
                agency: AgencyId::new(agency).unwrap(),
                token,
                request: CertificateParams::default().serialize_request(&key).unwrap().der().to_vec(),
                name: "may-1".to_owned(),
                version: "0".to_owned(),
                marks: None,
            };
            match self.enrolment.weigh(request, ADDRESS).await.unwrap() {
                EnrolReply::Accepted(enrolled) => Ok(enrolled),
                EnrolReply::Refused(refusal) => Err(refusal.code),
            }
        }

        async fn refusals_written(&self) -> i64 {
            self.store
                .read(|db| {
                    audit::verify(db)?;
                    Ok(db.query_row("SELECT coalesce(sum(count), 0) FROM refused_enrolment", [], |row| {
                        row.get(0)
                    })?)
                })
                .await
                .unwrap()
        }
    }

    fn later() -> Timestamp {
        clock::now().plus(Duration::from_secs(60))
    }

    #[tokio::test]
    async fn a_token_for_one_machine_is_refused_the_second_time() {
        let world = world().await;
        let token = world.token(1, later(), false).await;

        let first = world.ask(token, "so-tttt").await.unwrap();
        let second = world.ask(token, "so-tttt").await;

        assert!(first.approved);
        assert_eq!(second.unwrap_err(), RefusalCode::TokenUsed);
        assert_eq!(world.refusals_written().await, 1);
    }

    #[tokio::test]
    async fn unknown_expired_and_foreign_tokens_are_told_apart() {
        let world = world().await;
        let expired = world.token(1, Timestamp(1), false).await;
        let foreign = world.token(1, later(), false).await;

        assert_eq!(world.ask(Token([9; 16]), "so-tttt").await.unwrap_err(), RefusalCode::TokenUnknown);
        assert_eq!(world.ask(expired, "so-tttt").await.unwrap_err(), RefusalCode::TokenExpired);
        assert_eq!(world.ask(foreign, "so-yt").await.unwrap_err(), RefusalCode::TokenOfAnotherAgency);
        assert_eq!(world.refusals_written().await, 3);
        assert!(world.ask(foreign, "so-tttt").await.is_ok());
    }

    #[tokio::test]
    async fn a_token_that_asks_for_approval_makes_a_host_that_waits() {
        let world = world().await;
        let token = world.token(1, later(), true).await;

        let enrolled = world.ask(token, "so-tttt").await.unwrap();
        let found = world.store.read(move |db| hosts::find(db, enrolled.host)).await.unwrap().unwrap();

        assert!(!enrolled.approved);
        assert_eq!(found.state, HostState::Waiting);
    }

    #[tokio::test]
    async fn the_secret_of_a_token_is_not_in_the_database() {
        let world = world().await;
        let token = world.token(1, later(), false).await;

        let kept: Vec<u8> = world
            .store
            .read(|db| Ok(db.query_row("SELECT digest FROM token", [], |row| row.get(0))?))
            .await
            .unwrap();

        assert_ne!(kept[..16], token.0);
    }

    #[tokio::test]
    async fn an_agency_that_took_in_its_share_of_the_hour_waits_and_keeps_its_token() {
        let mut world = world().await;
        let limits =
            crate::admission::limits::Limits { enrolments_per_hour_per_agency_max: 2, ..Default::default() };
        world.enrolment.admission = Admission::shared(limits);
        let token = world.token(3, later(), false).await;

        assert!(world.ask(token, "so-tttt").await.is_ok());
        assert!(world.ask(token, "so-tttt").await.is_ok());
        assert_eq!(world.ask(token, "so-tttt").await.unwrap_err(), RefusalCode::Busy);
        assert_eq!(world.enrolment.admission.counts.of(Reason::EnrolmentsOfAgency), 1);
        world.enrolment.admission = Arc::default();
        assert!(world.ask(token, "so-tttt").await.is_ok(), "the third use of the token is still there");
    }
}
