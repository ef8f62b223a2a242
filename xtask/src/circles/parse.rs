//! What a module declares, what its `use` lines bind, and which paths it uses.

use std::collections::BTreeMap;

use super::tokens::{Kind, Token};

/// A module as its source says.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The names of the items that it declares.
    pub(super) items: Vec<String>,
    /// The modules in files of their own.
    pub(super) files: Vec<String>,
    /// The modules between braces.
    pub(super) inline: BTreeMap<String, Source>,
    /// What `use` makes known here.
    pub(super) bindings: Vec<Binding>,
    /// The modules of which `use` makes everything known.
    pub(super) globs: Vec<Vec<String>>,
    /// The paths that it uses, without those that it re-exports.
    pub(super) paths: Vec<Path>,
    /// The paths that it re-exports (`pub use`).
    pub(super) exports: Vec<Path>,
}

/// A name that `use` makes known, and the path that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) path: Vec<String>,
    /// Whether it is a re-export.
    pub(super) exported: bool,
}

/// A path and the line that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// Keywords before the name of an item. A function can be `const`, so the word after `const` may be another one.
const ITEMS: [&str; 8] = ["struct", "enum", "union", "trait", "type", "const", "static", "fn"];
/// Keywords between `const` or `static` and the name of an item.
const QUALIFIERS: [&str; 5] = ["mut", "unsafe", "async", "extern", "fn"];

