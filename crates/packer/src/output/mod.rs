//! What Packer prints with `-machine-readable`, from bytes to what it means.
//!
//! `line` reads one line, `text` takes the name of the builder off what people read, `made` is what Packer has made on the way,
//! and `reading` folds an output, in pieces of any size, into all of that. What the output does not say, it does not invent: a
//! torn last line waits for its end, and unknown lines are kept for people only.

pub(crate) mod line;
mod made;
mod reading;
mod text;

pub use made::{Image, Made};
pub use reading::{Event, EventKind, Reading};

#[cfg(test)]
mod tests;
