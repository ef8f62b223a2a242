"""Starts moto's server with zones or balancers as they are found in the wild: a private zone of the same name, two
public ones of another, aliases and weighted records beside plain ones; names that are taken by the other kind of
balancer. The first line of standard input says which: `zones` or `balancers`. Prints one line of JSON with what is
where, and stays until its standard input ends."""

import pathlib
import sys

from stand_in import StandIn

stand_in = StandIn(pathlib.Path(__file__).with_name("images.json"))
client = stand_in.client
ec2, elb, elbv2, route53 = client("ec2"), client("elb"), client("elbv2"), client("route53")
subnet = ec2.describe_subnets()["Subnets"][0]


def zone(name, reference, **more):
    return route53.create_hosted_zone(Name=name, CallerReference=reference, **more)["HostedZone"]["Id"]


def record(name, target, **more):
    return {
        "Action": "CREATE",
        "ResourceRecordSet": {
            "Name": f"{name}.mitx.mit.edu",
            "Type": "CNAME",
            "TTL": 60,
            "ResourceRecords": [{"Value": target}],
            **more,
        },
    }


def zones():
    vpc = {"VPCRegion": "us-east-1", "VPCId": subnet["VpcId"]}
    zone("mitx.mit.edu", "private", VPC=vpc, HostedZoneConfig={"PrivateZone": True})
    own = zone("mitx.mit.edu", "own")
    zone("twice.example.com", "one")
    zone("twice.example.com", "other")
    weighted = {"SetIdentifier": "blue", "Weight": 1}
    # More than two pages between the names that are asked for.
    filling = [record(f"n{number}", "filling.example.com") for number in range(700)]
    changes = [
        record("lms", "ELB.example.com."),
        record("studio", "elb.example.com"),
        record("weighted", "elb.example.com", **weighted),
        {
            "Action": "CREATE",
            "ResourceRecordSet": {
                "Name": "alias.mitx.mit.edu",
                "Type": "CNAME",
                "AliasTarget": {
                    "HostedZoneId": own.rsplit("/")[-1],
                    "DNSName": "lms.mitx.mit.edu",
                    "EvaluateTargetHealth": False,
                },
            },
        },
    ]
    route53.change_resource_record_sets(HostedZoneId=own, ChangeBatch={"Changes": filling + changes})
    return {"zone": own}


def group(name, kind):
    made = elbv2.create_target_group(
        Name=name,
        Protocol="HTTPS",
        Port=443,
        VpcId=subnet["VpcId"],
        TargetType=kind,
        HealthCheckIntervalSeconds=20,
        HealthyThresholdCount=3,
        UnhealthyThresholdCount=4,
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "90"}
    elbv2.modify_target_group_attributes(TargetGroupArn=made, Attributes=[delay])


def balancers():
    for name, draining in [("classic-live", True), ("classic-draft", False), ("called-a-group", True), ("bare", True)]:
        elb.create_load_balancer(
            LoadBalancerName=name,
            Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 443, "InstancePort": 443}],
            AvailabilityZones=[subnet["AvailabilityZone"]],
        )
        elb.modify_load_balancer_attributes(
            LoadBalancerName=name,
            LoadBalancerAttributes={"ConnectionDraining": {"Enabled": draining, "Timeout": 120}},
        )
        if name != "bare":
            elb.configure_health_check(
                LoadBalancerName=name,
                HealthCheck={
                    "Target": "HTTPS:443/heartbeat",
                    "Interval": 30,
                    "Timeout": 5,
                    "HealthyThreshold": 10,
                    "UnhealthyThreshold": 2,
                },
            )
    for name, kind in [("group-live", "instance"), ("called-classic", "instance"), ("group-of-addresses", "ip")]:
        group(name, kind)
    instances = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=250, MaxCount=250)["Instances"]
    return {"instances": [instance["InstanceId"] for instance in instances]}


furnished = {"zones": zones, "balancers": balancers}[sys.stdin.readline().strip()]()
stand_in.stay(**furnished)
