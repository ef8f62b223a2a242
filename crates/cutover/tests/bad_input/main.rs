//! Bad input and bad days for `cutover branch`: the real program on real repositories. Each test sees that the error
//! says what failed, what is untouched and what to do, and that nothing of the operator's was changed.
#![expect(clippy::disallowed_methods, reason = "these tests start git and the real program, and wait for both")]

mod closed_folders;
mod disk;
mod exec;
mod explained;
mod fork;
mod machine;
mod many_files;
mod names;
mod next_release;
mod remotes;
mod repository;
mod signals;
mod under_way;
mod unfinished;
