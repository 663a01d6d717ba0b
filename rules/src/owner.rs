//! Who answers for a rule or takes a step of a plan: roles of an organisation, never persons.

use crate::words::Words;

/// A role that rule files may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The word in rule files.
    pub id: &'static str,
    /// Its name in Vietnamese.
    pub vi: &'static str,
    /// Its name in English.
    pub en: &'static str,
}

/// Every role that rule files may name.
pub const OWNERS: [Owner; 8] = [
    Owner { id: "can-bo-chuyen-trach", vi: "Cán bộ chuyên trách CNTT", en: "Dedicated IT officer" },
    Owner { id: "quan-tri-vien", vi: "Quản trị viên hệ thống", en: "System administrator" },
    Owner { id: "don-vi-van-hanh", vi: "Đơn vị vận hành", en: "Operating unit" },
    Owner { id: "don-vi-chuyen-trach", vi: "Đơn vị chuyên trách", en: "Dedicated unit" },
    Owner {
        id: "chu-quan-he-thong", vi: "Chủ quản hệ thống thông tin", en: "Information-system owner"
    },
    Owner { id: "doi-ung-cuu", vi: "Đội ứng cứu sự cố", en: "Response team" },
    Owner { id: "thu-truong", vi: "Thủ trưởng cơ quan", en: "Agency head" },
    Owner { id: "nguoi-su-dung", vi: "Người sử dụng máy", en: "User of the machine" },
];

/// The role of this id, if there is one.
#[must_use]
pub fn owner(id: &str) -> Option<Owner> {
    OWNERS.into_iter().find(|owner| owner.id == id)
}

impl Owner {
    /// Its name in both languages.
    #[must_use]
    pub fn words(self) -> Words {
        Words { vi: self.vi.to_owned(), en: self.en.to_owned() }
    }
}
