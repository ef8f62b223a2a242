//! Which module declares what a path names. Re-exports are followed.

use super::modules::Modules;

/// What a path names, by the number of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The module itself.
    Module(usize),
    /// Something that the module declares.
    Item(usize),
}

impl Modules {
    /// What a path in a module names. Nothing if it is in another crate.
    pub(super) fn resolve(&self, module: usize, path: &[String]) -> Option<Named> {
        self.follow(module, path, &mut Vec::new())
    }

    /// `seen` has the names that are being looked up, so that modules that re-export each other come to an end.
    fn follow(&self, module: usize, path: &[String], seen: &mut Seen) -> Option<Named> {
        let (first, mut rest) = path.split_first()?;
        let mut here = match first.as_str() {
            "crate" => Named::Module(0),
            "self" => Named::Module(module),
            "super" => Named::Module(self.list[module].parent),
            name => self.look_up(module, name, seen)?,
        };
        while let (Named::Module(number), Some((name, further))) = (here, rest.split_first()) {
            here = match self.look_up(number, name, seen) {
                _ if name == "super" => Named::Module(self.list[number].parent),
                Some(found) => found,
                None if seen.contains(&(number, name.clone())) => return None,
                // A macro declares it.
                None => Named::Item(number),
            };
            rest = further;
        }
        Some(here)
    }

    /// What a name means in a module.
    fn look_up(&self, number: usize, name: &str, seen: &mut Seen) -> Option<Named> {
        self.declared(number, name).or_else(|| self.bound(number, name, false, seen))
    }

    /// What a module declares by that name.
    fn declared(&self, number: usize, name: &str) -> Option<Named> {
        let module = &self.list[number];
        let child = module.children.get(name).map(|child| Named::Module(*child));
        child.or_else(|| module.source.items.iter().any(|item| item == name).then_some(Named::Item(number)))
    }

    /// What `use` binds to that name in a module, by name or together with everything else of another module.
    fn bound(&self, number: usize, name: &str, exported_only: bool, seen: &mut Seen) -> Option<Named> {
        let key = (number, name.to_owned());
        if seen.contains(&key) {
            return None;
        }
        seen.push(key);
        let source = &self.list[number].source;
        let mut bindings = source.bindings.iter().filter(|binding| binding.name == name);
        let found = bindings
            .find_map(|binding| self.follow(number, &binding.path, seen).filter(|_| binding.exported || !exported_only))
            .or_else(|| {
                source.globs.iter().find_map(|path| match self.follow(number, path, seen)? {
                    Named::Module(of) => self.declared(of, name).or_else(|| self.bound(of, name, true, seen)),
                    Named::Item(_) => None,
                })
            });
        seen.pop();
        found
    }
}

/// Names in modules.
type Seen = Vec<(usize, String)>;

#[cfg(test)]
mod tests {
    use super::super::modules::Files;
    use super::*;

    fn declared_in(files: &[(&str, &str)], from: &str, path: &str) -> Option<String> {
        let files: Files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let modules = Modules::of(&files);
        let from = modules.list.iter().position(|module| module.file == from).expect("there is such a module");
        let path: Vec<String> = path.split("::").map(String::from).collect();
        Some(match modules.resolve(from, &path)? {
            Named::Module(number) => format!("module {}", modules.list[number].file),
            Named::Item(number) => modules.list[number].file.clone(),
        })
    }

    const FILES: [(&str, &str); 7] = [
        ("lib.rs", "pub mod a;\nmod b;\nuse b::Inner as Renamed;"),
        ("a/mod.rs", "mod c;\nmod d;\npub use c::Thing;\npub use d::*;"),
        ("a/c.rs", "pub struct Thing;"),
        ("a/d.rs", "pub fn run() {}\npub struct Thing;\npub use super::e;"),
        ("b/mod.rs", "mod inner;\npub use inner::*;\nmake! { Made }"),
        (
            "b/inner.rs",
            "use crate::a;\npub enum Inner { One }\npub use super::Inner as Loop;\npub use super::Loop as Again;",
        ),
        ("unused.rs", ""),
    ];

    #[test]
    fn a_re_exported_name_leads_to_the_file_that_declares_it() {
        let found = |from, path| declared_in(&FILES, from, path);
        assert_eq!(found("b/inner.rs", "crate::a::Thing"), Some("a/c.rs".to_owned()));
        assert_eq!(found("b/inner.rs", "a::run"), Some("a/d.rs".to_owned()));
        assert_eq!(found("a/d.rs", "super::c::Thing::new"), Some("a/c.rs".to_owned()));
        assert_eq!(found("a/d.rs", "self::Thing"), Some("a/d.rs".to_owned()));
        assert_eq!(found("a/c.rs", "super::super::b::Inner::One"), Some("b/inner.rs".to_owned()));
        assert_eq!(found("a/c.rs", "crate::Renamed"), Some("b/inner.rs".to_owned()));
    }

    #[test]
    fn a_module_is_told_from_what_it_declares() {
        assert_eq!(declared_in(&FILES, "b/mod.rs", "crate::a"), Some("module a/mod.rs".to_owned()));
        assert_eq!(declared_in(&FILES, "b/inner.rs", "a"), Some("module a/mod.rs".to_owned()));
    }

    #[test]
    fn what_a_module_imports_for_itself_is_not_part_of_everything_that_it_declares() {
        let files = [
            ("lib.rs", "mod a;\npub use a::*;"),
            ("a/mod.rs", "mod b;\nmod c;\npub use b::*;\npub use c::*;"),
            ("a/b.rs", "use super::Thing;"),
            ("a/c.rs", "pub struct Thing;"),
        ];
        assert_eq!(declared_in(&files, "a/b.rs", "crate::Thing"), Some("a/c.rs".to_owned()));
        assert_eq!(declared_in(&files, "a/b.rs", "super::Thing"), Some("a/c.rs".to_owned()));
    }

    #[test]
    fn what_a_macro_declares_belongs_to_its_module() {
        assert_eq!(declared_in(&FILES, "a/mod.rs", "crate::b::Made"), Some("b/mod.rs".to_owned()));
    }

    #[test]
    fn names_of_other_crates_lead_nowhere() {
        assert_eq!(declared_in(&FILES, "a/mod.rs", "std::mem::take"), None);
        assert_eq!(declared_in(&FILES, "b/inner.rs", "Again::x").as_deref(), Some("b/inner.rs"));
    }
}
