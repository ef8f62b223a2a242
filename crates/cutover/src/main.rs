//! The `cutover` program. Everything lives in the library, where tests and the reference can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cutover::main()
}
