//! Why a build failed, in clear words.
//!
//! `causes` lists what Packer is known to say, and `told` finds it in the output of a build.

mod causes;
mod told;

pub use causes::Cause;
pub use told::Failure;

#[cfg(test)]
mod tests;
