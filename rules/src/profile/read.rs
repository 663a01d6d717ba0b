//! A profile's file: read whole, checked whole; every mistake with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Duty, Field, Filled, Form, Profile, Reach, Seen, Source, Starts, Target};
use crate::finding::Severity;
use crate::incident::marks::Mark;
use crate::table::{TableFile, TableMistake, is_day};
use crate::words::Words;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextFile {
    vi: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedFile {
    id: Spanned<String>,
    vi: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    id: Spanned<String>,
    vi: String,
    en: String,
    seen: Spanned<String>,
    at: String,
    confirmed_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFile {
    clock: Spanned<String>,
    low: Spanned<String>,
    medium: Spanned<String>,
    high: Spanned<String>,
    critical: Spanned<String>,
    source: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DutyFile {
    id: Spanned<String>,
    vi: String,
    en: String,
    starts: Spanned<String>,
    within: Option<Spanned<String>>,
    severity: Option<Spanned<String>>,
    #[serde(default)]
    when: Vec<Spanned<String>>,
    to: Spanned<Vec<Spanned<String>>>,
    form: Spanned<String>,
    source: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormFile {
    id: Spanned<String>,
    kind: Spanned<String>,
    vi: String,
    en: String,
    source: Spanned<String>,
    required: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    optional: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    id: Spanned<String>,
    vi: String,
    en: String,
    filled: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    id: Spanned<String>,
    version: u32,
    from: Spanned<String>,
    name: TextFile,
    serious_from: Spanned<String>,
    warn_percent: Spanned<u32>,
    #[serde(default)]
    term: Vec<NamedFile>,
    source: Vec<SourceFile>,
    role: Vec<NamedFile>,
    target: Vec<TargetFile>,
    duty: Vec<DutyFile>,
    form: Vec<FormFile>,
    field: Vec<FieldFile>,
}

/// Reads the files; the profiles come in the order of their first days.
///
/// # Errors
/// Every mistake of every file; if there is one, no profile is to be used.
pub fn load(files: &[TableFile]) -> Result<Vec<Profile>, Vec<TableMistake>> {
    let mut mistakes = Vec::new();
    let mut profiles: Vec<Profile> = Vec::new();
    for file in files {
        match file.read::<ProfileFile>() {
            Ok(written) => {
                let at = written.id.span().start;
                let profile = Reader { file, mistakes: &mut mistakes }.profile(written);
                if profiles.iter().any(|known| known.id == profile.id) {
                    mistakes.push(file.mistake(
                        at,
                        &format!("hồ sơ pháp lý `{}` đã có trong tệp khác", profile.id),
                        &format!("the profile `{}` is in another file already", profile.id),
                    ));
                }
                profiles.push(profile);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    profiles.sort_by(|one, other| one.from.cmp(&other.from));
    mistakes.sort_unstable();

    if mistakes.is_empty() { Ok(profiles) } else { Err(mistakes) }
}

/// A stretch of time as files have it: `0m`, `24h`, `5d`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: u64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;

    (count <= 10_000).then(|| Duration::from_secs(count * unit))
}

struct Reader<'a> {
    file: &'a TableFile,
    mistakes: &'a mut Vec<TableMistake>,
}

impl Reader<'_> {
    fn profile(&mut self, written: ProfileFile) -> Profile {
        if !is_day(written.from.as_ref()) {
            self.wrong(&written.from, "cần một ngày dạng 2026-08-19", "expected a day such as 2026-08-19");
        }
        if !(1..100).contains(written.warn_percent.as_ref()) {
            self.mistake(written.warn_percent.span().start, "cần từ 1 đến 99", "expected 1 to 99");
        }
        let serious_from = self.severity(&written.serious_from);
        let terms = self.named(written.term);
        let sources = self.sources(written.source);
        let roles = self.named(written.role);
        let fields = self.fields(written.field);
        let forms: Vec<Form> =
            written.form.into_iter().map(|form| self.form(form, &sources, &fields)).collect();
        let targets: Vec<Target> =
            written.target.into_iter().map(|target| self.target(&target, &sources)).collect();
        let mut ids = BTreeSet::new();
        let mut duties = Vec::new();
        for duty in written.duty {
            if !ids.insert(duty.id.as_ref().clone()) {
                self.wrong(&duty.id, "đã có ở trên", "is there already");
            }
            duties.push(self.duty(duty, &sources, &roles, &forms));
        }

        Profile {
            id: written.id.into_inner(),
            version: written.version,
            from: written.from.into_inner(),
            name: Words { vi: written.name.vi, en: written.name.en },
            serious_from,
            warn_percent: written.warn_percent.into_inner(),
            terms,
            sources,
            roles,
            targets,
            duties,
            forms,
            fields,
        }
    }

    fn mistake(&mut self, at: usize, vi: &str, en: &str) {
        self.mistakes.push(self.file.mistake(at, vi, en));
    }

    fn wrong(&mut self, value: &Spanned<String>, vi: &str, en: &str) {
        let given = value.as_ref();
        self.mistake(value.span().start, &format!("`{given}`: {vi}"), &format!("`{given}`: {en}"));
    }

    /// Notes a word that is none of those known.
    fn known<'w>(&mut self, value: &Spanned<String>, mut known: impl Iterator<Item = &'w str> + Clone) {
        if known.clone().any(|word| word == value.as_ref()) {
            return;
        }
        let mut all = known.next().unwrap_or_default().to_owned();
        for word in known {
            all.push_str(", ");
            all.push_str(word);
        }
        self.wrong(value, &format!("cần một trong: {all}"), &format!("expected one of: {all}"));
    }

    fn severity(&mut self, value: &Spanned<String>) -> Severity {
        self.known(value, Severity::ALL.iter().map(|severity| severity.word()));

        Severity::of_word(value.as_ref()).unwrap_or(Severity::Critical)
    }

    fn within(&mut self, value: &Spanned<String>) -> Duration {
        let within = duration(value.as_ref());
        if within.is_none() {
            self.wrong(value, "cần một thời hạn như 30m, 24h, 5d", "expected a time such as 30m, 24h, 5d");
        }

        within.unwrap_or_default()
    }

    fn named(&mut self, written: Vec<NamedFile>) -> BTreeMap<String, Words> {
        let mut all = BTreeMap::new();
        for one in written {
            if all.insert(one.id.as_ref().clone(), Words { vi: one.vi, en: one.en }).is_some() {
                self.wrong(&one.id, "đã có ở trên", "is there already");
            }
        }

        all
    }

    fn sources(&mut self, written: Vec<SourceFile>) -> BTreeMap<String, Source> {
        let mut all = BTreeMap::new();
        for one in written {
            self.known(&one.seen, ["read", "second_hand", "unverified", "own"].into_iter());
            let source = Source {
                name: Words { vi: one.vi, en: one.en },
                seen: Seen::of_word(one.seen.as_ref()).unwrap_or(Seen::Unverified),
                at: one.at,
                confirmed_by: one.confirmed_by,
            };
            if all.insert(one.id.as_ref().clone(), source).is_some() {
                self.wrong(&one.id, "đã có ở trên", "is there already");
            }
        }

        all
    }

    fn fields(&mut self, written: Vec<FieldFile>) -> BTreeMap<String, Field> {
        let mut all = BTreeMap::new();
        for one in written {
            if let Some(filled) = &one.filled {
                self.known(filled, Filled::ALL.iter().map(|filled| filled.word()));
            }
            let filled = one.filled.map(Spanned::into_inner);
            let field = Field {
                id: one.id.as_ref().clone(),
                name: Words { vi: one.vi, en: one.en },
                filled: Filled::ALL.into_iter().find(|known| Some(known.word()) == filled.as_deref()),
            };
            if all.insert(field.id.clone(), field).is_some() {
                self.wrong(&one.id, "đã có ở trên", "is there already");
            }
        }

        all
    }

    fn form(
        &mut self,
        written: FormFile,
        sources: &BTreeMap<String, Source>,
        fields: &BTreeMap<String, Field>,
    ) -> Form {
        self.known(&written.kind, ["initial", "update", "final"].into_iter());
        self.known(&written.source, sources.keys().map(String::as_str));
        for field in written.required.as_ref().iter().chain(&written.optional) {
            if !fields.contains_key(field.as_ref()) {
                self.wrong(field, "không có ô nào như vậy", "there is no such field");
            }
        }
        let words = |all: Vec<Spanned<String>>| all.into_iter().map(Spanned::into_inner).collect();

        Form {
            id: written.id.into_inner(),
            kind: written.kind.into_inner(),
            name: Words { vi: written.vi, en: written.en },
            source: written.source.into_inner(),
            required: words(written.required.into_inner()),
            optional: words(written.optional),
        }
    }

    fn target(&mut self, written: &TargetFile, sources: &BTreeMap<String, Source>) -> Target {
        self.known(&written.clock, Reach::ALL.iter().map(|reach| reach.word()));
        self.known(&written.source, sources.keys().map(String::as_str));
        let within = [
            (Severity::Low, &written.low),
            (Severity::Medium, &written.medium),
            (Severity::High, &written.high),
            (Severity::Critical, &written.critical),
        ];

        Target {
            reach: Reach::of_word(written.clock.as_ref()).unwrap_or(Reach::Resolved),
            within: within.into_iter().map(|(severity, value)| (severity, self.within(value))).collect(),
            source: written.source.as_ref().clone(),
        }
    }

    fn duty(
        &mut self,
        written: DutyFile,
        sources: &BTreeMap<String, Source>,
        roles: &BTreeMap<String, Words>,
        forms: &[Form],
    ) -> Duty {
        self.known(&written.starts, ["detected", "resolved"].into_iter());
        self.known(&written.form, forms.iter().map(|form| form.id.as_str()));
        // Nothing is told as a duty without its source.
        self.known(&written.source, sources.keys().map(String::as_str));
        for mark in &written.when {
            self.known(mark, Mark::ALL.iter().map(|mark| mark.word()));
        }
        if written.to.as_ref().is_empty() {
            self.mistake(
                written.to.span().start,
                "cần ít nhất một nơi nhận",
                "expected at least one addressee",
            );
        }
        for role in written.to.as_ref() {
            self.known(role, roles.keys().map(String::as_str));
        }
        let words = |all: Vec<Spanned<String>>| all.into_iter().map(Spanned::into_inner).collect();

        Duty {
            id: written.id.into_inner(),
            name: Words { vi: written.vi, en: written.en },
            starts: if written.starts.as_ref() == "resolved" { Starts::Resolved } else { Starts::Detected },
            within: written.within.as_ref().map(|value| self.within(value)),
            severity: written.severity.as_ref().map(|value| self.severity(value)),
            when: written.when.iter().filter_map(|mark| Mark::of_word(mark.as_ref())).collect(),
            to: words(written.to.into_inner()),
            form: written.form.into_inner(),
            source: written.source.into_inner(),
        }
    }
}
