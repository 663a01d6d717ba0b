//! What readers of Microsoft's advisories share: numbers of updates, names of products.

/// The number of an update, `5034122`; `None` if this is something else.
pub(super) fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let is_number = (5..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());

    is_number.then(|| text.parse().ok()).flatten()
}

/// All numbers of updates in a text that lists some: with semicolons, line breaks, tags between them.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter_map(number)
}

/// A product's name without the blanks that some rows have too many.
pub(super) fn product_name(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
