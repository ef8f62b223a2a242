//! The script on real files, with a systemctl that keeps the state of one timer, and the parser on what it prints.

#![expect(clippy::disallowed_methods, reason = "a real shell runs the script")]

mod answers;
mod containers;
mod cron;
mod files;
mod host;
mod jobs;
mod other_jobs;
mod timers;
