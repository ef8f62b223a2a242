//! Reads what `sqlmigrate` printed: headings, statements, and operations that cannot be written as SQL.

use super::change::{Change, Reason, Statement};
use super::statement;
use super::tokens::{Piece, Token, pieces};
use crate::command::Said;
use crate::failed::CommandFailed;

/// Why the statements are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It printed nothing, and did not say that the migration has no operations.
    #[error("it printed no statements: `{0}`")]
    Nothing(String),
    /// A statement, a heading or the transaction does not end, so something is missing.
    #[error("it was cut off at `{0}`")]
    CutOff(String),
}

/// What Django 3.0 and later print below the heading of an operation that is no SQL.
const NOT_SQL: &str = "THIS OPERATION CANNOT BE WRITTEN AS SQL";
/// What Django 2.2 prints in its heading.
const NOT_SQL_HEADING: &str = "MIGRATION NOW PERFORMS OPERATION THAT CANNOT BE WRITTEN AS SQL:";

/// The statements of a migration in their order, among them the operations that are no SQL. A migration may have none.
///
/// # Errors
/// When the command failed or what it printed has no end. Whole operations that are missing at the end are noticed only if
/// the output began a transaction.
pub fn read(said: &Said) -> Result<Vec<Statement>, NotRead> {
    CommandFailed::check(said)?;
    let text = &said.stdout;
    if text.trim().is_empty() {
        let has_none = said.stderr.contains("No operations found.");
        return if has_none { Ok(Vec::new()) } else { Err(NotRead::Nothing(said.last_line().to_owned())) };
    }
    let cut_off = |rest: &str| NotRead::CutOff(one_line(rest));
    if !text.ends_with('\n') {
        return Err(cut_off(said.last_line()));
    }
    let mut reader = Reader::default();
    for piece in pieces(text).map_err(cut_off)? {
        match piece {
            Piece::Comment(words) => reader.comment(words),
            Piece::Statement { text, tokens } => reader.statement(text, &tokens),
        }
    }
    if reader.heading.is_open() || reader.is_in_transaction {
        return Err(cut_off(said.last_line()));
    }
    Ok(reader.statements)
}

/// Where the reader is in a heading, which is three comments or more: nothing, then words, then nothing.
#[derive(Default)]
enum Heading {
    #[default]
    None,
    Open {
        words: String,
        is_sql: bool,
    },
    Closed(String),
}

impl Heading {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

#[derive(Default)]
struct Reader {
    statements: Vec<Statement>,
    heading: Heading,
    is_in_transaction: bool,
}

impl Reader {
    fn comment(&mut self, comment: &str) {
        match (&mut self.heading, comment) {
            (Heading::Open { words, is_sql }, "") => {
                let (words, is_sql) = (std::mem::take(words), *is_sql);
                self.heading = Heading::Closed(words);
                if !is_sql {
                    self.not_sql();
                }
            }
            (Heading::Open { is_sql, .. }, NOT_SQL_HEADING) => *is_sql = false,
            (Heading::Open { words, .. }, more) => more.clone_into(words),
            (_, "") => self.heading = Heading::Open { words: String::new(), is_sql: true },
            (_, NOT_SQL) => self.not_sql(),
            _ => {}
        }
    }

    fn not_sql(&mut self) {
        let text = match &self.heading {
            Heading::Closed(words) => words.clone(),
            Heading::None | Heading::Open { .. } => "Raw Python operation".to_owned(),
        };
        self.statements.push(Statement { text, changes: vec![Change::Unknown(Reason::Python)] });
    }

    fn statement(&mut self, text: &str, tokens: &[Token]) {
        match tokens {
            [word] if word.is("BEGIN") => self.is_in_transaction = true,
            [word] if word.is("COMMIT") => self.is_in_transaction = false,
            _ => self.statements.push(Statement { text: one_line(text), changes: statement::changes(tokens) }),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
