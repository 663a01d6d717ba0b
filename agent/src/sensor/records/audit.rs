//! Lines of auditd: `type=ADD_USER msg=audit(1795381200.123:42): pid=7 uid=0 auid=1000 … msg='op=add-user acct="an" …'`.
//! Only root writes there, and it says who was logged in (`auid`) whoever they had become since.

use vonggac_protocol::record::{AccountAction, LoginResult, ServiceAction};
use vonggac_protocol::time::Timestamp;

use super::fact::{Fact, Name};

/// Pairs of one line that are looked at.
const PAIRS_MAX: usize = 128;

/// What a line says, and when; `None` if it does not concern us or has another form.
#[must_use]
pub fn read(line: &str) -> Option<(Timestamp, Fact)> {
    let rest = line.split_once("type=").map(|(_, rest)| rest)?;
    let (kind, rest) = rest.split_once(' ')?;
    let rest = rest.strip_prefix("msg=audit(")?;
    let (stamp, rest) = rest.split_once("):")?;
    let at = time(stamp)?;
    let pairs = pairs(rest);
    let get = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
    let is_done = get("res").is_some_and(|it| it == "success" || it == "1");
    let fact = match kind {
        "USER_LOGIN" if is_done => login(LoginResult::Succeeded, &get),
        "USER_AUTH" if !is_done => login(LoginResult::Failed, &get),
        "USER_CMD" => command(is_done, &get),
        "SERVICE_START" | "SERVICE_STOP" => service(kind, is_done, &get),
        _ if is_done => account(kind, &get),
        _ => None,
    };

    fact.map(|fact| (at, fact))
}

/// `1795381200.123:42`.
fn time(stamp: &str) -> Option<Timestamp> {
    let (time, _serial) = stamp.split_once(':')?;
    let (secs, millis) = time.split_once('.').unwrap_or((time, "0"));
    let (secs, millis): (i64, i64) = (secs.parse().ok()?, millis.parse().ok()?);

    secs.checked_mul(1_000)?.checked_add(millis).map(Timestamp)
}

type Pair<'a> = (&'a str, String);

/// All pairs, those of the quoted message too; of one name the first counts.
fn pairs(text: &str) -> Vec<Pair<'_>> {
    let mut found: Vec<Pair<'_>> = Vec::new();
    let mut rest = text;
    while found.len() < PAIRS_MAX {
        // The daemon parts what it adds itself by this letter.
        rest = rest.trim_start_matches([' ', '\u{1d}', '\'', ',']);
        let Some((name, after)) = rest.split_once('=') else { break };
        let name = name.rsplit([' ', '\'']).next().unwrap_or(name);
        if name == "msg" {
            rest = after;
            continue;
        }
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                let end = after.find([' ', '\'', '\u{1d}']).unwrap_or(after.len());
                after.split_at(end)
            }
        };
        let value = if after.starts_with('"') { value.to_owned() } else { unhexed(name, value) };
        if name == "op" && !after.starts_with('"') {
            // Older tools write several words: `op=adding user acct=…`.
            let words = after.split_once('=').map_or(after, |(words, _)| words);
            let words = words.rsplit_once(' ').map_or(words, |(words, _)| words);
            found.push((name, words.to_owned()));
        } else {
            found.push((name, value));
        }
        rest = next;
    }

    found
}

/// What was typed by strangers stands in hexadecimal digits.
fn unhexed(name: &str, value: &str) -> String {
    let is_hex = ["acct", "cmd", "grp"].contains(&name) && value.len() >= 2;
    let bytes = data_encoding::HEXUPPER_PERMISSIVE.decode(value.as_bytes()).ok().filter(|_| is_hex);

    bytes.map_or_else(|| value.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A value that says something: `?` and the number of nobody do not.
fn some(value: Option<&str>) -> Option<String> {
    value
        .filter(|it| !it.is_empty() && !["?", "(null)", "unset", "4294967295"].contains(it))
        .map(str::to_owned)
}

/// Who was logged in: by name where the daemon adds it.
fn who(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    get("AUID").or_else(|| get("auid"))
}

fn last(path: Option<String>) -> Option<String> {
    path.map(|path| path.rsplit('/').next().unwrap_or_default().to_owned()).filter(|it| !it.is_empty())
}

fn login<'a>(result: LoginResult, get: &impl Fn(&str) -> Option<&'a str>) -> Option<Fact> {
    let service = last(some(get("exe")))?;
    let is_rights = ["sudo", "su", "passwd", "polkit-agent-helper-1"].contains(&service.as_str());
    let user = some(get("acct")).or_else(|| some(get("ID"))).map(Name::Typed);

    (!is_rights).then_some(Fact::Login {
        result,
        user,
        from: some(get("addr")),
        service,
        method: None,
        count: 1,
    })
}

fn command<'a>(granted: bool, get: &impl Fn(&str) -> Option<&'a str>) -> Option<Fact> {
    let command = some(get("cmd"))?;
    let program = command.split_ascii_whitespace().next().filter(|it| it.starts_with('/'));

    Some(Fact::Privilege {
        granted,
        user: who(&|key| some(get(key))).map(Name::Typed),
        run_as: None,
        tool: "sudo",
        program: program.map(str::to_owned),
        denial: (!granted).then_some(vonggac_protocol::record::Denial::Other),
        count: 1,
    })
}

