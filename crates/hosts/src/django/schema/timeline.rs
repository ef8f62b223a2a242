//! Through which states the statements of a migration take each table, column, index and constraint.
//!
//! A statement alone does not say what the database will show: a migration may drop a foreign key and add it again under the
//! same name, or rename a table that it made. So the states of each object are put in a row, and what the database shows is
//! looked for in that row.

use std::collections::BTreeMap;

use super::list::{Listed, Schema};
use crate::django::sql::{Change, Column, Statement};

/// Something that has a name in a schema. Names are in lower case. A table that the migration renames is named here as it is
/// called at the end, except in `Table`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    Table(String),
    Column(String, String),
    Index(String, String),
    Constraint(String, String),
}

impl Object {
    /// The table that it belongs to; `None` for a table.
    pub(super) fn owner(&self) -> Option<&str> {
        match self {
            Self::Table(_) => None,
            Self::Column(table, _) | Self::Index(table, _) | Self::Constraint(table, _) => Some(table),
        }
    }
}

/// What is known of an object at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not there.
    Absent,
    /// It is there.
    There,
    /// It is a column that is there with this definition.
    As(Column),
    /// Whether it is there is not known. What was dropped with a column or a table has no statement of its own.
    Open,
}

/// How well a state fits what the database shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    No,
    /// As far as it is known.
    Loose,
    Exact,
}

/// The states of an object: the one before the migration, and the one after each change of it.
#[derive(Debug)]
pub(super) struct Timeline {
    before: State,
    after: Vec<State>,
}

impl Timeline {
    fn states(&self) -> impl Iterator<Item = &State> {
        [&self.before].into_iter().chain(&self.after)
    }

    /// The places of the states that fit. A column whose definition is not known does not have the one that the next change
    /// gives it, because Django writes no statement that changes nothing.
    fn places(&self, fit: impl Fn(&State) -> Fit) -> Vec<usize> {
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

    fn last(&self) -> &State {
        self.after.last().unwrap_or(&self.before)
    }
}

/// The states of all objects of a migration.
#[derive(Debug, Default)]
pub(super) struct Timelines {
    of: BTreeMap<Object, Timeline>,
    /// The names of the tables that are renamed, by the last one, in order.
    pub(super) names: BTreeMap<String, Vec<String>>,
    /// The columns of the indexes that the migration adds.
    covered: BTreeMap<Object, Vec<String>>,
}

/// The states that a change leads to: for each object, how many changes of it came before, and this one.
pub(super) type Steps = Vec<(Object, usize)>;

impl Timelines {
    /// The timelines of the statements, and for each statement the steps of each of its changes.
    pub(super) fn of(statements: &[Statement]) -> (Self, Vec<Vec<Steps>>) {
        let changes: Vec<&Change> = statements.iter().flat_map(|statement| &statement.changes).collect();
        let (last_names, names) = renames(&changes);
        let mut timelines = Self { names, ..Self::default() };
        let mut last_names = last_names.into_iter();
        let steps = statements
            .iter()
            .map(|statement| {
                let step = |change| timelines.add(change, &last_names.next().unwrap_or_default());
                statement.changes.iter().map(step).collect()
            })
            .collect();
        (timelines, steps)
    }

