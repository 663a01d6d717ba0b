//! Puts into the Windows program what Windows looks for in it: its version, its manifest, and the words of its entries in
//! the event log. With the tools of binutils, which come with the linker that builds it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=windows");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "windows") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    match compile() {
        Ok(object) => println!("cargo::rustc-link-arg-bins={}", object.display()),
        // It runs without: the event log then shows numbers instead of words.
        Err(why) => {
            println!("cargo::warning=the program has no version and no words for the event log: {why}")
        }
    }
}

fn compile() -> Result<PathBuf, String> {
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|error| error.to_string())?);
    let version = env::var("CARGO_PKG_VERSION").map_err(|error| error.to_string())?;
    let (here, messages) = (Path::new("windows"), out.join("messages.mc"));
    // The message compiler reads UTF-16 without a mark at its begin.
    let text = fs::read_to_string(here.join("messages.mc")).map_err(|error| error.to_string())?;
    let text = text.replace('\n', "\r\n");
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&messages, bytes).map_err(|error| error.to_string())?;
    let mut windmc = Command::new(tool("windmc"));
    run(windmc.args(["-u", "-U", "-h"]).arg(&out).arg("-r").arg(&out).arg(&messages))?;

    let object = out.join("agent-resources.o");
    let numbers: Vec<&str> = version.split(['.', '-', '+']).take(3).collect();
    let mut windres = Command::new(tool("windres"));
    windres.args(["-c", "65001", "-O", "coff", "-I"]).arg(&out).arg("-I").arg(here);
    windres.arg(format!("-DVONGGAC_VERSION_NUMBERS={},0", numbers.join(",")));
    windres.arg(format!("-DVONGGAC_VERSION_TEXT=\\\"{version}\\\""));
    run(windres.arg(here.join("agent.rc")).arg(&object))?;

    Ok(object)
}

fn tool(name: &str) -> String {
    format!("x86_64-w64-mingw32-{name}")
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }

    Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))
}
