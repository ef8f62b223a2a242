//! What a contract is, and the list of all of them.

use futures_util::future::LocalBoxFuture;

use crate::{Kept, Stage, account, balancers, compute, databases, dns, images, outside, pages};

/// A property that every implementation of a port must have.
#[derive(Clone, Copy)]
pub struct Contract {
    /// The port and the property, such as `dns::an_unknown_zone_is_refused_for_good`.
    pub name: &'static str,
    /// Checks it.
    pub run: fn(&Stage) -> LocalBoxFuture<'_, Kept>,
}

/// Passes the list of all contracts, by port, to a macro: `dns: one, another; balancers: ...;`.
///
/// A test program uses it to make a test of each contract, so that a failure has the contract's name.
#[macro_export]
macro_rules! each_contract {
    ($then:ident) => {
        $then! {
            dns:
                records_that_do_not_exist_are_left_out,
                no_names_give_no_records,
                sites_point_at_their_balancers_with_the_ttl_of_the_file,
                a_changed_record_is_read_as_it_was_made,
                changing_a_record_twice_is_changing_it_once,
                records_of_one_batch_are_all_changed,
                a_refused_batch_changes_nothing,
                a_fence_is_listed_as_it_was_written,
                a_batch_whose_fence_is_not_as_told_changes_nothing,
                a_change_comes_in_sync,
                in_sync_means_that_every_server_answers_so,
                servers_answer_nothing_for_an_unknown_name,
                a_zone_is_known_with_its_dot_and_without,
                an_unknown_zone_is_refused_for_good,
                an_unknown_change_is_never_in_sync,
                a_resolver_follows_in_the_end,
                a_resolver_answers_nothing_for_an_unknown_name;
            balancers:
                balancers_that_do_not_exist_are_left_out,
                no_names_give_no_balancers,
                a_balancer_is_of_its_kind_with_a_health_check,
                current_hosts_are_in_service,
                health_names_exactly_the_members,
                registering_twice_is_registering_once,
                several_are_registered_at_once,
                a_running_host_comes_into_service,
                a_removed_host_is_draining_or_gone_and_gone_in_the_end,
                removing_what_is_not_there_changes_nothing,
                an_unknown_balancer_is_refused_for_good,
                an_unknown_instance_is_refused_for_good;
            compute:
                current_hosts_are_listed_as_they_are_tagged,
                a_launched_instance_is_listed_as_it_was_asked_for,
                launching_twice_with_one_token_is_launching_once,
                another_token_is_another_instance,
                an_instance_is_up_only_after_a_while,
                an_instance_runs_in_the_end,
                a_launch_from_an_unknown_image_is_refused_for_good,
                a_terminated_instance_is_gone_in_the_end,
                terminating_twice_is_terminating_once,
                terminating_an_unknown_instance_is_refused_for_good,
                what_is_not_of_the_deployment_is_not_listed,
                what_is_not_of_the_deployment_is_never_terminated;
            images:
                images_are_listed_oldest_first,
                every_role_has_an_image_as_it_is_tagged,
                a_removed_image_is_no_longer_listed,
                an_image_that_is_gone_has_no_disks,
                a_removed_disk_is_removed_however_often,
                removing_an_unknown_image_changes_nothing,
                what_is_not_of_the_deployment_is_not_listed,
                what_is_not_of_the_deployment_is_never_removed;
            databases:
                databases_that_do_not_exist_are_left_out,
                no_names_give_no_databases,
                databases_are_available,
                a_snapshot_that_does_not_exist_is_nothing,
                a_begun_snapshot_is_available_in_the_end,
                a_snapshot_is_of_the_moment_when_it_was_begun,
                an_identifier_that_exists_is_refused_for_good,
                snapshots_are_listed_with_their_database_oldest_first,
                a_snapshot_of_an_unknown_database_is_refused_for_good;
            pages:
                the_page_that_was_put_is_the_page_that_is_read,
                a_page_is_replaced,
                a_page_that_was_changed_since_it_was_read_is_left_as_it_is,
                an_object_that_does_not_exist_is_nothing,
                the_distribution_shows_the_page_for_every_site,
                the_certificate_of_the_distribution_covers_every_site,
                an_unknown_distribution_is_nothing,
                invalidating_twice_with_one_reference_is_one_invalidation,
                another_reference_is_another_invalidation,
                an_invalidation_completes,
                an_unknown_distribution_is_not_invalidated,
                an_unknown_invalidation_is_never_complete;
            outside:
                every_balancer_presents_a_certificate_that_holds,
                sites_answer_through_their_balancers,
                sites_answer_visitors;
            account:
                somebody_acts,
                subnets_of_the_deployment_have_free_addresses,
                subnets_that_do_not_exist_are_left_out,
                security_groups_that_do_not_exist_are_left_out,
                no_ids_give_no_subnets_and_no_groups,
                quotas_leave_room_for_what_there_is,
                credentials_hold_at_present;
        }
    };
}

macro_rules! table {
    ($($port:ident: $($name:ident),+;)+) => {
        /// All contracts, by port.
        pub const CONTRACTS: &[Contract] = &[$($(Contract {
            name: concat!(stringify!($port), "::", stringify!($name)),
            run: |stage| Box::pin($port::$name(stage)),
        },)+)+];
    };
}
each_contract!(table);
