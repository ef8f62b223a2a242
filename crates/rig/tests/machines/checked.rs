//! What `check` finds on a real host.

use std::collections::BTreeSet;

use cutover_core::names::ProgramName;
use cutover_core::readiness::Readiness;
use cutover_hosts::readiness::{self, Needed, Needs};
use cutover_rig::{Debian, Host, Machines};

use crate::services::furnished;
use crate::support::{Conductor, FOLDER};

async fn ready(host: &Debian, needs: Needs) -> Readiness {
    let needs = Needs { supervisorctl: host.supervisorctl().to_owned(), ..needs };
    let said = Conductor::of(host).ask(&readiness::ask(&needs)).await.expect("an answer");
    readiness::read(&said).unwrap_or_else(|why| panic!("{why}: {said:?}"))
}

#[tokio::test]
async fn a_folder_of_jobs_on_a_file_system_that_is_read_only_or_full_is_found() {
    let machines = Machines::new();
    let host = machines.boot();
    let needs = || Needs { job_folder: FOLDER.to_owned(), ..Needs::default() };
    assert_eq!(ready(&host, needs()).await.no_job_folder, None);
    host.furnish("mkdir -p /var/lib/cutover\nmount -t tmpfs -o ro,size=1m none /var/lib/cutover");
    let found = ready(&host, needs()).await;
    assert_eq!(found.no_job_folder.as_deref(), Some("/var/lib/cutover cannot be written to"));
    host.furnish("mount -o remount,rw /var/lib/cutover\ncat /dev/zero >/var/lib/cutover/filler 2>/dev/null || true");
    let found = ready(&host, needs()).await;
    assert_eq!(found.no_job_folder, None);
    assert!(found.free.contains(&(0, "/var/lib/cutover".to_owned())), "{:?}", found.free);
}

#[tokio::test]
async fn a_command_that_only_another_user_can_run_is_found() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(
        "mkdir -m 700 /root/edx-platform\n\
         printf '#!/bin/sh\\n' >/root/edx-platform/manage.py\n\
         chmod +x /root/edx-platform/manage.py",
    );
    let needed = |user: &str, program: &str| Needed {
        user: user.to_owned(),
        folder: "/root/edx-platform".to_owned(),
        program: program.to_owned(),
    };
    let of_root: BTreeSet<Needed> = [needed("root", "./manage.py"), needed("root", "python2")].into();
    let found = ready(&host, Needs { commands: of_root, ..Needs::default() }).await;
    assert_eq!(found.absent, ["python2 (for root in /root/edx-platform)"]);
    let of_another = [needed("nobody", "./manage.py")].into();
    let found = ready(&host, Needs { commands: of_another, ..Needs::default() }).await;
    assert_eq!(found.absent, ["the folder /root/edx-platform (for nobody)"]);
}

#[tokio::test]
async fn files_of_supervisor_that_cannot_be_changed_are_found_and_only_these() {
    let (_machines, host) = furnished(
        "[program:lms]\ncommand=sleep 1001\n[program:worker]\ncommand=sleep 1002\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)02d\n[group:celery]\nprograms=worker\n",
    );
    let found = ready(&host, Needs::default()).await;
    assert_eq!((found.read_only, found.in_no_file), (Vec::new(), Vec::new()));
    host.furnish(
        "mount --bind /etc/supervisor/conf.d /etc/supervisor/conf.d; mount -o remount,bind,ro /etc/supervisor/conf.d",
    );
    let found = ready(&host, Needs::default()).await;
    assert!(
        !found.read_only.is_empty() && found.read_only.iter().all(|file| file.starts_with("/etc/supervisor/conf.d/")),
        "{found:?}"
    );
    host.furnish("umount /etc/supervisor/conf.d; mkdir /root/none; mount --bind /root/none /etc/supervisor/conf.d");
    let mut programs = ready(&host, Needs::default()).await.in_no_file;
    programs.sort();
    assert_eq!(programs, ["celery:worker_00", "celery:worker_01", "lms"].map(ProgramName::from));
}
