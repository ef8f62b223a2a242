//! `cutover init`: a commented deployment file to start from.

use std::io::Write;

use crate::args::InitArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;

pub(super) fn run(args: &InitArgs) -> Result<Exit, CommandError> {
    let path = args.file.display().to_string();
    let mut file = match std::fs::File::create_new(&args.file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CommandError::refused(
                format!("{path} already exists; it was not changed"),
                "name another file, or move this one away",
            ));
        }
        other => other.map_err(|source| failed(&path, source))?,
    };
    let template = cutover_core::deployment::template();
    file.write_all(template.as_bytes()).map_err(|source| failed(&path, source))?;
    output::note(&format!("wrote {path}; edit it, then:\n  cutover rehearse {path}\n  cutover check {path}"));
    Ok(Exit::Done)
}

fn failed(path: &str, source: std::io::Error) -> CommandError {
    CommandError::File { path: path.to_owned(), done: "written", source }
}
