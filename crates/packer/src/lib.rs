//! Packer, as cutover uses it: what it is given, how a build is started and found again, and what its output means.
//!
//! Nothing here knows of upgrades, of AWS, or of the deployment file. There is no clock and no environment in here: callers
//! pass the variables that Packer may inherit, and decide how long a build may take.
//!
//! A build goes through these modules in this order:
//!
//! 1. [`program`] finds Packer and its version. Up to 1.6 its builders are bundled; from 1.7 on a template may name the plugins
//!    that it needs (`required_plugins`), and from 1.10 on it has to, because nothing is bundled any more.
//! 2. [`template`] reads the team's own template and checks it before anything is made: `packer inspect` tells which variables it
//!    declares, and `packer validate` is the authority for the rest.
//! 3. [`variables`] are what the template gets from us. They travel in a file that only its owner can read, never in the command
//!    line, where every user of the machine would see them.
//! 4. [`job`] runs `packer build` as a process that outlives cutover. For one token there is never a second one.
//! 5. [`output`] reads what the build prints: what people see, the images, and what Packer has made on the way, so that it can be
//!    removed if Packer could not. [`manifest`] reads the file of the post-processor of that name.
//! 6. [`failure`] says in clear words why a build failed.
//!
//! ```no_run
//! # use std::path::Path;
//! # use cutover_packer::{failure::Failure, job::*, output::Reading, program::*, template::Template, variables::*};
//! # fn build(wanted: &Wanted, environment: Environment, packer: &Path, file: &Path, jobs: &Path) -> cutover_packer::Result<()> {
//! let program = Program::find(packer, environment)?;
//! let template = Template::at(file)?;
//! let directory = file.parent().unwrap_or(file);
//! let job = Job::new(jobs, &wanted.token)?;
//! let variables = Variables::of(wanted, &job.manifest(), template.language())?;
//! let variables = template.check(&program, directory, &variables, jobs)?.variables;
//! // Also after a crash: a build that was started is found.
//! let start = Start { program: &program, template: &template, variables: &variables, directory, limit: 16 << 20 };
//! job.start(&start)?;
//! let (mut reading, mut offset) = (Reading::default(), 0);
//! // The state is asked first: then what was printed until the end is read, too.
//! let state = job.state()?;
//! (_, offset) = job.follow(offset, &mut reading)?;
//! if let State::Ended(status @ 1..) = state {
//!     println!("{}", Failure::of(&reading, status).message);
//! }
//! # let _ = offset;
//! # Ok(())
//! # }
//! ```
//!
//! **How an image is found again.** Each build has a token, which the template gets as the variable `cutover_build` and puts
//! into the tag [`TAG`] of the instance that it builds on (`run_tags`) and of the image (`tags`). After a crash both are found
//! by it. A template that does not do that is refused. Packer 1.6 tags an image when it is available, not when it is made, and
//! its key pair and security group not at all. So whoever looks after a crash also looks for what the output names
//! ([`output::Made`]), and an image in it is the build's own even if it has no tag yet.

pub mod error;
pub mod failure;
mod folder;
pub mod job;
pub mod manifest;
pub mod output;
pub mod program;
pub mod template;
#[cfg(test)]
mod testing;
pub mod variables;

pub use error::{Error, Result};

/// The tag that has the token of the build, on the instance that Packer builds on and on the image.
pub const TAG: &str = "cutover-build-token";
