//! Dry runs: writes are recorded as lines for the `aws` command instead of being made, and answered with placeholders.
//! Reads are made as usual.
//!
//! Two things prevent a write, and either is enough: the permit that it is made with, and the connection, once dry mode
//! was switched on. Both are checked where a call is made (`call`) and where a page is written (`storage::page`); all
//! other requests that would change a bucket are refused by the bucket's HTTP client (`storage::guard`). Here are the
//! parts that know no connection: `writes` keeps the lines, `line` makes them, `answer` makes the placeholders.

mod answer;
mod line;
mod writes;

pub(crate) use answer::imagined;
pub use line::{Line, quoted};
pub(crate) use writes::Writes;
