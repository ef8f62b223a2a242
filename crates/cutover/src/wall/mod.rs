//! The wall clock, the machine, signals, the environment and the keyboard. No other module reads them.

mod clock;
mod environment;
mod keyboard;
mod machine;
mod origin;
mod runtime;
mod signals;

pub use clock::{Stopwatch, WallClock, aws_times, now, sleep, timed, wall_time};
pub use environment::{arguments, current_folder, state_home, variables, wants_no_colour};
pub use keyboard::{Keyboard, Listening, Typed, is_in_background, write_suspends};
pub use machine::ThisMachine;
pub use runtime::block_on;
pub use signals::{interrupted, interruptions};
