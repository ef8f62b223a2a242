//! The states of one table, column, index or constraint, and how they fit what the database shows of it.

use super::list::Listed;
use crate::django::sql::Column;

/// What is known of an object at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not there.
    Absent,
    /// It is there.
    There,
    /// It is a column that is there with this definition.
    As(Column),
    /// Whether it is there is not known: an index that may have been dropped with a column has no statement of its own.
    Open,
}

/// How well a state fits what the database shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    No,
    /// As far as it is known.
    Loose,
    Exact,
}

/// The states of an object: the one before the migration, and the one after each change of it.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) before: State,
    pub(super) after: Vec<State>,
}

impl Timeline {
    fn states(&self) -> impl Iterator<Item = &State> {
        [&self.before].into_iter().chain(&self.after)
    }

    /// How many times in a row it is there, or comes to be there.
    pub(super) fn count_there(&self) -> usize {
        let befores = [&State::Absent].into_iter().chain(self.states());
        befores
            .zip(self.states())
            .filter(|(before, state)| **before == State::Absent && **state == State::There)
            .count()
    }

    /// The places of the states that fit. A column whose definition is not known does not have the one that the next change
    /// gives it, because Django writes no statement that changes nothing.
    pub(super) fn places(&self, fit: impl Fn(&State) -> Fit) -> Vec<usize> {
        let (mut places, mut is_next_exact) = (Vec::new(), false);
        for (place, state) in self.states().enumerate().collect::<Vec<_>>().into_iter().rev() {
            match (state, fit(state)) {
                (State::There, Fit::Loose) if is_next_exact => {}
                (_, Fit::Loose | Fit::Exact) => places.push(place),
                (_, Fit::No) => {}
            }
            match state {
                State::As(_) => is_next_exact = fit(state) == Fit::Exact,
                State::Absent | State::Open => is_next_exact = false,
                State::There => {}
            }
        }
        places
    }

    /// The state after the last change so far.
    pub(super) fn last(&self) -> &State {
        self.after.last().unwrap_or(&self.before)
    }
}

/// What the database shows of an object.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Absent,
    There,
    Column(&'a Listed),
}

impl Shown<'_> {
    /// How well a state fits.
    pub(super) fn fit(self, state: &State) -> Fit {
        let (Self::Column(listed), State::As(column)) = (self, state) else { return self.is_there(state) };
        let is_null = column.nullable.zip(listed.nullable).map(|(expected, shown)| expected == shown);
        match (column.kind.is_same(&listed.kind), is_null) {
            (Some(false), _) | (_, Some(false)) => Fit::No,
            (Some(true), Some(true)) if !column.has_more => Fit::Exact,
            _ => Fit::Loose,
        }
    }

    /// How well a state fits if only being there counts.
    pub(super) fn is_there(self, state: &State) -> Fit {
        match (self, state) {
            (_, State::Open) => Fit::Loose,
            (Self::Absent, State::Absent) => Fit::Exact,
            (Self::Absent, _) | (_, State::Absent) => Fit::No,
            _ => Fit::Loose,
        }
    }
}
