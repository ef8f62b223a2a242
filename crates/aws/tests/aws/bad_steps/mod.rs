//! Bad days of whole steps: each kind of change that the engine makes on AWS, and each reading, with each trouble that
//! a network and a service can make. Each step ends well, what it wanted exists once, and the journal records a doubt
//! where there is any.
//!
//! The tables make the cells; those that fail are listed by name, all in one failure. Doubt is what the caller can
//! know: a request that was dropped on its way and one whose answer was lost look the same, so both are in doubt, and
//! the world is observed after both before anything is made again.

mod changes;
mod lane;
mod reads;
mod skipping;
mod steps;
mod table;
mod upgrades;
