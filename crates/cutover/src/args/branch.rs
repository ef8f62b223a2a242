//! The command line of `cutover branch`, as data. What each command does is in `commands/branch/`, one file each.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// Of `branch`.
#[derive(Debug, Args)]
pub struct BranchArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BranchCommand,
}

/// What to do with release branches.
#[derive(Debug, Subcommand)]
pub enum BranchCommand {
    /// Say where each of our release branches stands: base, patches, newest candidate, published
    #[command(after_help = "Examples:\n  cutover branch status --deployment cutover.toml\n  \
                            cutover branch status --repository ../edx-platform --json")]
    Status(StatusArgs),
    /// Make a release branch on upstream's release; one that exists is never overwritten
    #[command(after_help = "Examples:\n  cutover branch create koa\n  \
                            cutover branch create koa --from upstream/open-release/koa.rc1")]
    Create(CreateArgs),
    /// List the patches of a branch, oldest first, with since which release each is carried
    #[command(after_help = "Example:\n  cutover branch patches --branch mitx/koa")]
    Patches(PatchesArgs),
    /// Say what a rebase would come to, for every patch, and move nothing
    #[command(after_help = "Examples:\n  cutover branch forecast --deployment cutover.toml\n  \
                      cutover branch forecast --branch mitx/koa --onto upstream/open-release/koa.rc3\n  \
                      cutover branch forecast --branch mitx/koa --all-candidates\n  \
                      cutover branch forecast --branch REF --base REF --onto REF --json")]
    Forecast(ForecastArgs),
    /// Rebase a branch onto a release, on a ref beside it, with stops where a patch conflicts
    ///
    /// The branch itself does not move. At a conflict a linked work tree is prepared with the conflict in it. Without
    /// --onto, --continue, --skip or --abort: shows how the rebase stands.
    #[command(after_help = "Examples:\n  cutover branch rebase --onto upstream/open-release/koa.rc3\n  \
                            cutover branch rebase --continue\n  \
                            cutover branch rebase --skip 1a2b3c4d --because \"upstream has its own\"\n  \
                            cutover branch rebase --abort")]
    Rebase(RebaseArgs),
    /// Account for every patch of the old stack, by name, in a ledger that goes with the new one
    ///
    /// Without --old and --new: of the rebase of the branch that has come to its end.
    #[command(after_help = "Examples:\n  cutover branch verify --branch mitx/koa\n  \
                            cutover branch verify --branch mitx/koa --explain 1a2b3c4d --because \"the theme has it\"\n  \
                            cutover branch verify --branch mitx/koa --old origin/mitx/koa --new my-rebase")]
    Verify(VerifyArgs),
    /// Push a verified branch, with a lease on what was verified; the old head is saved first
    #[command(after_help = "Example:\n  cutover branch publish --branch mitx/koa")]
    Publish(PublishArgs),
    /// Copy upstream's release branches to our remote, under the same names; never forces
    #[command(after_help = "Examples:\n  cutover branch mirror\n  cutover branch mirror 'open-release/koa.*'")]
    Mirror(MirrorArgs),
}

/// Of all branch commands: where the clone is and how things are named there. Flags outrank the deployment file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct PlaceArgs {
    /// A deployment file: its `[branches]` and the code name of its release
    #[arg(long, value_name = "FILE")]
    pub deployment: Option<PathBuf>,
    /// A clone of the fork; the deployment file's unless given, or the current folder
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
    /// The remote that releases come from [default: upstream]
    #[arg(long, value_name = "NAME")]
    pub upstream: Option<String>,
    /// The remote that our branches live on [default: origin]
    #[arg(long, value_name = "NAME")]
    pub origin: Option<String>,
    /// How our branches are named [default: mitx/{codename}]
    #[arg(long, value_name = "PATTERN")]
    pub ours: Option<String>,
    /// How upstream's branches are named; may be repeated [default: open-release/{codename}.{candidate} and
    /// release/{codename}]
    #[arg(long, value_name = "PATTERN")]
    pub theirs: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Of commands about one branch.
#[derive(Clone, Debug, Default, Args)]
pub struct OneBranchArgs {
    /// The branch; ours of the deployment's release unless given, or the one that is checked out
    #[arg(long, value_name = "REF")]
    pub branch: Option<String>,
    /// Where its patches begin; found by itself unless given
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,
}