    /// Adds a change. `table` is the last name of the table that it is about.
    fn add(&mut self, change: &Change, table: &str) -> Steps {
        let column = |name: &str| Object::Column(table.to_owned(), name.to_lowercase());
        let index = |name: &str| Object::Index(table.to_owned(), name.to_lowercase());
        let constraint = |name: &str| Object::Constraint(table.to_owned(), name.to_lowercase());
        let states = match change {
            Change::CreateTable { table, columns, indexes, constraints } => {
                let made = [(Object::Table(table.to_lowercase()), State::There)];
                let columns = columns.iter().map(|new| (column(&new.name), State::As(new.clone())));
                let indexes = indexes.iter().map(|name| (index(name), State::There));
                let constraints = constraints.iter().map(|name| (constraint(name), State::There));
                made.into_iter().chain(columns).chain(indexes).chain(constraints).collect()
            }
            Change::DropTable { table: name } => {
                self.drop_all(|object| object.owner() == Some(table));
                vec![(Object::Table(name.to_lowercase()), State::Absent)]
            }
            Change::RenameTable { from, to } => {
                let [from, to] = [from, to].map(|name| Object::Table(name.to_lowercase()));
                vec![(from, State::Absent), (to, State::There)]
            }
            Change::AddColumn { column: new, .. } => vec![(column(&new.name), State::As(new.clone()))],
            Change::ModifyColumn { column: new, .. } => vec![(column(&new.name), State::As(new.clone()))],
            Change::DropColumn { column: name, .. } => {
                self.uncover(table, &name.to_lowercase());
                vec![(column(name), State::Absent)]
            }
            Change::RenameColumn { from, to, .. } => {
                let of_table = self.covered.iter_mut().filter(|(index, _)| index.owner() == Some(table));
                let columns =
                    of_table.flat_map(|(_, columns)| columns).filter(|column| column.eq_ignore_ascii_case(from));
                columns.for_each(|column| *column = to.to_lowercase());
                vec![(column(from), State::Absent), (column(to), State::There)]
            }
            Change::AlterDefault { column: name, .. } => {
                let column = column(name);
                let state = self.of.get(&column).map_or(State::There, |timeline| timeline.last().clone());
                vec![(column, state)]
            }
            Change::AddIndex { index: name, columns, .. } => {
                let columns: Vec<String> = columns.iter().map(|column| column.to_lowercase()).collect();
                let is_covered = |column: &String| self.was_dropped(&Object::Column(table.to_owned(), column.clone()));
                if columns.iter().any(is_covered) {
                    self.begin(&index(name), State::Open);
                }
                self.covered.insert(index(name), columns);
                vec![(index(name), State::There)]
            }
            Change::DropIndex { index: name, .. } => vec![(index(name), State::Absent)],
            Change::RenameIndex { from, to, .. } => {
                if let Some(columns) = self.covered.remove(&index(from)) {
                    self.covered.insert(index(to), columns);
                }
                vec![(index(from), State::Absent), (index(to), State::There)]
            }
            Change::AddConstraint { constraint: name, .. } => vec![(constraint(name), State::There)],
            Change::DropConstraint { constraint: name, .. } => vec![(constraint(name), State::Absent)],
            Change::Unknown(_) => Vec::new(),
        };
        let adds = !matches!(change, Change::ModifyColumn { .. } | Change::AlterDefault { .. });
        states.into_iter().map(|(object, state)| self.push(object, state, adds)).collect()
    }

    /// Adds a state. What is added by the first change was not there before, and what is dropped or changed was, unless its
    /// table is made by the migration.
    fn push(&mut self, object: Object, state: State, adds: bool) -> (Object, usize) {
        let makes_table =
            object.owner().and_then(|table| self.of.get(&Object::Table(self.first_name(table).to_owned())));
        let before = match makes_table.map(|table| &table.before) {
            Some(State::Absent) => State::Absent,
            Some(_) if object.owner().is_some_and(|table| self.was_dropped(&Object::Table(table.to_owned()))) => {
                State::Open
            }
            _ if adds && state != State::Absent => State::Absent,
            _ => State::There,
        };
        let timeline = self.begin(&object, before);
        timeline.after.push(state);
        let step = timeline.after.len();
        (object, step)
    }

    /// The timeline of an object, which begins with a state unless it has begun.
    fn begin(&mut self, object: &Object, before: State) -> &mut Timeline {
        self.of.entry(object.clone()).or_insert_with(|| Timeline { before, after: Vec::new() })
    }

    /// Whether a change before this one drops an object.
    fn was_dropped(&self, object: &Object) -> bool {
        self.of.get(object).is_some_and(|timeline| timeline.after.contains(&State::Absent))
    }

    fn first_name<'a>(&'a self, table: &'a str) -> &'a str {
        self.names.get(table).and_then(|names| names.first()).map_or(table, String::as_str)
    }

    /// Takes a dropped column out of the indexes of its table. An index is dropped with its last column, and of an index that
    /// the migration has not added the columns are not known.
    fn uncover(&mut self, table: &str, column: &str) {
        let mut emptied = Vec::new();
        for (index, columns) in self.covered.iter_mut().filter(|(index, _)| index.owner() == Some(table)) {
            let is_covered = columns.iter().any(|covered| covered == column);
            columns.retain(|covered| covered != column);
            emptied.extend((is_covered && columns.is_empty()).then(|| index.clone()));
        }
        self.drop_all(|object| emptied.contains(object));
        let is_index = |object: &Object| matches!(object, Object::Index(of, _) if of == table);
        for (index, timeline) in self.of.iter_mut().filter(|(object, _)| is_index(object)) {
            if !self.covered.contains_key(index) && *timeline.last() == State::There {
                timeline.after.push(State::Open);
            }
        }
    }

    /// What is dropped together with something else.
    fn drop_all(&mut self, is_dropped: impl Fn(&Object) -> bool) {
        let of = self.of.iter_mut().filter(|(object, _)| is_dropped(object));
        of.for_each(|(_, timeline)| timeline.after.push(State::Absent));
    }

    /// Whether the migration makes, drops or renames a table.
    pub(super) fn changes_table(&self, table: &str) -> bool {
        self.names.contains_key(table) || self.of.contains_key(&Object::Table(table.to_owned()))
    }

