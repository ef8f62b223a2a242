//! What a statement changes.

use super::alter;
use super::change::{Change, Reason};
use super::column::{Cursor, at_commas, column, indexed};
use super::tokens::Token;

/// What a statement changes; at least one.
pub(super) fn changes(tokens: &[Token]) -> Vec<Change> {
    understood(tokens).filter(|changes| !changes.is_empty()).unwrap_or_else(|| vec![Change::Unknown(reason(tokens))])
}

const OF_ROWS: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE", "LOAD"];

/// Why a statement cannot be judged.
fn reason(tokens: &[Token]) -> Reason {
    let word = match tokens.first() {
        Some(Token::Word(word)) => word.to_ascii_uppercase(),
        _ => "it".to_owned(),
    };
    if OF_ROWS.contains(&word.as_str()) { Reason::Rows(word) } else { Reason::NotUnderstood(word) }
}

fn understood(tokens: &[Token]) -> Option<Vec<Change>> {
    let mut cursor = Cursor(tokens);
    if cursor.take("CREATE TABLE") {
        return create_table(&mut cursor).map(|change| vec![change]);
    }
    if cursor.take("ALTER TABLE") {
        let table = cursor.table()?;
        return Some(alter::changes(&table, cursor.0));
    }
    if cursor.take("RENAME TABLE") {
        return at_commas(cursor.0).map(|pair| rename_table(&mut Cursor(pair))).collect();
    }
    if cursor.take("DROP TABLE") {
        cursor.take("IF EXISTS");
        return drop_tables(cursor.0);
    }
    if cursor.take("DROP INDEX") {
        cursor.take("IF EXISTS");
        let index = cursor.name()?;
        let table = cursor.take("ON").then(|| cursor.table())??;
        return Some(vec![Change::DropIndex { table, index }]);
    }
    let kinds = ["CREATE INDEX", "CREATE UNIQUE INDEX", "CREATE FULLTEXT INDEX", "CREATE SPATIAL INDEX"];
    cursor.take_any(&kinds).then(|| create_index(&mut cursor).map(|change| vec![change]))?
}

fn create_index(cursor: &mut Cursor<'_>) -> Option<Change> {
    cursor.take("IF NOT EXISTS");
    let index = cursor.name()?;
    if cursor.take("USING") {
        cursor.next()?;
    }
    let table = cursor.take("ON").then(|| cursor.table())??;
    let columns = indexed(cursor.parenthesised()?);
    Some(Change::AddIndex { table, index, columns })
}

fn rename_table(cursor: &mut Cursor<'_>) -> Option<Change> {
    let from = cursor.table()?;
    let to = cursor.take("TO").then(|| cursor.table())??;
    cursor.end()?;
    Some(Change::RenameTable { from, to })
}

fn drop_tables(tokens: &[Token]) -> Option<Vec<Change>> {
    let drop = |tokens| {
        let mut cursor = Cursor(tokens);
        let table = cursor.table()?;
        cursor.take_any(&["CASCADE", "RESTRICT"]);
        cursor.end()?;
        Some(Change::DropTable { table })
    };
    at_commas(tokens).map(drop).collect()
}

/// `CREATE TABLE t (...)`. One that is made from another table or from a query is not understood.
fn create_table(cursor: &mut Cursor<'_>) -> Option<Change> {
    cursor.take("IF NOT EXISTS");
    let table = cursor.table()?;
    let (mut columns, mut indexes, mut constraints) = (Vec::new(), Vec::new(), Vec::new());
    for part in at_commas(cursor.parenthesised()?) {
        match alter::added_key(&table, part) {
            Some(Change::AddIndex { index, .. }) => indexes.push(index),
            Some(Change::AddConstraint { constraint, .. }) => constraints.push(constraint),
            _ if is_nameless_key(part) => {}
            _ => columns.push(column(&mut Cursor(part))?),
        }
    }
    let is_query = cursor.0.iter().any(|token| token.is("SELECT") || token.is("LIKE"));
    (!is_query && !columns.is_empty()).then_some(Change::CreateTable { table, columns, indexes, constraints })
}

/// Whether a part of `CREATE TABLE` is an index, a foreign key or a check without a name.
fn is_nameless_key(part: &[Token]) -> bool {
    let kinds = ["CONSTRAINT", "FOREIGN KEY", "UNIQUE", "CHECK", "INDEX", "KEY", "FULLTEXT", "SPATIAL"];
    Cursor(part).take_any(&kinds)
}
