//! What each of three sources says of one weakness of a machine.

/// What one source says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Says {
    /// It is mended.
    Mended,
    /// It is open.
    Open,
    /// Nothing, and why.
    Nothing(Silence),
}

/// Why a source says nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Silence {
    /// The rows name no build that mends.
    NoBuild,
    /// The builds that the rows name are of another release: Microsoft's data has such faults.
    OtherRelease,
    /// The machine does not tell its revision.
    RevisionUntold,
    /// The revision is between those of two updates, each of which mends; which way it came is not told.
    Between,
    /// The rows name no update.
    NoNumber,
    /// The machine does not tell its updates.
    UpdatesUntold,
    /// Windows Update was not asked, or did not answer.
    NotAsked,
    /// It was asked, or its data made, before the advisory was published.
    AskedBefore,
    /// What it offers holds the fix, and more: whether the fix is what is missing is not told.
    Held,
    /// It names updates that no feed knows, so that they may hold anything.
    UnknownUpdates,
}

/// The three side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Opinions {
    /// Build and revision against the build that mends.
    pub build: Says,
    /// The updates recorded as installed, and what those took the place of.
    pub record: Says,
    /// The answer of Windows Update.
    pub system: Says,
}

/// Which of the three decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Basis {
    /// Build and revision.
    Build,
    /// Recorded updates.
    Record,
    /// Windows Update.
    System,
}

impl Opinions {
    /// The first that says anything, in the order in which they are to be trusted.
    #[must_use]
    pub fn decided(&self) -> Option<(Basis, bool)> {
        let open = |says| match says {
            Says::Open => Some(true),
            Says::Mended => Some(false),
            Says::Nothing(_) => None,
        };

        [(Basis::Build, self.build), (Basis::Record, self.record), (Basis::System, self.system)]
            .into_iter()
            .find_map(|(basis, says)| Some((basis, open(says)?)))
    }

    /// The same, with one reason for all silences: to count what is alike.
    #[must_use]
    pub fn without_reasons(self) -> Self {
        let plain = |says| match says {
            Says::Nothing(_) => Says::Nothing(Silence::NoBuild),
            Says::Mended | Says::Open => says,
        };

        Self { build: plain(self.build), record: plain(self.record), system: plain(self.system) }
    }

    /// Whether two of them say different things.
    #[must_use]
    pub fn disagree(&self) -> bool {
        let all = [self.build, self.record, self.system];

        all.contains(&Says::Open) && all.contains(&Says::Mended)
    }
}
