//! Other programs beside ours: run in turn, their processor and wall time taken by the shell that waits for them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::quantile;

/// What one run took, seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// Of all processes of the run.
    pub(super) cpu: f64,
    pub(super) wall: f64,
}

/// Runs a program with its output thrown away (or kept in `out`) and takes its time.
///
/// # Errors
/// If it cannot be run, or ends with a code that is not among `good`.
pub(super) fn time(program: &OsStr, args: &[&OsStr], out: &Path, good: &[i32]) -> anyhow::Result<Took> {
    // The figures come on a descriptor of their own; everything the run prints goes to `out`.
    let script = r#"out=$1; shift; TIMEFORMAT='%3R %3U %3S'; exec 3>&1; { time "$@" >"$out" 2>&1 ; } 2>&3"#;
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(out)
        .arg(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .context("run bash, which takes the time")?;
    let code = output.status.code().unwrap_or(-1);
    ensure!(
        good.contains(&code),
        "{} ended with {code}: {}",
        program.display(),
        std::fs::read_to_string(out).unwrap_or_default().lines().last().unwrap_or_default()
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut figures = text.split_whitespace().map(|figure| figure.replace(',', ".").parse::<f64>());
    let mut next =
        || figures.next().and_then(Result::ok).with_context(|| format!("figures of bash: {text:?}"));
    let (wall, user, system) = (next()?, next()?, next()?);

    Ok(Took { cpu: user + system, wall })
}

/// Whether a program can be found.
pub(super) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();

    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// SHA-256 of every file, by a program that takes many names.
pub(super) fn hash_all(command: &str, dir: &Path, work: &Path) -> anyhow::Result<Took> {
    let script = format!("cd \"$1\" && find . -type f -print0 | xargs -0 -n 500 {command}");
    let args = ["-c".as_ref(), script.as_ref(), "bash".as_ref(), dir.as_os_str()];

    time("bash".as_ref(), &args, &work.join("sums"), &[0])
}

/// Names and metadata of everything, by `find`.
pub(super) fn find(dir: &Path, work: &Path) -> anyhow::Result<Took> {
    let format = "%p %i %m %n %U %G %s %T@ %C@\\n";
    let args = [dir.as_os_str(), "-printf".as_ref(), format.as_ref()];

    time("find".as_ref(), &args, &work.join("found"), &[0])
}

/// AIDE with the same attributes and SHA-256, on a folder of databases.
pub(super) struct Aide {
    config: PathBuf,
    work: PathBuf,
}

impl Aide {
    /// `None` where it is not installed.
    pub(super) fn new(dir: &Path, work: &Path) -> anyhow::Result<Option<Self>> {
        if !is_installed("aide") {
            return Ok(None);
        }
        let work = work.join("aide");
        std::fs::create_dir_all(&work)?;
        let path: String = dir
            .display()
            .to_string()
            .chars()
            .flat_map(|char| {
                (!char.is_alphanumeric() && char != '/').then_some('\\').into_iter().chain([char])
            })
            .collect();
        let text = format!(
            "database_in=file:{work}/db\ndatabase_out=file:{work}/db.new\ngzip_dbout=no\nreport_url=stdout\n\
             FIM = ftype+p+i+n+u+g+s+m+c+sha256\n{path} FIM\n",
            work = work.display()
        );
        let config = work.join("aide.conf");
        std::fs::write(&config, text)?;

        Ok(Some(Self { config, work }))
    }

    pub(super) fn create(&self) -> anyhow::Result<Took> {
        let took = self.run("--init", &[0])?;
        std::fs::rename(self.work.join("db.new"), self.work.join("db"))?;

        Ok(took)
    }

    /// Differences make it end with 1 to 7.
    pub(super) fn check(&self) -> anyhow::Result<Took> {
        self.run("--check", &[0, 1, 2, 3, 4, 5, 6, 7])
    }

    fn run(&self, verb: &str, good: &[i32]) -> anyhow::Result<Took> {
        let args = ["--config".as_ref(), self.config.as_os_str(), verb.as_ref()];

        time("aide".as_ref(), &args, &self.work.join("out"), good)
    }
}

/// Figures of several rounds by name.
#[derive(Debug, Default)]
pub(super) struct Rounds(BTreeMap<String, Vec<Took>>);

impl Rounds {
    pub(super) fn add(&mut self, name: &str, took: Took) {
        super::progress(&format!("{name}: {:.2} s of processor, {:.2} s", took.cpu, took.wall));
        self.0.entry(name.to_owned()).or_default().push(took);
    }

    /// Median of processor seconds.
    pub(super) fn cpu(&self, name: &str) -> Option<f64> {
        self.median(name, |took| took.cpu)
    }

    /// Median of the ratios of two runs of the same round.
    pub(super) fn ratio(&self, of: &str, to: &str, figure: fn(&Took) -> f64) -> Option<f64> {
        let (of, to) = (self.0.get(of)?, self.0.get(to)?);
        let ratios = of.iter().zip(to).map(|(of, to)| figure(of) / figure(to));

        median(ratios.collect())
    }

    fn median(&self, name: &str, figure: fn(&Took) -> f64) -> Option<f64> {
        median(self.0.get(name)?.iter().map(figure).collect())
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);

    quantile(&figures, 0.5)
}
