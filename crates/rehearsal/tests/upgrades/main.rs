//! Upgrades on the embedded cloud with real conductors: as a whole, with crashes and faults, and with two conductors at
//! the same time.

mod again;
mod begun;
mod builds;
mod crashes;
mod faults;
mod gone;
mod half_applied;
mod late;
mod lifted;
mod not_started;
mod old_code;
mod overlap;
mod packed;
mod page;
mod requests;
mod retried;
mod rows;
mod sequences;
mod sessions;
mod shared;
mod slow_look;
mod soak;
mod stage;
mod still_running;
mod storage;
mod tasks;
mod whole;
mod written;
