//! A batch's bytes as observations; pure.

use minicbor::Decoder;
use minicbor::data::Type;
use vonggac_protocol::frame::{Batch, UnpackBatchError};
use vonggac_protocol::hello::RefusalCode;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::time::Timestamp;

use crate::store::observations::UNKNOWN_KIND;

/// The highest number of a kind that this program knows.
const KIND_NUMBER_MAX: u32 = 17;

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

fn describes_state(kind: &Kind) -> bool {
    match kind {
        Kind::AgentStarted(_)
        | Kind::AgentStopped(_)
        | Kind::Health(_)
        | Kind::HostDescribed(_)
        | Kind::PackagesListed(_)
        | Kind::PackagesChanged(_)
        | Kind::PatchState(_) => true,
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
        | Kind::RecordsMissing(_)
        | Kind::FilesInstalled(_)
        | Kind::ChangeBurst(_)
        | Kind::BudgetReached(_)
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

    at.filter(|_| whole && number.is_some_and(|number| number > KIND_NUMBER_MAX))
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::id::Lane;
    use vonggac_protocol::observation::{AgentStopped, RecordsMissing};

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
    fn the_highest_number_is_that_of_the_newest_kind() {
        let newest = Kind::RecordsMissing(RecordsMissing { lane: Lane::Bulk, first: 1, last: 1 });
        let bytes = Observation { at: Timestamp(0), kind: newest }.encode();
        let older = Observation {
            at: Timestamp(0),
            kind: Kind::AgentStopped(AgentStopped { reason: "service".to_owned() }),
        };

        assert!(from_the_future(&bytes).is_none());
        assert_eq!(u32::from(bytes[5]), KIND_NUMBER_MAX, "a new kind was added: raise the number");
        assert!(from_the_future(&older.encode()).is_none());
    }

    #[test]
    fn what_only_a_collector_observes_is_refused_from_an_agent() {
        let forged = Kind::RecordsMissing(RecordsMissing { lane: Lane::Bulk, first: 1, last: 1 });

        assert!(
            read(Observation { at: Timestamp(0), kind: forged }.encode()).unwrap_err().contains("only a")
        );
    }
}
