//! The server in front of moto: what it writes takes effect in the world, and what it says of the world is true. Everything
//! else is passed on unchanged.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::balancers;
use super::compute::Compute;
use super::http::{Request, Response};
use super::images;
use super::records::{self, Records};
use crate::effects::Effects;

/// A running server. With this it takes no more connections; those that there are go on until their clients end them.
pub struct Server {
    service: Arc<Service>,
    endpoint: String,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Service {
    /// Where moto listens, such as `127.0.0.1:5000`.
    moto: String,
    effects: Arc<dyn Effects>,
    compute: Compute,
    records: Records,
}

impl Server {
    /// Starts one in front of the moto at `endpoint`.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn before(endpoint: &str, effects: Arc<dyn Effects>) -> Self {
        let moto = endpoint.trim_start_matches("http://").to_owned();
        let service = Service { moto, effects, compute: Compute::default(), records: Records::default() };
        let service = Arc::new(service);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let ends = Arc::new(AtomicBool::new(false));
        let must_end = Arc::clone(&ends);
        let serving = Arc::clone(&service);
        let thread = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if must_end.load(Ordering::SeqCst) {
                    return;
                }
                let service = Arc::clone(&serving);
                thread::spawn(move || service.serve(client));
            }
        });
        Self { service, endpoint, ends, thread: Some(thread) }
    }

    /// Where it listens, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From now on, consoles of instances are shown so long after their launch.
    pub fn show_consoles_after(&self, launch: Duration) {
        self.service.compute.show_consoles_after(launch);
    }

    /// Terminates an instance, as somebody would who uses the account as well.
    ///
    /// # Panics
    /// When it is not there.
    pub fn terminate(&self, instance: &str) {
        let fields = [("Action", "TerminateInstances"), ("Version", "2016-11-15"), ("InstanceId.1", instance)];
        let answer = Request::query("ec2", &fields).forward(self.endpoint.trim_start_matches("http://"));
        assert_eq!(answer.expect("an answer").status(), 200, "{instance} is not terminated");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // It looks whether it must end once somebody connects.
        let _ = TcpStream::connect(self.endpoint.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Service {
    fn serve(&self, mut client: TcpStream) {
        while let Some(request) = Request::read(&mut client) {
            let to_head = request.line().0 == "HEAD";
            // Who asks learns from the end of the connection that moto has ended.
            let Some(answer) = self.answer(&request) else { return };
            if answer.write(&mut client, to_head).is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        let (moto, effects) = (self.moto.as_str(), &*self.effects);
        let (method, path) = request.line();
        let action = request.field("Action").unwrap_or_default();
        match (request.service(), action.as_str()) {
            ("ec2", "RunInstances") => self.compute.run_instances(request, moto, effects),
            ("ec2", "StopInstances") => Compute::stop_instances(request, moto, effects),
            ("ec2", "CreateImage") => images::create(request, moto, effects),
            ("ec2", "TerminateInstances") => Compute::terminate_instances(request, moto, effects),
            ("ec2", "DescribeInstanceStatus") => Compute::instance_status(request, moto, effects),
            ("ec2", "GetConsoleOutput") => Some(self.compute.console_output(request)),
            (_, "RegisterInstancesWithLoadBalancer") => {
                balancers::change_classic(request, moto, |name, hosts| effects.register(name, hosts))
            }
            (_, "DeregisterInstancesFromLoadBalancer") => {
                balancers::change_classic(request, moto, |name, hosts| effects.deregister(name, hosts))
            }
            (_, "RegisterTargets") => {
                balancers::change_group(request, moto, |name, hosts| effects.register(name, hosts))
            }
            (_, "DeregisterTargets") => {
                balancers::change_group(request, moto, |name, hosts| effects.deregister(name, hosts))
            }
            (_, "DescribeInstanceHealth") => Some(balancers::classic_health(request, effects)),
            (_, "DescribeTargetHealth") => Some(balancers::group_health(request, effects)),
            ("route53", _) if records::is_batch(method, path) => self.records.change(request, moto, effects),
            ("route53", _) if records::is_get_change(method, path) => self.records.get_change(request, moto, effects),
            _ => request.forward(moto),
        }
    }
}
