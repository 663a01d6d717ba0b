//! What people say of an incident besides where it stands.

use crate::finding::Severity;

/// The Traffic Light Protocol, version 2.0 of FIRST: labels are never translated.
pub const TLP: [&str; 5] = ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"];

/// The Permissible Actions Protocol: what those who read of it may do. Labels are never translated.
pub const PAP: [&str; 4] = ["PAP:CLEAR", "PAP:GREEN", "PAP:AMBER", "PAP:RED"];

/// What a person says of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HostMark {
    /// It belongs to a system that the province cannot do without.
    pub critical: bool,
    /// The security level of its system, 1 to 5.
    pub level: Option<u8>,
}

/// How grave a finding of this severity is on a host with this mark: one step graver on a critical one, and at least
/// high from level 4 on.
#[must_use]
pub fn raised(severity: Severity, mark: HostMark) -> Severity {
    let floor = if mark.level.is_some_and(|level| level >= 4) { Severity::High } else { Severity::Low };
    let stepped = Severity::ALL.into_iter().find(|higher| mark.critical && *higher > severity);

    stepped.unwrap_or(severity).max(floor)
}

/// What an incident touches, by which duties are chosen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mark {
    /// It is serious in the sense of the profile.
    Serious,
    /// It may harm national security, public order, or seriously interrupt a system.
    PublicOrder,
    /// Personal data were touched.
    PersonalData,
    /// Of these: location, biometric or sensitive finance data.
    SensitiveData,
    /// It is beyond what the operator can handle.
    BeyondAbility,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Serious, Self::PublicOrder, Self::PersonalData, Self::SensitiveData, Self::BeyondAbility];

    /// The word in files, the store and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Serious => "serious",
            Self::PublicOrder => "public_order",
            Self::PersonalData => "personal_data",
            Self::SensitiveData => "sensitive_data",
            Self::BeyondAbility => "beyond_ability",
        }
    }

    /// The mark of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critical_host_raises_by_one_step_and_a_high_level_to_high_at_least() {
        let mark = |critical, level| HostMark { critical, level };

        assert_eq!(raised(Severity::Low, mark(true, None)), Severity::Medium);
        assert_eq!(raised(Severity::Critical, mark(true, Some(5))), Severity::Critical);
        assert_eq!(raised(Severity::Low, mark(false, Some(4))), Severity::High);
        assert_eq!(raised(Severity::High, mark(true, Some(4))), Severity::Critical);
        assert_eq!(raised(Severity::Medium, mark(false, Some(3))), Severity::Medium);
    }
}
