//! The collector's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    vonggac_collector::main_with(std::env::args_os())
}
