//! Which statements of a migration the database shows as done.

use super::list::Schema;
use super::timeline::{Object, Steps, Timelines};
use crate::django::sql::{Change, Reason, Statement};

/// What the database shows of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that it makes is there, and all that it removes is gone.
    Done,
    /// Nothing of it is done.
    NotDone,
    /// Some of it is done. A server does or does not do a statement, so somebody did the rest by hand, or undid it.
    Partly,
    /// It cannot be told.
    Unknown(Why),
}

/// Why it cannot be told whether a statement is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// What it changes is not known.
    Change(Reason),
    /// The database would show the same before and after it, such as another default, or an object that the migration drops
    /// and makes again.
    LooksTheSame,
    /// Its table is not listed, and the migration neither makes nor drops it.
    NoTable(String),
    /// The list has no index or no constraint at all, so these are not listed.
    NotListed(&'static str),
}

impl std::fmt::Display for Why {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Change(reason) => reason.fmt(out),
            Self::LooksTheSame => out.write_str("the database looks the same before and after"),
            Self::NoTable(table) => write!(out, "table {table} is not listed"),
            Self::NotListed(what) => write!(out, "{what} are not listed"),
        }
    }
}

/// A statement with what the database shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The statement.
    pub statement: &'a Statement,
    /// What the database shows of it.
    pub verdict: Verdict,
}

/// How far a migration got, as far as the database shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// No statement that can be judged is done.
    NothingDone,
    /// All statements that can be judged are done.
    AllDone,
    /// Some are done, and some are not.
    HalfDone,
    /// No statement can be judged.
    Unknown,
}

/// The statements of a migration with what the database shows of each; in words with `to_string`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// The statements in their order.
    pub judged: Vec<Judged<'a>>,
}

impl Comparison<'_> {
    /// How far the migration got. Statements that cannot be told (`unknown`) do not count.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let has = |verdict: &Verdict| self.judged.iter().any(|judged| judged.verdict == *verdict);
        match (has(&Verdict::Done), has(&Verdict::NotDone)) {
            _ if has(&Verdict::Partly) => Extent::HalfDone,
            (true, true) => Extent::HalfDone,
            (true, false) => Extent::AllDone,
            (false, true) => Extent::NothingDone,
            (false, false) => Extent::Unknown,
        }
    }

    /// Why statements cannot be told, one reason for each of them.
    pub fn unknown(&self) -> impl Iterator<Item = &Why> {
        self.judged.iter().filter_map(|judged| match &judged.verdict {
            Verdict::Unknown(why) => Some(why),
            _ => None,
        })
    }

    /// Whether each statement that is done comes before all that are not. Otherwise a person has changed the schema, as Django
    /// stops at the first statement that fails.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        let not_done =
            self.judged.iter().position(|judged| matches!(judged.verdict, Verdict::NotDone | Verdict::Partly));
        let done = self.judged.iter().rposition(|judged| judged.verdict == Verdict::Done);
        not_done.zip(done).is_none_or(|(not_done, done)| done < not_done)
    }
}

/// Compares the statements of a migration, from before it was begun, with what the database shows now.
///
/// Each statement is judged by what the schema shows of its own tables, columns, indexes and constraints. One after which the
/// database looks as before it is judged by its neighbours: it is done if a later one is, and not done if an earlier one is
/// not, as long as all the others are in order. Code and changes of rows are never judged like that.
#[must_use]
pub fn compare<'a>(statements: &'a [Statement], schema: &Schema) -> Comparison<'a> {
    let (timelines, steps) = Timelines::of(statements);
    let judge = |(statement, steps): (&'a Statement, &Vec<Steps>)| {
        let verdicts =
            statement.changes.iter().zip(steps).map(|(change, steps)| verdict(change, steps, &timelines, schema));
        Judged { statement, verdict: together(verdicts) }
    };
    let mut comparison = Comparison { judged: statements.iter().zip(&steps).map(judge).collect() };
    if comparison.is_in_order() {
        settle_by_order(&mut comparison.judged);
    }
    comparison
}

fn settle_by_order(judged: &mut [Judged<'_>]) {
    let last_done = judged.iter().rposition(|judged| judged.verdict == Verdict::Done);
    let first_not = judged.iter().position(|judged| matches!(judged.verdict, Verdict::NotDone | Verdict::Partly));
    for (at, judged) in
        judged.iter_mut().enumerate().filter(|(_, one)| one.verdict == Verdict::Unknown(Why::LooksTheSame))
    {
        if last_done.is_some_and(|done| at < done) {
            judged.verdict = Verdict::Done;
        } else if first_not.is_some_and(|not| at > not) {
            judged.verdict = Verdict::NotDone;
        }
    }
}

fn verdict(change: &Change, steps: &Steps, timelines: &Timelines, schema: &Schema) -> Verdict {
    match change {
        Change::Unknown(reason) => Verdict::Unknown(Why::Change(reason.clone())),
        _ => together(steps.iter().map(|(object, step)| of_object(object, *step, timelines, schema))),
    }
}

/// Whether the database shows that an object has been through as many changes.
fn of_object(object: &Object, step: usize, timelines: &Timelines, schema: &Schema) -> Verdict {
    match object {
        Object::Index(..) if !schema.lists_indexes => return Verdict::Unknown(Why::NotListed("indexes")),
        Object::Constraint(..) if !schema.lists_constraints => return Verdict::Unknown(Why::NotListed("constraints")),
        _ => {}
    }
    if let Some(table) = object.owner().filter(|table| !schema.has_table(table) && !timelines.changes_table(table)) {
        return Verdict::Unknown(Why::NoTable(table.to_owned()));
    }
    if object.owner().is_some_and(|table| timelines.is_tangled(table)) {
        return Verdict::Unknown(Why::LooksTheSame);
    }
    let places = timelines.places(object, schema);
    match (places.iter().min(), places.iter().max()) {
        (Some(first), _) if *first >= step => Verdict::Done,
        (_, Some(last)) if *last < step => Verdict::NotDone,
        (Some(_), Some(_)) => Verdict::Unknown(Why::LooksTheSame),
        // It is gone, and the migration only changes it.
        _ => Verdict::NotDone,
    }
}

/// The verdict on a whole, from those on its parts. What is known of one part is known of the whole, unless parts contradict
/// each other, or one cannot be told for another reason than that nothing of it is seen.
fn together(parts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut whole = None;
    for part in parts {
        whole = Some(match (whole, part) {
            (None, part) => part,
            (Some(Verdict::Partly), _) | (_, Verdict::Partly) => Verdict::Partly,
            (Some(Verdict::Done), Verdict::NotDone) | (Some(Verdict::NotDone), Verdict::Done) => Verdict::Partly,
            (Some(Verdict::Unknown(why)), Verdict::Unknown(other)) => Verdict::Unknown(why.min(other)),
            (Some(Verdict::Unknown(_)), known) | (Some(known), _) => known,
        });
    }
    whole.unwrap_or(Verdict::Unknown(Why::LooksTheSame))
}
