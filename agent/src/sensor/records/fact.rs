//! What a record says, if it concerns us: the observation's kind without its counts, with names not yet looked up.

use vonggac_protocol::record::{AccountAction, Denial, LoginResult, ServiceAction};

/// A name as it stands in a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Name {
    /// The program that wrote it had found an account of that name.
    Account(String),
    /// It was typed, and may be anything, a password too.
    Typed(String),
}

/// What was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// Somebody logged in or was refused, so often.
    Login {
        /// How it ended.
        result: LoginResult,
        /// Who.
        user: Option<Name>,
        /// From where.
        from: Option<String>,
        /// By which service.
        service: String,
        /// By what means.
        method: Option<String>,
        /// How many records this one stands for.
        count: u64,
    },
    /// Rights of another account were used or refused.
    Privilege {
        /// Whether granted.
        granted: bool,
        /// Who asked.
        user: Option<Name>,
        /// Whose rights.
        run_as: Option<Name>,
        /// By which tool.
        tool: &'static str,
        /// Which program was run.
        program: Option<String>,
        /// Why refused.
        denial: Option<Denial>,
        /// How many records this one stands for.
        count: u64,
    },
    /// An account or a group was changed.
    Account {
        /// What became of it.
        action: AccountAction,
        /// The account.
        user: Option<String>,
        /// The group.
        group: Option<String>,
        /// Its number.
        number: Option<u32>,
        /// Who did it.
        by: Option<String>,
        /// By which tool.
        tool: Option<String>,
    },
    /// A service was started or stopped, or failed.
    Service {
        /// Its unit.
        unit: String,
        /// What became of it.
        action: ServiceAction,
        /// Why it failed.
        result: Option<String>,
    },
    /// The machine goes down: what stops from now on stops with it.
    GoingDown,
    /// The machine is up: what starts from now on was started by somebody.
    Up,
}
