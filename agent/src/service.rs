//! `vonggac-agent service …`: the entry at the service manager, for whoever has no package.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::{Failure, Place};
use crate::identity::Identity;
use crate::os::{ServiceLife, manager, settings};
use crate::print::{self, Lang, Message};
use crate::waiting::Waiting;

/// What to do with the service.
#[derive(Subcommand, Debug)]
pub(crate) enum ServiceCommand {
    /// Cài dịch vụ, tự chạy cùng máy / install the service, started with the system
    Install,
    /// Gỡ dịch vụ và mọi thứ tác tử để lại / remove the service and everything the agent left
    Uninstall {
        /// Giữ danh tính, hàng đợi và cấu hình / keep identity, queue and configuration
        #[arg(long)]
        keep: bool,
        /// Bộ cài MSI tự gỡ chương trình / the MSI removes the program itself
        #[arg(long, hide = true)]
        program_stays: bool,
    },
    /// Chạy dịch vụ / start the service
    Start,
    /// Dừng dịch vụ / stop the service
    Stop,
    /// Dịch vụ đang thế nào / how the service fares
    Status,
}

/// Does it.
///
/// # Errors
/// With a [`Message`] if the system refuses.
pub(crate) fn obey(command: &ServiceCommand, place: &Place, lang: Lang) -> Result<ExitCode, Failure> {
    if !manager::AVAILABLE {
        return Err(Failure::Usage(Message::new("service-by-system").say(lang)));
    }
    match command {
        ServiceCommand::Install => install(place, lang),
        ServiceCommand::Uninstall { keep, program_stays } => uninstall(place, *keep, *program_stays, lang),
        ServiceCommand::Start => {
            manager::start().map_err(refused)?;
            print::tell(lang, &Message::new("service-started"));
            Ok(ExitCode::SUCCESS)
        }
        ServiceCommand::Stop => {
            manager::stop().map_err(refused)?;
            print::tell(lang, &Message::new("service-stopped"));
            Ok(ExitCode::SUCCESS)
        }
        ServiceCommand::Status => status(place, lang),
    }
}

fn refused(error: io::Error) -> Failure {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let id = if is_denied { "service-denied" } else { "service-refused" };

    Failure::Other(Message::new(id).because(error).into())
}

fn install(place: &Place, lang: Lang) -> Result<ExitCode, Failure> {
    // A configuration that would end the service at once is said now.
    place.load(lang)?;
    let entry = manager::install(&place.arguments()?).map_err(refused)?;
    print::tell(lang, &Message::new("service-installed").with("path", entry.program.display()));
    for (what, code) in entry.refused {
        print::tell(lang, &Message::new("service-part-refused").with("what", what).with("code", code));
    }

    Ok(ExitCode::SUCCESS)
}

fn uninstall(place: &Place, keep: bool, program_stays: bool, lang: Lang) -> Result<ExitCode, Failure> {
    // A configuration that cannot be read must not keep the program on the machine.
    let state_dir = place.load(lang).map_or_else(|_| place.usual_state_dir(), |config| config.state_dir);
    let left = manager::uninstall(program_stays).map_err(refused)?;
    settings::forget().map_err(refused)?;
    if keep {
        print::tell(lang, &Message::new("service-kept").with("path", state_dir.display()));
    } else {
        remove_own(&state_dir, place.config_path()).map_err(refused)?;
    }
    print::tell(lang, &Message::new("service-removed"));
    for path in left {
        print::tell(lang, &Message::new("service-left").with("path", path.display()));
    }

    Ok(ExitCode::SUCCESS)
}

/// Removes the state folder, the configuration, and the folder of both if nothing else lies there. Links are not
/// followed. A folder that no agent ever worked in is left alone, whatever a configuration says.
fn remove_own(state_dir: &Path, config_path: &Path) -> io::Result<()> {
    let is_ours = state_dir.join("lock").is_file() || state_dir.join("waiting.json").is_file();
    if is_ours && state_dir.components().count() > 2 {
        fs::remove_dir_all(state_dir)?;
    }
    match fs::remove_file(config_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    for folder in [state_dir.parent(), config_path.parent()].into_iter().flatten() {
        // Only an empty one goes.
        fs::remove_dir(folder).ok();
    }

    Ok(())
}

fn status(place: &Place, lang: Lang) -> Result<ExitCode, Failure> {
    let Some(seen) = manager::seen().map_err(refused)? else {
        print::tell(lang, &Message::new("service-missing"));
        return Ok(ExitCode::FAILURE);
    };
    let id = match seen.life {
        ServiceLife::Stopped => "service-is-stopped",
        ServiceLife::Starting => "service-is-starting",
        ServiceLife::Running => "service-is-running",
        ServiceLife::Stopping => "service-is-stopping",
    };
    let process = seen.process.map_or_else(|| "-".to_owned(), |process| process.to_string());
    print::tell(lang, &Message::new(id).with("process", process).with("code", seen.ended_with));
    let state_dir = place.load(lang)?.state_dir;
    if let Some(waiting) = Waiting::read(&state_dir).filter(|_| !Identity::stands(&state_dir)) {
        print::line(print::chain(&waiting.say(), lang));
    }

    Ok(if seen.life == ServiceLife::Running { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The words of a command line that starts the service with what was said to `install`.
pub(crate) fn run_arguments(config: Option<&Path>, state_dir: Option<&Path>) -> io::Result<Vec<OsString>> {
    let mut arguments: Vec<OsString> = vec!["run".into()];
    for (name, path) in [("--config", config), ("--state-dir", state_dir)] {
        if let Some(path) = path {
            arguments.extend([name.into(), std::path::absolute(path)?.into_os_string()]);
        }
    }

    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_an_agent_worked_in_is_removed() {
        let world = tempfile::tempdir().unwrap();
        let (state, config) = (world.path().join("VongGac/agent"), world.path().join("VongGac/agent.toml"));
        fs::create_dir_all(state.join("identity")).unwrap();
        fs::write(state.join("photo.jpg"), "a person's").unwrap();
        fs::write(&config, "version = 1\n").unwrap();

        remove_own(&state, &config).unwrap();
        assert!(state.join("photo.jpg").exists() && !config.exists());

        fs::write(state.join("lock"), "").unwrap();
        remove_own(&state, &config).unwrap();
        assert_eq!(fs::read_dir(world.path()).unwrap().count(), 0);
    }
}