/// Reads a module. Everything that is compiled for tests only is left out.
pub(super) fn parse(tokens: &[Token]) -> Source {
    let mut parser = Parser { tokens, at: 0 };
    parser.module()
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    /// Reads to the end of the module: of the file, or the brace that closes it.
    fn module(&mut self) -> Source {
        let mut source = Source::default();
        let mut depth = 0_usize;
        let mut exported = false;
        while let Some(token) = self.peek(0).cloned() {
            match &token.kind {
                Kind::Mark('}') if depth == 0 => break,
                Kind::Mark('#') => self.attribute(),
                Kind::Mark(mark) => {
                    depth = match mark {
                        '{' => depth + 1,
                        '}' => depth - 1,
                        _ => depth,
                    };
                    exported = false;
                    self.at += 1;
                }
                Kind::Path => self.at += 1,
                Kind::Name(name) if name == "pub" => {
                    exported = true;
                    self.visibility();
                }
                Kind::Name(name) if name == "use" => {
                    self.at += 1;
                    self.tree(&mut source, &[], exported);
                    exported = false;
                }
                Kind::Name(name) if name == "mod" && depth == 0 => {
                    exported = false;
                    self.child(&mut source);
                }
                Kind::Name(name) if depth == 0 && ITEMS.contains(&name.as_str()) => {
                    self.at += 1;
                    exported = false;
                    source.items.extend(self.item());
                }
                Kind::Name(name) if name == "macro_rules" && depth == 0 => {
                    self.at += 2;
                    source.items.extend(self.item());
                }
                Kind::Name(_) => self.path(&mut source),
            }
        }
        source
    }

    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn take_name(&mut self) -> Option<String> {
        let name = self.peek(0)?.name()?.to_owned();
        self.at += 1;
        Some(name)
    }

    /// Skips `#[...]`, and the item after it if it is `#[cfg(test)]`.
    fn attribute(&mut self) {
        self.at += 1;
        if self.peek(0).is_some_and(|token| token.marks('!')) {
            self.at += 1;
        }
        if !self.peek(0).is_some_and(|token| token.marks('[')) {
            return;
        }
        let begin = self.at;
        self.brackets();
        let words: Vec<&str> = self.tokens[begin..self.at].iter().filter_map(Token::name).collect();
        if words == ["cfg", "test"] {
            self.skip_item();
        }
    }

    /// Skips an item with the attributes before it: to its semicolon, or to the brace that closes it.
    fn skip_item(&mut self) {
        while let Some(token) = self.peek(0) {
            match token.kind {
                Kind::Mark(';') => {
                    self.at += 1;
                    return;
                }
                Kind::Mark('{') => {
                    self.brackets();
                    return;
                }
                Kind::Mark('(' | '[') => self.brackets(),
                _ => self.at += 1,
            }
        }
    }

    /// Skips brackets of any kind with everything between them.
    fn brackets(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            match token.kind {
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips `pub`, `pub(crate)` or `pub(in crate::a)`.
    fn visibility(&mut self) {
        self.at += 1;
        let restricted = ["crate", "super", "self", "in"];
        let inside = self.peek(1).and_then(Token::name).is_some_and(|name| restricted.contains(&name));
        if inside && self.peek(0).is_some_and(|token| token.marks('(')) {
            self.brackets();
        }
    }

    /// The name of the item after its keyword.
    fn item(&mut self) -> Option<String> {
        let is_qualifier = |token: &Token| token.name().is_some_and(|name| QUALIFIERS.contains(&name));
        while self.peek(0).is_some_and(is_qualifier) {
            self.at += 1;
        }
        self.take_name()
    }

    /// Reads `mod name;` or `mod name { ... }`.
    fn child(&mut self, source: &mut Source) {
        self.at += 1;
        let Some(name) = self.take_name() else { return };
        if self.peek(0).is_some_and(|token| token.marks('{')) {
            self.at += 1;
            source.inline.insert(name, self.module());
        } else {
            source.files.push(name);
        }
        self.at += 1;
    }

    /// Reads what follows `use`, or one branch of it, after the segments in `before`.
    fn tree(&mut self, source: &mut Source, before: &[String], exported: bool) {
        let mut segments = before.to_vec();
        let mut line = self.peek(0).map_or(0, |token| token.line);
        while let Some(token) = self.peek(0).cloned() {
            match token.kind {
                Kind::Name(name) if name == "as" => {
                    self.at += 1;
                    let name = self.take_name().unwrap_or_default();
                    return source.bind(name, segments, line, exported);
                }
                Kind::Name(name) => {
                    line = token.line;
                    segments.push(name);
                    self.at += 1;
                }
                // A path that begins with it names another crate.
                Kind::Path if segments.is_empty() => return self.skip_item(),
                Kind::Path => self.at += 1,
                Kind::Mark('*') => {
                    self.at += 1;
                    source.globs.push(segments.clone());
                    source.names(segments, line, exported);
                    return;
                }
                Kind::Mark('{') => {
                    self.at += 1;
                    while self.peek(0).is_some_and(|token| !token.marks('}')) {
                        self.tree(source, &segments, exported);
                        if self.peek(0).is_some_and(|token| token.marks(',')) {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                Kind::Mark(_) => break,
            }
        }
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let name = segments.last().cloned().unwrap_or_default();
        source.bind(name, segments, line, exported);
    }

    /// Reads a name, or a path of several.
    fn path(&mut self, source: &mut Source) {
        let follows = self.at > 0 && matches!(self.tokens[self.at - 1].kind, Kind::Path | Kind::Mark('.'));
        let line = self.peek(0).map_or(0, |token| token.line);
        let mut segments: Vec<String> = self.take_name().into_iter().collect();
        while self.peek(0).is_some_and(|token| token.kind == Kind::Path) {
            let Some(name) = self.peek(1).and_then(Token::name) else { break };
            segments.push(name.to_owned());
            self.at += 2;
        }
        if segments.len() > 1 && !follows {
            source.paths.push(Path { segments, line });
        }
    }
}

impl Source {
    fn bind(&mut self, name: String, path: Vec<String>, line: usize, exported: bool) {
        self.names(path.clone(), line, exported);
        self.bindings.push(Binding { name, path, exported });
    }

    fn names(&mut self, segments: Vec<String>, line: usize, exported: bool) {
        let paths = if exported { &mut self.exports } else { &mut self.paths };
        paths.push(Path { segments, line });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn parsed(text: &str) -> Source {
        parse(&tokens(text))
    }

    fn paths(source: &Source) -> Vec<String> {
        source.paths.iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn the_branches_of_a_use_are_paths_of_their_own() {
        let source = parsed("use crate::{a::{self, B as C}, d};\nuse super::e::F;");
        assert_eq!(paths(&source), ["crate::a", "crate::a::B", "crate::d", "super::e::F"]);
        let names: Vec<&str> = source.bindings.iter().map(|binding| binding.name.as_str()).collect();
        assert_eq!(names, ["a", "C", "d", "F"]);
    }

    #[test]
    fn a_re_export_binds_a_name_and_is_told_from_a_use() {
        let source = parsed("pub(crate) use a::B;\npub(in crate::x) fn f() {}\npub use c::*;\npub mod d;\nuse e::G;");
        assert_eq!(paths(&source), ["e::G"]);
        let path = ["a", "B"].map(String::from).to_vec();
        assert_eq!(source.bindings[0], Binding { name: "B".to_owned(), path, exported: true });
        assert_eq!(source.globs, [["c"]]);
        let exports: Vec<String> = source.exports.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(exports, ["a::B", "c"]);
    }

    #[test]
    fn only_what_a_module_declares_itself_is_an_item() {
        let source = parsed(
            "struct A { b: u8 }\nimpl A { const fn c() {} }\npub(super) const fn d() { fn e() {} }\n\
             static F: u8 = 1;\nmacro_rules! g { () => {} }\nmod h { pub struct I; }\nmod j;",
        );
        assert_eq!(source.items, ["A", "d", "F", "g"]);
        assert_eq!(source.inline["h"].items, ["I"]);
        assert_eq!(source.files, ["j"]);
    }

    #[test]
    fn paths_in_code_are_found_and_methods_are_not() {
        let source = parsed("fn f(x: &super::A) { x.b().c::<crate::D>(); e::f(g, H::new()); }");
        assert_eq!(paths(&source), ["super::A", "crate::D", "e::f", "H::new"]);
    }

    #[test]
    fn what_is_compiled_for_tests_only_is_left_out() {
        let source = parsed(
            "#[cfg(test)]\nmod tests { use crate::a; }\n#[cfg(test)]\n#[must_use]\nfn b() -> [u8; 2] { c::d() }\n\
             #[cfg(test)]\nmod e;\n#[derive(Debug)]\nstruct F;",
        );
        assert_eq!(source.items, ["F"]);
        assert!(source.paths.is_empty() && source.files.is_empty() && source.inline.is_empty());
    }
}
