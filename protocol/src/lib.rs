//! How we talk: what an agent tells a collector, byte for byte, and how it is delivered.
//!
//! Pure by rule: no I/O, no clock, no randomness. Time is an argument. The `tidy` test holds this.
//!
//! | module | subject |
//! |---|---|
//! | [`id`] | names of hosts, agencies, epochs, sequences, lanes, observations |
//! | [`time`], [`digest`], [`path`] | small values that everything else is made of |
//! | [`observation`] | a fact seen on a host at a time; the closed list of kinds |
//! | [`mod@file`], [`package`], [`patch`], [`host`], [`windows`], [`record`], [`posture`], [`activation`] | what the kinds carry |
//! | [`assignment`] | what a collector asks a host to watch |
//! | [`hello`], [`enrolment`] | the first words of a connection, and of a host |
//! | [`renewal`] | a certificate replaced before it ends; new roots |
//! | [`release`] | a version of the agent, offered, fetched, tried |
//! | [`machine`] | what tells a machine from another and from its copy |
//! | [`frame`] | the bytes on a stream |
//! | [`mod@line`] | what each side tells the other of the line between them |
//! | [`delivery`] | at least once, in order, no hidden gap |
//! | [`limits`] | the bound of every length that a peer can choose |

pub mod activation;
pub mod assignment;
pub mod delivery;
pub mod digest;
pub mod enrolment;
pub mod file;
pub mod frame;
pub mod hello;
pub mod host;
pub mod id;
pub mod limits;
pub mod line;
pub mod machine;
pub mod observation;
pub mod package;
pub mod patch;
pub mod path;
pub mod posture;
pub mod record;
pub mod release;
pub mod renewal;
pub mod time;
pub mod windows;
