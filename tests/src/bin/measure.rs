//! Repeats a measurement by its name and prints one JSON object on its last line.
//!
//! `cargo run --release -p vonggac-tests --bin measure -- NAME`; `--list` names them all. Progress goes to stderr.

use std::process::ExitCode;

use vonggac_tests::measure::MEASUREMENTS;
use vonggac_tests::programs;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "printing figures is what this program does")]
fn main() -> ExitCode {
    if let Some(code) = programs::become_program() {
        return code;
    }
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "--list" {
        for measurement in MEASUREMENTS {
            println!("{:<20} {}", measurement.name, measurement.about);
        }
        return ExitCode::SUCCESS;
    }
    let Some(measurement) = MEASUREMENTS.iter().find(|known| known.name == name) else {
        eprintln!("no measurement {name:?}; --list names them all");
        return ExitCode::from(64);
    };

    match (measurement.run)() {
        Ok(mut figures) => {
            figures.insert("name".to_owned(), measurement.name.into());
            println!("{}", serde_json::Value::Object(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
