//! A conductor that was suspended between the check of its lease and its order, while another one has taken over.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Event;
use cutover_core::names::{InstanceId, JobName};
use cutover_engine::gate::Permit;
use cutover_engine::halt::Halt;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Hosts};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};
use cutover_rig::Host;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::services::{FURNITURE, PROGRAMS, furnished, status};
use crate::stage::{Stage, stop};
use crate::support::Impatient;

/// A way to hosts on which the sender of an order is suspended right before it sends it, until it is woken up.
struct Suspends {
    hosts: Rc<dyn Hosts>,
    is_suspended: Notify,
    wake: Notify,
}

#[async_trait(?Send)]
impl Hosts for Suspends {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        self.hosts.ask(host, ask).await
    }

    async fn reach(&self, host: &InstanceId) -> Answer<()> {
        self.hosts.reach(host).await
    }

    async fn start_job(&self, permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        self.is_suspended.notify_one();
        self.wake.notified().await;
        self.hosts.start_job(permit, host, job).await
    }

    async fn job(&self, host: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        self.hosts.job(host, name, offset).await
    }

    async fn signal_job(&self, permit: &Permit, host: &InstanceId, name: &JobName, signal: Signal) -> Answer<bool> {
        self.hosts.signal_job(permit, host, name, signal).await
    }

    async fn collect_job(&self, permit: &Permit, host: &InstanceId, name: &JobName) -> Answer<()> {
        self.hosts.collect_job(permit, host, name).await
    }
}

/// How long the gate waits for the answer to an order.
const GATE: Duration = Duration::from_secs(20);

/// The clock of a computer that is suspended as long as its conductor is: nothing is given up meanwhile.
struct Asleep;

#[async_trait(?Send)]
impl Clock for Asleep {
    fn now(&self) -> Timestamp {
        Impatient.now()
    }

    fn up(&self) -> Duration {
        Impatient.up()
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        if length < GATE {
            async move { Impatient.sleep(length).await }.boxed_local()
        } else {
            std::future::pending().boxed_local()
        }
    }
}

#[tokio::test]
async fn a_conductor_that_was_suspended_while_another_took_over_is_refused_by_the_host_and_stops() {
    let (_machines, host) = furnished(FURNITURE);
    let successor = Stage::on(&host);
    let mut suspends = None;
    let first = successor.beside(&host, Rc::new(Asleep), |hosts| {
        let port = Rc::new(Suspends { hosts, is_suspended: Notify::default(), wake: Notify::default() });
        suspends = Some(Rc::clone(&port));
        port
    });
    let port = suspends.expect("it was made");
    let takes_over = async {
        port.is_suspended.notified().await;
        assert_eq!(successor.resume().await, Ending::Finished);
        assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
        // What is right from now on is not for the first one to change.
        host.furnish("supervisorctl start lms");
        port.wake.notify_one();
    };
    let (ending, ()) = tokio::join!(first.tried(vec![stop(PROGRAMS, 60, PastStopLimit::Abort)]), takes_over);
    let halt = ending.expect_err("it was succeeded");
    assert!(matches!(halt, Halt::Superseded(_)), "{halt}");
    assert!(halt.to_string().contains("epoch 2"), "{halt}");
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms RUNNING");
    let last = successor.events().await.pop();
    assert!(matches!(last, Some(Event::RunFinished { .. })), "the first one has recorded nothing more: {last:?}");
}
