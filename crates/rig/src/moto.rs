//! moto's server, which stands in for AWS. What is in it comes from a Python file of whoever starts it; what such files have in common
//! is in `crates/rig/moto/stand_in.py`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PYTHON: &str = "CUTOVER_MOTO_PYTHON";
const INSTALL: &str =
    "run `cargo xtask test`, which installs what the tests need, or set it to a Python that has moto and Flask";
/// The folder of the module that those files import.
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/moto");

/// A running moto, which ends with this.
pub struct Moto {
    process: Child,
    said: String,
}

impl Moto {
    /// Starts one that the Python file `script` furnishes. `input` is for its standard input, which stays open: the script reads as
    /// many lines as it needs.
    ///
    /// # Panics
    /// When there is no Python with moto, or the script does not take the input.
    #[must_use]
    pub fn furnished(script: &Path, input: &str) -> Self {
        let python = std::env::var_os(PYTHON).unwrap_or_else(|| panic!("{PYTHON} is not set; {INSTALL}"));
        let mut command = Command::new(python);
        command.arg("-B").arg(script).env("PYTHONPATH", MODULES).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process =
            command.spawn().unwrap_or_else(|error| panic!("{PYTHON} cannot be started: {error}; {INSTALL}"));
        process.stdin.as_mut().expect("a pipe").write_all(input.as_bytes()).expect("the script reads its input");
        let mut said = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut said).expect("it is text");
        Self { process, said }
    }

    /// The line that the script has printed: JSON that says where moto is, as `endpoint`, and what is in it. Empty when the script
    /// has failed.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.said
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
