//! EC2: instances, machine images, and where instances go.
//!
//! EC2's own protocol: in requests the elements of a list are numbered without a name in between.

use jiff::Timestamp;

use super::{operations, paged};
use crate::shape::shapes;

shapes! {
    /// What a listing is narrowed to.
    pub struct Filter {
        /// What is compared, such as `tag:Name`.
        name: String => "Name",
        /// Values of which one has to match.
        values: Vec<String> => "Value",
    }

    /// A tag to put on something.
    pub struct NewTag {
        /// Its key.
        key: String => "Key",
        /// Its value.
        value: String => "Value",
    }

    /// A tag on something.
    pub struct Tag {
        /// Its key.
        key: String => "key",
        /// Its value.
        value: String => "value",
    }

    /// Tags for one kind of what is created.
    pub struct TagSpecification {
        /// The kind, such as `instance`.
        resource_type: String => "ResourceType",
        /// The tags.
        tags: Vec<NewTag> => "Tag",
    }

    /// An instance profile, by one of both.
    pub struct InstanceProfileSpecification {
        /// Its ARN.
        arn: Option<String> => "Arn",
        /// Its name.
        name: Option<String> => "Name",
    }

    /// A disk to create.
    pub struct NewBlockDevice {
        /// The device, such as `/dev/sda1`.
        device_name: String => "DeviceName",
        /// The volume.
        ebs: Option<NewVolume> => "Ebs",
    }

    /// A volume to create.
    pub struct NewVolume {
        /// Its size in GiB.
        volume_size: Option<i64> => "VolumeSize",
        /// Its type, such as `gp3`.
        volume_type: Option<String> => "VolumeType",
        /// Whether it goes with the instance.
        delete_on_termination: Option<bool> => "DeleteOnTermination",
        /// Whether it is encrypted.
        encrypted: Option<bool> => "Encrypted",
    }

    /// How an instance is asked about itself.
    pub struct MetadataOptions {
        /// Whether a token is `required` (IMDSv2) or `optional`.
        http_tokens: Option<String> => "HttpTokens",
    }

    /// Launches instances.
    pub struct RunInstances {
        /// The machine image.
        image_id: Option<String> => "ImageId",
        /// The type, such as `r5.xlarge`.
        instance_type: Option<String> => "InstanceType",
        /// At least so many.
        min_count: i64 => "MinCount",
        /// At most so many.
        max_count: i64 => "MaxCount",
        /// The key pair.
        key_name: Option<String> => "KeyName",
        /// The subnet.
        subnet_id: Option<String> => "SubnetId",
        /// The security groups.
        security_group_ids: Vec<String> => "SecurityGroupId",
        /// What the instance is told at boot, in base 64.
        user_data: Option<String> => "UserData",
        /// The instance profile.
        iam_instance_profile: Option<InstanceProfileSpecification> => "IamInstanceProfile",
        /// The disks, where they differ from the image's.
        block_device_mappings: Vec<NewBlockDevice> => "BlockDeviceMapping",
        /// Tags for what is created.
        tag_specifications: Vec<TagSpecification> => "TagSpecification",
        /// Makes launching twice launching once.
        client_token: Option<String> => "ClientToken",
        /// What a shutdown from inside does: `stop` or `terminate`.
        instance_initiated_shutdown_behavior: Option<String> => "InstanceInitiatedShutdownBehavior",
        /// How the instance is asked about itself.
        metadata_options: Option<MetadataOptions> => "MetadataOptions",
    }

    /// Instances launched together.
    pub struct Reservation {
        /// Its id.
        reservation_id: Option<String> => "reservationId",
        /// The instances.
        instances: Vec<Instance> => "instancesSet",
    }

    /// An instance.
    pub struct Instance {
        /// Its id.
        instance_id: String => "instanceId",
        /// The machine image it was launched from.
        image_id: Option<String> => "imageId",
        /// Its state.
        state: InstanceState => "instanceState",
        /// Its type.
        instance_type: Option<String> => "instanceType",
        /// Its address within the network.
        private_ip_address: Option<String> => "privateIpAddress",
        /// Its address on the internet.
        public_ip_address: Option<String> => "ipAddress",
        /// Its name within the network.
        private_dns_name: Option<String> => "privateDnsName",
        /// When it was launched.
        launch_time: Option<Timestamp> => "launchTime",
        /// The subnet.
        subnet_id: Option<String> => "subnetId",
        /// The network.
        vpc_id: Option<String> => "vpcId",
        /// The security groups.
        security_groups: Vec<GroupIdentifier> => "groupSet",
        /// The key pair.
        key_name: Option<String> => "keyName",
        /// The instance profile.
        iam_instance_profile: Option<InstanceProfile> => "iamInstanceProfile",
        /// The token it was launched with.
        client_token: Option<String> => "clientToken",
        /// Why it is in this state.
        state_reason: Option<StateReason> => "stateReason",
        /// `spot` or `scheduled`; nothing for one on demand.
        lifecycle: Option<String> => "instanceLifecycle",
        /// Where it is.
        placement: Option<Placement> => "placement",
        /// Its tags.
        tags: Vec<Tag> => "tagSet",
    }

    /// The state of an instance.
    pub struct InstanceState {
        /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
        name: String => "name",
    }

    /// Why something is in its state.
    pub struct StateReason {
        /// A code, such as `Server.InsufficientInstanceCapacity`.
        code: Option<String> => "code",
        /// In words.
        message: Option<String> => "message",
    }

    /// Where an instance is.
    pub struct Placement {
        /// The availability zone.
        availability_zone: Option<String> => "availabilityZone",
    }

    /// An instance profile.
    pub struct InstanceProfile {
        /// Its ARN.
        arn: Option<String> => "arn",
    }

    /// A security group of an instance.
    pub struct GroupIdentifier {
        /// Its id.
        group_id: Option<String> => "groupId",
    }

    /// Lists instances.
    pub struct DescribeInstances {
        /// Those of these ids only.
        instance_ids: Vec<String> => "InstanceId",
        /// Those that match only.
        filters: Vec<Filter> => "Filter",
        /// So many in a page.
        max_results: Option<i64> => "MaxResults",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of instances.
    pub struct Reservations {
        /// The instances, as they were launched.
        reservations: Vec<Reservation> => "reservationSet",
        /// The next page.
        next_token: Option<String> => "nextToken",
    }

    /// Lists what EC2's own checks say of instances.
    pub struct DescribeInstanceStatus {
        /// Those of these ids only.
        instance_ids: Vec<String> => "InstanceId",
        /// Instances that do not run, too.
        include_all_instances: Option<bool> => "IncludeAllInstances",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of checks.
    pub struct InstanceStatuses {
        /// The instances.
        instance_statuses: Vec<InstanceStatus> => "instanceStatusSet",
        /// The next page.
        next_token: Option<String> => "nextToken",
    }

    /// What EC2's checks say of an instance.
    pub struct InstanceStatus {
        /// The instance.
        instance_id: String => "instanceId",
        /// Its state.
        state: Option<InstanceState> => "instanceState",
        /// The check of the machine beneath.
        system_status: Option<StatusSummary> => "systemStatus",
        /// The check of the instance.
        instance_status: Option<StatusSummary> => "instanceStatus",
    }

    /// A check.
    pub struct StatusSummary {
        /// `ok`, `impaired`, `initializing`, `insufficient-data` or `not-applicable`.
        status: String => "status",
    }

    /// Reads what an instance wrote to its console.
    pub struct GetConsoleOutput {
        /// The instance.
        instance_id: String => "InstanceId",
        /// The latest, where the instance type can tell.
        latest: Option<bool> => "Latest",
    }

    /// What an instance wrote to its console.
    pub struct ConsoleOutput {
        /// The text, in base 64.
        output: Option<String> => "output",
        /// When it was read from the instance.
        timestamp: Option<Timestamp> => "timestamp",
    }

    /// Stops instances.
    pub struct StopInstances {
        /// The instances.
        instance_ids: Vec<String> => "InstanceId",
        /// Without shutting the system down.
        force: Option<bool> => "Force",
    }

    /// Terminates instances, for good.
    pub struct TerminateInstances {
        /// The instances.
        instance_ids: Vec<String> => "InstanceId",
    }

    /// What became of instances.
    pub struct InstanceStateChanges {
        /// One for each.
        instances: Vec<InstanceStateChange> => "instancesSet",
    }

    /// What became of an instance.
    pub struct InstanceStateChange {
        /// The instance.
        instance_id: String => "instanceId",
        /// Its state now.
        current_state: Option<InstanceState> => "currentState",
        /// Its state before.
        previous_state: Option<InstanceState> => "previousState",
    }

    /// Tags things.
    pub struct CreateTags {
        /// The things, by id.
        resources: Vec<String> => "ResourceId",
        /// The tags.
        tags: Vec<NewTag> => "Tag",
    }

    /// Makes an image of an instance.
    pub struct CreateImage {
        /// The instance.
        instance_id: String => "InstanceId",
        /// The image's name.
        name: String => "Name",
        /// What it is.
        description: Option<String> => "Description",
        /// Without stopping the instance for it.
        no_reboot: Option<bool> => "NoReboot",
        /// Tags for image and snapshots.
        tag_specifications: Vec<TagSpecification> => "TagSpecification",
    }

    /// Changes one setting of an image.
    pub struct ModifyImageAttribute {
        /// The image.
        image_id: String => "ImageId",
        /// What its instances are asked with: `v2.0` demands tokens.
        imds_support: Option<AttributeValue> => "ImdsSupport",
    }

    /// A setting.
    pub struct AttributeValue {
        /// Its value.
        value: Option<String> => "Value",
    }

    /// An image being made.
    pub struct CreatedImage {
        /// Its id.
        image_id: String => "imageId",
    }

    /// Lists images.
    pub struct DescribeImages {
        /// Those of these ids only.
        image_ids: Vec<String> => "ImageId",
        /// Those of these owners only, `self` among them.
        owners: Vec<String> => "Owner",
        /// Those that match only.
        filters: Vec<Filter> => "Filter",
        /// So many in a page.
        max_results: Option<i64> => "MaxResults",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of images.
    pub struct Images {
        /// The images.
        images: Vec<Image> => "imagesSet",
        /// The next page.
        next_token: Option<String> => "nextToken",
    }

    /// An image.
    pub struct Image {
        /// Its id.
        image_id: String => "imageId",
        /// Its name.
        name: Option<String> => "name",
        /// What it is.
        description: Option<String> => "description",
        /// `pending`, `available`, `failed`, and so on.
        state: Option<String> => "imageState",
        /// Whose it is.
        owner_id: Option<String> => "imageOwnerId",
        /// When it was made, in ISO 8601.
        creation_date: Option<String> => "creationDate",
        /// Why it is in this state.
        state_reason: Option<StateReason> => "stateReason",
        /// Its disks.
        block_device_mappings: Vec<BlockDevice> => "blockDeviceMapping",
        /// Its tags.
        tags: Vec<Tag> => "tagSet",
    }

    /// A disk of an image.
    pub struct BlockDevice {
        /// The device.
        device_name: Option<String> => "deviceName",
        /// The volume.
        ebs: Option<Volume> => "ebs",
    }

    /// A volume of an image.
    pub struct Volume {
        /// The snapshot it is made from.
        snapshot_id: Option<String> => "snapshotId",
    }

    /// Removes an image; its snapshots stay.
    pub struct DeregisterImage {
        /// The image.
        image_id: String => "ImageId",
    }

    /// Removes a snapshot.
    pub struct DeleteSnapshot {
        /// The snapshot.
        snapshot_id: String => "SnapshotId",
    }

    /// Lists subnets.
    pub struct DescribeSubnets {
        /// Those of these ids only.
        subnet_ids: Vec<String> => "SubnetId",
        /// Those that match only.
        filters: Vec<Filter> => "Filter",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of subnets.
    pub struct Subnets {
        /// The subnets.
        subnets: Vec<Subnet> => "subnetSet",
        /// The next page.
        next_token: Option<String> => "nextToken",
    }

    /// A subnet.
    pub struct Subnet {
        /// Its id.
        subnet_id: String => "subnetId",
        /// The network.
        vpc_id: Option<String> => "vpcId",
        /// Where it is.
        availability_zone: Option<String> => "availabilityZone",
        /// Free addresses.
        available_ip_address_count: Option<i64> => "availableIpAddressCount",
        /// `pending`, `available` or `unavailable`.
        state: Option<String> => "state",
    }

    /// Lists security groups.
    pub struct DescribeSecurityGroups {
        /// Those of these ids only.
        group_ids: Vec<String> => "GroupId",
        /// Those that match only.
        filters: Vec<Filter> => "Filter",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of security groups.
    pub struct SecurityGroups {
        /// The groups.
        security_groups: Vec<SecurityGroup> => "securityGroupInfo",
        /// The next page.
        next_token: Option<String> => "nextToken",
    }

    /// A security group.
    pub struct SecurityGroup {
        /// Its id.
        group_id: String => "groupId",
        /// Its name.
        group_name: Option<String> => "groupName",
        /// The network.
        vpc_id: Option<String> => "vpcId",
    }

    /// Deletes a security group.
    pub struct DeleteSecurityGroup {
        /// The group.
        group_id: String => "GroupId",
    }

    /// Lists key pairs.
    pub struct DescribeKeyPairs {
        /// Those that match only.
        filters: Vec<Filter> => "Filter",
    }

    /// Key pairs.
    pub struct KeyPairs {
        /// The pairs.
        key_pairs: Vec<KeyPair> => "keySet",
    }

    /// A key pair.
    pub struct KeyPair {
        /// Its name.
        key_name: Option<String> => "keyName",
    }

    /// Deletes a key pair.
    pub struct DeleteKeyPair {
        /// Its name.
        key_name: String => "KeyName",
    }

    /// Lists instance types.
    pub struct DescribeInstanceTypes {
        /// Those that match only.
        filters: Vec<Filter> => "Filter",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of instance types.
    pub struct InstanceTypes {
        /// The types.
        instance_types: Vec<InstanceType> => "instanceTypeSet",
        /// The next page.
        next_token: Option<String> => "nextToken",
    }

    /// An instance type.
    pub struct InstanceType {
        /// Its name, such as `r5.large`.
        name: String => "instanceType",
        /// Its processors.
        vcpus: Option<VCpus> => "vCpuInfo",
    }

    /// The processors of an instance type.
    pub struct VCpus {
        /// How many an instance has that asks for no other number.
        default: Option<i64> => "defaultVCpus",
    }

    /// An answer of which nothing is needed.
    pub struct Done {}
}

operations! { Ec2:
    Write RunInstances -> Reservation;
    Read DescribeInstances -> Reservations;
    Read DescribeInstanceStatus -> InstanceStatuses;
    Read GetConsoleOutput -> ConsoleOutput;
    Write StopInstances -> InstanceStateChanges;
    Write TerminateInstances -> InstanceStateChanges;
    Write CreateTags -> Done;
    Write CreateImage -> CreatedImage;
    Write ModifyImageAttribute -> Done;
    Read DescribeImages -> Images;
    Write DeregisterImage -> Done;
    Write DeleteSnapshot -> Done;
    Read DescribeSubnets -> Subnets;
    Read DescribeSecurityGroups -> SecurityGroups;
    Write DeleteSecurityGroup -> Done;
    Read DescribeKeyPairs -> KeyPairs;
    Write DeleteKeyPair -> Done;
    Read DescribeInstanceTypes -> InstanceTypes;
}

paged! {
    DescribeInstances: next_token => next_token;
    DescribeInstanceStatus: next_token => next_token;
    DescribeImages: next_token => next_token;
    DescribeSubnets: next_token => next_token;
    DescribeSecurityGroups: next_token => next_token;
    DescribeInstanceTypes: next_token => next_token;
}
