//! The command line of `cutover branch`, as data. What each command does is in `commands/branch/`, one file each.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// The arguments of `branch`.
#[derive(Debug, Args)]
pub struct BranchArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BranchCommand,
}

impl BranchCommand {
    /// The arguments that all of them have.
    #[must_use]
    pub const fn common(&self) -> &CommonArgs {
        match self {
            Self::Status(args) => &args.common,
            Self::Create(args) => &args.common,
            Self::Patches(args) => &args.common,
            Self::Forecast(args) => &args.common,
            Self::Rebase(args) => &args.common,
            Self::Verify(args) => &args.common,
            Self::Publish(args) => &args.common,
            Self::Mirror(args) => &args.common,
            Self::Watch(args) => &args.common,
        }
    }
}

/// The commands of `branch`.
#[derive(Debug, Subcommand)]
pub enum BranchCommand {
    /// Show the state of each of our release branches: base, patches, newest candidate, published
    #[command(after_help = "Examples:\n  cutover branch status --deployment cutover.toml\n  \
                            cutover branch status --repository ../edx-platform --json")]
    Status(StatusArgs),
    /// Create a release branch from upstream's release; an existing branch is never overwritten
    #[command(after_help = "Examples:\n  cutover branch create koa\n  \
                            cutover branch create koa --from upstream/open-release/koa.rc1")]
    Create(CreateArgs),
    /// List the patches of a branch, oldest first, and the release since which each is carried
    #[command(after_help = "Example:\n  cutover branch patches --branch mitx/koa")]
    Patches(PatchesArgs),
    /// Show what a rebase would do with every patch, without moving any ref
    #[command(after_help = "Examples:\n  cutover branch forecast --deployment cutover.toml\n  \
                      cutover branch forecast --branch mitx/koa --onto upstream/open-release/koa.rc3\n  \
                      cutover branch forecast --branch mitx/koa --all-candidates\n  \
                      cutover branch forecast --branch mitx/koa --brief\n  \
                      cutover branch forecast --branch mitx/koa --details 1a2b3c4d\n  \
                      cutover branch forecast --branch REF --base REF --onto REF --json")]
    Forecast(ForecastArgs),
    /// Rebase a branch onto a release, on a separate ref, stopping where a patch conflicts
    ///
    /// The branch itself does not move. At a conflict, a linked work tree with the conflict in it is prepared. Without
    /// --onto, --continue, --skip or --abort, the state of the rebase is shown.
    #[command(after_help = "Examples:\n  cutover branch rebase --onto upstream/open-release/koa.rc3\n  \
                            cutover branch rebase --continue\n  \
                            cutover branch rebase --skip 1a2b3c4d --because \"upstream has its own\"\n  \
                            cutover branch rebase --abort")]
    Rebase(RebaseArgs),
    /// Account for every patch of the old stack, in a ledger that is published with the new stack
    ///
    /// Without --old and --new, the stacks before and after the finished rebase of the branch are compared.
    #[command(after_help = "Examples:\n  cutover branch verify --branch mitx/koa\n  \
                            cutover branch verify --branch mitx/koa --explain 1a2b3c4d --because \"the theme has it\"\n  \
                            cutover branch verify --branch mitx/koa --old origin/mitx/koa --new my-rebase")]
    Verify(VerifyArgs),
    /// Push a verified branch, with a lease on the head that was verified; the old head is saved first
    #[command(after_help = "Example:\n  cutover branch publish --branch mitx/koa")]
    Publish(PublishArgs),
    /// Copy upstream's release branches to our remote, under the same names and never by force
    #[command(after_help = "Examples:\n  cutover branch mirror\n  cutover branch mirror 'open-release/koa.*'")]
    Mirror(MirrorArgs),
    /// Fetch, and forecast each of upstream's candidates that is new since the last look
    ///
    /// For a timer or a pipeline: exits with 10 if a person is needed for one of them.
    #[command(after_help = "Examples:\n  cutover branch watch --branch mitx/koa\n  \
                            cutover branch watch --branch origin/mitx/koa --state seen.json --json")]
    Watch(WatchArgs),
}