    /// Whether a table is renamed to a name that another one has had, or the other way round. Then it cannot be told which
    /// of them a list shows.
    pub(super) fn is_tangled(&self, table: &str) -> bool {
        let names = self.names.get(table).map_or(&[][..], Vec::as_slice);
        names.iter().enumerate().any(|(at, name)| {
            let Some(timeline) = self.of.get(&Object::Table(name.clone())) else { return false };
            let begins =
                timeline.states().zip(timeline.states().skip(1)).filter(|(one, next)| is_begin(one, next)).count();
            begins + usize::from(timeline.before == State::There) > 1 || (at > 0 && timeline.before == State::There)
        })
    }

    /// How many changes of an object the database may show as done: the places in the object's timeline that fit.
    pub(super) fn places(&self, object: &Object, schema: &Schema) -> Vec<usize> {
        let Some(timeline) = self.of.get(object) else { return Vec::new() };
        let shown = self.shown(object, schema);
        let places = timeline.places(|state| shown.fit(state));
        // No state has the type that is shown, as types can be written in many ways. Then only being there counts.
        if places.is_empty() { timeline.places(|state| shown.is_there(state)) } else { places }
    }

    /// What the database shows of an object, under the last name of its table that is there.
    fn shown<'a>(&self, object: &Object, schema: &'a Schema) -> Shown<'a> {
        let called = |table: &str| {
            let names = self.names.get(table).map_or(&[][..], Vec::as_slice);
            names.iter().rev().find(|name| schema.has_table(name)).map_or_else(|| table.to_owned(), Clone::clone)
        };
        let is_there = match object {
            Object::Table(table) => schema.has_table(table),
            Object::Column(table, column) => {
                return schema.column(&called(table), column).map_or(Shown::Absent, Shown::Column);
            }
            Object::Index(table, index) => schema.has_index(&called(table), index),
            Object::Constraint(table, constraint) => schema.has_constraint(&called(table), constraint),
        };
        if is_there { Shown::There } else { Shown::Absent }
    }
}

/// What the database shows of an object.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Absent,
    There,
    Column(&'a Listed),
}

impl Shown<'_> {
    fn fit(self, state: &State) -> Fit {
        let (Self::Column(listed), State::As(column)) = (self, state) else { return self.is_there(state) };
        let is_null = column.nullable.zip(listed.nullable).map(|(expected, shown)| expected == shown);
        match (column.kind.is_same(&listed.kind), is_null) {
            (Some(false), _) | (_, Some(false)) => Fit::No,
            (Some(true), Some(true)) if !column.has_more => Fit::Exact,
            _ => Fit::Loose,
        }
    }

    fn is_there(self, state: &State) -> Fit {
        match (self, state) {
            (_, State::Open) => Fit::Loose,
            (Self::Absent, State::Absent) => Fit::Exact,
            (Self::Absent, _) | (_, State::Absent) => Fit::No,
            _ => Fit::Loose,
        }
    }
}

/// Whether something is there from one state to the next.
fn is_begin(one: &State, next: &State) -> bool {
    *one == State::Absent && *next == State::There
}

/// For each change, the last name of its table, and the names of the tables that are renamed by their last one.
///
/// From the end to the beginning: before a table is renamed, its old name means the table with the new one, and its new name
/// means another table, if any.
fn renames(changes: &[&Change]) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut of_changes = Vec::with_capacity(changes.len());
    for change in changes.iter().rev() {
        let name = table(change).to_lowercase();
        if let Change::RenameTable { from, to } = change {
            let (from, to) = (from.to_lowercase(), to.to_lowercase());
            let final_name = last.remove(&to).unwrap_or_else(|| to.clone());
            let known = names.entry(final_name.clone()).or_insert_with(|| vec![to.clone()]);
            known.insert(0, from.clone());
            last.insert(from, final_name);
        }
        of_changes.push(last.get(&name).cloned().unwrap_or(name));
    }
    of_changes.reverse();
    (of_changes, names)
}

/// The table that a change is about, by its name before.
fn table(change: &Change) -> &str {
    match change {
        Change::CreateTable { table, .. }
        | Change::DropTable { table }
        | Change::RenameTable { from: table, .. }
        | Change::AddColumn { table, .. }
        | Change::DropColumn { table, .. }
        | Change::ModifyColumn { table, .. }
        | Change::RenameColumn { table, .. }
        | Change::AlterDefault { table, .. }
        | Change::AddIndex { table, .. }
        | Change::DropIndex { table, .. }
        | Change::RenameIndex { table, .. }
        | Change::AddConstraint { table, .. }
        | Change::DropConstraint { table, .. } => table,
        Change::Unknown(_) => "",
    }
}
