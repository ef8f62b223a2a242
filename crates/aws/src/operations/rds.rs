//! RDS: database instances and their snapshots.

use jiff::Timestamp;

use super::{operations, paged};
use crate::shape::shapes;

shapes! {
    /// What a listing is narrowed to.
    pub struct Filter {
        /// What is compared, such as `db-instance-id`.
        name: String => "Name",
        /// Values of which one has to match.
        values: Vec<String> => "Values" of "Value",
    }

    /// Lists database instances.
    pub struct DescribeDBInstances {
        /// This one only. An unknown one fails the call.
        identifier: Option<String> => "DBInstanceIdentifier",
        /// Those that match only.
        filters: Vec<Filter> => "Filters" of "Filter",
        /// The page.
        marker: Option<String> => "Marker",
    }

    /// A page of database instances.
    pub struct DBInstances {
        /// The instances.
        instances: Vec<DBInstance> => "DBInstances" of "DBInstance",
        /// The next page.
        marker: Option<String> => "Marker",
    }

    /// A database instance.
    pub struct DBInstance {
        /// Its identifier.
        identifier: String => "DBInstanceIdentifier",
        /// `available`, `backing-up`, `modifying`, and so on.
        status: Option<String> => "DBInstanceStatus",
        /// Its class, such as `db.r5.large`.
        class: Option<String> => "DBInstanceClass",
        /// Its address; nothing while it is being made.
        endpoint: Option<Endpoint> => "Endpoint",
        /// The cluster that it is a member of.
        cluster: Option<String> => "DBClusterIdentifier",
        /// What changes at the next maintenance.
        pending: Option<PendingModifiedValues> => "PendingModifiedValues",
        /// Its storage in GiB.
        allocated_storage: Option<i64> => "AllocatedStorage",
        /// To which moment it can be restored.
        latest_restorable_time: Option<Timestamp> => "LatestRestorableTime",
        /// Whether it has a standby.
        multi_az: Option<bool> => "MultiAZ",
        /// Whether it is reached from outside.
        publicly_accessible: Option<bool> => "PubliclyAccessible",
        /// Its subnets.
        subnet_group: Option<DBSubnetGroup> => "DBSubnetGroup",
        /// Its security groups.
        security_groups: Vec<SecurityGroupMembership> => "VpcSecurityGroups" of "VpcSecurityGroupMembership",
        /// Its parameter groups.
        parameter_groups: Vec<ParameterGroupStatus> => "DBParameterGroups" of "DBParameterGroup",
    }

    /// Where a database instance is reached.
    pub struct Endpoint {
        /// Its name.
        address: Option<String> => "Address",
        /// Its port.
        port: Option<i64> => "Port",
    }

    /// What changes at the next maintenance; empty when nothing does.
    pub struct PendingModifiedValues {
        /// The class.
        class: Option<String> => "DBInstanceClass",
        /// The storage.
        allocated_storage: Option<i64> => "AllocatedStorage",
        /// The version of the engine.
        engine_version: Option<String> => "EngineVersion",
        /// The identifier.
        identifier: Option<String> => "DBInstanceIdentifier",
        /// The standby.
        multi_az: Option<bool> => "MultiAZ",
        /// The type of storage.
        storage_type: Option<String> => "StorageType",
        /// The port.
        port: Option<i64> => "Port",
        /// For how many days backups are kept.
        backup_retention_period: Option<i64> => "BackupRetentionPeriod",
        /// The licence.
        license_model: Option<String> => "LicenseModel",
        /// The operations a second of the storage.
        iops: Option<i64> => "Iops",
        /// The throughput of the storage.
        storage_throughput: Option<i64> => "StorageThroughput",
        /// The certificate authority.
        ca_certificate: Option<String> => "CACertificateIdentifier",
        /// The subnets.
        subnet_group: Option<String> => "DBSubnetGroupName",
    }

    /// The subnets of a database instance.
    pub struct DBSubnetGroup {
        /// Their name.
        name: Option<String> => "DBSubnetGroupName",
    }

    /// A security group of a database instance.
    pub struct SecurityGroupMembership {
        /// Its id.
        id: Option<String> => "VpcSecurityGroupId",
    }

    /// A parameter group of a database instance.
    pub struct ParameterGroupStatus {
        /// Its name.
        name: Option<String> => "DBParameterGroupName",
        /// `in-sync`, or `pending-reboot`.
        apply_status: Option<String> => "ParameterApplyStatus",
    }

    /// A tag.
    pub struct Tag {
        /// Its key.
        key: String => "Key",
        /// Its value.
        value: String => "Value",
    }

    /// Begins a snapshot.
    pub struct CreateDBSnapshot {
        /// Its identifier.
        snapshot_identifier: String => "DBSnapshotIdentifier",
        /// The database instance.
        instance_identifier: String => "DBInstanceIdentifier",
        /// Its tags.
        tags: Vec<Tag> => "Tags" of "Tag",
    }

    /// What comes back.
    pub struct SnapshotAnswer {
        /// The snapshot.
        snapshot: DBSnapshot => "DBSnapshot",
    }

    /// A snapshot.
    pub struct DBSnapshot {
        /// Its identifier.
        identifier: String => "DBSnapshotIdentifier",
        /// The database instance.
        instance_identifier: Option<String> => "DBInstanceIdentifier",
        /// `creating`, `available`, `failed`, and so on.
        status: Option<String> => "Status",
        /// How much of it is done.
        percent_progress: Option<i64> => "PercentProgress",
        /// When it was begun; nothing at first.
        created: Option<Timestamp> => "SnapshotCreateTime",
        /// `manual` or `automated`.
        kind: Option<String> => "SnapshotType",
    }

    /// Lists snapshots.
    pub struct DescribeDBSnapshots {
        /// Of this database instance only.
        instance_identifier: Option<String> => "DBInstanceIdentifier",
        /// This one only. An unknown one fails the call.
        snapshot_identifier: Option<String> => "DBSnapshotIdentifier",
        /// Those that match only.
        filters: Vec<Filter> => "Filters" of "Filter",
        /// The page.
        marker: Option<String> => "Marker",
    }

    /// A page of snapshots.
    pub struct DBSnapshots {
        /// The snapshots.
        snapshots: Vec<DBSnapshot> => "DBSnapshots" of "DBSnapshot",
        /// The next page.
        marker: Option<String> => "Marker",
    }

    /// Makes a new database instance of a snapshot.
    pub struct RestoreDBInstanceFromDBSnapshot {
        /// The new instance's identifier.
        instance_identifier: String => "DBInstanceIdentifier",
        /// The snapshot.
        snapshot_identifier: Option<String> => "DBSnapshotIdentifier",
        /// Its class.
        class: Option<String> => "DBInstanceClass",
        /// Whether it has a standby.
        multi_az: Option<bool> => "MultiAZ",
        /// Whether it is reached from outside.
        publicly_accessible: Option<bool> => "PubliclyAccessible",
        /// Its subnets.
        subnet_group_name: Option<String> => "DBSubnetGroupName",
        /// Its parameter group.
        parameter_group_name: Option<String> => "DBParameterGroupName",
        /// Its security groups.
        security_group_ids: Vec<String> => "VpcSecurityGroupIds" of "VpcSecurityGroupId",
        /// Its tags.
        tags: Vec<Tag> => "Tags" of "Tag",
    }

    /// Renames a database instance.
    pub struct ModifyDBInstance {
        /// Its identifier.
        identifier: String => "DBInstanceIdentifier",
        /// Its identifier from now on.
        new_identifier: Option<String> => "NewDBInstanceIdentifier",
        /// Now, and not at the next maintenance.
        apply_immediately: Option<bool> => "ApplyImmediately",
    }

    /// Asks how much of everything the account has, and may have.
    pub struct DescribeAccountAttributes {}

    /// What comes back.
    pub struct AccountAttributes {
        /// The quotas.
        quotas: Vec<AccountQuota> => "AccountQuotas" of "AccountQuota",
    }

    /// A quota.
    pub struct AccountQuota {
        /// Its name, such as `ManualSnapshots`.
        name: Option<String> => "AccountQuotaName",
        /// How many there are.
        used: Option<i64> => "Used",
        /// How many there may be.
        max: Option<i64> => "Max",
    }

    /// What comes back.
    pub struct InstanceAnswer {
        /// The database instance.
        instance: DBInstance => "DBInstance",
    }
}

operations! { Rds:
    Read DescribeDBInstances -> DBInstances;
    Write CreateDBSnapshot -> SnapshotAnswer;
    Read DescribeDBSnapshots -> DBSnapshots;
    Write RestoreDBInstanceFromDBSnapshot -> InstanceAnswer;
    Write ModifyDBInstance -> InstanceAnswer;
    Read DescribeAccountAttributes -> AccountAttributes;
}

paged! {
    DescribeDBInstances: marker => marker;
    DescribeDBSnapshots: marker => marker;
}
