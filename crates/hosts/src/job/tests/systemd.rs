//! The helper on a host whose systemd is of another version: `systemd-run` refuses a property that it does not know.

#![expect(clippy::disallowed_methods, reason = "a real shell runs the helper")]

use std::path::Path;
use std::process::Command;

use crate::job::request::HELPER;
use crate::job::{Reply, read};

/// Knows properties as systemd of `$VERSION` does, and runs the command in the background.
const SYSTEMD_RUN: &str = r#"
for word in "$@"; do
    case $word in
    --property=OOMPolicy=*) [ "$VERSION" -ge 243 ] || { echo "Unknown assignment: ${word#--property=}" >&2; exit 1; } ;;
    esac
done
echo "$@" >"$CALLS"
while [ "$1" != /bin/sh ]; do shift; done
"$@" </dev/null >/dev/null 2>&1 &
"#;

fn program(path: &Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("it can be run");
}

/// Starts a job where `systemctl --version` prints this first. Returns the reply, and how the unit was launched.
fn start(version: &str) -> (Reply, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("bin")).expect("a folder");
    program(&folder.path().join("bin/systemd-run"), SYSTEMD_RUN);
    program(&folder.path().join("bin/systemctl"), &format!("[ \"$1\" != --version ] || echo '{version}'"));
    let places = format!("\nPATH={}:", path("bin"));
    let helper = HELPER.replace("/run/systemd/system", &path("bin")).replace("\nPATH=", &places);
    let user = Command::new("id").arg("-un").output().expect("id").stdout;
    let user = String::from_utf8(user).expect("text").trim().to_owned();
    let number: String = version.chars().filter(char::is_ascii_digit).take(3).collect();
    let jobs = path("jobs");
    let output = Command::new("/bin/sh")
        .args(["-c", &helper, "cutover-job", &jobs, "start", "job", "1", &user, "/", "1000", "0", "true"])
        .envs([("VERSION", number), ("CALLS", path("calls"))])
        .output()
        .expect("a shell");
    let reply = read(&output.stdout, 0).unwrap_or_else(|why| panic!("{why}: {output:?}"));
    (reply, std::fs::read_to_string(path("calls")).unwrap_or_default())
}

#[test]
fn a_job_is_a_unit_with_the_properties_that_its_systemd_knows() {
    // Ubuntu 16.04 and 18.04, Debian 10, the first that knows it, Debian 12, and a release candidate.
    let old = ["systemd 229", "systemd 237", "systemd 241 (241)"];
    let newer = ["systemd 243 (243.4)", "systemd 252 (252.22-1~deb12u1)", "systemd 256~rc1 (256~rc1)"];
    for (version, knows) in old.map(|version| (version, false)).into_iter().chain(newer.map(|version| (version, true)))
    {
        let (reply, launched) = start(version);
        assert_eq!(reply, Reply::Started, "{version}");
        assert!(launched.contains("--unit=cutover-job-job"), "{launched}");
        assert_eq!(launched.contains("--property=OOMPolicy=continue"), knows, "{version}: {launched}");
    }
}
