//! The known word that was probably meant.

/// Letters of a word that are compared; nobody mistypes more.
const LETTERS_MAX: usize = 64;

/// The known word that is reached from the found one by the fewest slips, at most `slips`; capitals do not matter.
#[must_use]
pub fn nearest<'k>(found: &str, known: impl IntoIterator<Item = &'k str>, slips: usize) -> Option<&'k str> {
    let letters = |word: &str| -> Vec<char> { word.to_lowercase().chars().take(LETTERS_MAX).collect() };
    let found = letters(found);
    let far = |word: &str| {
        let word = letters(word);
        let mut row: Vec<usize> = (0..=word.len()).collect();
        for (at, letter) in found.iter().enumerate() {
            let mut diagonal = std::mem::replace(&mut row[0], at + 1);
            for (place, other) in word.iter().enumerate() {
                let changed = diagonal + usize::from(letter != other);
                diagonal = row[place + 1];
                row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
            }
        }

        row.last().copied().unwrap_or(usize::MAX)
    };

    known
        .into_iter()
        .map(|word| (far(word), word))
        .filter(|(far, _)| *far <= slips)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_or_two_finds_the_word_and_more_finds_none() {
        let known = ["microsoft.office", "microsoft.365"];

        assert_eq!(nearest("Microsoft.Ofice", known, 2), Some("microsoft.office"));
        assert_eq!(nearest("office", known, 2), None);
        assert_eq!(nearest("", known, 2), None);
    }
}
