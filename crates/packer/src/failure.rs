//! Why a build failed, in clear words.

use serde::{Deserialize, Serialize};

use crate::output::Reading;

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
    /// Packer was interrupted, and has cleaned up.
    Interrupted,
    /// Packer itself was killed, and has cleaned up nothing.
    Killed,
    /// None of those.
    Other,
}

/// Why a build failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind it is.
    pub cause: Cause,
    /// What is wrong, in one sentence, and in Packer's own words.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What Packer says, what it means, and what to do. The first that fits counts: what is more special comes first.
///
/// Where it was seen: `1.6.6` is recorded, with Debian's Packer against moto; `source` is from the source of Packer 1.16 and its amazon
/// plugin 1.8; a number is an issue of hashicorp/packer that quotes it; codes are those of EC2's API.
const CAUSES: [(&[&str], Cause, &str, &str); 15] = [
    // 1.6.6
    (
        &["Cancelling build after receiving", "Cleanly cancelled builds", "Build was cancelled"],
        Cause::Interrupted,
        "the build was interrupted, and Packer has cleaned up",
        "build again",
    ),
    // source
    (
        &[
            "is likely part of a plugin that is not installed",
            "Missing plugins",
            "Unknown source amazon",
            "builder type not found",
        ],
        Cause::PluginMissing,
        "Packer lacks a plugin that the template needs",
        "install it with `packer init TEMPLATE`",
    ),
    // 1.6.6
    (
        &["is used by an existing AMI", "InvalidAMIName.Duplicate"],
        Cause::NameExists,
        "an image has this name already",
        "if it has the tag of this build it is the build's own; else give the new one another number. Never let Packer remove the old one \
         (force_deregister): it may be in use",
    ),
    // 1.6.6 (InvalidAMIID.NotFound)
    (
        &["InvalidAMIID.", "No AMI was found matching filters"],
        Cause::BaseGone,
        "the image to start from is gone, or not shared with this account",
        "plan again: the newest image that matches `base` is looked up anew",
    ),
    (
        &["The architecture '", "does not match the architecture", "not supported for the specified instance type"],
        Cause::WrongArchitecture,
        "the image to start from does not run on the instance type of the template",
        "use a base image and an instance type of the same architecture",
    ),
    (
        &["RequestLimitExceeded", "Throttling"],
        Cause::Throttled,
        "AWS was asked too often, by Packer or by others in this account",
        "build again",
    ),
    (
        &["LimitExceeded", "MaxSpotInstanceCountExceeded"],
        Cause::Quota,
        "a quota of the account is reached",
        "have the quota raised, or remove what is not needed, then build again",
    ),
    // 3924, 2485
    (
        &["InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientFreeAddressesInSubnet"],
        Cause::NoCapacity,
        "AWS has no instance of this type free in this zone, or the subnet has no address free",
        "build again later, or let the template use another subnet or instance type",
    ),
    (
        &[
            "NoCredentialProviders",
            "No valid credential sources",
            "AuthFailure",
            "InvalidClientTokenId",
            "ExpiredToken",
            "RequestExpired",
            "SignatureDoesNotMatch",
        ],
        Cause::Credentials,
        "AWS does not take Packer's credentials: there are none, they are wrong, or they have expired during the build",
        "sign in again, with a session that is longer than a build takes",
    ),
    (
        &["UnauthorizedOperation", "AccessDenied"],
        Cause::NotAllowed,
        "the credentials do not allow Packer to do this",
        "have the operation allowed that Packer names",
    ),
    // 1.6.6; 9128 and others
    (
        &["Timeout waiting for SSH", "Error waiting for SSH", "Timeout waiting for WinRM", "ssh: handshake failed"],
        Cause::Unreachable,
        "the instance was launched, and Packer could not connect to it over SSH",
        "check the subnet, the security group, `ssh_username` and `ssh_interface` of the template",
    ),
    // 13178
    (
        &["Error waiting for instance"],
        Cause::Unreachable,
        "the instance was launched, and did not become ready",
        "build again; if it fails again, look at the instance type and the base image",
    ),
    // 8415, 13258 (1.11.2)
    (
        &[
            "Error waiting for AMI: Failed with ResourceNotReady",
            "Error waiting for AMI: ResourceNotReady",
            "exceeded wait attempts",
        ],
        Cause::ImageLate,
        "AWS was still making the image when Packer stopped waiting for it",
        "let the template wait for longer (`aws_polling { delay_seconds, max_attempts }`), then build again",
    ),
    // source; 9705
    (
        &["Error waiting for AMI", "Error creating AMI", "Error creating snapshot"],
        Cause::ImageFailed,
        "AWS could not make the image",
        "build again; if it fails again, ask AWS with the request id",
    ),
    // 1.6.6
    (
        &["non-zero exit status", "Error executing Ansible", "Provisioning step had errors"],
        Cause::Provisioner,
        "a provisioner has failed",
        "the lines before it tell why; correct the provisioning, then build again",
    ),
];

