//! Systems Manager: commands on hosts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{operations, paged};
use crate::shape::shapes;

shapes! {
    /// Sends a command to hosts.
    pub struct SendCommand {
        /// The document, such as `AWS-RunShellScript`.
        document_name: String => "DocumentName",
        /// The hosts.
        instance_ids: Vec<String> => "InstanceIds",
        /// What the document asks for.
        parameters: BTreeMap<String, Vec<String>> => "Parameters",
        /// What it is for.
        comment: Option<String> => "Comment",
        /// How long a host has to begin with it, in seconds.
        timeout_seconds: Option<i64> => "TimeoutSeconds",
    }

    /// What comes back.
    pub struct CommandAnswer {
        /// The command.
        command: Command => "Command",
    }

    /// A command.
    pub struct Command {
        /// Its id.
        command_id: String => "CommandId",
        /// `Pending`, `InProgress`, `Success`, and so on.
        status: Option<String> => "Status",
        /// When it was asked for.
        requested: Option<Timestamp> => "RequestedDateTime",
    }

    /// Asks how a command goes on one host.
    pub struct GetCommandInvocation {
        /// The command.
        command_id: String => "CommandId",
        /// The host.
        instance_id: String => "InstanceId",
    }

    /// How a command goes on one host.
    pub struct CommandInvocation {
        /// The command.
        command_id: String => "CommandId",
        /// The host.
        instance_id: String => "InstanceId",
        /// `Pending`, `InProgress`, `Success`, `Failed`, and so on.
        status: String => "Status",
        /// The exit status; -1 before the end.
        response_code: Option<i64> => "ResponseCode",
        /// The first 24,000 characters of its output.
        standard_output: Option<String> => "StandardOutputContent",
        /// The first 8,000 characters of its errors.
        standard_error: Option<String> => "StandardErrorContent",
    }

    /// Reads a parameter, such as a public one with the id of an image.
    pub struct GetParameter {
        /// Its name, a path.
        name: String => "Name",
    }

    /// What comes back.
    pub struct ParameterAnswer {
        /// The parameter.
        parameter: Parameter => "Parameter",
    }

    /// A parameter.
    pub struct Parameter {
        /// Its value.
        value: String => "Value",
    }

    /// Lists how commands go.
    pub struct ListCommandInvocations {
        /// Of this command only.
        command_id: Option<String> => "CommandId",
        /// Of this host only.
        instance_id: Option<String> => "InstanceId",
        /// The page.
        next_token: Option<String> => "NextToken",
    }

    /// A page of how commands go.
    pub struct CommandInvocations {
        /// One for each host.
        invocations: Vec<InvocationSummary> => "CommandInvocations",
        /// The next page.
        next_token: Option<String> => "NextToken",
    }

    /// How a command goes on one host, without its output.
    pub struct InvocationSummary {
        /// The command.
        command_id: String => "CommandId",
        /// The host.
        instance_id: String => "InstanceId",
        /// `Pending`, `InProgress`, `Success`, `Failed`, and so on.
        status: String => "Status",
        /// What it is for.
        comment: Option<String> => "Comment",
    }
}

operations! { Ssm:
    Write SendCommand -> CommandAnswer;
    Read GetCommandInvocation -> CommandInvocation;
    Read GetParameter -> ParameterAnswer;
    Read ListCommandInvocations -> CommandInvocations;
}

paged! {
    ListCommandInvocations: next_token => next_token;
}
