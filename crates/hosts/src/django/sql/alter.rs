//! The clauses of `ALTER TABLE`.

use super::change::{Change, Reason};
use super::column::{Cursor, at_commas, column, indexed};
use super::tokens::Token;

/// What the clauses of an `ALTER TABLE` change. A clause that is not understood does not hide the others.
pub(super) fn changes(table: &str, clauses: &[Token]) -> Vec<Change> {
    let not_understood = |clause: &[Token]| {
        let words = clause.iter().take(2).map(|token| match token {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => "...".to_owned(),
        });
        Change::Unknown(Reason::NotUnderstood(format!("ALTER TABLE {}", words.collect::<Vec<_>>().join(" "))))
    };
    at_commas(clauses).flat_map(|part| clause(table, part).unwrap_or_else(|| vec![not_understood(part)])).collect()
}

fn clause(table: &str, tokens: &[Token]) -> Option<Vec<Change>> {
    let mut cursor = Cursor(tokens);
    if cursor.take("ADD") {
        return added(table, cursor.0);
    }
    if cursor.take("DROP") {
        return dropped(table, &mut cursor).map(|change| vec![change]);
    }
    if cursor.take("RENAME") {
        return renamed(table, &mut cursor).map(|change| vec![change]);
    }
    let table = table.to_owned();
    if cursor.take("MODIFY") {
        cursor.take("COLUMN");
        return Some(vec![Change::ModifyColumn { table, column: column(&mut cursor)? }]);
    }
    if cursor.take("CHANGE") {
        cursor.take("COLUMN");
        let from = cursor.name()?;
        let column = column(&mut cursor)?;
        let is_same = from.eq_ignore_ascii_case(&column.name);
        let rename = (!is_same).then(|| Change::RenameColumn { table: table.clone(), from, to: column.name.clone() });
        return Some(rename.into_iter().chain([Change::ModifyColumn { table, column }]).collect());
    }
    if cursor.take("ALTER") {
        cursor.take("COLUMN");
        let column = cursor.name()?;
        return cursor.take_any(&["SET DEFAULT", "DROP DEFAULT"]).then(|| vec![Change::AlterDefault { table, column }]);
    }
    None
}

/// What comes after `ADD`: an index, a constraint, a column, or several columns in parentheses.
fn added(table: &str, tokens: &[Token]) -> Option<Vec<Change>> {
    if let Some(change) = added_key(table, tokens) {
        return Some(vec![change]);
    }
    let mut cursor = Cursor(tokens);
    let is_column = cursor.take("COLUMN");
    if !is_column && is_key(tokens) {
        return None;
    }
    cursor.take("IF NOT EXISTS");
    let add = |column| Change::AddColumn { table: table.to_owned(), column };
    if tokens.first() == Some(&Token::Sign('(')) || cursor.0.first() == Some(&Token::Sign('(')) {
        let columns = cursor.parenthesised()?;
        cursor.end()?;
        return at_commas(columns).map(|part| column(&mut Cursor(part)).map(add)).collect();
    }
    column(&mut cursor).map(|column| vec![add(column)])
}

/// Whether what is added is an index or a constraint, which without a name of its own is not understood.
fn is_key(tokens: &[Token]) -> bool {
    let kinds = ["CONSTRAINT", "PRIMARY KEY", "FOREIGN KEY", "UNIQUE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "CHECK"];
    Cursor(tokens).take_any(&[&kinds[..], &["PARTITION", "PERIOD", "SYSTEM VERSIONING"]].concat())
}

/// An index or a constraint with a name, as `ADD` and `CREATE TABLE` define it.
pub(super) fn added_key(table: &str, tokens: &[Token]) -> Option<Change> {
    let mut cursor = Cursor(tokens);
    let table = table.to_owned();
    let named = if cursor.take("CONSTRAINT") {
        cursor.take("IF NOT EXISTS");
        let is_named =
            !["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"].iter().any(|kind| cursor.0.first().is_some_and(|t| t.is(kind)));
        if is_named { Some(cursor.name()?) } else { None }
    } else {
        None
    };
    if cursor.take("PRIMARY KEY") {
        return Some(Change::AddIndex {
            table,
            index: "PRIMARY".to_owned(),
            columns: indexed(cursor.parenthesised()?),
        });
    }
    if cursor.take_any(&["FOREIGN KEY", "CHECK"]) {
        return named.map(|constraint| Change::AddConstraint { table, constraint });
    }
    let is_index = cursor.take_any(&["UNIQUE INDEX", "UNIQUE KEY", "UNIQUE", "FULLTEXT INDEX", "FULLTEXT KEY"])
        || cursor.take_any(&["FULLTEXT", "SPATIAL INDEX", "SPATIAL KEY", "SPATIAL", "INDEX", "KEY"]);
    if !is_index {
        return None;
    }
    cursor.take("IF NOT EXISTS");
    let own = if cursor.0.first() == Some(&Token::Sign('(')) { None } else { Some(cursor.name()?) };
    Some(Change::AddIndex { table, index: own.or(named)?, columns: indexed(cursor.parenthesised()?) })
}

fn dropped(table: &str, cursor: &mut Cursor<'_>) -> Option<Change> {
    let table = table.to_owned();
    if cursor.take("PRIMARY KEY") {
        return Some(Change::DropIndex { table, index: "PRIMARY".to_owned() });
    }
    let is_index = cursor.take_any(&["INDEX", "KEY"]);
    let is_constraint = !is_index && cursor.take_any(&["FOREIGN KEY", "CONSTRAINT", "CHECK"]);
    if !is_index && !is_constraint {
        cursor.take("COLUMN");
    }
    cursor.take("IF EXISTS");
    let name = cursor.name()?;
    cursor.take_any(&["CASCADE", "RESTRICT"]);
    cursor.end()?;
    Some(match (is_index, is_constraint) {
        (true, _) => Change::DropIndex { table, index: name },
        (_, true) => Change::DropConstraint { table, constraint: name },
        _ => Change::DropColumn { table, column: name },
    })
}

fn renamed(table: &str, cursor: &mut Cursor<'_>) -> Option<Change> {
    let table = table.to_owned();
    let is_column = cursor.take("COLUMN");
    if is_column || cursor.take_any(&["INDEX", "KEY"]) {
        let from = cursor.name()?;
        let to = cursor.take("TO").then(|| cursor.name())??;
        cursor.end()?;
        return Some(match is_column {
            true => Change::RenameColumn { table, from, to },
            false => Change::RenameIndex { table, from, to },
        });
    }
    cursor.take_any(&["TO", "AS"]);
    let to = cursor.table()?;
    cursor.end()?;
    Some(Change::RenameTable { from: table, to })
}