impl Failure {
    /// What the output of a failed build means, with its exit status. To be asked only if the build has failed: provisioners print
    /// errors without failing.
    #[must_use]
    pub fn of(reading: &Reading, status: i32) -> Self {
        if let Some(signal) = status.checked_sub(128).filter(|signal| *signal > 0) {
            return Self::killed(signal);
        }
        let said = reading.failures();
        let words = if said.is_empty() { reading.tail().last().unwrap_or_default().to_owned() } else { told(&said) };
        // Packer breaks its lines at 80 columns.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = flat(&said.join(" "));
        // Without Packer's own summary, the errors may be what provisioners have printed.
        let is_sure = |cause| reading.is_summed_up() || matches!(cause, Cause::Interrupted | Cause::PluginMissing);
        let is_said = |phrases: &[&str]| phrases.iter().any(|phrase| all.contains(phrase));
        match CAUSES.iter().find(|(phrases, cause, ..)| is_sure(*cause) && is_said(phrases)) {
            Some((_, cause, what, hint)) => {
                let what = match exit_status(&all).filter(|_| *cause == Cause::Provisioner) {
                    Some(status) => format!("{what} with exit status {status}"),
                    None => (*what).to_owned(),
                };
                Self { cause: *cause, message: format!("{what}: {}", flat(&words)), hint: (*hint).to_owned() }
            }
            None if words.trim().is_empty() => Self {
                cause: Cause::Other,
                message: "Packer gave no reason".to_owned(),
                hint: "its output may tell more".to_owned(),
            },
            None => Self { cause: Cause::Other, message: flat(&words), hint: "its output may tell more".to_owned() },
        }
    }
}

impl Failure {
    fn killed(signal: i32) -> Self {
        let why = if signal == 9 { ", as the kernel does when this machine has no memory left" } else { "" };
        Self {
            cause: Cause::Killed,
            message: format!("Packer was killed by signal {signal}{why}, and has not cleaned up"),
            hint: "remove what it has left behind, then build again".to_owned(),
        }
    }
}

/// The last errors, in Packer's words: one of each builder, or the last three that were printed.
fn told(said: &[&str]) -> String {
    said[said.len().saturating_sub(3)..].join("; ")
}

