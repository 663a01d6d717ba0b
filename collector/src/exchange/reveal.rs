//! What of an incident its marks let out of the house.
//!
//! Nothing that leaves carries contents of files, secrets, people's names or notes: those are not even handed to the
//! formats. What is left is cut by the label of the Traffic Light Protocol and by the marks of personal data.

use vonggac_rules::incident::marks::{Mark, TLP};

/// What may be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reveal {
    /// Whose hosts they are. Not under CLEAR and GREEN, which strangers may read.
    pub whose: bool,
    /// Which hosts and paths, and what people wrote into the fields of forms. Likewise, and not where personal data
    /// were touched: a path or the name of a computer often is a person's name.
    pub places: bool,
    /// What it is about. Always in a file, which somebody makes for somebody; not in a line under RED, because lines
    /// go to machines that many people read.
    pub matter_in_lines: bool,
}

impl Reveal {
    /// Under this label and these marks. A label that we do not know counts as RED.
    #[must_use]
    pub fn of(tlp: &str, marks: &[String]) -> Self {
        let is_known = TLP.contains(&tlp);
        let strangers = matches!(tlp, "TLP:CLEAR" | "TLP:GREEN");
        let persons = marks
            .iter()
            .any(|word| matches!(Mark::of_word(word), Some(Mark::PersonalData | Mark::SensitiveData)));

        Self {
            whose: !strangers,
            places: !strangers && !persons,
            matter_in_lines: is_known && tlp != "TLP:RED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_learn_neither_whose_nor_where_and_personal_data_hide_where() {
        let of = |tlp: &str, marks: &[&str]| {
            let marks: Vec<String> = marks.iter().map(|mark| (*mark).to_owned()).collect();
            let Reveal { whose, places, matter_in_lines } = Reveal::of(tlp, &marks);
            (whose, places, matter_in_lines)
        };

        assert_eq!(of("TLP:CLEAR", &[]), (false, false, true));
        assert_eq!(of("TLP:GREEN", &["serious"]), (false, false, true));
        assert_eq!(of("TLP:AMBER", &["serious"]), (true, true, true));
        assert_eq!(of("TLP:AMBER", &["personal_data"]), (true, false, true));
        assert_eq!(of("TLP:AMBER+STRICT", &["sensitive_data"]), (true, false, true));
        assert_eq!(of("TLP:RED", &[]), (true, true, false));
        assert_eq!(of("TLP:PURPLE", &[]), (true, true, false));
    }
}
