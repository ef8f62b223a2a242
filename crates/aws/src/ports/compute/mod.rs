//! Instances on EC2: `instances` is the port, `user_data` what a new host is told at its first boot.

mod instances;
mod user_data;

pub use instances::AwsCompute;
pub(crate) use instances::HostSettings;
