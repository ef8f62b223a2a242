//! Reads a template: one file, or a folder of them.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// How large all files of a template may be together, in bytes.
const LARGEST: u64 = 1 << 20;

/// The language of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Packer's first one, which 1.6 has, and later versions still read.
    Json,
    /// The one with `required_plugins`: files `*.pkr.hcl` and `*.pkr.json`, or a folder with such files.
    Hcl2,
}

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    pub(super) path: PathBuf,
    pub(super) language: Language,
    /// The one builder of it that is used, by Packer's option `-only`.
    pub(super) only: Option<String>,
    /// Of all its files.
    pub(super) text: String,
}

impl Template {
    /// Reads the template at an absolute path, as Packer would find it.
    ///
    /// # Errors
    /// When there is none, or it cannot be read or is too large.
    pub fn at(path: &Path) -> Result<Self> {
        debug_assert!(path.is_absolute());
        let found = fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::refused(
                format!("there is no Packer template {}", path.display()),
                "nothing was started; correct the path in the deployment file, or get the template",
            ),
            _ => Error::File { path: path.to_owned(), done: "read", source },
        })?;
        let files = if found.is_dir() { hcl2_files(path)? } else { vec![path.to_owned()] };
        let language = if found.is_dir() || is_hcl2(path) { Language::Hcl2 } else { Language::Json };
        let mut text = String::new();
        for file in &files {
            text.push_str(&read(file, LARGEST.saturating_sub(text.len() as u64), path)?);
            text.push('\n');
        }
        Ok(Self { path: path.to_owned(), language, only: None, text })
    }

    /// The same with one builder only, by the name that `packer inspect` prints: `edxapp`, or in HCL2 `amazon-ebs.edxapp`.
    #[must_use]
    pub fn only(self, builder: impl Into<String>) -> Self {
        Self { only: Some(builder.into()), ..self }
    }

    /// What `packer validate` and `packer build` get: the options, then the template.
    pub(crate) fn arguments(&self, variables: &Path) -> Vec<OsString> {
        let mut given = OsString::from("-var-file=");
        given.push(variables);
        let only = self.only.as_ref().map(|builder| format!("-only={builder}").into());
        only.into_iter().chain([given, self.path.clone().into()]).collect()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its language.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }
}

fn is_hcl2(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.ends_with(".pkr.hcl") || name.ends_with(".pkr.json")
}

fn hcl2_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::file(folder, "read"))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_hcl2(path)).collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::refused(
            format!(
                "there is no Packer template in {}: no file in it ends with .pkr.hcl or .pkr.json",
                folder.display()
            ),
            "nothing was started; name the file if it is a JSON template, or correct the path in the deployment file",
        ));
    }
    Ok(files)
}

fn read(file: &Path, room: u64, template: &Path) -> Result<String> {
    let opened = fs::File::open(file).map_err(Error::file(file, "read"))?;
    let mut bytes = Vec::new();
    opened.take(room + 1).read_to_end(&mut bytes).map_err(Error::file(file, "read"))?;
    if bytes.len() as u64 > room {
        return Err(Error::refused(
            format!(
                "the Packer template {} is larger than {} KiB, which no template is",
                template.display(),
                LARGEST >> 10
            ),
            "nothing was started; correct the path in the deployment file",
        ));
    }
    String::from_utf8(bytes).map_err(|_| {
        Error::refused(
            format!("the Packer template {} is not text: it is not UTF-8", file.display()),
            "nothing was started; correct the path in the deployment file, or save the template as UTF-8",
        )
    })
}
