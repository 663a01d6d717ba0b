//! Lines of `auth.log` and `secure`, in both forms that syslog daemons write: with RFC 3339 times, and with times that know no
//! year and no zone. Anybody on the machine may have written them: none is sure.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use vonggac_protocol::record::RecordOrigin;
use vonggac_protocol::time::Timestamp;

use super::record::Record;

/// A line in the future by more than this is of the year before.
const AHEAD_MS: i64 = 2 * 86_400_000;

/// The record of a line; `None` if it has another form.
#[must_use]
pub fn read(line: &str, zone: &TimeZone, now: Timestamp) -> Option<Record> {
    let (at, rest) = time(line, zone, now)?;
    let (_host, rest) = rest.split_once(' ')?;
    let (tag, message) = rest.split_once(": ")?;
    let (identifier, process) = match tag.split_once('[') {
        Some((identifier, rest)) => (identifier, rest.strip_suffix(']').and_then(|it| it.parse().ok())),
        None => (tag, None),
    };
    if identifier.is_empty() || identifier.contains(' ') {
        return None;
    }

    Some(Record {
        at,
        origin: RecordOrigin::Syslog,
        identifier: identifier.to_owned(),
        process,
        message: message.to_owned(),
        sure: false,
        job: None,
    })
}

fn time<'a>(line: &'a str, zone: &TimeZone, now: Timestamp) -> Option<(Timestamp, &'a str)> {
    if line.as_bytes().first()?.is_ascii_digit() {
        let (time, rest) = line.split_once(' ')?;
        let at: jiff::Timestamp = time.parse().ok()?;
        return Some((Timestamp(at.as_millisecond()), rest));
    }
    // `Nov  2 21:00:00`: always fifteen letters.
    let (time, rest) = line.split_at_checked(15)?;
    let rest = rest.strip_prefix(' ')?;
    let mut parts = time.split_ascii_whitespace();
    let (month, day, clock) = (month(parts.next()?)?, parts.next()?, parts.next()?);
    let mut clock = clock.split(':').map(str::parse::<i8>);
    let mut next = || clock.next()?.ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    let year = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).year();
    let of_year = |year: i16| {
        let local = DateTime::new(year, month, day.parse().ok()?, hour, minute, second, 0).ok()?;
        let at = zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Timestamp(at.as_millisecond()))
    };
    let at = of_year(year)?;
    let at = if at.0.saturating_sub(now.0) > AHEAD_MS { of_year(year - 1)? } else { at };

    Some((at, rest))
}

fn month(name: &str) -> Option<i8> {
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = names.iter().position(|it| *it == name)?;

    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T21:00:00Z.
    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    #[test]
    fn both_forms_of_times_are_read() {
        let viet_nam = TimeZone::fixed(jiff::tz::offset(7));
        let line =
            "2026-11-22T20:59:58.5+00:00 may-1 sshd[77]: Accepted password for an from ::1 port 1 ssh2";
        let read_at = |line: &str| read(line, &viet_nam, NOW).unwrap().at.0 - NOW.0;

        let record = read(line, &viet_nam, NOW).unwrap();
        assert_eq!((record.at.0 - NOW.0, record.identifier.as_str()), (-1_500, "sshd"));
        assert_eq!((record.process, record.sure), (Some(77), false));
        assert_eq!(read_at("Nov 23 03:59:00 may-1 sudo:   an : TTY=x ; COMMAND=/bin/ls"), -60_000);
        assert_eq!(read_at("Dec 31 23:00:00 may-1 su: x"), -28_184_400_000);
        assert_eq!(read("no time at all", &viet_nam, NOW), None);
        assert_eq!(read("Nov 41 03:59:00 may-1 su: x", &viet_nam, NOW), None);
    }
}
