//! Text of MySQL, split at semicolons into statements, and these into names, strings and signs.

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a number or a name without quotes.
    Word(String),
    /// A name in backticks, without them.
    Name(String),
    /// A string, with its quotes.
    Text(String),
    /// Any other character.
    Sign(char),
}

impl Token {
    /// Whether it is this keyword. Names in backticks are none.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// What a text consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A comment that begins with `--`, without that.
    Comment(&'a str),
    /// A statement, without its semicolon.
    Statement {
        /// It as it is written.
        text: &'a str,
        /// Its parts.
        tokens: Vec<Token>,
    },
}

/// The pieces of a text.
///
/// # Errors
/// What is left, if a string, a name, a comment or a statement does not end.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &str> {
    let (mut pieces, mut tokens, mut rest, mut start) = (Vec::new(), Vec::new(), text, text);
    while let Some(first) = rest.chars().next() {
        if tokens.is_empty() {
            start = rest;
        }
        let length = length(rest, first).ok_or(rest)?;
        let (part, after) = rest.split_at(length);
        match first {
            _ if first.is_whitespace() || is_skipped(part) => {}
            '-' if length > 1 => {
                if tokens.is_empty() {
                    pieces.push(Piece::Comment(part[2..].trim()));
                }
            }
            ';' => {
                let text = start[..start.len() - rest.len()].trim();
                pieces.extend(
                    (!tokens.is_empty()).then(|| Piece::Statement { text, tokens: std::mem::take(&mut tokens) }),
                );
            }
            _ => tokens.push(token(part, first)),
        }
        rest = after;
    }
    if tokens.is_empty() { Ok(pieces) } else { Err(start) }
}

/// Whether a part is a comment of the other two kinds. `/*!` is no comment but runs on some servers.
fn is_skipped(part: &str) -> bool {
    part.starts_with('#') || (part.starts_with("/*") && !part.starts_with("/*!"))
}

/// How many bytes the first part of a text has.
fn length(text: &str, first: char) -> Option<usize> {
    match first {
        '`' | '\'' | '"' => quoted(text, first),
        '#' => Some(line(text)),
        '-' if text.starts_with("--") && text[2..].chars().next().is_none_or(char::is_whitespace) => Some(line(text)),
        '/' if text.starts_with("/*") => Some(text[2..].find("*/")? + 4),
        _ if is_word(first) => Some(text.find(|letter| !is_word(letter)).unwrap_or(text.len())),
        _ => Some(first.len_utf8()),
    }
}

fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// The length of a string or a name, with its quotes. A quote in it is written twice, or in strings after a backslash.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote != '`' {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

fn token(part: &str, first: char) -> Token {
    match first {
        '`' => Token::Name(part[1..part.len() - 1].replace("``", "`")),
        '\'' | '"' => Token::Text(part.to_owned()),
        _ if is_word(first) => Token::Word(part.to_owned()),
        sign => Token::Sign(sign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let pieces = pieces(text).expect("whole statements");
        let text = |piece: Piece<'_>| match piece {
            Piece::Comment(words) => format!("-- {words}"),
            Piece::Statement { text, .. } => text.to_owned(),
        };
        pieces.into_iter().map(text).collect()
    }

    #[test]
    fn semicolons_in_strings_names_and_comments_end_no_statement() {
        let text = "-- a; b\nSET a = 'x;\\';''; y', `b;``c` = \"z;\" /* d; */ ; # e;\n-- f\nSET g = 1;";
        let first = "SET a = 'x;\\';''; y', `b;``c` = \"z;\" /* d; */";
        assert_eq!(texts(text), ["-- a; b", first, "-- f", "SET g = 1"]);
    }

    #[test]
    fn what_does_not_end_is_no_statement() {
        for text in ["SET a = 1", "SET a = 'b;", "SET `a;", "/* a;", "SET a = \"b\\\";"] {
            assert!(pieces(text).is_err(), "{text}");
        }
    }
}
