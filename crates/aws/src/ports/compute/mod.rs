//! Instances on EC2: `instances` is the port, `inventory` tells where they are reached, `listing` asks EC2 for both, and `user_data` has the instructions
//! for the first boot of a host.

mod instances;
mod inventory;
mod listing;
mod user_data;

pub use instances::AwsCompute;
pub(crate) use instances::HostSettings;
pub(super) use instances::{is_gone, profile, root_volume, state, why_gone};
pub use inventory::{AwsInventory, Location};
pub(super) use listing::{found, listed};
