//! Hosts on AWS, reached over SSH as the deployment file says: EC2 tells where they are and which keys they have.

use std::path::Path;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_aws::Connection;
use cutover_aws::ports::{AwsInventory, Location};
use cutover_core::deployment::{Deployment, HostAddress, Ssh};
use cutover_core::names::InstanceId;
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Answer, Hosts};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory, Settings, SshHosts};

use crate::error::CommandError;

/// The hosts of a deployment on AWS, whose file is `file`. No connection is made yet.
///
/// # Errors
/// When there is no folder for control sockets.
pub fn hosts(connection: &Rc<Connection>, deployment: &Deployment, file: &Path) -> Result<Rc<dyn Hosts>, CommandError> {
    let ssh = &deployment.ssh;
    let over = SshHosts::new(settings(ssh, file)).map_err(|source| CommandError::File {
        path: std::env::temp_dir().display().to_string(),
        done: "used for the sockets of SSH connections",
        source,
    })?;
    let instances = cutover_aws::cloud::inventory(connection, deployment);
    let inventory = Rc::new(Instances { address: ssh.address.clone(), instances });
    Ok(Rc::new(HostsOverSsh::new(Rc::new(over), inventory, deployment.job_folder())))
}

/// Paths in the file are relative to its folder.
fn settings(ssh: &Ssh, file: &Path) -> Settings {
    let beside = |path: &String| file.parent().unwrap_or(Path::new(".")).join(path);
    Settings {
        user: ssh.user.clone(),
        config: ssh.config.as_ref().map(beside),
        known_hosts: ssh.known_hosts.as_ref().map(beside),
        connect_timeout: ssh.connect_timeout.duration(),
        ..Settings::default()
    }
}

struct Instances {
    address: HostAddress,
    instances: AwsInventory,
}

#[async_trait(?Send)]
impl Inventory for Instances {
    async fn address(&self, host: &InstanceId) -> Answer<String> {
        let location = self.instances.location(host).await?;
        address(&self.address, &location).ok_or_else(|| {
            let which: String = self.address.clone().into();
            Failure::permanent(format!("{host}: it has no {which} address"))
                .with_hint("correct `address` under [ssh] in the deployment file")
        })
    }

    async fn host_keys(&self, host: &InstanceId) -> Answer<HostKeys> {
        Ok(HostKeys::of_console(&self.instances.console(host).await?))
    }

    fn forget(&self, host: &InstanceId) {
        self.instances.forget(host);
    }
}

fn address(which: &HostAddress, location: &Location) -> Option<String> {
    match which {
        HostAddress::Private => location.private.clone(),
        HostAddress::Public => location.public.clone(),
        HostAddress::Pattern(_) => which.of_name(location.name.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_reached_at_the_address_that_the_file_names() {
        let location = Location { name: "edx-1".into(), private: Some("10.0.0.7".to_owned()), public: None };
        let at = |which: &str| address(&HostAddress::from(which.to_owned()), &location);
        assert_eq!(at("private").as_deref(), Some("10.0.0.7"));
        assert_eq!(at("{name}.example.org").as_deref(), Some("edx-1.example.org"));
        assert_eq!(at("public"), None);
    }

    #[test]
    fn files_for_ssh_are_beside_the_deployment_file() {
        let ssh =
            Ssh { config: Some("ssh_config".to_owned()), known_hosts: Some("/etc/ca".to_owned()), ..Ssh::default() };
        let settings = settings(&ssh, Path::new("deployments/qa.toml"));
        assert_eq!(settings.config.as_deref(), Some(Path::new("deployments/ssh_config")));
        assert_eq!(settings.known_hosts.as_deref(), Some(Path::new("/etc/ca")));
    }
}
