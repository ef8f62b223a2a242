//! A certificate authority of OpenSSH, for hosts or for users.

use std::path::{Path, PathBuf};

use crate::operator::{INSTALL, Operator, make_key, public_key};
use crate::program::succeed;

/// An authority, whose key is in the operator's folder.
pub struct Authority {
    key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When there is no ssh-keygen, or one of this name already.
    #[must_use]
    pub fn new(operator: &Operator, name: &str) -> Self {
        let key = operator.path().join(name);
        make_key(&key);
        Self { key }
    }

    /// The file with the public half of its key.
    #[must_use]
    pub fn public_file(&self) -> PathBuf {
        self.key.with_extension("pub")
    }

    /// The line of a file of known hosts that makes every host known that has a certificate of this authority.
    #[must_use]
    pub fn known_line(&self) -> String {
        format!("@cert-authority * {}\n", public_key(&self.key))
    }

    /// Signs the key of a host, whose private half is `key`, for an address. Returns the certificate's file.
    ///
    /// # Panics
    /// When ssh-keygen fails.
    #[must_use]
    pub fn sign_host(&self, key: &Path, address: &str) -> PathBuf {
        self.sign(key, &["-h", "-n", address])
    }

    /// Signs the key of a user, whose private half is `key`, for a user name of hosts. `ssh` finds the certificate beside the
    /// key.
    ///
    /// # Panics
    /// When ssh-keygen fails.
    pub fn sign_user(&self, key: &Path, user: &str) {
        let _ = self.sign(key, &["-n", user]);
    }

    fn sign(&self, key: &Path, arguments: &[&str]) -> PathBuf {
        let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (authority, public) = (path(&self.key), path(&key.with_extension("pub")));
        let words = [&["-q", "-s", &authority, "-I", "test"], arguments, &[public.as_str()]].concat();
        succeed("ssh-keygen", &words, INSTALL);
        let name = key.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        key.with_file_name(format!("{name}-cert.pub"))
    }
}
