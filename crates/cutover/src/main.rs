//! The `cutover` program. All its code is in the library, where tests and the generated reference can use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cutover::main()
}
