//! The tests of the rules.

mod aws;
mod every;
mod images;
