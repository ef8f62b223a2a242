//! What both kinds of hosts have in common.

use std::path::PathBuf;
use std::time::Duration;

use crate::operator::{Endpoint, Operator};
use crate::program::{Ran, until};

/// A host that an operator can sign in to.
pub trait Host {
    /// How it is reached.
    fn endpoint(&self) -> &Endpoint;
    /// The operator who reaches it.
    fn operator(&self) -> &Operator;
    /// The path of its supervisorctl.
    fn supervisorctl(&self) -> &str;
    /// Runs a shell script on it, without the network: as root on a Debian, as this process's user on a plain host.
    fn run(&self, script: &str) -> Ran;
    /// The folder with the configuration of supervisor's programs, on the host.
    fn programs_folder(&self) -> &str;

    /// Its address.
    fn address(&self) -> &str {
        &self.endpoint().address
    }

    /// The port of its sshd.
    fn port(&self) -> u16 {
        self.endpoint().port
    }

    /// The public half of its host key.
    fn key(&self) -> &str {
        &self.endpoint().key
    }

    /// A file with the OpenSSH configuration that reaches this host with the operator's key `key`. `lines` come first.
    fn config(&self, key: &str, lines: &str) -> PathBuf {
        self.operator().config(key, lines, &[self.endpoint()])
    }

    /// Runs a script that must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    fn furnish(&self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!(ran.exit, 0, "{script}\n{}\n{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Makes these the programs of supervisor, and waits until it has read them. `text` has sections `[program:NAME]`.
    ///
    /// # Panics
    /// When supervisor does not take them.
    fn has_programs(&self, text: &str) {
        let (control, folder) = (self.supervisorctl(), self.programs_folder());
        let script = format!("cat >{folder}/programs.conf <<'@end'\n{text}\n@end\n{control} update");
        let taken = until(Duration::from_secs(20), || Some(self.run(&script)).filter(|ran| ran.exit == 0));
        assert!(taken.is_some(), "supervisor does not take its programs: {:?}", self.run(&script));
    }
}
