//! A Rust file as tokens: names and punctuation with their lines. Comments and literals are left out.

/// A token and the line that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Counted from 1.
    pub(super) line: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or a keyword.
    Name(String),
    /// `::`.
    Path,
    /// Any other character.
    Mark(char),
}

impl Token {
    /// Whether it is this character.
    pub(super) fn marks(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// Its name, if it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            Kind::Path | Kind::Mark(_) => None,
        }
    }
}

/// The tokens of a file that compiles.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut found = Vec::new();
    while let Some(first) = reader.rest.chars().next() {
        let line = reader.line;
        if let Some(kind) = reader.next(first) {
            found.push(Token { kind, line });
        }
    }
    found
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// Reads a token, or something that is left out.
    fn next(&mut self, first: char) -> Option<Kind> {
        if let Some(length) = comment(self.rest).or_else(|| literal(self.rest)) {
            self.skip(length);
            return None;
        }
        if first.is_alphabetic() || first == '_' {
            let name = self.skip(length_of_name(self.rest));
            return Some(Kind::Name(name));
        }
        if self.rest.starts_with("::") {
            self.skip(2);
            return Some(Kind::Path);
        }
        self.skip(first.len_utf8());
        (!first.is_whitespace()).then_some(Kind::Mark(first))
    }

    fn skip(&mut self, length: usize) -> String {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped.to_owned()
    }
}

fn length_of_name(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The length of the comment at the beginning of a text. Block comments can contain others.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut length = text.starts_with("/*").then_some(2)?;
    let mut depth = 1;
    while depth > 0 {
        let rest = &text[length..];
        let (open, close) = (rest.find("/*").unwrap_or(usize::MAX), rest.find("*/")?);
        depth = if open < close { depth + 1 } else { depth - 1 };
        length += open.min(close) + 2;
    }
    Some(length)
}

/// The length of the string, character, lifetime or number at the beginning of a text.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with(['"', '\'']))
    });
    let prefix = prefix.unwrap_or_default();
    let rest = &text[prefix.len()..];
    let length = match rest.chars().next()? {
        '"' | '#' if prefix.ends_with('r') => {
            let end = format!("\"{}", "#".repeat(rest.find('"')?));
            let begin = end.len();
            begin + rest[begin..].find(&end)? + end.len()
        }
        '"' => quoted(rest, '"')?,
        '\'' => character(rest),
        digit if digit.is_ascii_digit() => length_of_name(rest),
        _ => return None,
    };
    Some(prefix.len() + length)
}

/// The length of `'x'`, or of a lifetime such as `'a`.
fn character(text: &str) -> usize {
    let inside = &text[1..];
    let is_lifetime = !inside.starts_with('\\') && inside.chars().nth(1) != Some('\'');
    if is_lifetime { 1 + length_of_name(inside) } else { quoted(text, '\'').unwrap_or(text.len()) }
}

/// The length of what is between two quotes, with them. A backslash escapes one of them.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(index + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        tokens(text).iter().filter_map(Token::name).map(String::from).collect()
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        let text = r####"
            a // crate::x
            /* y /* z */ y */ b "crate::\"x" c r#"crate::"x"# d b"x" e b'\'' f '\u{1F}' g 'x' h<'lifetime> 1u8 0xff i
        "####;
        assert_eq!(names(text), ["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    }

    #[test]
    fn paths_have_their_lines() {
        let found = tokens("/* 1\n2 */ x::y\n  .z");
        let shown: Vec<(usize, &Kind)> = found.iter().map(|token| (token.line, &token.kind)).collect();
        let name = |name: &str| Kind::Name(name.to_owned());
        let (x, y, z) = (name("x"), name("y"), name("z"));
        assert_eq!(shown, [(2, &x), (2, &Kind::Path), (2, &y), (3, &Kind::Mark('.')), (3, &z)]);
    }
}
