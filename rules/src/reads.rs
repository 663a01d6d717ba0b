//! The fields that the rules about one log source look at, so that no others are made of every observation.

use std::collections::BTreeSet;

use rsigma_parser::{Detection, DetectionItem, Detections, Modifier};

/// The fields that the rules about one log source look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reads(Option<BTreeSet<String>>);

impl Default for Reads {
    /// Nothing yet.
    fn default() -> Self {
        Self(Some(BTreeSet::new()))
    }
}

impl Reads {
    /// Every field: what a rule looks for anywhere may stand in any.
    pub const ALL: Self = Self(None);

    /// Whether a field of this name is looked at.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Adds what these detections look at.
    pub(crate) fn add(&mut self, detections: &Detections) {
        for detection in detections.named.values() {
            self.add_one(detection);
        }
    }

    fn add_one(&mut self, detection: &Detection) {
        match detection {
            Detection::AllOf(items) => items.iter().for_each(|item| self.add_item(item)),
            Detection::AnyOf(parts) | Detection::And(parts) => {
                parts.iter().for_each(|part| self.add_one(part));
            }
            // Words without a field, and members of lists, of which the walk would have to know where they stand.
            Detection::Keywords(_) | Detection::ArrayMatch { .. } | Detection::Conditional { .. } => {
                *self = Self::ALL;
            }
        }
    }

    fn add_item(&mut self, item: &DetectionItem) {
        match (&item.field.name, &mut self.0) {
            (Some(name), Some(names)) if !item.field.modifiers.contains(&Modifier::FieldRef) => {
                names.insert(name.clone());
            }
            _ => *self = Self::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use rsigma_parser::parse_sigma_yaml;

    use super::*;

    fn reads(selection: &str) -> Reads {
        let text = format!(
            "title: a\nlogsource:\n  category: file_changed\ndetection:\n  one:\n{selection}\n  condition: one\n"
        );
        let mut reads = Reads::default();
        reads.add(&parse_sigma_yaml(&text).unwrap().rules[0].detection);

        reads
    }

    #[test]
    fn the_fields_that_conditions_name_are_looked_at_and_no_others() {
        let of = reads("    - path|startswith: /etc\n      area: web\n    - name: a");

        assert!(["path", "area", "name"].iter().all(|name| of.wants(name)), "{of:?}");
        assert!(!of.wants("after_digest"), "{of:?}");
    }

    #[test]
    fn what_may_stand_anywhere_or_points_at_another_field_looks_at_all() {
        assert_eq!(reads("    - needle"), Reads::ALL);
        assert_eq!(reads("    before_owner|fieldref: after_owner"), Reads::ALL);
    }
}
