//! A rule file as written: its documents, and the line of any key in them.

/// A step into a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// Into the value of a key.
    Key(&'a str),
    /// Into an item of a list, from 0.
    Item(usize),
}

/// One document of a YAML file.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its text, without the separator.
    pub(crate) text: String,
    /// Number of its first line in the file, from 1.
    pub(crate) first: usize,
}

/// The documents of a file; those with nothing but blank lines and comments are left out.
pub(crate) fn documents(text: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut current = Document { text: String::new(), first: 1 };
    for (at, line) in text.lines().enumerate() {
        let separates = line == "---" || line.starts_with("--- ") || line.starts_with("---\t");
        if separates {
            documents.push(std::mem::replace(&mut current, Document { text: String::new(), first: at + 2 }));
        } else {
            current.text.push_str(line);
            current.text.push('\n');
        }
    }
    documents.push(current);
    documents.retain(|document| document.text.lines().any(|line| !is_idle(line)));

    documents
}

fn is_idle(line: &str) -> bool {
    let line = line.trim_start();

    line.is_empty() || line.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

impl Document {
    /// The line that these steps lead to; where they cannot be followed, the last line that was found.
    pub(crate) fn line_of(&self, steps: &[Step<'_>]) -> usize {
        // Dashes become blanks as items are entered, so that the keys of an item stand in one column.
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        let begin = lines.iter().position(|line| !is_idle(line)).unwrap_or(0);
        let mut found = None;
        let mut from = 0;
        let mut floor: Option<usize> = None;
        for step in steps {
            let Some(at) = follow(&lines, from, floor, *step) else { break };
            if matches!(step, Step::Item(_))
                && let Some(dash) = lines[at].find('-')
            {
                lines[at].replace_range(dash..=dash, " ");
                floor = Some(dash);
                from = at;
            } else {
                floor = Some(indent(&lines[at]));
                from = at + 1;
            }
            found = Some(at);
        }

        self.first + found.unwrap_or(begin)
    }
}

/// The line of one step among the lines from `from` that lie deeper than `floor`.
fn follow(lines: &[String], from: usize, floor: Option<usize>, step: Step<'_>) -> Option<usize> {
    let mut column = None;
    let mut items = 0;
    for (at, line) in lines.iter().enumerate().skip(from) {
        if is_idle(line) {
            continue;
        }
        let (depth, content) = (indent(line), line.trim_start());
        let dash = content == "-" || content.starts_with("- ");
        // A list may stand in the same column as the key it belongs to.
        let outside = floor.is_some_and(|floor| depth < floor || (depth == floor && !dash));
        if outside {
            return None;
        }
        let column = *column.get_or_insert(depth);
        if depth != column {
            continue;
        }
        match step {
            Step::Key(key) if is_key(content, key) => return Some(at),
            Step::Item(wanted) if dash => {
                if items == wanted {
                    return Some(at);
                }
                items += 1;
            }
            Step::Key(_) | Step::Item(_) => {}
        }
    }

    None
}

fn is_key(content: &str, key: &str) -> bool {
    let quoted = |quote: char| {
        content
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_prefix(key))
            .and_then(|rest| rest.strip_prefix(quote))
            .is_some_and(|rest| rest.starts_with(':'))
    };

    content.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) || quoted('"') || quoted('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a file\n---\nname: a\nblock:\n  text: |\n    name: not this\n  tests:\n    - name: one\n      fires: true\n    - name: two\n      fires: no\n---\nname: b\n";

    #[test]
    fn keys_and_items_are_found_in_their_lines() {
        let documents = documents(TEXT);
        let line = |steps: &[Step<'_>]| documents[0].line_of(steps);

        assert_eq!(documents.len(), 2);
        assert_eq!(line(&[Step::Key("name")]), 3);
        assert_eq!(line(&[Step::Key("block"), Step::Key("tests"), Step::Item(1)]), 10);
        assert_eq!(line(&[Step::Key("block"), Step::Key("tests"), Step::Item(1), Step::Key("fires")]), 11);
        assert_eq!(line(&[Step::Key("block"), Step::Key("nothing")]), 4);
        assert_eq!(documents[1].line_of(&[Step::Key("name")]), 13);
    }
}
