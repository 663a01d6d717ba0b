//! What a form still lacks.

use std::collections::BTreeMap;

use super::{Field, Form, Profile};

/// The required fields of a form that have no value: as long as there is one, the form is not sent.
#[must_use]
pub fn missing<'p>(profile: &'p Profile, form: &Form, values: &BTreeMap<String, String>) -> Vec<&'p Field> {
    let empty = |id: &&String| values.get(*id).is_none_or(|value| value.trim().is_empty());

    form.required.iter().filter(empty).filter_map(|id| profile.fields.get(id)).collect()
}
