//! Balancers of both kinds: who is in them takes effect, and their health is that of the real ones.

use super::http::{Request, Response};
use super::xml;
use crate::effects::{Effects, Health};

/// Registers or deregisters the instances of a classic balancer.
pub(super) fn change_classic(request: &Request, moto: &str, effect: impl FnOnce(&str, &[String])) -> Option<Response> {
    let answer = request.forward(moto)?;
    if answer.status() == 200 {
        let name = request.field("LoadBalancerName").unwrap_or_default();
        effect(&name, &request.list("Instances.member", "InstanceId"));
    }
    Some(answer)
}

/// Registers or deregisters the instances of a target group.
pub(super) fn change_group(request: &Request, moto: &str, effect: impl FnOnce(&str, &[String])) -> Option<Response> {
    let answer = request.forward(moto)?;
    if answer.status() == 200 {
        effect(&group(request), &request.list("Targets.member", "Id"));
    }
    Some(answer)
}

/// The health of the instances of a classic balancer.
pub(super) fn classic_health(request: &Request, effects: &dyn Effects) -> Response {
    let members = effects.members(&request.field("LoadBalancerName").unwrap_or_default());
    let body: String = members.iter().map(|(instance, health)| instance_state(instance, *health)).collect();
    Response::xml(
        200,
        &format!(
            "<DescribeInstanceHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/\">\
             <DescribeInstanceHealthResult><InstanceStates>{body}</InstanceStates></DescribeInstanceHealthResult>\
             <ResponseMetadata><RequestId>e2e</RequestId></ResponseMetadata></DescribeInstanceHealthResponse>"
        ),
    )
}

/// The health of the targets of a target group.
pub(super) fn group_health(request: &Request, effects: &dyn Effects) -> Response {
    let members = effects.members(&group(request));
    let body: String = members.iter().map(|(instance, health)| target_health(instance, *health)).collect();
    Response::xml(
        200,
        &format!(
            "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeTargetHealthResult><TargetHealthDescriptions>{body}</TargetHealthDescriptions>\
             </DescribeTargetHealthResult><ResponseMetadata><RequestId>e2e</RequestId></ResponseMetadata>\
             </DescribeTargetHealthResponse>"
        ),
    )
}

/// As classic balancers document it: one that leaves is in service until it has left.
fn instance_state(instance: &str, health: Health) -> String {
    let (state, reason, description) = match health {
        Health::Registering => ("OutOfService", "ELB", "Instance registration is still in progress."),
        Health::InService => ("InService", "N/A", "N/A"),
        Health::OutOfService => (
            "OutOfService",
            "Instance",
            "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
        ),
        Health::Draining => ("InService", "N/A", "Instance deregistration currently in progress."),
    };
    format!(
        "<member><InstanceId>{instance}</InstanceId><State>{state}</State><ReasonCode>{reason}</ReasonCode>\
         <Description>{description}</Description></member>"
    )
}

fn target_health(instance: &str, health: Health) -> String {
    let (state, reason) = match health {
        Health::Registering => ("initial", "Elb.InitialHealthChecking"),
        Health::InService => ("healthy", ""),
        Health::OutOfService => ("unhealthy", "Target.FailedHealthChecks"),
        Health::Draining => ("draining", "Target.DeregistrationInProgress"),
    };
    let reason = if reason.is_empty() { String::new() } else { format!("<Reason>{}</Reason>", xml::escaped(reason)) };
    format!(
        "<member><Target><Id>{instance}</Id></Target><TargetHealth><State>{state}</State>{reason}</TargetHealth></member>"
    )
}

/// The name of the target group that a request is about, from its ARN: `...:targetgroup/NAME/0123456789abcdef`.
fn group(request: &Request) -> String {
    let arn = request.field("TargetGroupArn").unwrap_or_default();
    arn.rsplit('/').nth(1).unwrap_or_default().to_owned()
}
