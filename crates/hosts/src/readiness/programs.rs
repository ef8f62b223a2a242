//! Which programs a shell script calls, read from its text: as much of a shell's grammar as the scripts here need.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// Words of the shell after which a command follows.
const BEFORE_COMMANDS: [&str; 10] = ["!", "{", "do", "elif", "else", "exec", "if", "then", "until", "while"];
/// Other words of the shell, and what ends a text that a script prints.
const OF_THE_SHELL: [&str; 28] = [
    ".", ":", "END", "[", "break", "cd", "command", "continue", "done", "echo", "esac", "eval", "exit", "export", "fi",
    "kill", "printf", "read", "return", "set", "shift", "test", "trap", "true", "umask", "unset", "wait", "}",
];

/// The programs that a script calls by their names.
pub(super) fn called(script: &str) -> BTreeSet<String> {
    let mut reading = Reading { rest: script.chars().peekable(), scripts: Vec::new() };
    let whole = reading.tokens(false);
    reading.scripts.push(whole);
    let mut found = Found::default();
    reading.scripts.iter().for_each(|tokens| found.look(tokens));
    let Found { called, functions } = found;
    let is_program =
        |word: &String| !word.contains('$') && !functions.contains(word) && !OF_THE_SHELL.contains(&word.as_str());
    called.into_iter().filter(is_program).collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word, with `$` for what is quoted, or is known only when the script runs.
    Word(String),
    /// A bracket, a line's end, or what separates commands.
    Between(char),
    /// The end of a branch of `case`.
    EndOfBranch,
    /// A redirection, whose target is the next word.
    Redirection,
}

struct Reading<'a> {
    rest: Peekable<Chars<'a>>,
    /// The commands whose output is a part of a word.
    scripts: Vec<Vec<Token>>,
}

impl Reading<'_> {
    /// Reads to the end, or to the bracket that ends commands within a word.
    fn tokens(&mut self, is_within_word: bool) -> Vec<Token> {
        let (mut tokens, mut word, mut depth) = (Vec::new(), String::new(), 0_u32);
        while let Some(letter) = self.rest.next() {
            match letter {
                '#' if word.is_empty() => while self.rest.next_if(|next| *next != '\n').is_some() {},
                '\\' => drop(self.rest.next()),
                '\'' | '"' | '$' => {
                    self.unknown(letter);
                    word.push('$');
                }
                '<' | '>' => {
                    // The number of a descriptor.
                    if !word.bytes().all(|byte| byte.is_ascii_digit()) {
                        tokens.push(Token::Word(word.clone()));
                    }
                    word.clear();
                    while self.rest.next_if(|next| "<>&".contains(*next)).is_some() {}
                    tokens.push(Token::Redirection);
                }
                ' ' | '\n' | ';' | '&' | '|' | '(' | ')' => {
                    if !word.is_empty() {
                        tokens.push(Token::Word(std::mem::take(&mut word)));
                    }
                    match letter {
                        ' ' => {}
                        ';' if self.rest.next_if_eq(&';').is_some() => tokens.push(Token::EndOfBranch),
                        ')' if is_within_word && depth == 0 => return tokens,
                        _ => tokens.push(Token::Between(letter)),
                    }
                    depth = if letter == '(' { depth + 1 } else { depth.saturating_sub(u32::from(letter == ')')) };
                }
                _ => word.push(letter),
            }
        }
        tokens
    }

    /// Reads what a quote or `$` begins.
    fn unknown(&mut self, first: char) {
        match first {
            '\'' => while self.rest.next().is_some_and(|letter| letter != '\'') {},
            '"' => {
                while let Some(letter) = self.rest.next().filter(|letter| *letter != '"') {
                    match letter {
                        '\\' => drop(self.rest.next()),
                        '$' => self.unknown('$'),
                        _ => {}
                    }
                }
            }
            _ if self.rest.next_if_eq(&'{').is_some() => while self.rest.next().is_some_and(|letter| letter != '}') {},
            _ if self.rest.next_if_eq(&'(').is_some() => match self.rest.peek() {
                Some('(') => self.arithmetic(),
                _ => {
                    let commands = self.tokens(true);
                    self.scripts.push(commands);
                }
            },
            _ => {}
        }
    }

    /// Reads to the bracket that ends an expression.
    fn arithmetic(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.rest.next() {
                Some('(') => depth += 1,
                Some(')') => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

#[derive(Default)]
struct Found {
    called: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Found {
    fn look(&mut self, tokens: &[Token]) {
        let (mut is_command, mut is_case, mut is_pattern, mut is_target) = (true, false, false, false);
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Redirection => is_target = true,
                Token::EndOfBranch => is_pattern = true,
                Token::Between(')') => (is_command, is_pattern) = (true, false),
                Token::Between(_) => is_command = true,
                Token::Word(_) if std::mem::take(&mut is_target) => {}
                Token::Word(word) if is_pattern => is_pattern = word != "esac",
                Token::Word(word) if !is_command => {
                    is_pattern = is_case && word == "in";
                    is_case &= !is_pattern;
                }
                Token::Word(word) if is_assignment(word) || BEFORE_COMMANDS.contains(&word.as_str()) => {}
                Token::Word(word) => {
                    let is_function = tokens.get(at + 1) == Some(&Token::Between('('));
                    if is_function {
                        self.functions.insert(word.clone());
                    } else if word == "case" || word == "for" {
                        is_case = word == "case";
                    } else {
                        self.called.insert(word.clone());
                    }
                    // What launches another program.
                    is_command = word == "setsid";
                }
            }
        }
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

#[cfg(test)]
mod tests {
    use super::called;

    fn names(script: &str) -> Vec<String> {
        called(script).into_iter().collect()
    }

    #[test]
    fn programs_are_found_wherever_a_command_may_stand() {
        let script =
            "one a; if two b || ! three; then x=$(four \"$(five)\") six | seven & fi\n(eight) && LANG=C nine >ten 2>&1";
        assert_eq!(names(script), ["eight", "five", "four", "nine", "one", "seven", "six", "three", "two"]);
    }

    #[test]
    fn words_of_the_shell_functions_quoted_text_and_patterns_are_no_programs() {
        let script = "f() { echo 'one two; three'; }\nf # four\ncase $x in a | b) true ;; c) f ;; esac\n\
                      for y in five; do \"$six\" $((1 + (2))); done\ncat <<'END'\nseven\nEND\n";
        assert_eq!(names(script), ["cat", "seven"]);
    }
}
