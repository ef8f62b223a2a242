//! Typed names and identifiers, so that a host is never mistaken for an instance, nor a site for a fleet.
//!
//! *Names* are the operator's words and come from the deployment file; *ids* are given by the cloud. They are copied
//! into every plan, event and reading and never change, so that copies share their text.

use std::cmp::Ordering;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! typed_string {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// The order of the texts. Copies share theirs, and need not be compared: maps are searched for copies of their keys.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                match Arc::ptr_eq(&self.0, &other.0) {
                    true => Ordering::Equal,
                    false => self.0.cmp(&other.0),
                }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    )+};
}

typed_string! {
    /// The environment that is upgraded, such as `mitx-production`.
    DeploymentName;
    /// The short name of a site, such as `lms`.
    SiteName;
    /// A public host name, such as `lms.mitx.mit.edu`, without a trailing dot.
    DnsName;
    /// A fleet, such as `residential-live`.
    FleetName;
    /// A classic ELB or a target group.
    BalancerName;
    /// A host, by the name that its operators use, such as `edx-mitx-production-residential-live-1-v4`.
    HostName;
    /// An instance id, such as `i-0abc`.
    InstanceId;
    /// A machine image id, such as `ami-0abc`.
    ImageId;
    /// A machine image's name, such as `edxapp_mitx-production_koa_base_release_4`.
    ImageName;
    /// The snapshot from which a disk of a machine image is created, such as `snap-0abc`.
    DiskId;
    /// A database instance, such as `mitx-production-rds-mysql`.
    DatabaseName;
    /// A schema on a database instance, such as `edxapp_residential_live`.
    SchemaName;
    /// A database snapshot's identifier. The upgrade chooses it, so that a repeated request finds the first snapshot.
    SnapshotId;
    /// Route 53's id of a change to records.
    ChangeId;
    /// CloudFront's id of an invalidation.
    InvalidationId;
    /// A gate, such as `go`.
    GateName;
    /// An announcement, such as `notice`.
    AnnouncementName;
    /// One upgrade: a deployment's move to a release, such as `mitx-production-koa-v4`.
    UpgradeId;
    /// A step, such as `window.stop.edx-mitx-production-residential-live-1-v3`. It stays the same in every resumed run.
    StepId;
    /// A job on a host. Starting the same name twice starts one job.
    JobName;
    /// A migration with its app, as Django prints it when it applies it, such as `courseware.0002_student_email`.
    MigrationName;
    /// A supervisor program, such as `lms` or `edxapp_worker:cms_low_5`.
    ProgramName;
}

impl DnsName {
    /// Whether it is the same name. Upper and lower case count as equal, and so do names with and without a final dot:
    /// balancers keep the capital letters of their names, servers do not.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let [bare, other] = [self, other].map(|name| name.0.trim_end_matches('.'));
        bare.eq_ignore_ascii_case(other)
    }
}
