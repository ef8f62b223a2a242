//! The command line and its commands, but for those of release branches.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use cutover_core::plan::{Order, Phase};

use super::branch::BranchArgs;
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
    /// Look at everything the upgrade relies on, and change nothing
    #[command(after_help = "Example:\n  cutover check cutover.toml")]
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
    #[command(after_help = "Example:\n  cutover announce cutover.toml")]
    Announce(PhaseArgs),
    /// Build images, launch next hosts, smoke-test them, shut their services down
    #[command(after_help = "Example:\n  cutover prepare cutover.toml")]
    Prepare(PhaseArgs),
    /// Run the maintenance window: from the maintenance page to the new release
    #[command(after_help = "Examples:\n  cutover window cutover.toml\n  cutover window cutover.toml --plan 3f9a0c51")]
    Window(PhaseArgs),
    /// Terminate the old hosts, remove surplus images, put TTLs back
    #[command(after_help = "Example:\n  cutover retire cutover.toml")]
    Retire(PhaseArgs),
    /// Decide at a gate
    #[command(after_help = "Examples:\n  cutover approve cutover.toml go --by alice\n  \
                            cutover approve cutover.toml go --by alice --refuse --note \"login is broken\"")]
    Approve(ApproveArgs),
    /// Say what has happened, what is next, and what going back would cost
    #[command(after_help = "Example:\n  cutover status cutover.toml --json")]
    Status(FileArgs),
    /// Write the report of an upgrade, during it or after
    #[command(after_help = "Example:\n  cutover report cutover.toml --output report.md")]
    Report(ReportArgs),
    /// See, forecast, rebase, verify and publish the release branches that images are built from
    #[command(after_help = "Examples:\n  cutover branch status --deployment cutover.toml\n  \
                      cutover branch forecast --branch mitx/koa --onto upstream/open-release/koa.rc3")]
    Branch(Box<BranchArgs>),
    /// Print the IAM policy of least privilege for exactly this deployment, as JSON
    #[command(after_help = POLICY_HELP)]
    Policy(PolicyArgs),
    /// Print the JSON Schema of the deployment file, for editors
    #[command(after_help = "Example:\n  cutover schema > cutover.schema.json")]
    Schema,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  cutover completions bash > /etc/bash_completion.d/cutover")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write; it must not exist
    #[arg(default_value = "cutover.toml")]
    pub file: PathBuf,
}

/// Of commands that read a deployment and say something about it.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Only this phase; all that are still to come unless given
    #[arg(long)]
    pub phase: Option<PhaseName>,
    /// How much may overlap
    #[arg(long, default_value = "overlapped")]
    pub order: OrderName,
    /// One row a step, with ids and the rules behind each edge
    #[arg(long)]
    pub steps: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What the policy takes for granted.
const POLICY_HELP: &str = "\
The file does not say everything that a policy can name. Roles that next hosts
run as are taken to be called what their instance profiles are called: change
`PassRolesNamedLikeProfiles` where yours are not. Images and their snapshots
must carry the tag `environment`, or they can be neither launched nor removed.
Without `account` and `region` under [aws] both are left open, as `*`.

Examples:
  cutover policy cutover.toml > policy.json
  cutover policy cutover.toml --phase window
  aws iam create-policy --policy-name cutover --policy-document file://policy.json";

/// Of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// The deployment file
    pub file: PathBuf,
    /// What this phase needs, with what `check`, `plan` and `status` read; all phases unless given
    #[arg(long)]
    pub phase: Option<PhaseName>,
}

/// Of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The deployment file; the built-in mitx-production unless given
    pub file: Option<PathBuf>,
    /// The same seed gives the same rehearsal
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How much may overlap
    #[arg(long, default_value = "overlapped")]
    pub order: OrderName,
    /// Rehearse both orders and show them side by side
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

/// Of the four phases.
#[derive(Debug, Args)]
pub struct PhaseArgs {
    /// The deployment file
    pub file: PathBuf,
    /// Run only the plan of this hash, as `cutover plan` showed it: its first 8 characters at least
    #[arg(long, value_name = "HASH", value_parser = plan_hash)]
    pub plan: Option<String>,
    /// How much may overlap
    #[arg(long, default_value = "overlapped")]
    pub order: OrderName,
    /// Make a new plan for a phase that was begun: what is done stays done
    #[arg(long)]
    pub replan: bool,
    /// Begin a failed migration again, once its schema is mended: without this it is only looked at
    #[arg(long, value_name = "STEP")]
    pub retry: Vec<String>,
    /// Take a step that is in doubt for done: you have found out that it was. Needs --because
    #[arg(long, value_name = "STEP", requires = "because")]
    pub accept: Vec<String>,
    /// How you know, in your words; goes on record
    #[arg(long, value_name = "TEXT", requires = "accept", value_parser = some_words)]
    pub because: Option<String>,
    /// Take the upgrade over at once from the conductor of this name, `user@machine`: you know that it is dead
    #[arg(long, value_name = "NAME")]
    pub take_over: Option<String>,
    /// Begin although the plan does not fit the window, or go on although it no longer does
    #[arg(long)]
    pub late: bool,
    /// Make all reads and no writes: print what the phase would write, each as a line for the `aws` command
    #[arg(long, conflicts_with_all = ["retry", "accept", "take_over", "late", "pace"])]
    pub dry_run: bool,
    /// Simulated seconds in one second of wall time, in an embedded cloud
    #[arg(long, value_name = "N")]
    pub pace: Option<u32>,
    /// Print progress as one JSON object a line, and how things stand at the end as the last one
    #[arg(long)]
    pub json: bool,
}

/// Words that say something.
fn some_words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say how you know".to_owned()) } else { Ok(text.to_owned()) }
}

/// A hash that tells one plan from all others: what an unset variable leaves is none.
fn plan_hash(text: &str) -> Result<String, String> {
    let is_hash = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hash {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("a plan's hash has at least 8 characters, each 0-9 or a-f; `cutover plan` shows it".to_owned()),
    }
}

/// Of `approve`.
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
    /// Why, in your words; goes on record
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The deployment file
    pub file: PathBuf,
    /// The file to write; standard output unless given
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A phase by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PhaseName {
    /// Tell people
    Announce,
    /// Images and next hosts
    Prepare,
    /// The maintenance window
    Window,
    /// Old hosts and images
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
    /// Whatever may overlap does
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
