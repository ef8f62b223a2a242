//! Reads the crates of the workspace and checks each of them.

use std::fs::{self, DirEntry};
use std::path::Path;

use crate::failure::Failure;
use crate::workspace::Workspace;

use super::find::circles;
use super::modules::Files;

/// Fails if files of a crate need each other, or if not all of its files are found.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let crates = entries(&workspace.path("crates"))?;
    for folder in crates.iter().map(DirEntry::path).chain([workspace.path("xtask")]) {
        let mut files = Files::new();
        read(&folder.join("src"), "", &mut files)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        match circles(&files) {
            Ok(circles) => found.extend(circles.iter().map(|circle| format!("in {name}, {circle}"))),
            Err(files) => missing.extend(files.iter().map(|file| format!("in {name}, {file}"))),
        }
    }
    if !missing.is_empty() {
        return Err(Failure::ModulesMissing(missing));
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::Circles(found)) }
}

/// Reads all Rust files of a folder and of the folders in it.
fn read(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), Failure> {
    for entry in entries(folder)? {
        let (path, name) = (entry.path(), format!("{prefix}{}", entry.file_name().to_string_lossy()));
        if path.is_dir() {
            read(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).map_err(|source| Failure::NotRead { file: path, source })?;
            files.insert(name, text);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, Failure> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = listed.map_err(|source| Failure::NotRead { file: folder.to_owned(), source })?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}
