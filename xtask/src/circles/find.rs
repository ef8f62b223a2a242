//! Circles among the files of a crate.

use std::collections::{BTreeMap, VecDeque};

use super::modules::{Files, Modules};
use super::resolve::Named;

/// Which file uses which, with one place where it does so: the line, and the path that is there.
type Uses = BTreeMap<String, BTreeMap<String, (usize, String)>>;

/// The circles of a crate, each as a text that names its files.
///
/// # Errors
/// When files are missing, so that circles may be as well: a text for each.
pub(super) fn circles(files: &Files) -> Result<Vec<String>, Vec<String>> {
    let modules = Modules::of(files);
    if !modules.missing.is_empty() {
        return Err(modules.missing);
    }
    let mut uses = uses(&modules);
    let mut circles = Vec::new();
    while let Some(circle) = shortest(&uses) {
        circles.push(shown(&circle, &uses));
        // Other circles remain without this use.
        uses.get_mut(&circle[0]).map(|used| used.remove(&circle[1]));
    }
    Ok(circles)
}

fn uses(modules: &Modules) -> Uses {
    let mut uses = Uses::new();
    for (number, module) in modules.list.iter().enumerate() {
        // Those that only name and re-export may re-export what needs them; any other file needs what it re-exports.
        let only_names = module.file == "lib.rs" || module.file == "mod.rs" || module.file.ends_with("/mod.rs");
        let exports = module.source.exports.iter().filter(|_| !only_names);
        for path in module.source.paths.iter().chain(exports) {
            let is_glob = module.source.globs.contains(&path.segments);
            let target = match modules.resolve(number, &path.segments) {
                Some(Named::Item(target)) => target,
                Some(Named::Module(target)) if is_glob => target,
                _ => continue,
            };
            let used = &modules.list[target].file;
            if *used != module.file {
                let place = (path.line, path.segments.join("::"));
                uses.entry(module.file.clone()).or_default().entry(used.clone()).or_insert(place);
            }
        }
    }
    uses
}

/// A circle of the fewest files, each of which uses the next one, and the last one the first.
fn shortest(uses: &Uses) -> Option<Vec<String>> {
    uses.keys().filter_map(|start| circle_through(uses, start)).min_by_key(Vec::len)
}

fn circle_through(uses: &Uses, start: &String) -> Option<Vec<String>> {
    let mut before: BTreeMap<&String, &String> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for used in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if used == start {
                let back = std::iter::successors(Some(file), |file| before.get(file).copied());
                let mut circle: Vec<String> = back.cloned().collect();
                circle.reverse();
                return Some(circle);
            }
            if !before.contains_key(used) {
                before.insert(used, file);
                queue.push_back(used);
            }
        }
    }
    None
}

fn shown(circle: &[String], uses: &Uses) -> String {
    let mut text = format!("{} need each other:", circle.join(", "));
    for (file, used) in circle.iter().zip(circle.iter().cycle().skip(1)) {
        let (line, path) = &uses[file][used];
        text.push_str(&format!("\n    {file}:{line} uses {path} of {used}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        circles(&files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect())
            .expect("no file is missing")
    }

    #[test]
    fn a_circle_is_named_with_the_places_that_make_it() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub mod c;"),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            ("b.rs", "pub struct B;\nfn f() -> crate::c::D {}"),
            ("c/mod.rs", "mod d;\npub use d::D;"),
            ("c/d.rs", "use std::fmt;\nuse super::super::a;\npub struct D(a::A);"),
        ];
        let text = "a.rs, b.rs, c/d.rs need each other:\n    a.rs:1 uses crate::b::B of b.rs\n    \
                    b.rs:2 uses crate::c::D of c/d.rs\n    c/d.rs:3 uses a::A of a.rs";
        assert_eq!(found(&files), [text]);
    }

    #[test]
    fn all_circles_are_found_at_once() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;"),
            ("a.rs", "use crate::{b::B, c::C};\npub struct A;"),
            ("b.rs", "use crate::a::A;\npub struct B;"),
            ("c.rs", "use crate::a::A;\npub struct C;"),
        ];
        let found = found(&files);
        let first_lines: Vec<&str> = found.iter().filter_map(|circle| circle.lines().next()).collect();
        assert_eq!(first_lines, ["a.rs, b.rs need each other:", "a.rs, c.rs need each other:"]);
    }

    #[test]
    fn a_module_that_re_exports_its_children_is_in_no_circle() {
        let files = [
            ("lib.rs", "pub mod a;"),
            ("a/mod.rs", "mod b;\nmod c;\npub use b::B;\npub use c::*;"),
            ("a/b.rs", "use super::C;\npub struct B(C);"),
            ("a/c.rs", "pub struct C;"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn any_other_file_needs_what_it_re_exports() {
        for export in ["pub use crate::b::B;", "pub use crate::b::*;", "pub(crate) use crate::b::{B, C};"] {
            let files = [
                ("lib.rs", "mod a;\nmod b;"),
                ("a.rs", &format!("{export}\npub struct A;")),
                ("b.rs", "pub struct B(crate::a::A);\npub struct C;"),
            ];
            assert_eq!(found(&files).len(), 1, "{export}");
        }
    }

    #[test]
    fn using_everything_of_a_file_is_using_it() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b::*;\npub struct A(B);"),
            ("b.rs", "pub struct B(crate::a::A);"),
        ];
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn nothing_is_said_about_circles_where_a_file_is_missing() {
        let files = [("lib.rs".to_owned(), "mod a;".to_owned())].into();
        assert_eq!(circles(&files).expect_err("a file is missing").len(), 1);
    }

    #[test]
    fn equal_names_in_different_modules_are_told_apart() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;"),
            ("a.rs", "use crate::b::Plan;\npub struct A(Plan);"),
            ("b.rs", "pub struct Plan(crate::c::Plan);"),
            ("c.rs", "pub struct Plan;"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn a_child_that_uses_what_its_parent_declares_is_in_a_circle_if_the_parent_uses_it() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b;\npub struct A;\nfn f() { b::g() }"),
            ("a/b.rs", "use super::A;\npub fn g() -> A {}"),
        ];
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn tests_may_use_whatever_they_test() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            ("b.rs", "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }
}
