//! What happens, from top to bottom: a collector is founded, this machine enrols, one real change becomes an incident.

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::programs::{Program, Programs, Running, instant, rest};
use crate::words::Words;

/// Marks a folder as ours, so that a later run may begin anew in it and never in anybody else's.
const MARK: &str = ".vonggac-demo";

/// From the start of the programs to the first incident, on the slowest machine we care for.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn tell(folder: &Path, once: bool, words: &Words) -> anyhow::Result<()> {
    let folder = prepare(folder, words)?;
    words.say("demo-folder", &[("folder", folder.display().to_string())]);

    let scene = Scene::set(&folder)?;
    words.say("demo-founding", &[]);
    scene.programs.ask(Program::Collector, &["init"])?;
    scene.programs.ask(Program::Collector, &["agency", "add", "co-quan-mau", "Cơ quan mẫu"])?;
    let token = scene.programs.ask(Program::Collector, &["person", "token", "quan-tri"])?;
    let api = Api { base: format!("http://{}", scene.console), token };
    let mut collector = scene.programs.start(Program::Collector, "serve")?;
    wait("the collector's readiness", &mut [("collector", &mut collector)], || api.get("/readyz").ok())?;
    words.say("demo-serving", &[("link", scene.link.clone()), ("console", scene.console.clone())]);

    words.say("demo-enrolling", &[]);
    let string = scene.programs.ask(Program::Collector, &["token", "new", "--agency", "co-quan-mau"])?;
    scene.programs.ask(Program::Agent, &["enrol", &string])?;
    let mut agent = scene.programs.start(Program::Agent, "run")?;
    words.say("demo-watching", &[("watched", scene.pages.display().to_string())]);
    observe(&api, words, &mut collector, &mut agent)?;

    let page = scene.pages.join("index.html");
    words.say("demo-changing", &[("page", page.display().to_string())]);
    let changed = instant();
    std::fs::write(&page, "<!doctype html><title>Trang mẫu</title><p>Trang này vừa bị sửa.</p>\n")?;
    let incident =
        wait("the first incident", &mut [("collector", &mut collector), ("agent", &mut agent)], || {
            incident_of_page(&api)
        })?;
    let latency = changed.elapsed().as_millis().to_string();
    show(&incident, &latency, words);
    let link = scene.programs.ask(Program::Collector, &["person", "link", "quan-tri"])?;
    if once {
        drop(agent);
        drop(collector);
        words.line(&incident.to_string());
        return Ok(());
    }
    words.say("demo-link", &[("link", link)]);
    let page = page.display().to_string();
    words.say("demo-next", &[("page", page), ("folder", folder.display().to_string())]);
    until_stopped(&mut collector, &mut agent)?;
    words.say("demo-stopping", &[]);

    Ok(())
}

/// An empty folder with our mark. What an earlier first look left is removed; anything else is not touched.
fn prepare(folder: &Path, words: &Words) -> anyhow::Result<PathBuf> {
    let foreign = || words.text("demo-folder-foreign", &[("folder", folder.display().to_string())]);
    if folder.join(MARK).is_file() {
        std::fs::remove_dir_all(folder).with_context(|| format!("begin anew in {}", folder.display()))?;
    } else if folder.exists() && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{}", foreign());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    std::fs::write(folder.join(MARK), "")?;

    folder.canonicalize().with_context(|| format!("find {}", folder.display()))
}

/// Where the programs are and what they are told.
struct Scene {
    programs: Programs,
    link: String,
    console: String,
    pages: PathBuf,
}

impl Scene {
    fn set(folder: &Path) -> anyhow::Result<Self> {
        let link = UdpSocket::bind("127.0.0.1:0").context("find a free UDP port")?.local_addr()?.to_string();
        let console =
            TcpListener::bind("127.0.0.1:0").context("find a free TCP port")?.local_addr()?.to_string();
        let pages = folder.join("trang-web-mau");
        std::fs::create_dir(&pages)?;
        std::fs::write(
            pages.join("index.html"),
            "<!doctype html><title>Trang mẫu</title><p>Trang thật.</p>\n",
        )?;
        let text = |path: PathBuf| toml_text(&path.display().to_string());
        std::fs::write(
            folder.join("collector.toml"),
            format!(
                "version = 1\ndata_dir = {}\npublic_address = \"{link}\"\n\n[link]\nlisten = \"{link}\"\n\n[console]\nlisten = \"{console}\"\n",
                text(folder.join("collector")),
            ),
        )?;
        std::fs::write(
            folder.join("agent.toml"),
            format!(
                "version = 1\nstate_dir = {}\nwatch_defaults = false\n\n[[watch]]\narea = \"web\"\npath = {}\n",
                text(folder.join("agent")),
                text(pages.clone()),
            ),
        )?;

        Ok(Self { programs: Programs::new(folder)?, link, console, pages })
    }
}

