//! Route 53, its servers, and resolvers: `port` is the port; `zone` reads and writes the zone, `fence` the record that
//! keeps late writers out, both with the `names` that Route 53 uses; `ask` asks servers and resolvers.

mod ask;
mod fence;
mod names;
mod port;
mod zone;

pub use port::AwsDns;
