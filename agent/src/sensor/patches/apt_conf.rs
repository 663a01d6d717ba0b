//! apt's configuration: the few settings that we need, from `apt.conf.d` and `apt.conf`.

use std::collections::BTreeMap;
use std::path::Path;

use super::lists::fragments;

/// Bytes of one configuration file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How deep blocks may nest; apt itself stays below ten.
const DEPTH_MAX: usize = 32;

/// Settings by their full name in lower case, such as `apt::periodic::enable`; the last one read wins, as in apt.
#[derive(Debug, Default)]
pub(super) struct AptConf(BTreeMap<String, String>);

impl AptConf {
    pub(super) fn read(root: &Path) -> Self {
        let mut conf = Self::default();
        let mut paths = fragments(&root.join("etc/apt/apt.conf.d"), "conf");
        paths.push(root.join("etc/apt/apt.conf"));
        for path in paths {
            if let Some(text) = super::lists::small_text(&path, FILE_BYTES_MAX) {
                conf.take(&text);
            }
        }

        conf
    }

    /// The value of a setting, named in lower case.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a setting is on: a number above 0, or what apt takes for yes.
    pub(super) fn is_on(&self, name: &str) -> Option<bool> {
        let text = self.text(name)?.to_ascii_lowercase();
        // A bare number counts days; it may carry a unit, such as 12h. `always` means at every run.
        let digits = text.trim_end_matches(['s', 'm', 'h', 'd']);

        Some(match digits.parse::<u64>() {
            Ok(number) => number > 0,
            Err(_) => matches!(text.as_str(), "yes" | "true" | "with" | "on" | "enable" | "always"),
        })
    }

    fn take(&mut self, text: &str) {
        let mut scopes: Vec<String> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for token in Tokens(text) {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open if scopes.len() < DEPTH_MAX => {
                    scopes.push(words.drain(..).next().unwrap_or_default().to_lowercase());
                }
                Token::Open => return,
                Token::Close => {
                    words.clear();
                    scopes.pop();
                }
                Token::End => {
                    if let [name, value] = words.as_slice() {
                        let mut full =
                            scopes.iter().filter(|scope| !scope.is_empty()).cloned().collect::<Vec<_>>();
                        full.push(name.to_lowercase());
                        self.0.insert(full.join("::"), value.clone());
                    }
                    words.clear();
                }
            }
        }
    }
}

enum Token {
    Word(String),
    Open,
    Close,
    End,
}

struct Tokens<'t>(&'t str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.0 = self.0.trim_start();
            let first = self.0.chars().next()?;
            if self.0.starts_with("/*") {
                self.0 = self.0.split_once("*/").map_or("", |(_, rest)| rest);
            } else if self.0.starts_with("//") || first == '#' {
                self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
            } else {
                return Some(self.token(first));
            }
        }
    }
}

impl Tokens<'_> {
    fn token(&mut self, first: char) -> Token {
        let single = match first {
            '{' => Token::Open,
            '}' => Token::Close,
            ';' => Token::End,
            '"' => {
                let (word, rest) = self.0[1..].split_once('"').unwrap_or_else(|| (&self.0[1..], ""));
                self.0 = rest;
                return Token::Word(word.to_owned());
            }
            _ => {
                let end = self.0.find(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '"'));
                let (word, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
                self.0 = rest;
                return Token::Word(word.to_owned());
            }
        };
        self.0 = &self.0[1..];

        single
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_and_nested_settings_mean_the_same() {
        let mut conf = AptConf::default();
        conf.take("// a comment\nAPT::Periodic::Enable \"1\";\n/* APT { x \"y\"; } */\nAPT { Periodic { Unattended-Upgrade \"0\"; }; };");

        assert_eq!(conf.is_on("apt::periodic::enable"), Some(true));
        assert_eq!(conf.is_on("apt::periodic::unattended-upgrade"), Some(false));
        assert_eq!(conf.is_on("apt::default-release"), None);
    }

    #[test]
    fn the_last_setting_wins_and_units_are_understood() {
        let mut conf = AptConf::default();
        conf.take("apt::periodic::unattended-upgrade \"0\"; APT::Periodic::Unattended-Upgrade \"12h\";");

        assert_eq!(conf.is_on("apt::periodic::unattended-upgrade"), Some(true));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-zA-Z:{};\"/*#\n é]){0,200}") {
            AptConf::default().take(&text);
        }
    }
}
