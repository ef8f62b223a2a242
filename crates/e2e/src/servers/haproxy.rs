//! How an HAProxy is started, for balancers and for what stands in for CloudFront.

use super::process::Process;
use super::room::Room;
use super::runtime::Runtime;

const COMMON: &str = "\
global
  stats socket SOCKET mode 600 level admin
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 2s
  timeout check 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
";

/// Starts one with these sections, and waits until it can be told something.
pub(super) fn start(room: &Room, name: &str, sections: &str) -> (Process, Runtime) {
    let socket = format!("{name}.sock");
    let common = COMMON.replace("SOCKET", &room.inside(&socket));
    room.write(&format!("{name}.cfg"), &(common + sections));
    let runtime = Runtime::new(room, socket);
    let arguments = ["haproxy", "-db", "-f", &room.inside(&format!("{name}.cfg"))].map(str::to_owned);
    let process = room.start(name, &arguments, || runtime.try_ask("show version").is_ok());
    (process, runtime)
}
