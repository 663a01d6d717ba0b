//! The store against a plain map, against damage, and against power cuts.

mod model;
#[cfg(unix)]
mod speed;
