//! Text as people search for it: no case, no Vietnamese marks, đ as d, one space between words.

/// Folds a text for comparing. `Hòa Bình`, `Hoà Bình`, `HOA BINH` and their decomposed forms all give `hoa binh`.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            // Combining marks: what is left of a decomposed letter.
            '\u{300}'..='\u{36f}' => {}
            _ if letter.is_whitespace() => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            _ => folded.push(base(letter)),
        }
    }
    let kept = folded.trim_end().len();
    folded.truncate(kept);

    folded
}

/// Whether every word of the folded `needle` stands somewhere in `text`.
#[must_use]
pub fn holds(text: &str, needle: &str) -> bool {
    let text = fold(text);

    needle.split(' ').all(|word| text.contains(word))
}

/// The letter without its marks, for every small letter that Vietnamese writes.
fn base(letter: char) -> char {
    match letter {
        'à' | 'á' | 'ả' | 'ã' | 'ạ' | 'ă' | 'ằ' | 'ắ' | 'ẳ' | 'ẵ' | 'ặ' | 'â' | 'ầ' | 'ấ' | 'ẩ' | 'ẫ'
        | 'ậ' => 'a',
        'è' | 'é' | 'ẻ' | 'ẽ' | 'ẹ' | 'ê' | 'ề' | 'ế' | 'ể' | 'ễ' | 'ệ' => 'e',
        'ì' | 'í' | 'ỉ' | 'ĩ' | 'ị' => 'i',
        'ò' | 'ó' | 'ỏ' | 'õ' | 'ọ' | 'ô' | 'ồ' | 'ố' | 'ổ' | 'ỗ' | 'ộ' | 'ơ' | 'ờ' | 'ớ' | 'ở' | 'ỡ'
        | 'ợ' => 'o',
        'ù' | 'ú' | 'ủ' | 'ũ' | 'ụ' | 'ư' | 'ừ' | 'ứ' | 'ử' | 'ữ' | 'ự' => 'u',
        'ỳ' | 'ý' | 'ỷ' | 'ỹ' | 'ỵ' => 'y',
        'đ' => 'd',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_name_folds_to_the_same_text() {
        for written in ["Hòa Bình", "Hoà Bình", "hoa binh", "HÒA  BÌNH ", "Ho\u{300}a Bi\u{300}nh"] {
            assert_eq!(fold(written), "hoa binh", "{written:?}");
        }
    }

    #[test]
    fn the_letter_without_a_decomposition_folds_too() {
        assert_eq!(fold("Điện Biên, đặc khu"), "dien bien, dac khu");
        assert!(holds("Sở Thông tin và Truyền thông tỉnh Đồng Nai", &fold("dong truyen")));
        assert!(!holds("Sở Y tế", &fold("Sở Tài chính")));
    }
}