/// Of `branch status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The release's code name, such as koa
    pub codename: String,
    /// Where the branch begins; upstream's `.master` of the release unless given
    #[arg(long, value_name = "REF")]
    pub from: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch patches`.
#[derive(Debug, Args)]
pub struct PatchesArgs {
    /// Which branch.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch forecast`.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// Which branch.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// What it would be rebased onto; upstream's newest candidate of its release unless given
    #[arg(long, value_name = "REF")]
    pub onto: Option<String>,
    /// Onto each of upstream's candidates of its release, one line each
    #[arg(long, conflicts_with = "onto")]
    pub all_candidates: bool,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch rebase`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("doing").args(["onto", "continue_", "abort"]))]
pub struct RebaseArgs {
    /// Which branch.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// The branch that the result is for; the one that is rebased unless given
    #[arg(long = "as", value_name = "BRANCH", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub target: Option<String>,
    /// Begin: rebase onto this
    #[arg(long, value_name = "REF")]
    pub onto: Option<String>,
    /// Go on, with the conflict resolved
    #[arg(long = "continue")]
    pub continue_: bool,
    /// Leave this patch out; may be repeated, each with its --because
    #[arg(long, value_name = "PATCH", requires = "because", conflicts_with_all = ["continue_", "abort"])]
    pub skip: Vec<String>,
    /// Why it is left out, in your words; goes into the ledger
    #[arg(long, value_name = "TEXT", requires = "skip")]
    pub because: Vec<String>,
    /// Give the rebase up: its folder and its ref are removed, the branch is as it was
    #[arg(long)]
    pub abort: bool,
    /// The folder for a conflict's work tree; beside the repository unless given
    #[arg(long, value_name = "DIR", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub folder: Option<PathBuf>,
    /// Go on although leaving merges out loses what they did by themselves, and say why
    #[arg(long, value_name = "TEXT", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub accept_loss: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Our branch; that of the deployment's release unless given, or the one that is checked out
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// The stack as it was
    #[arg(long, value_name = "REF", requires = "new")]
    pub old: Option<String>,
    /// Where the old stack begins; found by itself unless given
    #[arg(long, value_name = "REF", requires = "old")]
    pub old_base: Option<String>,
    /// The stack as it is
    #[arg(long, value_name = "REF", requires = "old")]
    pub new: Option<String>,
    /// Where the new stack begins; found by itself unless given
    #[arg(long, value_name = "REF", requires = "new")]
    pub new_base: Option<String>,
    /// Say why this patch is gone or changed; may be repeated, each with its --because
    #[arg(long, value_name = "PATCH", requires = "because")]
    pub explain: Vec<String>,
    /// Why, in your words; goes into the ledger
    #[arg(long, value_name = "TEXT", requires = "explain")]
    pub because: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Our branch; that of the deployment's release unless given, or the one that is checked out
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// What to push; the result of its rebase unless given, or the branch itself where there is none
    #[arg(long, value_name = "REF")]
    pub head: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `branch mirror`.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// Only branches of this pattern, with * and ?; all of upstream's release branches unless given
    pub pattern: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Cli, Command};

    use super::*;

    fn parse(words: &[&str]) -> Result<BranchCommand, clap::Error> {
        let cli = Cli::try_parse_from(["cutover", "branch"].iter().chain(words))?;
        match cli.command {
            Command::Branch(args) => Ok(args.command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_forecast_needs_no_deployment_file() {
        let words = ["forecast", "--repository", "DIR", "--branch", "b", "--base", "a", "--onto", "c", "--json"];
        let BranchCommand::Forecast(args) = parse(&words).expect("it is right") else { panic!("another command") };
        assert_eq!(args.place.deployment, None);
        assert_eq!(args.place.repository, Some("DIR".into()));
        assert_eq!((args.one.base.as_deref(), args.onto.as_deref()), (Some("a"), Some("c")));
        assert!(args.place.json && !args.all_candidates);
    }

    #[test]
    fn what_a_rebase_is_to_do_is_said_once() {
        for words in [
            &["rebase", "--onto", "a", "--continue"][..],
            &["rebase", "--continue", "--abort"],
            &["rebase", "--abort", "--skip", "a", "--because", "b"],
            &["rebase", "--continue", "--skip", "a", "--because", "b"],
            &["rebase", "--skip", "a"],
            &["rebase", "--because", "a"],
            &["rebase", "--as", "a"],
            &["rebase", "--folder", "a", "--continue"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
        for words in [
            &["rebase"][..],
            &["rebase", "--onto", "a", "--as", "mitx/koa", "--skip", "a", "--because", "b"],
            &["rebase", "--skip", "a", "--because", "b", "--skip", "c", "--because", "d"],
            &["rebase", "--abort"],
        ] {
            assert!(parse(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn a_verification_of_ones_own_stacks_names_both() {
        assert!(parse(&["verify", "--old", "a"]).is_err());
        assert!(parse(&["verify", "--old-base", "a"]).is_err());
        assert!(parse(&["verify", "--old", "a", "--old-base", "b", "--new", "c", "--new-base", "d"]).is_ok());
        assert!(parse(&["verify", "--explain", "a"]).is_err());
    }

    #[test]
    fn a_value_that_looks_like_an_option_reaches_the_command_that_refuses_it() {
        let parsed = parse(&["forecast", "--branch=--upload-pack=x", "--onto", "b"]).expect("it is right");
        let BranchCommand::Forecast(args) = parsed else { panic!("another command") };
        assert_eq!(args.one.branch.as_deref(), Some("--upload-pack=x"));
    }

    #[test]
    fn patterns_may_be_several() {
        let parsed = parse(&["status", "--theirs", "a/{codename}", "--theirs", "b/{codename}"]).expect("it is right");
        let BranchCommand::Status(args) = parsed else { panic!("another command") };
        assert_eq!(args.place.theirs.len(), 2);
    }
}