fn exit_status(said: &str) -> Option<i32> {
    let (_, after) = said.split_once("non-zero exit status: ")?;
    let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(output: &[u8]) -> Failure {
        let mut reading = Reading::default();
        reading.take(output);
        Failure::of(&reading, 1)
    }

    /// A failure as Packer tells it at its end.
    fn said(words: &str) -> Failure {
        of(format!("1,edxapp,error,{}\n", words.replace(',', "%!(PACKER_COMMA)").replace('\n', "\\n")).as_bytes())
    }

    #[test]
    fn what_1_6_6_was_recorded_to_say_is_understood() {
        let provisioner = of(include_bytes!("output/recorded/1.6.6-provisioner-exits-3.txt"));
        assert_eq!(provisioner.cause, Cause::Provisioner);
        assert!(
            provisioner.message.starts_with("a provisioner has failed with exit status 3: Script exited"),
            "{provisioner:?}"
        );
        let name = of(include_bytes!("output/recorded/1.6.6-name-exists.txt"));
        assert_eq!(name.cause, Cause::NameExists);
        assert!(name.message.contains("'edxapp_r1' is used by an existing AMI: ami-10f58685364accac9"), "{name:?}");
        assert_eq!(of(include_bytes!("output/recorded/1.6.6-base-gone.txt")).cause, Cause::BaseGone);
        assert_eq!(of(include_bytes!("output/recorded/1.6.6-interrupted.txt")).cause, Cause::Interrupted);
    }

    #[test]
    fn what_others_have_quoted_is_understood() {
        let quoted = [
            (
                // sourcegraph/sourcegraph-public-snapshot#46617 (2023)
                "Error launching source instance: InsufficientInstanceCapacity: We currently do not have sufficient m6a.24xlarge capacity \
                 in the Availability Zone you requested (us-west-2a).\n\tstatus code: 500, request id: 3fe0ea63-0dde-4d3a-a2eb-26b98d3ee910",
                Cause::NoCapacity,
            ),
            // brikis98/devops-book#8 (2026)
            ("Timeout waiting for SSH.", Cause::Unreachable),
            (
                // hashicorp/packer#13258 (1.11.2)
                "Error waiting for AMI: Failed with ResourceNotReady error, which can have a variety of causes. For help troubleshooting, \
                 check our docs: https://www.packer.io/docs/builders/amazon.html#resourcenotready-error\noriginal error: ResourceNotReady: \
                 exceeded wait attempts",
                Cause::ImageLate,
            ),
            // hashicorp/packer#9705 (1.6.0)
            ("Error waiting for AMI. Reason: <nil>", Cause::ImageFailed),
            // wata727/packer-plugin-amazon-ami-management#407 (1.10)
            (
                "The source amazon-ebs is unknown by Packer, and is likely part of a plugin that\nis not installed.",
                Cause::PluginMissing,
            ),
        ];
        for (words, cause) in quoted {
            assert_eq!(said(words).cause, cause, "{words}");
        }
    }

    #[test]
    fn codes_of_ec2_are_understood_whatever_is_around_them() {
        let codes = [
            ("VcpuLimitExceeded", Cause::Quota),
            ("ExpiredToken", Cause::Credentials),
            ("UnauthorizedOperation", Cause::NotAllowed),
            ("RequestLimitExceeded", Cause::Throttled),
            ("InvalidAMIName.Duplicate", Cause::NameExists),
        ];
        for (code, cause) in codes {
            let failure =
                said(&format!("Error launching source instance: {code}: words\n\tstatus code: 400, request id: x"));
            assert_eq!(failure.cause, cause);
            assert!(failure.message.contains(code) && !failure.message.contains('\n'), "{failure:?}");
        }
    }

    #[test]
    fn what_a_provisioner_prints_is_no_reason() {
        let failure =
            of(b"1,,ui,error,==> edxapp: AccessDenied: s3://bucket\n1,,ui,error,==> edxapp: Error running step\n");
        assert_eq!(failure.cause, Cause::Other, "Packer has not said what failed");
        let cancelled =
            of(b"1,,ui,error,==> edxapp: AccessDenied\n1,,ui,error,Cancelling build after receiving interrupt\n");
        assert_eq!(cancelled.cause, Cause::Interrupted);
    }

    #[test]
    fn a_packer_that_was_killed_is_told_apart_from_one_that_failed() {
        let failure = Failure::of(&Reading::default(), 137);
        assert_eq!(failure.cause, Cause::Killed);
        assert!(failure.message.starts_with("Packer was killed by signal 9, as the kernel does"), "{failure:?}");
    }

    #[test]
    fn what_is_not_known_is_told_as_it_is() {
        let failure = said("Error mounting volume: the moon is full");
        assert_eq!(
            (failure.cause, failure.message.as_str()),
            (Cause::Other, "Error mounting volume: the moon is full")
        );
        assert_eq!(of(b"panic: runtime error\n").message, "panic: runtime error");
        assert_eq!(of(b"").message, "Packer gave no reason");
    }
}
