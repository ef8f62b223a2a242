//! The command line of `cutover image`, as data. What each command does is in `commands/image/`, one file each.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

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
            Self::Build(args) => &args.file,
            Self::List(args) => &args.file,
            Self::Show(args) => &args.file,
            Self::Prune(args) => &args.file,
        }
    }
}

/// The commands of `image`.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Build the images of the next release now; `prepare` goes on with the rest later
    #[command(after_help = BUILD_HELP)]
    Build(BuildArgs),
    /// List the images of a deployment by role, oldest first, with what uses each, and builders that live
    #[command(after_help = "Example:\n  cutover image list cutover.toml")]
    List(ListArgs),
    /// Show everything that is known of one image, with the snapshots of its disks
    #[command(after_help = "Examples:\n  cutover image show cutover.toml edxapp_mitx-qa_koa_base_release_3\n  \
                            cutover image show cutover.toml ami-0123456789abcdef0 --json")]
    Show(ShowArgs),
    /// Remove images that are older than the newest of their role and that nothing uses, with their snapshots
    #[command(after_help = PRUNE_HELP)]
    Prune(PruneArgs),
}

/// What it is a part of.
const BUILD_HELP: &str = "\
It begins `prepare`, with all its checks, and does nothing of it but the steps
that build images. They are built as `prepare` would build them, are found if
they exist, and go on if they were begun. Then `cutover prepare` does the rest,
also days later. It needs what the policy of `prepare` allows.

Example:
  cutover image build cutover.toml";

/// What stays, and what is needed.
const PRUNE_HELP: &str = "\
An image stays as long as an instance that was launched from it exists, the
journal of this upgrade names it and `retire` has not ended, other images are
built from it, or it is still being made. The state names the snapshots of an
image before it is removed, so that a later prune removes those that were left.
Conductors cannot begin meanwhile. It needs what the policy of `retire` allows.

Examples:
  cutover image prune cutover.toml --keep 3 --dry-run
  cutover image prune cutover.toml --keep 3";

/// The arguments of `image build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Make a new plan if `prepare` has started; steps that are done stay done
    #[arg(long)]
    pub replan: bool,
    /// Take the upgrade over at once from this conductor (`user@machine`), because you know that it is dead
    #[arg(long, value_name = "NAME")]
    pub take_over: Option<String>,
    /// How many simulated seconds pass per second, on an embedded cloud
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub pace: Option<u32>,
    /// Print progress as one JSON object per line; the last one is the status at the end
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `image list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
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

/// The arguments of `image prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// The deployment file
    pub file: PathBuf,
    /// How many images of each role to keep in any case: the newest ones that hosts can be launched from
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: u32,
    /// Only show what would be removed, and why the others stay
    #[arg(long, conflicts_with_all = ["yes", "take_over"])]
    pub dry_run: bool,
    /// Remove them without asking
    #[arg(long)]
    pub yes: bool,
    /// Go on at once although this conductor (`user@machine`) holds the lease, because you know that it is dead
    #[arg(long, value_name = "NAME")]
    pub take_over: Option<String>,
    /// Print one JSON object; without --dry-run, this needs --yes
    #[arg(long)]
    pub json: bool,
}
