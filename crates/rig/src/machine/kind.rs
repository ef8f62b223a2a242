//! The two kinds of machines.

/// The variable that names the kind.
const VARIABLE: &str = "CUTOVER_HOSTS";

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A system that boots, with systemd, in a container of systemd-nspawn. It takes root, and networks and control groups that can
    /// be made.
    Booted,
    /// An sshd and a supervisord on loopback, in a root folder and a list of processes of their own. There is no systemd, no cable
    /// to be pulled, and no boot. It takes root, and mounts and namespaces that can be made.
    Plain,
}

impl Kind {
    /// The one that `CUTOVER_HOSTS` names; machines, if it names none.
    pub(super) fn chosen() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Ok("plain") => Self::Plain,
            Ok("machines") | Err(_) => Self::Booted,
            Ok(other) => panic!("{VARIABLE} is `{other}`, and neither `machines` nor `plain`"),
        }
    }

    /// Its name, as `CUTOVER_HOSTS` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Booted => "machines",
            Self::Plain => "plain",
        }
    }

    /// The port of its sshd. This computer may have an sshd of its own on all addresses of loopback.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Booted => 22,
            Self::Plain => 2222,
        }
    }

    /// The address with that number on the network `network`.
    pub(super) fn address(self, network: u8, number: u8) -> String {
        match self {
            Self::Booted => format!("10.213.{network}.{number}"),
            Self::Plain => format!("127.213.{network}.{number}"),
        }
    }

    /// What `/etc/hosts` says. Plain machines share loopback, so what listens at `localhost` has to have an address of its own.
    pub(super) fn hosts(self, machine: &str, address: &str) -> String {
        match self {
            Self::Booted => format!("127.0.0.1 localhost\n127.0.1.1 {machine}\n"),
            Self::Plain => format!("{address} localhost {machine}\n"),
        }
    }
}
