//! The command line of `cutover image`, as data. What each command does is in `commands/image/`, one file each.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::FileArgs;

/// The arguments of `image`.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ImageCommand,
}

impl ImageCommand {
    /// The deployment file.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            Self::List(args) => &args.file,
            Self::Show(args) => &args.file,
        }
    }
}

/// The commands of `image`.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// List the images of a deployment by role, oldest first, with what uses each, and builders that live
    #[command(after_help = "Example:\n  cutover image list cutover.toml")]
    List(FileArgs),
    /// Show everything that is known of one image, with the snapshots of its disks
    #[command(after_help = "Examples:\n  cutover image show cutover.toml edxapp_mitx-qa_koa_base_release_3\n  \
                            cutover image show cutover.toml ami-0123456789abcdef0 --json")]
    Show(ShowArgs),
}

/// The arguments of `image show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The deployment file
    pub file: PathBuf,
    /// The name of the image, or its id
    #[arg(value_name = "NAME-OR-ID")]
    pub image: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
