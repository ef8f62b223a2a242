//! The command line and its commands, except those for release branches.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use cutover_core::plan::{Order, Phase};

use super::branch::BranchArgs;
use super::image::ImageArgs;
use crate::exit;

/// Plans, rehearses and runs the maintenance-window upgrade of an Open edX site on AWS.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, about, after_help = exit::TABLE, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented deployment file to start from
    #[command(after_help = "Example:\n  cutover init cutover.toml")]
    Init(InitArgs),
    /// Check everything that the upgrade relies on; changes nothing of the upgrade
    #[command(after_help = CHECK_HELP)]
    Check(FileArgs),
    /// Show what a phase would do, step by step, and whether it fits the window
    #[command(
        after_help = "Examples:\n  cutover plan cutover.toml\n  cutover plan cutover.toml --phase window --steps"
    )]
    Plan(PlanArgs),
    /// Rehearse the whole upgrade on an embedded cloud, in simulated time
    #[command(
        after_help = "Examples:\n  cutover rehearse\n  cutover rehearse cutover.toml --seed 7 --report rehearsal.md\n  \
                            cutover rehearse --compare-orders"
    )]
    Rehearse(RehearseArgs),
    /// Announce the downtime and publish the dated maintenance page
    #[command(after_help = ANNOUNCE_HELP)]
    Announce(PhaseArgs),
    /// Build images, launch next hosts, smoke-test them, stop their services
    #[command(after_help = "Example:\n  cutover prepare cutover.toml")]
    Prepare(PhaseArgs),
    /// Run the maintenance window: from the maintenance page to the new release
    #[command(after_help = "Examples:\n  cutover window cutover.toml\n  cutover window cutover.toml --plan 3f9a0c51")]
    Window(PhaseArgs),
    /// Terminate the old hosts, remove surplus images, restore TTLs
    #[command(after_help = "Example:\n  cutover retire cutover.toml")]
    Retire(PhaseArgs),
    /// Approve or refuse at a gate
    #[command(after_help = "Examples:\n  cutover approve cutover.toml go --by alice\n  \
                            cutover approve cutover.toml go --by alice --refuse --note \"login is broken\"")]
    Approve(ApproveArgs),
    /// Show how testers reach the new sites while DNS still shows the maintenance page
    #[command(after_help = "Examples:\n  cutover look cutover.toml\n  cutover look cutover.toml --open")]
    Look(LookArgs),
    /// Show what has happened, what is next, and what going back would cost
    #[command(after_help = "Example:\n  cutover status cutover.toml --json")]
    Status(FileArgs),
    /// Write the report of an upgrade, during or after it
    #[command(after_help = "Example:\n  cutover report cutover.toml --output report.md")]
    Report(ReportArgs),
    /// Show, forecast, rebase, verify and publish the release branches that images are built from
    #[command(after_help = "Examples:\n  cutover branch status --deployment cutover.toml\n  \
                      cutover branch forecast --branch mitx/koa --onto upstream/open-release/koa.rc3")]
    Branch(Box<BranchArgs>),
    /// List, show and prune the machine images of a deployment
    #[command(after_help = "Examples:\n  cutover image list cutover.toml\n  \
                      cutover image show cutover.toml ami-0123456789abcdef0\n  \
                      cutover image prune cutover.toml --keep 3 --dry-run")]
    Image(ImageArgs),
    /// Print the least-privilege IAM policy for exactly this deployment, as JSON
    #[command(after_help = POLICY_HELP)]
    Policy(PolicyArgs),
    /// Print the JSON Schema of the deployment file, for editors
    #[command(after_help = "Example:\n  cutover schema > cutover.schema.json")]
    Schema,
    /// Print the completion script for a shell
    #[command(after_help = "Example:\n  cutover completions bash > /etc/bash_completion.d/cutover")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write; it must not exist yet
    #[arg(default_value = "cutover.toml")]
    pub file: PathBuf,
}

/// The arguments of commands that read a deployment and report about it.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `look`.
#[derive(Debug, Args)]
pub struct LookArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Open a browser with a profile of its own, and wait until it is closed
    #[arg(long)]
    pub open: bool,
    /// Go on until Ctrl-C, and show everything again when addresses have changed
    #[arg(long)]
    pub watch: bool,
    /// Print JSON: one object on one line, and another one whenever addresses have changed
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Plan only this phase [default: all phases that have not ended yet]
    #[arg(long)]
    pub phase: Option<PhaseName>,
    /// The order of the steps
    #[arg(long, default_value = "overlapped")]
    pub order: OrderName,
    /// Show one row per step, with ids and the rules behind each edge
    #[arg(long)]
    pub steps: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What a check writes.
const CHECK_HELP: &str = "\
To see whether the state can be written, an object without meaning,
probe.json, is written there and removed again. Nothing else is written.

Example:
  cutover check cutover.toml";

/// How a window is moved.
const ANNOUNCE_HELP: &str = "\
To move a window that has not opened yet, edit `start` and `length` under
[window] in the file, and announce it again with --replan. This works until
visitors are sent to the maintenance page, also after `prepare`.

