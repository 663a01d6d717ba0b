//! A batch's bytes as observations; pure.

use minicbor::Decoder;
use minicbor::data::Type;
use vonggac_protocol::frame::{Batch, UnpackBatchError};
use vonggac_protocol::hello::RefusalCode;
use vonggac_protocol::limits::{
    ACTIVATION_ITEMS_MAX, INSTALLED_PACKAGES_MAX, PATH_BYTES_MAX, PENDING_UPDATES_MAX, POSTURE_ITEMS_MAX,
    STALE_PACKAGES_MAX, STALE_SERVICES_MAX, WINDOWS_UPDATES_MAX,
};
use vonggac_protocol::observation::{KINDS, Kind, Observation};
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::WindowsState;

use crate::store::observations::UNKNOWN_KIND;

/// Whether this program knows a kind by its number.
fn is_known(number: u32) -> bool {
    number < KINDS
}

/// Structures in one another; ours are four deep.
const DEPTH_MAX: usize = 16;

/// One observation as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// When it was seen.
    pub at: Timestamp,
    /// The word of its kind; [`UNKNOWN_KIND`] if it is newer than this program.
    pub kind: &'static str,
    /// What it says, if it describes a present state of the host.
    pub state: Option<Kind>,
    /// Its bytes, as they came.
    pub body: Vec<u8>,
}

/// The observations of a batch.
///
/// # Errors
/// If the batch or an observation is malformed, above a limit, or of a kind that only a collector may observe.
pub fn unpack(batch: &Batch) -> Result<Vec<Arrived>, (RefusalCode, String)> {
    let bodies = batch.unpack().map_err(|error| {
        let code = match &error {
            UnpackBatchError::Malformed(_) => RefusalCode::Malformed,
            UnpackBatchError::DictionaryUnknown(_) => RefusalCode::VersionUnknown,
            UnpackBatchError::Unfold(_)
            | UnpackBatchError::Count { .. }
            | UnpackBatchError::ObservationTooLong { .. } => RefusalCode::LimitBroken,
        };
        (code, error.to_string())
    })?;

    bodies
        .into_iter()
        .enumerate()
        .map(|(at, body)| {
            read(body)
                .map_err(|why| (RefusalCode::Malformed, format!("observation {at} of the batch: {why}")))
        })
        .collect()
}

fn read(body: Vec<u8>) -> Result<Arrived, String> {
    match Observation::decode(&body) {
        Ok(observation) if observation.kind.is_collectors() => {
            Err(format!("only a collector may observe {}", observation.kind.word()))
        }
        Ok(observation) => {
            within_limits(&observation.kind, &body)?;
            let (at, kind) = (observation.at, observation.kind.word());
            let state = describes_state(&observation.kind).then_some(observation.kind);
            Ok(Arrived { at, kind, state, body })
        }
        Err(error) => match from_the_future(&body) {
            Some(at) => Ok(Arrived { at, kind: UNKNOWN_KIND, state: None, body }),
            None => Err(error.to_string()),
        },
    }
}

/// The limits of single texts and lists; those of frames and batches are held before.
fn within_limits(kind: &Kind, body: &[u8]) -> Result<(), String> {
    if !texts_fit(&mut Decoder::new(body), DEPTH_MAX) {
        return Err(format!("a text of more than {PATH_BYTES_MAX} bytes"));
    }
    for (entries, most) in lists(kind) {
        if entries > most {
            return Err(format!("a list of {entries} entries, at most {most} are accepted"));
        }
    }

    Ok(())
}

/// The lengths of an observation's lists that have limits, with those.
fn lists(kind: &Kind) -> Vec<(usize, usize)> {
    if let Kind::PatchState(state) = kind {
        let services = state.stale.as_ref().map_or(&[][..], |stale| &stale.services);
        let packages = services.iter().map(|service| service.packages.len()).max().unwrap_or(0);

        vec![
            (state.pending.len(), PENDING_UPDATES_MAX),
            (services.len(), STALE_SERVICES_MAX),
            (packages, STALE_PACKAGES_MAX),
            (state.windows.as_deref().map_or(0, longest), WINDOWS_UPDATES_MAX),
        ]
    } else if let Kind::FilesInstalled(installed) = kind {
        vec![(installed.packages.len(), INSTALLED_PACKAGES_MAX)]
    } else if let Kind::Posture(posture) = kind {
        let count = |lists: [Option<usize>; 4]| lists.into_iter().flatten().max().unwrap_or(0);
        let longest = count([
            posture.anti_malware.known().map(Vec::len),
            posture.firewall.known().map(Vec::len),
            posture.volumes.known().map(Vec::len),
            posture.backups.known().map(Vec::len),
        ]);

        vec![(longest, POSTURE_ITEMS_MAX)]
    } else if let Kind::Activation(activation) = kind {
        vec![
            (activation.products.known().map_or(0, Vec::len), ACTIVATION_ITEMS_MAX),
            (activation.traces.len(), ACTIVATION_ITEMS_MAX),
            (activation.office.as_ref().map_or(0, |it| it.products.len()), ACTIVATION_ITEMS_MAX),
        ]
    } else {
        Vec::new()
    }
}

