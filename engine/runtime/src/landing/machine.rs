//! The states and arrows of the landing protocol, and which arrow is legal where. See the module's prose.

use std::fmt;

/// A state of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// S0: no range.
    Between,
    /// S1: a range is in memory.
    Taken,
    /// S2: the range is committed as open.
    Opened,
    /// S3: pieces are being inserted.
    Inserting,
    /// S4: every row is there.
    Landed,
}

/// A step from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arrow {
    /// 1.
    Take,
    /// 2.
    Open,
    /// 3.
    Insert,
    /// 4.
    Ask,
    /// 5.
    Withdraw,
    /// 6.
    Close,
    /// 7.
    Resume,
    /// 8.
    Reopen,
}

impl Arrow {
    /// All arrows, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::Take, Self::Open, Self::Insert, Self::Ask, Self::Withdraw, Self::Close, Self::Resume, Self::Reopen];
}

impl fmt::Display for Arrow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Take => "1 take",
            Self::Open => "2 open",
            Self::Insert => "3 insert",
            Self::Ask => "4 ask",
            Self::Withdraw => "5 withdraw",
            Self::Close => "6 close",
            Self::Resume => "7 resume",
            Self::Reopen => "8 reopen",
        };
        formatter.write_str(word)
    }
}

/// Where one landing stands. It refuses an arrow that the protocol does not have.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
}

/// An arrow that the protocol does not have: a fault of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the landing protocol has no arrow `{arrow}` from {from:?}")]
pub struct Illegal {
    /// The state.
    pub from: State,
    /// The arrow.
    pub arrow: Arrow,
}

impl Machine {
    /// A machine between two ranges.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::Between }
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes an arrow.
    ///
    /// # Errors
    /// If the protocol has no such arrow here.
    pub fn pass(&mut self, arrow: Arrow) -> Result<(), Illegal> {
        self.state = match (self.state, arrow) {
            (State::Between, Arrow::Take | Arrow::Resume) => State::Taken,
            (State::Taken, Arrow::Open | Arrow::Reopen) => State::Opened,
            // A range that was opened by an earlier process and remade with the same hash is open already.
            (State::Taken | State::Opened | State::Inserting, Arrow::Insert | Arrow::Ask) => State::Inserting,
            (State::Taken | State::Opened | State::Inserting, Arrow::Withdraw) => State::Landed,
            (State::Landed, Arrow::Close) => State::Between,
            (from, arrow) => return Err(Illegal { from, arrow }),
        };
        Ok(())
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrow, Machine, State};

    #[test]
    fn the_straight_way_and_the_ways_of_a_restart_are_legal() {
        for way in [
            vec![Arrow::Take, Arrow::Open, Arrow::Insert, Arrow::Insert, Arrow::Withdraw, Arrow::Close],
            vec![Arrow::Take, Arrow::Open, Arrow::Insert, Arrow::Ask, Arrow::Insert, Arrow::Withdraw, Arrow::Close],
            vec![Arrow::Resume, Arrow::Ask, Arrow::Insert, Arrow::Withdraw, Arrow::Close],
            vec![Arrow::Resume, Arrow::Reopen, Arrow::Ask, Arrow::Insert, Arrow::Withdraw, Arrow::Close],
        ] {
            let mut machine = Machine::new();
            for arrow in &way {
                machine.pass(*arrow).expect("legal");
            }
            assert_eq!(machine.state(), State::Between, "{way:?}");
        }
    }

    #[test]
    fn nothing_is_inserted_before_open_is_asked_for_nor_closed_before_it_landed() {
        for (way, wrong) in [
            (vec![], Arrow::Insert),
            (vec![], Arrow::Close),
            (vec![Arrow::Take], Arrow::Close),
            (vec![Arrow::Take, Arrow::Open], Arrow::Close),
            (vec![Arrow::Take, Arrow::Open], Arrow::Take),
            (vec![Arrow::Take, Arrow::Open, Arrow::Insert], Arrow::Open),
        ] {
            let mut machine = Machine::new();
            for arrow in way {
                machine.pass(arrow).expect("legal");
            }
            assert!(machine.pass(wrong).is_err(), "{wrong:?}");
        }
    }
}
