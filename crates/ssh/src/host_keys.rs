//! The keys by which a host is known before anybody has signed in to it, as it printed them on its console at boot.
//!
//! EC2 shows what an instance wrote to its console to those who may read it in the account. So these keys come from a
//! trusted source, while a key that is presented over the network does not.

/// The line after which cloud-init prints the public keys of a host, and the line that ends them.
const MARKERS: (&str, &str) = ("-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----");
/// The name under which these keys stand in a file of their own, whatever the address of the host.
pub(crate) const ALIAS: &str = "instance";

/// The public keys of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostKeys(Vec<String>);

impl HostKeys {
    /// The keys in what an instance has written to its console; none if it has not printed them (yet). Those of its last
    /// boot count, because a host may make new keys when it is first booted from an image.
    #[must_use]
    pub fn of_console(console: &str) -> Self {
        let Some((_, after)) = console.rsplit_once(MARKERS.0) else { return Self::default() };
        let Some((between, _)) = after.split_once(MARKERS.1) else { return Self::default() };
        Self(between.lines().filter_map(key).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys as a file of known hosts, under `ALIAS`.
    pub(crate) fn known_hosts(&self) -> String {
        self.0.iter().map(|key| format!("{ALIAS} {key}\n")).collect()
    }
}

/// The type and the key of a line such as `ssh-ed25519 AAAA... root@host`. A console may put a prefix before each line, such
/// as `ci-info: `.
fn key(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_type = |word: &&str| word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-");
    let (kind, key) = words.iter().zip(words.iter().skip(1)).find(|(kind, _)| is_type(kind))?;
    let is_key =
        key.starts_with("AAAA") && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    is_key.then(|| format!("{kind} {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a console as cloud-init 23 leaves it on Ubuntu, with shortened keys.
    const CONSOLE: &str = "[   21.5] cloud-init[1022]: Cloud-init v. 23.1.2 running 'modules:final'\r\n\
        ci-info: no authorized SSH keys fingerprints found for user ubuntu.\r\n\
        <14>Nov 29 13:48:08 ec2: #############################################################\r\n\
        -----BEGIN SSH HOST KEY KEYS-----\r\n\
        ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTI= root@ip-10-0-0-7\r\n\
        ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 root@ip-10-0-0-7\r\n\
        ssh-rsa AAAAB3NzaC1yc2E+/ root@ip-10-0-0-7\r\n\
        -----END SSH HOST KEY KEYS-----\r\n\
        [   22.1] cloud-init[1022]: finished\r\n";

    #[test]
    fn the_keys_that_a_host_printed_at_its_boot_are_found() {
        let keys = HostKeys::of_console(CONSOLE).known_hosts();
        let expected = "instance ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTI=\ninstance ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n\
                        instance ssh-rsa AAAAB3NzaC1yc2E+/\n";
        assert_eq!(keys, expected);
    }

    #[test]
    fn the_keys_of_the_last_boot_count() {
        let first = CONSOLE.replace("AAAA", "AAAAold");
        assert_eq!(HostKeys::of_console(&(first + CONSOLE)), HostKeys::of_console(CONSOLE));
    }

    #[test]
    fn a_console_without_a_whole_list_of_keys_has_none() {
        let cut = CONSOLE.split_once("ssh-rsa").expect("it is there").0;
        for console in
            ["", "login:", cut, "-----BEGIN SSH HOST KEY KEYS-----\nrm -rf /\n-----END SSH HOST KEY KEYS-----"]
        {
            assert!(HostKeys::of_console(console).is_empty(), "{console}");
        }
    }
}
