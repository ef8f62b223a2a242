//! How hosts are reached over SSH. What is not set here is as the operator's configuration of OpenSSH says.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How hosts are reached over SSH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ssh {
    /// Which address of an instance is used: `private`, `public`, or a pattern such as `{name}.example.edu`.
    pub address: HostAddress,
    /// The user to sign in as. Default: the operator's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A configuration file of OpenSSH instead of the operator's own. Relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// A file of known host keys, read beside the operator's own: a host CA's `@cert-authority` line, for example.
    /// Relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
    /// How long it may take to connect to a host.
    pub connect_timeout: Span,
    /// The folder in which hosts keep what is on record of commands that outlive a connection, with a folder in it for each
    /// upgrade. It must survive a restart.
    pub job_folder: String,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            address: HostAddress::Private,
            user: None,
            config: None,
            known_hosts: None,
            connect_timeout: Span::seconds(10),
            job_folder: "/var/lib/cutover".to_owned(),
        }
    }
}

/// Which address of an instance is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum HostAddress {
    /// The private IP address.
    Private,
    /// The public IP address.
    Public,
    /// A name: the text with `{name}` replaced by the host's name.
    Pattern(String),
}

/// What stands for the host's name in a pattern.
pub(crate) const NAME: &str = "{name}";

impl HostAddress {
    /// The address of a host with this name, if it follows from the name.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Option<String> {
        match self {
            Self::Private | Self::Public => None,
            Self::Pattern(pattern) => Some(pattern.replace(NAME, name)),
        }
    }
}

impl From<String> for HostAddress {
    fn from(text: String) -> Self {
        match text.as_str() {
            "private" => Self::Private,
            "public" => Self::Public,
            _ => Self::Pattern(text),
        }
    }
}

impl From<HostAddress> for String {
    fn from(address: HostAddress) -> Self {
        match address {
            HostAddress::Private => "private".to_owned(),
            HostAddress::Public => "public".to_owned(),
            HostAddress::Pattern(pattern) => pattern,
        }
    }
}

impl JsonSchema for HostAddress {
    fn schema_name() -> Cow<'static, str> {
        "HostAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_private_public_or_made_from_the_name() {
        assert_eq!(HostAddress::from("private".to_owned()), HostAddress::Private);
        let pattern = HostAddress::from("{name}.mitx.mit.edu".to_owned());
        assert_eq!(pattern.of_name("edx-1").as_deref(), Some("edx-1.mitx.mit.edu"));
        assert_eq!(HostAddress::Public.of_name("edx-1"), None);
    }
}
