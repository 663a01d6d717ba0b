//! The data folder belongs to one account, and only that account works in it.
//!
//! The database has files beside it (`-wal`, `-shm`). If root runs a command beside the service, they become root's, and
//! the service can no longer write.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use anyhow::bail;

use super::Setting;

/// Where account names are.
const ACCOUNTS: &str = "/etc/passwd";

/// Refuses if the data folder is another account's than the one that runs this command.
///
/// # Errors
/// If it is; the words name the command that works.
pub(super) fn require(setting: &Setting) -> anyhow::Result<()> {
    // A folder that is not there yet is made by `init`, and what cannot be seen is said by whoever opens it.
    let Ok(found) = fs::metadata(&setting.config.data_dir) else { return Ok(()) };
    if found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let accounts = fs::read_to_string(ACCOUNTS).unwrap_or_default();
    let owner = account(&accounts, found.uid());

    bail!(
        "{}",
        setting.say("cli-not-owner", &[("dir", &setting.config.data_dir.display()), ("owner", &owner)])
    );
}

/// The name of an account in the form of `passwd(5)`; its number, as `sudo -u` takes it, if it has none.
fn account(accounts: &str, user: u32) -> String {
    let number = user.to_string();
    let mut lines = accounts.lines().map(|line| line.split(':'));
    let name = lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });

    name.unwrap_or_else(|| format!("'#{number}'"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Config;
    use crate::print::Lang;

    fn setting(data_dir: PathBuf) -> Setting {
        let config = Config { data_dir, ..Config::with_defaults() };
        Setting { config, config_path: None, lang: Lang::En, json: false }
    }

    #[test]
    fn an_account_is_named_and_one_without_a_name_is_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nvonggac-collector:x:998:998::/var/lib:/bin/false\n";

        assert_eq!(account(accounts, 998), "vonggac-collector");
        assert_eq!(account(accounts, 99), "'#99'");
    }

    #[test]
    fn ones_own_folder_is_allowed_and_so_is_one_that_is_not_there_yet() {
        let folder = tempfile::tempdir().unwrap();

        require(&setting(folder.path().to_owned())).unwrap();
        require(&setting(folder.path().join("new"))).unwrap();
    }

    #[test]
    fn a_folder_of_another_account_is_refused_with_the_command_that_works() {
        // Root's, unless root runs the tests: then a process's folder of nobody stands in for it.
        let folder = tempfile::tempdir().unwrap();
        let path = if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(4_294_000_001), None).unwrap();
            folder.path().to_owned()
        } else {
            PathBuf::from("/")
        };

        let error = require(&setting(path)).unwrap_err().to_string();

        assert!(error.contains("sudo -u"), "{error}");
    }
}
