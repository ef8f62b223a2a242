//! Bad days that only a host that boots can have. Where none can be booted, these tests are left out.
//!
//! - `hosts`: those of next hosts;
//! - `builders`: those of hosts that images are built on.

mod builders;
mod hosts;
