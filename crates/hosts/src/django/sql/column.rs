//! The definition of a column, and a cursor over the parts of a statement.

use super::change::{Column, Kind};
use super::tokens::Token;

/// What is left of a statement. Its readers return `None` for what they do not understand.
pub(super) struct Cursor<'a>(pub(super) &'a [Token]);

impl<'a> Cursor<'a> {
    /// The next part.
    pub(super) fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// Takes these keywords, if they come next.
    pub(super) fn take(&mut self, keywords: &str) -> bool {
        let count = keywords.split(' ').count();
        let is_next =
            self.0.len() >= count && keywords.split(' ').zip(self.0).all(|(keyword, token)| token.is(keyword));
        if is_next {
            self.0 = &self.0[count..];
        }
        is_next
    }

    /// Takes the first of these keywords that comes next.
    pub(super) fn take_any(&mut self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.take(keyword))
    }

    /// Takes a sign, if it comes next.
    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        let is_next = self.0.first() == Some(&Token::Sign(sign));
        if is_next {
            self.0 = &self.0[1..];
        }
        is_next
    }

    /// A name, with or without quotes.
    pub(super) fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(name) | Token::Name(name) => Some(name.clone()),
            Token::Text(_) | Token::Sign(_) => None,
        }
    }

    /// The name of a table, without a database in front of it.
    pub(super) fn table(&mut self) -> Option<String> {
        let name = self.name()?;
        if self.take_sign('.') { self.name() } else { Some(name) }
    }

    /// What is in parentheses, without them.
    pub(super) fn parenthesised(&mut self) -> Option<&'a [Token]> {
        let (mut depth, inner) = (0_u32, self.0.get(1..)?);
        for (at, token) in self.0.iter().enumerate() {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                self.0 = &self.0[at + 1..];
                return at.checked_sub(1).map(|length| &inner[..length]);
            }
        }
        None
    }

    /// Nothing more, or `None`.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The parts between commas that are in no parentheses.
pub(super) fn at_commas(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut depth = 0_u32;
    tokens.split(move |token| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *token == Token::Sign(',')
    })
}

/// The columns of an index: `` `a`, `b`(10) DESC ``. Expressions have no name and are left out.
pub(super) fn indexed(tokens: &[Token]) -> Vec<String> {
    at_commas(tokens).filter_map(|part| Cursor(part).name()).collect()
}

/// A column: its name, its type and what else is said of it, to the end.
pub(super) fn column(cursor: &mut Cursor<'_>) -> Option<Column> {
    let name = cursor.name()?;
    let kind = kind(cursor)?;
    let (mut nullable, mut has_more) = (None, false);
    while cursor.end().is_none() {
        if cursor.take_any(&["NOT NULL", "PRIMARY KEY"]) {
            nullable = Some(false);
        } else if cursor.take("NULL") {
            nullable = Some(true);
        } else if cursor.take("AFTER") {
            cursor.name()?;
        } else if cursor.take_any(&["AUTO_INCREMENT", "UNIQUE KEY", "UNIQUE", "FIRST"]) {
        } else {
            has_more = true;
            // A default may be NULL, which does not say that the column may be.
            if cursor.take("DEFAULT") || cursor.0.first() != Some(&Token::Sign('(')) {
                cursor.next()?;
            } else {
                cursor.parenthesised()?;
            }
        }
    }
    Some(Column { name, kind, nullable, has_more })
}

/// A type, with what is in parentheses behind it.
fn kind(cursor: &mut Cursor<'_>) -> Option<Kind> {
    let Token::Word(word) = cursor.next()? else { return None };
    let mut written = word.clone();
    if cursor.take("PRECISION") {
        written.push_str(" precision");
    }
    if cursor.0.first() == Some(&Token::Sign('(')) {
        let parts = cursor.parenthesised()?.iter().map(|token| match token {
            Token::Word(text) | Token::Name(text) | Token::Text(text) => text.clone(),
            Token::Sign(sign) => sign.to_string(),
        });
        written.extend(["(", &parts.collect::<String>(), ")"]);
    }
    if cursor.take("UNSIGNED") {
        written.push_str(" unsigned");
    }
    Some(Kind::new(&written))
}