fn service<'a>(kind: &str, is_done: bool, get: &impl Fn(&str) -> Option<&'a str>) -> Option<Fact> {
    let unit = some(get("unit"))?;
    let action = match (kind, is_done) {
        (_, false) => ServiceAction::Failed,
        ("SERVICE_START", true) => ServiceAction::Started,
        (_, true) => ServiceAction::Stopped,
    };

    Some(Fact::Service { unit: format!("{unit}.service"), action, result: None })
}

fn account<'a>(kind: &str, get: &impl Fn(&str) -> Option<&'a str>) -> Option<Fact> {
    let op = get("op").unwrap_or_default().replace('-', " ");
    let is = |start: &str| op.starts_with(start);
    let action = match kind {
        "ADD_USER" if is("add user") || is("adding user") => AccountAction::Created,
        "DEL_USER" if is("delete user") || is("deleting user") => AccountAction::Deleted,
        "ADD_GROUP" if is("add group") || is("adding group") => AccountAction::GroupCreated,
        "DEL_GROUP" if is("delete group") || is("deleting group") => AccountAction::GroupDeleted,
        "USER_CHAUTHTOK" if is("PAM:chauthtok") || is("change password") => AccountAction::PasswordChanged,
        _ => return None,
    };
    let is_group = matches!(action, AccountAction::GroupCreated | AccountAction::GroupDeleted);
    // The number of an account that is new has a name only for the daemon.
    let name = some(get("acct")).or_else(|| some(get("ID")));
    let group = some(get("grp")).or_else(|| name.clone()).filter(|_| is_group);

    Some(Fact::Account {
        action,
        user: name.filter(|_| !is_group),
        group,
        number: get("id").and_then(|it| it.parse().ok()),
        by: who(&|key| some(get(key))),
        tool: last(some(get("exe"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_says_who_was_behind_root() {
        let line = "type=ADD_USER msg=audit(1795381200.123:42): pid=7 uid=0 auid=1000 ses=3 \
                    subj=unconfined msg='op=add-user acct=\"binh\" exe=\"/usr/sbin/useradd\" hostname=m addr=? \
                    terminal=pts/0 res=success'\u{1d}UID=\"root\" AUID=\"an\"";
        let (at, fact) = read(line).unwrap();

        assert_eq!(at, Timestamp(1_795_381_200_123));
        let expected = Fact::Account {
            action: AccountAction::Created,
            user: Some("binh".to_owned()),
            group: None,
            number: None,
            by: Some("an".to_owned()),
            tool: Some("useradd".to_owned()),
        };
        assert_eq!(fact, expected);
        let older =
            line.replace("op=add-user", "op=adding user").replace("\u{1d}UID=\"root\" AUID=\"an\"", "");
        let Some((_, Fact::Account { by, user, .. })) = read(&older) else { panic!("it is one") };
        assert_eq!((by.as_deref(), user.as_deref()), (Some("1000"), Some("binh")));
        assert_eq!(read(&line.replace("add-user", "add-home-dir")), None);
    }

    #[test]
    fn a_command_leaves_its_arguments_behind() {
        let line = "type=USER_CMD msg=audit(1795381200.5:9): pid=7 uid=1000 auid=1000 ses=3 msg='cwd=\"/\" \
                    cmd=2F62696E2F6C73202D6C exe=\"/usr/bin/sudo\" terminal=pts/0 res=failed'";
        let Some((_, Fact::Privilege { granted, program, .. })) = read(line) else { panic!("it is one") };

        assert_eq!((granted, program.as_deref()), (false, Some("/bin/ls")));
    }

    #[test]
    fn a_service_and_a_refused_login_are_read() {
        let stop = "type=SERVICE_STOP msg=audit(1.2:3): pid=1 uid=0 auid=4294967295 msg='unit=auditd \
                    comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'";
        let auth = "type=USER_AUTH msg=audit(1.2:4): pid=1 uid=0 auid=4294967295 msg='op=PAM:authentication \
                    grantors=? acct=28696E76616C6964207573657229 exe=\"/usr/sbin/sshd\" hostname=203.0.113.7 \
                    addr=203.0.113.7 terminal=ssh res=failed'";

        let expected =
            Fact::Service { unit: "auditd.service".to_owned(), action: ServiceAction::Stopped, result: None };
        assert_eq!(read(stop).unwrap().1, expected);
        let Some((_, Fact::Login { user, from, service, .. })) = read(auth) else { panic!("it is one") };
        assert_eq!(user, Some(Name::Typed("(invalid user)".to_owned())));
        assert_eq!((from.as_deref(), service.as_str()), (Some("203.0.113.7"), "sshd"));
    }
}
