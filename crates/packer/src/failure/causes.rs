//! What Packer and AWS are known to say when a build fails.

use serde::{Deserialize, Serialize};

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An image has the name already. After an answer that was lost, it may be this build's own.
    NameExists,
    /// The image to start from is not there, or not for this account.
    BaseGone,
    /// The image to start from does not run on this kind of instance.
    WrongArchitecture,
    /// The account may not have more of something.
    Quota,
    /// AWS was asked too often.
    Throttled,
    /// AWS has no such instance free at the moment.
    NoCapacity,
    /// Credentials are missing, wrong, or have expired.
    Credentials,
    /// They are known, and do not allow it.
    NotAllowed,
    /// A plugin of Packer is missing.
    PluginMissing,
    /// The instance was launched, and did not become ready or could not be reached.
    Unreachable,
    /// A provisioner has ended with a failure.
    Provisioner,
    /// AWS could not make the image.
    ImageFailed,
    /// The image is being made, and Packer does not wait any longer.
    ImageLate,
    /// Packer was interrupted, and was able to clean up.
    Interrupted,
    /// Packer itself was killed, and has cleaned up nothing.
    Killed,
    /// None of those.
    Other,
}

/// Something that Packer is known to say.
pub(super) struct Known {
    pub(super) cause: Cause,
    /// What it says: any of these. `...` stands for whatever is between.
    said: &'static [&'static str],
    /// What it means.
    pub(super) what: &'static str,
    /// What to do.
    pub(super) hint: &'static str,
}

impl Known {
    /// Whether it is said in a text without line ends.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.said.iter().any(|phrase| {
            let mut rest = Some(text);
            for part in phrase.split("...") {
                rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
            }
            rest.is_some()
        })
    }
}

/// The first that is said counts, so what is more special comes first.
///
/// Where it was seen: `1.6.6` is recorded, with Debian's Packer in the tests of this crate; `source` is from the source of
/// Packer 1.16 and of its amazon plugin 1.8; a number is an issue of hashicorp/packer that quotes it; `EC2` are codes and words
/// of its API.
pub(super) const KNOWN: [Known; 16] = [
    // 1.6.6
    Known {
        cause: Cause::Interrupted,
        said: &["Cancelling build after receiving", "Cleanly cancelled builds"],
        what: "the build was interrupted",
        hint: "build again",
    },
    // source, 11402; JSON: 1.6.6
    Known {
        cause: Cause::PluginMissing,
        said: &[
            "is likely part of a plugin that is not installed",
            "Missing plugins",
            "Unknown source amazon",
            "builder type not found",
        ],
        what: "Packer lacks a plugin that the template needs",
        hint: "install it with `packer init TEMPLATE`",
    },
    // 1.6.6; EC2
    Known {
        cause: Cause::NameExists,
        said: &["is used by an existing AMI", "InvalidAMIName.Duplicate"],
        what: "an image has this name already",
        hint: "if it has the tag of this build it is the build's own; else give the new one another number. Never let Packer remove the old one \
               (force_deregister): it may be in use",
    },
    // 1.6.6; source
    Known {
        cause: Cause::BaseGone,
        said: &["InvalidAMIID.", "No AMI was found matching filters"],
        what: "the image to start from is gone, or not shared with this account",
        hint: "plan again: the newest image that matches `base` is looked up anew",
    },
    // EC2
    Known {
        cause: Cause::WrongArchitecture,
        said: &["The architecture '... does not match the architecture"],
        what: "the image to start from does not run on the instance type of the template",
        hint: "use a base image and an instance type of the same architecture",
    },
    // EC2
    Known {
        cause: Cause::Throttled,
        said: &["RequestLimitExceeded", "Throttling"],
        what: "AWS was asked too often, by Packer or by others in this account",
        hint: "build again",
    },
    // EC2
    Known {
        cause: Cause::Quota,
        said: &["LimitExceeded", "MaxSpotInstanceCountExceeded"],
        what: "a quota of the account is reached",
        hint: "have the quota raised, or remove what is not needed, then build again",
    },
    // 3924, 2485; EC2
    Known {
        cause: Cause::NoCapacity,
        said: &[
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "is not supported in your requested Availability Zone",
        ],
        what: "AWS has no instance of this type free in this zone",
        hint: "build again later, or let the template use another subnet or instance type",
    },
    // EC2
    Known {
        cause: Cause::NoCapacity,
        said: &["InsufficientFreeAddressesInSubnet"],
        what: "the subnet has no address free",
        hint: "let the template use another subnet, or free addresses in this one",
    },
    // 1.6.6 (the first two); source; EC2
    Known {
        cause: Cause::Credentials,
        said: &[
            "NoCredentialProviders",
            "No valid credential sources",
            "failed to refresh cached credentials",
            "AuthFailure",
            "InvalidClientTokenId",
            "ExpiredToken",
            "RequestExpired",
            "SignatureDoesNotMatch",
        ],
        what: "AWS does not take Packer's credentials: there are none, they are wrong, or they have expired during the build",
        hint: "sign in again, with a session that is longer than a build takes",
    },
    // EC2
    Known {
        cause: Cause::NotAllowed,
        said: &["UnauthorizedOperation", "AccessDenied"],
        what: "the credentials do not allow Packer to do this",
        hint: "have the operation allowed that Packer names",
    },
    // 1.6.6; 9128 and others
    Known {
        cause: Cause::Unreachable,
        said: &[
            "Timeout waiting for SSH",
            "Error waiting for SSH",
            "Timeout waiting for WinRM",
            "ssh: handshake failed",
        ],
        what: "the instance was launched, and Packer could not connect to it over SSH",
        hint: "check the subnet, the security group, `ssh_username` and `ssh_interface` of the template",
    },
    // source, 13178
    Known {
        cause: Cause::Unreachable,
        said: &["Error waiting for instance (...to become ready"],
        what: "the instance was launched, and did not become ready",
        hint: "build again; if it fails again, look at the instance type and the base image",
    },
    // 8415, 13258 (1.11.2); the last one is of AWS's second SDK for Go
    Known {
        cause: Cause::ImageLate,
        said: &[
            "Error waiting for AMI...ResourceNotReady: exceeded wait attempts",
            "Error waiting for AMI...exceeded max wait time",
        ],
        what: "AWS was still making the image when Packer stopped waiting for it",
        hint: "let the template wait for longer (`aws_polling { delay_seconds, max_attempts }`), then build again",
    },
    // source; 9705
    Known {
        cause: Cause::ImageFailed,
        said: &["Error waiting for AMI", "Error creating AMI", "Error creating snapshot"],
        what: "AWS could not make the image",
        hint: "build again; if it fails again, ask AWS with the request id",
    },
    // 1.6.6
    Known {
        cause: Cause::Provisioner,
        said: &["non-zero exit status", "Error executing Ansible"],
        what: "a provisioner has failed",
        hint: "the lines before it tell why; correct the provisioning, then build again",
    },
];
