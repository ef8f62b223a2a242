//! The view from outside: `visitor` is the port, `certificates` looks at what a domain presents, and `tls` makes the
//! handshakes and says what is wrong with a certificate.

mod certificates;
mod tls;
mod visitor;

pub(super) use certificates::certified;
pub use visitor::AwsOutside;
