use super::*;
use crate::output::Reading;

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
    let provisioner = of(include_bytes!("../output/recorded/1.6.6-provisioner-exits-3.txt"));
    assert_eq!(provisioner.cause, Cause::Provisioner);
    assert!(
        provisioner.message.starts_with("a provisioner has failed with exit status 3: Script exited"),
        "{provisioner:?}"
    );
    let name = of(include_bytes!("../output/recorded/1.6.6-name-exists.txt"));
    assert_eq!(name.cause, Cause::NameExists);
    assert!(name.message.contains("'edxapp_r1' is used by an existing AMI: ami-10f58685364accac9"), "{name:?}");
    assert_eq!(of(include_bytes!("../output/recorded/1.6.6-base-gone.txt")).cause, Cause::BaseGone);
    assert_eq!(of(include_bytes!("../output/recorded/1.6.6-interrupted.txt")).cause, Cause::Interrupted);
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
        // hashicorp/packer#13178 (1.11.2)
        (
            "Error waiting for instance (i-xxxxxxx) to become ready: ResourceNotReady: exceeded wait attempts",
            Cause::Unreachable,
        ),
        ("Error waiting for instance to stop: ResourceNotReady: exceeded wait attempts", Cause::Other),
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
fn an_image_of_another_architecture_is_told() {
    let words = "Error launching source instance: InvalidParameterValue: The architecture 'x86_64' of the specified instance type does not \
                 match the architecture 'arm64' of the specified AMI. Specify an instance type and an AMI that have matching architectures.";
    assert_eq!(said(words).cause, Cause::WrongArchitecture);
}

#[test]
fn what_is_not_known_is_told_as_it_is() {
    let failure = said("Error mounting volume: the moon is full");
    assert_eq!((failure.cause, failure.message.as_str()), (Cause::Other, "Error mounting volume: the moon is full"));
    assert_eq!(of(b"panic: runtime error\n").message, "panic: runtime error");
    assert_eq!(of(b"").message, "Packer gave no reason");
}
