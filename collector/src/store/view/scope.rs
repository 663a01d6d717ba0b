//! Whose things a question may see; every query of this folder takes one.

use vonggac_protocol::id::AgencyId;

/// What part of the province somebody sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All of it.
    All,
    /// One agency's own.
    Agency(AgencyId),
}

impl Scope {
    /// The one agency; `None` for the whole province. Queries bind it as `?1` in `(?1 IS NULL OR agency = ?1)`.
    #[must_use]
    pub fn agency(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Agency(agency) => Some(agency.as_str()),
        }
    }

    /// Whether that agency's things may be seen.
    #[must_use]
    pub fn covers(&self, agency: &str) -> bool {
        self.agency().is_none_or(|own| own == agency)
    }

    /// A thing that was found, if its agency may be seen.
    pub(super) fn sight<T>(&self, agency: &str, thing: T) -> Sight<T> {
        if self.covers(agency) { Sight::Seen(thing) } else { Sight::Neighbours }
    }
}

/// What asking for one thing by its id finds. The last two look the same to whoever asks; only the second is audited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sight<T> {
    /// Here it is.
    Seen(T),
    /// It exists, in an agency that the scope does not cover.
    Neighbours,
    /// There is no such thing.
    Absent,
}

impl<T> Sight<T> {
    /// The same of a part of what was found.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Sight<U> {
        match self {
            Self::Seen(thing) => Sight::Seen(part(thing)),
            Self::Neighbours => Sight::Neighbours,
            Self::Absent => Sight::Absent,
        }
    }
}