/// Entries of the longest list in what a Windows host tells.
fn longest(windows: &WindowsState) -> usize {
    let missing = windows.search.as_ref().map(|search| &search.missing);
    let numbers = missing.into_iter().flatten().map(|update| update.numbers.len());
    let lists = [
        windows.installed.as_ref().map_or(0, Vec::len),
        missing.map_or(0, Vec::len),
        windows.components.as_ref().map_or(0, Vec::len),
        windows.reboot.as_ref().map_or(0, Vec::len),
        windows.untold.as_ref().map_or(0, Vec::len),
    ];

    lists.into_iter().chain(numbers).max().unwrap_or(0)
}

/// Whether no text of this item is longer than the longest path. No agent writes lengths that are not said before.
fn texts_fit(decoder: &mut Decoder<'_>, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let Ok(kind) = decoder.datatype() else { return false };
    if kind == Type::String {
        return decoder.str().is_ok_and(|text| text.len() <= PATH_BYTES_MAX);
    }
    let items = if kind == Type::Array {
        decoder.array().ok().flatten()
    } else if kind == Type::Map {
        decoder.map().ok().flatten().map(|pairs| pairs.saturating_mul(2))
    } else {
        let whole = !matches!(kind, Type::StringIndef | Type::ArrayIndef | Type::MapIndef | Type::BytesIndef);
        return whole && decoder.skip().is_ok();
    };

    items.is_some_and(|items| (0..items).all(|_| texts_fit(decoder, depth)))
}

fn describes_state(kind: &Kind) -> bool {
    match kind {
        Kind::AgentStarted(_)
        | Kind::AgentStopped(_)
        | Kind::Health(_)
        | Kind::HostDescribed(_)
        | Kind::PackagesListed(_)
        | Kind::PackagesChanged(_)
        | Kind::PatchState(_)
        | Kind::Posture(_)
        | Kind::Activation(_)
        | Kind::AgentUpgrade(_) => true,
        Kind::FileChanged(_)
        | Kind::BaselineTaken(_)
        | Kind::WatchLost(_)
        | Kind::SpoolDropped(_)
        | Kind::AssignmentRefused(_)
        | Kind::SensorFailed(_)
        | Kind::AgentSilent(_)
        | Kind::AgentHeard(_)
        | Kind::IdentityTwice(_)
        | Kind::HostMisbehaved(_)
        | Kind::MachineSetBack(_)
        | Kind::RecordsMissing(_)
        | Kind::FilesInstalled(_)
        | Kind::ChangeBurst(_)
        | Kind::CertificateEnding(_)
        | Kind::BudgetReached(_)
        | Kind::Login(_)
        | Kind::PrivilegeUsed(_)
        | Kind::AccountChanged(_)
        | Kind::ServiceChanged(_)
        | Kind::LogGap(_)
        | Kind::WatchModeChanged(_) => false,
    }
}

/// The moment of an observation whose kind has a number that we do not know yet; `None` if it is something else.
fn from_the_future(body: &[u8]) -> Option<Timestamp> {
    let mut decoder = Decoder::new(body);
    let fields = decoder.map().ok()??;
    let (mut at, mut number) = (None, None);
    for _ in 0..fields {
        match decoder.u32().ok()? {
            0 => at = Some(Timestamp(decoder.i64().ok()?)),
            1 if decoder.datatype().ok()? == Type::Array => {
                let length = decoder.array().ok()??;
                number = Some(decoder.u32().ok()?);
                for _ in 1..length {
                    decoder.skip().ok()?;
                }
            }
            _ => decoder.skip().ok()?,
        }
    }
    let whole = decoder.position() == body.len();

    at.filter(|_| whole && number.is_some_and(|number| !is_known(number)))
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::id::Lane;
    use vonggac_protocol::observation::RecordsMissing;

    use super::*;

    #[test]
    fn a_kind_from_the_future_is_kept_as_unknown_and_nonsense_is_not() {
        // {0: 7, 1: [99, ["x"]]}
        let future = vec![0xa2, 0, 7, 1, 0x82, 0x18, 99, 0x81, 0x61, b'x'];
        let nonsense = vec![0xa2, 0, 7, 1, 0x82, 0x01, 0x81, 0x61, b'x'];
        let mut trailing = future.clone();
        trailing.push(0);

        let kept = read(future.clone()).unwrap();

        assert_eq!((kept.at, kept.kind, kept.body), (Timestamp(7), UNKNOWN_KIND, future));
        assert!(read(nonsense).is_err());
        assert!(read(trailing).is_err());
    }

    #[test]
    fn a_known_kind_is_never_taken_for_one_of_the_future() {
        // {0: 7, 1: [number, []]}: of no kind that has fields.
        let of = |number: u8| match number {
            0..24 => vec![0xa2, 0, 7, 1, 0x82, number, 0x80],
            _ => vec![0xa2, 0, 7, 1, 0x82, 0x18, number, 0x80],
        };
        let known: Vec<u8> = (0..64).filter(|number| from_the_future(&of(*number)).is_none()).collect();

        assert_eq!(known, (0..u8::try_from(KINDS).unwrap()).collect::<Vec<u8>>());
    }

    #[test]
    fn what_only_a_collector_observes_is_refused_from_an_agent() {
        let forged = Kind::RecordsMissing(RecordsMissing { lane: Lane::Bulk, first: 1, last: 1 });

        assert!(
            read(Observation { at: Timestamp(0), kind: forged }.encode()).unwrap_err().contains("only a")
        );
    }
}
