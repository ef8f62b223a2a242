//! Shapes: what requests and answers look like, declared once for writing, for reading, and for the comparison with
//! AWS's own models.
//!
//! A shape lists its members under the names that they have in requests and answers. Writing turns a shape into
//! [`Value`]s, from which a protocol makes parameters, XML or JSON. Answers of all protocols become [`Document`]s, from
//! which shapes are read. `declare` has the traits and the macro that declares shapes, `member` the description of
//! members, `document` what was read, and `fields` the types that members can have.

mod declare;
mod document;
mod fields;
mod member;

pub use declare::{Field, Shape};
pub(crate) use declare::{item, location, present, shapes};
pub use document::{Document, Unreadable};
pub use member::{Kind, Location, Member, Value};
