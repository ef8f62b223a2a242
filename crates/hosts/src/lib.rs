//! What cutover asks of hosts, as data: argument lists to run there, and what the printed answers mean.
//!
//! Nothing here has I/O. The engine decides what to run, a transport carries it (SSH, or the embedded cloud, which
//! answers with text in the form of the real programs), and the parsers here read the answer. A parser never takes what
//! is missing for good news: an answer that does not mention everything that was asked is an error.
//!
//! - `command`: an argument list with the user and the folder it runs in, and what it printed;
//! - `secret`: bytes that nobody is shown, for the standard input of a job;
//! - `shell`: the one place where arguments are quoted for a shell;
//! - `job`: durable, named jobs, and the helper script that keeps them on a host;
//! - `supervisor`: the states of programs, and the orders to start, stop and kill them;
//! - `hold`: cron files and systemd timers, held back and put back;
//! - `commands`: several commands of the deployment file as one job;
//! - `sequence`: commands as one job that ends with the first that fails;
//! - `bake`: what is done on a builder before an image is made of it;
//! - `processes`: what still runs, whatever supervisor believes;
//! - `answers`: whether programs answer on their ports;
//! - `queues`, `celery`: tasks that wait, and tasks that run;
//! - `requests`: how many requests of visitors still arrive;
//! - `sessions`: what remains on a database that migrations would have to wait for;
//! - `storage`: how much is free for a database;
//! - `django`: migrations, applied and pending, what they do, and what the database shows of them;
//! - `readiness`: what would be in the way of a conductor on a host;
//! - `envelope`: how a command travels to a host, and how its answer is known to be complete.

pub mod answers;
pub mod bake;
pub mod celery;
pub mod command;
pub mod commands;
pub mod django;
pub mod envelope;
pub mod failed;
pub mod hold;
pub mod identity;
pub mod job;
pub mod processes;
pub mod queues;
pub mod readiness;
pub mod requests;
pub mod rows;
pub mod secret;
pub mod sequence;
pub mod sessions;
pub mod storage;
pub mod supervisor;

pub use cutover_core::shell;
