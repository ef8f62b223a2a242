//! AWS: moto with a deployment in it, and a server in front of it for what moto does not do.

mod balancers;
mod base64;
mod compute;
mod http;
mod images;
mod look;
mod moto;
mod records;
mod server;
#[cfg(test)]
mod tests;
mod xml;
mod zone;

pub use look::{Living, Made};
pub use moto::{Balancer, Facts, Furniture, Host, Instance, Moto, Release, Site};
pub use server::Server;
