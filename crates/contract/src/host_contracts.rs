//! The list of all contracts of hosts.

use futures_util::future::LocalBoxFuture;

use crate::broken::Kept;
use crate::hosts::{self, HostStage};

/// A property of the port for hosts, on which the engine relies.
#[derive(Clone, Copy)]
pub struct HostContract {
    /// The property, such as `starting_a_job_twice_finds_the_first`.
    pub name: &'static str,
    /// Checks it.
    pub run: fn(&HostStage) -> LocalBoxFuture<'_, Kept>,
}

impl HostContract {
    /// The contract of this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        HOST_CONTRACTS.iter().find(|contract| contract.name == name).expect("a contract of that name")
    }
}

/// Makes a test of each contract of hosts. It calls a function with the contract's name, or awaits one:
/// `host_contract_tests!(is_kept)` or `host_contract_tests!(async is_kept)`.
#[macro_export]
macro_rules! host_contract_tests {
    (async $is_kept:ident) => { $crate::each_host_contract!(host_contract_tests async $is_kept:); };
    ($is_kept:ident) => { $crate::each_host_contract!(host_contract_tests $is_kept:); };
    (async $is_kept:ident: $($name:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            $is_kept(stringify!($name)).await;
        })+
    };
    ($is_kept:ident: $($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            $is_kept(stringify!($name));
        })+
    };
}

/// Passes the list of all contracts of hosts to a macro, after other words: `one, another`.
#[macro_export]
macro_rules! each_host_contract {
    ($then:ident $($words:tt)*) => {
        $then! {
            $($words)*
            a_question_is_answered_with_exit_status_and_both_outputs,
            an_unknown_command_is_an_answer,
            a_question_that_takes_too_long_is_ended,
            a_job_that_was_never_started_is_nothing,
            starting_a_job_twice_finds_the_first,
            a_job_tells_when_and_by_whom_it_was_started_and_how_it_ended,
            a_job_reads_its_input_and_nothing_else,
            an_unknown_command_is_a_job_that_has_ended,
            output_is_read_while_a_job_runs,
            output_is_read_from_an_offset,
            output_past_its_limit_is_cut,
            a_signal_ends_a_job,
            a_collected_job_is_gone_and_its_name_is_free,
            a_job_that_runs_is_not_collected,
            a_lower_epoch_than_the_highest_changes_nothing,
            a_job_that_died_with_its_host_is_told_as_that,
            a_job_that_had_ended_is_known_after_a_restart,
            a_host_that_was_restarted_refuses_a_lower_epoch_still,
        }
    };
}

macro_rules! table {
    ($($name:ident),+ $(,)?) => {
        /// All contracts of hosts.
        pub const HOST_CONTRACTS: &[HostContract] = &[$(HostContract {
            name: stringify!($name),
            run: |stage| Box::pin(hosts::$name(stage)),
        },)+];
    };
}
each_host_contract!(table);
