//! The line between agent and collector: what each tells the other of it, so that little is sent and silence is noticed
//! all the same.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a collector tells of the line when it takes an agent in.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Line {
    /// An agent that gives no sign of life for so many seconds is reported as silent.
    #[n(0)]
    pub promised_secs: u64,
    /// Where the agent's packets come from, `address:port`: its outer address if addresses are translated on the way.
    #[n(1)]
    pub outer: Option<String>,
    /// When this connection is lost, the agent's first try to come back is somewhere within so many seconds: a fleet
    /// that lost its collector at one moment comes back no faster than it is taken in. `None`: within a second.
    #[n(2)]
    pub again_within_secs: Option<u32>,
}

/// The agent's packets come from elsewhere than it was told last.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Outer {
    /// `address:port`.
    #[n(0)]
    pub address: String,
}

/// What the agent moved on the line on the current day, headers of IP and of UDP or TCP counted. Days begin at midnight
/// in Viet Nam (UTC+7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Traffic {
    /// Bytes sent.
    #[n(0)]
    pub sent_today: u64,
    /// Bytes received.
    #[n(1)]
    pub received_today: u64,
    /// Bytes that both together should not pass; `None`: no limit was set.
    #[n(2)]
    pub budget: Option<u64>,
    /// Seconds between two signs of life at present.
    #[n(3)]
    pub beat_secs: u32,
    /// How often the outer address changed on a standing connection since the agent started.
    #[n(4)]
    pub moves: u64,
}

impl Traffic {
    /// Both directions together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sent_today.saturating_add(self.received_today)
    }
}

/// A day's budget is used up but for the reserve: routine observations wait until the next day, prompt ones within a reserve. Told once a
/// day.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct BudgetReached {
    /// The day in Viet Nam, `YYYY-MM-DD`.
    #[n(0)]
    pub day: String,
    /// The budget, bytes.
    #[n(1)]
    pub budget: u64,
    /// Bytes sent on that day so far.
    #[n(2)]
    pub sent: u64,
    /// Bytes received.
    #[n(3)]
    pub received: u64,
    /// Observations that wait.
    #[n(4)]
    pub waiting: u64,
}