/// A TOML basic string.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string()
}

/// The collector's API on loopback.
struct Api {
    base: String,
    token: String,
}

impl Api {
    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let address = format!("{}{path}", self.base);
        let text = ureq::get(&address)
            .header("Authorization", &format!("Bearer {}", self.token))
            .call()?
            .body_mut()
            .read_to_string()?;

        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// Polls until there is something, while every program named lives.
fn wait<T>(
    what: &str,
    alive: &mut [(&str, &mut Running)],
    mut probe: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let start = instant();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        for (name, program) in &mut *alive {
            program.check(name)?;
        }
        if start.elapsed() > PATIENCE {
            bail!("{what} did not come within {} s; the logs are in the folder", PATIENCE.as_secs());
        }
        rest(Duration::from_millis(20));
    }
}

/// Waits until the machine's packages and patches and the watched folder's baseline are in the console.
fn observe(api: &Api, words: &Words, collector: &mut Running, agent: &mut Running) -> anyhow::Result<()> {
    let start = instant();
    let mut told = 0;
    // The first is this machine; whoever enrols others meanwhile does not change that.
    let mut ours: Option<String> = None;
    let host = wait("this machine's inventory", &mut [("collector", collector), ("agent", agent)], || {
        let first = || Some(api.get("/api/v1/hosts").ok()?["items"].get(0)?["id"].as_str()?.to_owned());
        let id = match &ours {
            Some(id) => id,
            None => ours.insert(first()?),
        };
        let host = api.get(&format!("/api/v1/hosts/{id}")).ok()?;
        let seconds = start.elapsed().as_secs();
        if seconds > told {
            told = seconds;
            let packages = host["package_count"].to_string();
            words.say("demo-progress", &[("seconds", seconds.to_string()), ("packages", packages)]);
        }
        let based = host["roots"].as_array().is_some_and(|roots| !roots.is_empty());
        (based && host["inventory_at"].is_string() && host["patches_at"].is_string()).then_some(host)
    })?;
    let number = |value: &Value| match value.as_u64() {
        Some(number) => number.to_string(),
        None => words.text("demo-unknown", &[]),
    };
    words.say(
        "demo-described",
        &[
            ("host", host["name"].as_str().unwrap_or_default().to_owned()),
            ("packages", number(&host["package_count"])),
            ("pending", number(&host["patches"]["pending_count"])),
            ("security", number(&host["patches"]["security_count"])),
        ],
    );

    Ok(())
}

/// The incident of the changed page as the list has it, with the host's name beside.
fn incident_of_page(api: &Api) -> Option<Value> {
    let mut list = api.get("/api/v1/incidents?rule=web-page-changed").ok()?;
    let mut incident = list["items"].get_mut(0)?.take();
    incident["host"] = incident["hosts"].get(0)?.clone();

    Some(incident)
}

fn show(incident: &Value, latency: &str, words: &Words) {
    let text = |key: &str| incident[key].as_str().unwrap_or_default().to_owned();
    let severity = match incident["severity"].as_str() {
        Some("critical") => "demo-critical",
        Some("high") => "demo-high",
        Some("medium") => "demo-medium",
        Some(_) | None => "demo-low",
    };
    let clauses: Vec<&str> = incident["clauses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|clause| clause.as_str().or_else(|| clause["id"].as_str()))
        .collect();
    words.say(
        "demo-incident",
        &[
            ("id", incident["id"].to_string()),
            ("severity", words.text(severity, &[])),
            ("title", text(words.title_key())),
        ],
    );
    words.say("demo-clauses", &[("clauses", clauses.join(", "))]);
    words.say("demo-latency", &[("milliseconds", latency.to_owned())]);
}

/// Rests until Ctrl+C or a request to end.
fn until_stopped(collector: &mut Running, agent: &mut Running) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut asked = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        loop {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
                _ = asked.recv() => return Ok(()),
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    collector.check("collector")?;
                    agent.check("agent")?;
                }
            }
        }
    })
}
