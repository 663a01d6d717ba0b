//! How we remember and tell: what agents sent, what the rules concluded, what people did about it.

pub mod clock;
pub mod store;
