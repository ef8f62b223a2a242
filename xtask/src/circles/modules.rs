//! All modules of a crate, from its files.

use std::collections::BTreeMap;

use super::parse::{Source, parse};
use super::tokens::tokens;

/// The text of each file, by its path in the folder of the crate's source, such as `plan/step.rs`.
pub(super) type Files = BTreeMap<String, String>;

/// A crate: its modules, beginning with the root.
#[derive(Debug)]
pub(super) struct Modules {
    pub(super) list: Vec<Module>,
    /// What was not found: a text for each module without a file, or for the whole crate.
    pub(super) missing: Vec<String>,
}

/// A module. What is said about modules by their numbers refers to the list.
#[derive(Debug)]
pub(super) struct Module {
    /// Its file, by its path in the folder of the crate's source.
    pub(super) file: String,
    /// The module that declares it. The root's is itself.
    pub(super) parent: usize,
    pub(super) children: BTreeMap<String, usize>,
    pub(super) source: Source,
}

impl Modules {
    /// The modules that a library, or a program without one, consists of.
    pub(super) fn of(files: &Files) -> Self {
        let mut modules = Self { list: Vec::new(), missing: Vec::new() };
        let roots = ["lib.rs", "main.rs"].into_iter();
        if let Some((file, text)) = roots.filter_map(|file| files.get_key_value(file)).next() {
            modules.add(files, &[], file, 0, parse(&tokens(text)));
        } else {
            modules.missing.push("there is neither lib.rs nor main.rs".to_owned());
        }
        modules
    }

    fn add(&mut self, files: &Files, path: &[String], file: &str, parent: usize, mut source: Source) -> usize {
        let number = self.list.len();
        let inline = std::mem::take(&mut source.inline);
        let in_files = source.files.clone();
        self.list.push(Module { file: file.to_owned(), parent, children: BTreeMap::new(), source });
        for (name, source) in inline {
            let child = self.add(files, &below(path, &name), file, number, source);
            self.list[number].children.insert(name, child);
        }
        for name in in_files {
            let path = below(path, &name);
            let base = path.join("/");
            let candidates = [format!("{base}.rs"), format!("{base}/mod.rs")];
            if let Some((file, text)) = candidates.iter().find_map(|file| files.get_key_value(file)) {
                let child = self.add(files, &path, file, number, parse(&tokens(text)));
                self.list[number].children.insert(name, child);
            } else {
                self.missing
                    .push(format!("{file} declares module {name}, and there is no {}", candidates.join(" or ")));
            }
        }
        number
    }
}

fn below(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_in_files_in_folders_and_between_braces() {
        let files = [("lib.rs", "mod a;\nmod b { mod c; }"), ("a/mod.rs", "mod d;"), ("a/d.rs", ""), ("b/c.rs", "")];
        let files = files.map(|(file, text)| (file.to_owned(), text.to_owned())).into();
        let modules = Modules::of(&files);
        let shown: Vec<(&str, usize)> =
            modules.list.iter().map(|module| (module.file.as_str(), module.parent)).collect();
        assert_eq!(shown, [("lib.rs", 0), ("lib.rs", 0), ("b/c.rs", 1), ("a/mod.rs", 0), ("a/d.rs", 3)]);
        assert_eq!(modules.missing, [""; 0]);
    }

    #[test]
    fn a_module_or_a_crate_without_its_file_is_missing() {
        let missing = |files: &[(&str, &str)]| {
            Modules::of(&files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()).missing
        };
        let expected = "a.rs declares module b, and there is no a/b.rs or a/b/mod.rs";
        assert_eq!(missing(&[("lib.rs", "mod a;"), ("a.rs", "mod b;"), ("b.rs", "")]), [expected]);
        assert_eq!(missing(&[("a.rs", "")]), ["there is neither lib.rs nor main.rs"]);
    }
}
