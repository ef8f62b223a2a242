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
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            address: HostAddress::Private,
            user: None,
            config: None,
            known_hosts: None,
            connect_timeout: Span::seconds(10),
        }
    }
}

/// Which address of an instance is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostAddress {
    /// The private IP address.
    Private,
    /// The public IP address.
    Public,
    /// A name: the text with `{name}` replaced by the host's name.
    Pattern(String),
}

const NAME: &str = "{name}";

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

impl TryFrom<String> for HostAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "private" => Ok(Self::Private),
            "public" => Ok(Self::Public),
            pattern if pattern.contains(NAME) && !pattern.starts_with('-') && !pattern.contains(char::is_whitespace) => {
                Ok(Self::Pattern(text))
            }
            _ => Err(format!("expected `private`, `public` or a pattern with `{NAME}`, such as `{NAME}.example.edu`")),
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
        json_schema!({ "type": "string", "pattern": "^(private|public|[^-\\s]\\S*)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_private_public_or_made_from_the_name() {
        let address = |text: &str| HostAddress::try_from(text.to_owned());
        assert_eq!(address("private"), Ok(HostAddress::Private));
        let pattern = address("{name}.mitx.mit.edu").expect("a pattern");
        assert_eq!(pattern.of_name("edx-1").as_deref(), Some("edx-1.mitx.mit.edu"));
        for wrong in ["Private", "", "lms.mitx.mit.edu", "-oProxyCommand={name}", "a {name}"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
