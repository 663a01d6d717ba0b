//! How much may be on the way: CUBIC's word, but never less than a slow line holds.
//!
//! CUBIC takes every loss for a full queue. On a line that loses by itself it falls to two packets and stays there,
//! while a modem of 64 kbit/s with 600 ms of round trip holds four: it stands idle most of the time. The least is
//! what any new connection may send at once (RFC 9002, 7.2), so an agent is never a greater burden than a beginner.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, CubicConfig};
use quinn_proto::RttEstimator;

/// Bytes that may be on the way at any time.
const LEAST_BYTES: u64 = 12_000;

/// Makes controllers of a connection.
#[derive(Debug, Default)]
pub struct Persistent {
    cubic: Arc<CubicConfig>,
}

impl ControllerFactory for Persistent {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Window { cubic: Arc::clone(&self.cubic).build(now, current_mtu) })
    }
}

struct Window {
    cubic: Box<dyn Controller>,
}

impl Controller for Window {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent: bool, lost_bytes: u64) {
        self.cubic.on_congestion_event(now, sent, is_persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window().max(LEAST_BYTES)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { cubic: self.cubic.clone_box() })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
