//! Through which states the statements of a migration take each table, column, index and constraint.
//!
//! A statement alone does not say what the database will show: a migration may drop a foreign key and add it again under the
//! same name, or rename a table that it made. So the states of each object are put in a row, and what the database shows is
//! looked for in that row.

use std::collections::BTreeMap;

use super::list::Schema;
use super::renames::renames;
use super::state::{Shown, State, Timeline};
use crate::django::sql::{Change, Statement};

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

/// The states of all objects of a migration.
#[derive(Debug, Default)]
pub(super) struct Timelines {
    of: BTreeMap<Object, Timeline>,
    /// The names of the tables that are renamed, by the last one, in order.
    names: BTreeMap<String, Vec<String>>,
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
        let is_of_new =
            object.owner().is_some_and(|table| self.is_new(&Object::Table(self.first_name(table).to_owned())));
        let is_first = adds && state != State::Absent;
        let before = if is_of_new || is_first { State::Absent } else { State::There };
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

    /// Whether an object was not there before the migration.
    fn is_new(&self, object: &Object) -> bool {
        self.of.get(object).is_some_and(|timeline| timeline.before == State::Absent)
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

    /// Whether a name of a table means two of them, one after the other. Then a list does not say which one it shows.
    pub(super) fn is_tangled(&self, table: &str) -> bool {
        let own = [table.to_owned()];
        let names = self.names.get(table).map_or(&own[..], Vec::as_slice);
        names.iter().enumerate().any(|(at, name)| {
            self.of.get(&Object::Table(name.clone())).is_some_and(|timeline| {
                let is_other = at > 0 && timeline.before == State::There;
                is_other || timeline.count_there() > 1
            })
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
