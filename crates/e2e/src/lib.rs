//! A whole upgrade on real parts. It is not part of the program: it starts the program as an operator does, and knows
//! nothing of cutover's other crates except the rig, which has the hosts.
//!
//! - `effects`: what happens in the world when something is written to the account.
//! - `account`: AWS: moto, and a server in front of it for what moto does not do. It calls the effects.
//! - `servers`: the servers of a site that are not on its hosts: MariaDB, Redis, HAProxy, knot, and what stands in for CloudFront.
//! - `site`: what is on a host: a small Django project under gunicorn and celery, started by supervisor, behind nginx.
//! - `fork`: the repositories of that project: upstream's, the team's fork with patches, and the operator's clone.
//! - `visitors`: people who use the site all the time, and what they see.
//! - `stage`: all of that, put together.
//! - `run`: a whole upgrade on it, and what came of that.
//! - `waiting`: waiting for what comes true in the end.

#![expect(
    clippy::disallowed_methods,
    reason = "it starts real programs and waits in real time, with this machine's environment"
)]

pub mod account;
pub mod effects;
pub mod fork;
pub mod run;
pub mod servers;
pub mod site;
pub mod stage;
pub mod visitors;
pub mod waiting;
