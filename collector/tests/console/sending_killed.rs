//! The real program, killed with a mail in the middle: it goes again under the same id, and once confirmed never.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;

use super::sending::{Mood, header, smtp};

const MOST: Duration = Duration::from_secs(60);

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vonggac-collector"));
    command.arg("--config").arg(folder.join("collector.toml")).args(arguments).env_remove("VONGGAC_LANG");

    command
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));

    String::from_utf8(output.stdout).unwrap()
}

fn serve(folder: &Path) -> Child {
    command(folder, &["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill_nine(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn only_message(folder: &Path) -> Value {
    let all: Value = serde_json::from_str(&good(folder, &["--json", "send", "queue"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1);

    all[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_killed_in_the_middle_of_a_mail_sends_it_again_and_a_confirmed_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = format!(
        "version = 1\ndata_dir = {:?}\n[link]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = \"127.0.0.1:0\"\n",
        folder.join("data").display().to_string()
    );
    std::fs::write(folder.join("collector.toml"), config).unwrap();
    good(folder, &["init"]);
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let way = ["--mail", "truc@tinh.example", "--from", "canh@tinh.example", "--server", "127.0.0.1"];
    let local = ["--port", &port, "--mail-tls", "none", "--allow-local"];
    good(folder, &[&["send", "add", "trực ban"][..], &way, &local].concat());
    let told = good(folder, &["send", "test", "trực ban"]);
    assert!(told.contains("chờ trong hàng đợi"), "{told}");

    let first = serve(folder);
    let cut = tokio::time::timeout(MOST, smtp(&server, Mood::Hangs)).await.unwrap().unwrap();
    kill_nine(first);
    let between = only_message(folder);
    let second = serve(folder);
    let again = tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    let deadline = async {
        while only_message(folder)["state"] != "sent" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(MOST, deadline).await.unwrap();
    kill_nine(second);
    let third = serve(folder);
    let more = tokio::time::timeout(Duration::from_secs(4), server.accept()).await;
    kill_nine(third);

    assert_eq!((between["state"].as_str(), between["tries"].as_u64()), (Some("sending"), Some(1)));
    assert_eq!(cut, again, "the same mail to the byte");
    assert!(header(&again, "Message-ID:").contains(between["uid"].as_str().unwrap()));
    let end = only_message(folder);
    assert_eq!(
        (end["tries"].as_u64(), end["receipt"].as_str()),
        (Some(2), Some("250 2.0.0 Ok: queued as 7C0FFEE"))
    );
    assert!(more.is_err(), "what was confirmed is not sent again");
}
