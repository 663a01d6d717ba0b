//! The agent's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    vonggac_agent::main_with(std::env::args_os())
}
