//! Instances on EC2: `instances` is the port, `user_data` the instructions for the first boot of a host.

mod instances;
mod user_data;

pub use instances::AwsCompute;
pub(crate) use instances::HostSettings;