/// The options of all branch commands: where the clone is, and how remotes and branches are named. They override the
/// deployment file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// A deployment file, for its `[branches]` and the code name of its release
    #[arg(long, value_name = "FILE")]
    pub deployment: Option<PathBuf>,
    /// The clone of the fork [default: that of the deployment file, or the current folder]
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
    /// The remote that releases come from [default: upstream]
    #[arg(long, value_name = "NAME")]
    pub upstream: Option<String>,
    /// The remote that our branches live on [default: origin]
    #[arg(long, value_name = "NAME")]
    pub origin: Option<String>,
    /// The pattern of our branches [default: mitx/{codename}]
    #[arg(long, value_name = "PATTERN")]
    pub ours: Option<String>,
    /// The pattern of upstream's branches; can be repeated [default: open-release/{codename}.{candidate} and
    /// release/{codename}]
    #[arg(long, value_name = "PATTERN")]
    pub theirs: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The options of commands about one branch.
#[derive(Clone, Debug, Default, Args)]
pub struct OneBranchArgs {
    /// The branch [default: ours of the deployment's release, or the one that is checked out]
    #[arg(long, value_name = "REF")]
    pub branch: Option<String>,
    /// Where its patches begin [default: computed from upstream's releases]
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,
}

/// The arguments of `branch status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The release's code name, such as koa
    pub codename: String,
    /// Where the branch begins [default: upstream's `.master` of the release]
    #[arg(long, value_name = "REF")]
    pub from: Option<String>,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch patches`.
#[derive(Debug, Args)]
pub struct PatchesArgs {
    /// The branch and its base.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch forecast`.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// The branch and its base.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// What it would be rebased onto [default: upstream's newest candidate of its release]
    #[arg(long, value_name = "REF")]
    pub onto: Option<String>,
    /// Forecast onto each of upstream's candidates of its release, one line each
    #[arg(long, conflicts_with = "onto")]
    pub all_candidates: bool,
    /// Say only what becomes of each patch, one line each; the causes of conflicts are not looked for
    #[arg(long, conflicts_with = "details")]
    pub brief: bool,
    /// Show everything about the conflict of this patch, or of all patches; can be repeated. Otherwise conflicts are grouped
    /// by their causes if they are more than three
    #[arg(long, value_name = "PATCH|all", conflicts_with_all = ["all_candidates", "json"])]
    pub details: Vec<String>,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The branch and its base.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// The file that keeps what was seen [default: in the git directory]
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Do not fetch: look at what this clone has
    #[arg(long)]
    pub no_fetch: bool,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch rebase`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("doing").args(["onto", "continue_", "abort"]))]
pub struct RebaseArgs {
    /// The branch and its base.
    #[command(flatten)]
    pub one: OneBranchArgs,
    /// The branch that the result is for [default: the branch that is rebased]
    #[arg(long = "as", value_name = "BRANCH", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub target: Option<String>,
    /// Start a rebase onto this
    #[arg(long, value_name = "REF")]
    pub onto: Option<String>,
    /// Continue after the conflict was resolved
    #[arg(long = "continue")]
    pub continue_: bool,
    /// Leave this patch out; can be repeated, each time with a --because
    #[arg(long, value_name = "PATCH", requires = "because", conflicts_with_all = ["continue_", "abort"])]
    pub skip: Vec<String>,
    /// Why the patch is left out; recorded in the ledger
    #[arg(long, value_name = "TEXT", requires = "skip")]
    pub because: Vec<String>,
    /// Take a patch in again that was left out, or resolve its conflict again; can be repeated
    #[arg(long, value_name = "PATCH", conflicts_with_all = ["onto", "continue_", "skip", "abort"])]
    pub unskip: Vec<String>,
    /// Abort the rebase: its folder and its ref are removed, and the branch stays as it was
    #[arg(long)]
    pub abort: bool,
    /// The folder for the work tree of a conflict [default: beside the repository]
    #[arg(long, value_name = "DIR", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub folder: Option<PathBuf>,
    /// Continue although changes made in merges are lost, for this reason
    #[arg(long, value_name = "TEXT", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub accept_loss: Option<String>,
    /// Run this command in a shell on the result, in a work tree of its own; it is run again by --continue until it succeeds
    #[arg(long, value_name = "CMD", requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub exec: Option<String>,
    /// Continue although the new base lacks commits of upstream's that the patches stand on now
    #[arg(long, requires = "onto", conflicts_with_all = ["continue_", "abort"])]
    pub backwards: bool,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Our branch [default: that of the deployment's release, or the one that is checked out]
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// The old stack
    #[arg(long, value_name = "REF", requires = "new")]
    pub old: Option<String>,
    /// Where the old stack begins [default: computed from upstream's releases]
    #[arg(long, value_name = "REF", requires = "old")]
    pub old_base: Option<String>,
    /// The new stack
    #[arg(long, value_name = "REF", requires = "old")]
    pub new: Option<String>,
    /// Where the new stack begins [default: computed from upstream's releases]
    #[arg(long, value_name = "REF", requires = "new")]
    pub new_base: Option<String>,
    /// Explain why this patch is gone or changed; can be repeated, each time with a --because
    #[arg(long, value_name = "PATCH", requires = "because")]
    pub explain: Vec<String>,
    /// The explanation; recorded in the ledger
    #[arg(long, value_name = "TEXT", requires = "explain")]
    pub because: Vec<String>,
    /// Print the ledger as Markdown, for a pull request
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Accept that the new base lacks commits of upstream's that the old stack stands on; recorded in the ledger
    #[arg(long)]
    pub backwards: bool,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Our branch [default: that of the deployment's release, or the one that is checked out]
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// What to push [default: the result of its rebase, or the branch itself if there is none]
    #[arg(long, value_name = "REF")]
    pub head: Option<String>,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The arguments of `branch mirror`.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// Only branches that match this pattern, with * and ? [default: all of upstream's release branches]
    pub pattern: Option<String>,
    /// The clone and its names.
    #[command(flatten)]
    pub common: CommonArgs,
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
        let BranchCommand::Forecast(args) = parse(&words).expect("valid arguments") else {
            panic!("not the expected command")
        };
        assert_eq!(args.common.deployment, None);
        assert_eq!(args.common.repository, Some("DIR".into()));
        assert_eq!((args.one.base.as_deref(), args.onto.as_deref()), (Some("a"), Some("c")));
        assert!(args.common.json && !args.all_candidates);
    }

    #[test]
    fn a_rebase_takes_one_action() {
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
    fn old_and_new_stack_are_given_together() {
        assert!(parse(&["verify", "--old", "a"]).is_err());
        assert!(parse(&["verify", "--old-base", "a"]).is_err());
        assert!(parse(&["verify", "--old", "a", "--old-base", "b", "--new", "c", "--new-base", "d"]).is_ok());
        assert!(parse(&["verify", "--explain", "a"]).is_err());
    }

    #[test]
    fn a_value_that_looks_like_an_option_is_passed_on_to_the_command() {
        let parsed = parse(&["forecast", "--branch=--upload-pack=x", "--onto", "b"]).expect("valid arguments");
        let BranchCommand::Forecast(args) = parsed else { panic!("not the expected command") };
        assert_eq!(args.one.branch.as_deref(), Some("--upload-pack=x"));
    }

    #[test]
    fn patterns_can_be_repeated() {
        let parsed =
            parse(&["status", "--theirs", "a/{codename}", "--theirs", "b/{codename}"]).expect("valid arguments");
        let BranchCommand::Status(args) = parsed else { panic!("not the expected command") };
        assert_eq!(args.common.theirs.len(), 2);
    }
}
