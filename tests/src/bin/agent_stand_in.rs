//! The agent's own example, built here so that stories of this system find it.

#[path = "../../../agent/examples/stand_in.rs"]
mod stand_in;

fn main() -> std::process::ExitCode {
    stand_in::main()
}
