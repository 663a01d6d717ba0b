//! The numbers of admission, from the configuration's table `[limits]` and two older keys of `[link]`.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::config::{LoadConfigError, Place};

/// The numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Of these, from one network address: a whole agency may sit behind one.
    pub connections_per_address_max: usize,
    /// Of these, of one agency.
    pub connections_per_agency_max: usize,
    /// Handshakes at once. So many were the best of a prototype's tries with 2,000 agents on two cores.
    pub handshakes_max: usize,
    /// Handshakes that wait: what some ten seconds serve, after which an agent gives up. With 10,000 agents at once it is
    /// too few (docs/limits.md).
    pub handshakes_waiting_max: usize,
    /// Of these, from one network address.
    pub handshakes_waiting_per_address_max: usize,
    /// Enrolments an hour, good or bad.
    pub enrolments_per_hour_max: u32,
    /// Of these, from one network address.
    pub enrolments_per_hour_per_address_max: u32,
    /// Of these, into one agency.
    pub enrolments_per_hour_per_agency_max: u32,
    /// Memory for frames above what a connection has room for, MiB.
    pub large_frames_mib_max: usize,
    /// TCP connections on which nothing was said yet; each costs a descriptor and what came of a first TLS message. Not
    /// in the configuration.
    pub unspoken_max: usize,
    /// Of these, from one network address. Not in the configuration.
    pub unspoken_per_address_max: usize,
    /// How long we wait for a peer.
    pub patience: Patience,
}

/// How long we wait for a peer; not in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the first TLS message on a TCP connection, whole: an agent's comes with its third packet.
    pub first_words: Duration,
    /// For a handshake: a modem of 64 kbit/s that loses three datagrams in ten needs half a minute.
    pub handshake: Duration,
    /// For a hello.
    pub hello: Duration,
    /// For the rest of a frame that has begun: 100 KiB on a line of 16 kbit/s.
    pub frame: Duration,
    /// For it to read what we said.
    pub reading: Duration,
    /// For its turn to say hello; an agent waits for half a minute.
    pub turn: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_words: Duration::from_secs(5),
            handshake: Duration::from_secs(40),
            hello: Duration::from_secs(10),
            frame: Duration::from_secs(60),
            reading: Duration::from_secs(60),
            turn: Duration::from_secs(20),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_address_max: 1_024,
            connections_per_agency_max: 10_000,
            handshakes_max: 64,
            handshakes_waiting_max: 4_096,
            handshakes_waiting_per_address_max: 1_024,
            enrolments_per_hour_max: 5_000,
            enrolments_per_hour_per_address_max: 500,
            enrolments_per_hour_per_agency_max: 1_000,
            large_frames_mib_max: 64,
            unspoken_max: 1_024,
            unspoken_per_address_max: 256,
            patience: Patience::default(),
        }
    }
}

/// The table `[limits]` as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    connections_max: Option<Spanned<usize>>,
    connections_per_agency_max: Option<Spanned<usize>>,
    handshakes_waiting_max: Option<Spanned<usize>>,
    handshakes_waiting_per_address_max: Option<Spanned<usize>>,
    enrolments_per_hour_max: Option<Spanned<u32>>,
    enrolments_per_hour_per_address_max: Option<Spanned<u32>>,
    enrolments_per_hour_per_agency_max: Option<Spanned<u32>>,
    large_frames_mib_max: Option<Spanned<usize>>,
}

impl LimitsFile {
    /// Checks it; `handshakes` and `per_address` are the two keys of `[link]`.
    ///
    /// # Errors
    /// If a value is outside its bounds.
    pub fn check(
        self,
        place: &Place<'_>,
        handshakes: Option<Spanned<usize>>,
        per_address: Option<Spanned<usize>>,
    ) -> Result<Limits, LoadConfigError> {
        let default = Limits::default();
        let connections =
            |key, found, default| place.number(key, found, default, (1, 100_000_usize), "1 to 100000");
        let waiting = |key, found, default| place.number(key, found, default, (1, 8_192_usize), "1 to 8192");
        let hourly =
            |key, found, default| place.number(key, found, default, (1, 1_000_000_u32), "1 to 1000000");

        Ok(Limits {
            connections_max: connections(
                "limits.connections_max",
                self.connections_max,
                default.connections_max,
            )?,
            connections_per_address_max: connections(
                "link.connections_per_address_max",
                per_address,
                default.connections_per_address_max,
            )?,
            connections_per_agency_max: connections(
                "limits.connections_per_agency_max",
                self.connections_per_agency_max,
                default.connections_per_agency_max,
            )?,
            handshakes_max: place.number(
                "link.handshakes_max",
                handshakes,
                default.handshakes_max,
                (1, 4_096),
                "1 to 4096",
            )?,
            handshakes_waiting_max: waiting(
                "limits.handshakes_waiting_max",
                self.handshakes_waiting_max,
                default.handshakes_waiting_max,
            )?,
            handshakes_waiting_per_address_max: waiting(
                "limits.handshakes_waiting_per_address_max",
                self.handshakes_waiting_per_address_max,
                default.handshakes_waiting_per_address_max,
            )?,
            enrolments_per_hour_max: hourly(
                "limits.enrolments_per_hour_max",
                self.enrolments_per_hour_max,
                default.enrolments_per_hour_max,
            )?,
            enrolments_per_hour_per_address_max: hourly(
                "limits.enrolments_per_hour_per_address_max",
                self.enrolments_per_hour_per_address_max,
                default.enrolments_per_hour_per_address_max,
            )?,
            enrolments_per_hour_per_agency_max: hourly(
                "limits.enrolments_per_hour_per_agency_max",
                self.enrolments_per_hour_per_agency_max,
                default.enrolments_per_hour_per_agency_max,
            )?,
            large_frames_mib_max: place.number(
                "limits.large_frames_mib_max",
                self.large_frames_mib_max,
                default.large_frames_mib_max,
                (16, 4_096),
                "16 to 4096",
            )?,
            unspoken_max: default.unspoken_max,
            unspoken_per_address_max: default.unspoken_per_address_max,
            patience: default.patience,
        })
    }
}