Examples:
  cutover announce cutover.toml
  cutover announce cutover.toml --replan";

/// The assumptions of the policy.
const POLICY_HELP: &str = "\
The file does not contain everything that a policy can name. The policy assumes
that the roles of next hosts have the same names as their instance profiles: if
yours do not, change `PassRolesNamedLikeProfiles`. Images and their snapshots
must have the tag `environment`, or they can be neither launched nor removed.
If `account` or `region` is missing under [aws], the policy has `*` instead.
Removing superfluous images (`image prune`) needs what `retire` needs.

Examples:
  cutover policy cutover.toml > policy.json
  cutover policy cutover.toml --phase window
  aws iam create-policy --policy-name cutover --policy-document file://policy.json";

/// The arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Print only what this phase, `check`, `plan` and `status` need [default: all phases]
    #[arg(long)]
    pub phase: Option<PhaseName>,
}

/// The arguments of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The deployment file [default: the built-in mitx-production]
    pub file: Option<PathBuf>,
    /// The seed of the random numbers; the same seed gives the same rehearsal
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The order of the steps
    #[arg(long, default_value = "overlapped")]
    pub order: OrderName,
    /// Rehearse both orders and compare them
    #[arg(long, conflicts_with_all = ["report", "order"])]
    pub compare_orders: bool,
    /// Write the report of the rehearsal to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Show each step as it happens, on standard error
    #[arg(long, short)]
    pub verbose: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of the four phases.
#[derive(Debug, Args)]
pub struct PhaseArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Run only the plan with this hash, as `cutover plan` shows it; the first 8 characters are enough
    #[arg(long, value_name = "HASH", value_parser = plan_hash)]
    pub plan: Option<String>,
    /// The order of the steps
    #[arg(long, default_value = "overlapped")]
    pub order: OrderName,
    /// Make a new plan for a phase that has started; steps that are done stay done
    #[arg(long)]
    pub replan: bool,
    /// Try a step again that needs your consent: a failed migration, after its schema was repaired, or one that was not
    /// begun because a snapshot lacks something
    #[arg(long, value_name = "STEP")]
    pub retry: Vec<String>,
    /// Treat a step that is in doubt as done, because you know that it is; needs --because
    #[arg(long, value_name = "STEP", requires = "because")]
    pub accept: Vec<String>,
    /// How you know that it is done; recorded in the journal
    #[arg(long, value_name = "TEXT", requires = "accept", value_parser = some_words)]
    pub because: Option<String>,
    /// Take the upgrade over at once from this conductor (`user@machine`), because you know that it is dead
    #[arg(long, value_name = "NAME")]
    pub take_over: Option<String>,
    /// Start although the plan does not fit the window, or go on although it no longer fits
    #[arg(long)]
    pub late: bool,
    /// Read, but write nothing: print each write that the phase would make, as a line for the `aws` command
    #[arg(long, conflicts_with_all = ["retry", "accept", "take_over", "late", "pace"])]
    pub dry_run: bool,
    /// How many simulated seconds pass per second, on an embedded cloud
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub pace: Option<u32>,
    /// Print progress as one JSON object per line; the last one is the status at the end
    #[arg(long)]
    pub json: bool,
}

/// A text that is not blank.
fn some_words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say how you know".to_owned()) } else { Ok(text.to_owned()) }
}

/// The beginning of a plan's hash, long enough to identify the plan. An empty text, as from an unset variable, is
/// refused.
fn plan_hash(text: &str) -> Result<String, String> {
    let is_hash = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hash {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("a plan's hash has at least 8 characters, each 0-9 or a-f; `cutover plan` shows it".to_owned()),
    }
}

/// The arguments of `approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The deployment file
    pub file: PathBuf,
    /// The gate
    pub gate: String,
    /// Who decides
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Refuse instead
    #[arg(long)]
    pub refuse: bool,
    /// Why; recorded in the journal
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// The arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The deployment file
    pub file: PathBuf,
    /// The file to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print what the journal can prove, such as which server answered what and when, as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A phase by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PhaseName {
    /// Announce the downtime
    Announce,
    /// Build images and launch next hosts
    Prepare,
    /// Run the maintenance window
    Window,
    /// Remove old hosts and images
    Retire,
}

impl From<PhaseName> for Phase {
    fn from(name: PhaseName) -> Self {
        match name {
            PhaseName::Announce => Self::Announce,
            PhaseName::Prepare => Self::Prepare,
            PhaseName::Window => Self::Window,
            PhaseName::Retire => Self::Retire,
        }
    }
}

/// An order by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderName {
    /// Every step starts as soon as the rules allow it
    Overlapped,
    /// Each line of the runbook ends on all hosts before the next begins
    Runbook,
}

impl From<OrderName> for Order {
    fn from(name: OrderName) -> Self {
        match name {
            OrderName::Overlapped => Self::Overlapped,
            OrderName::Runbook => Self::Runbook,
        }
    }
}
