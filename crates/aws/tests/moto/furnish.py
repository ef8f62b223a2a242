"""Starts moto's server with a whole deployment in it, as it stands before an upgrade: network, balancers, records,
maintenance page, databases, images, and current hosts in service. The deployment is the first line of standard input,
as JSON. Prints one line of JSON with what is where, and stays until its standard input ends.

What is asked for is asked of moto as of AWS. Only the images come from a file, since moto has no other way to make old
ones."""

import hashlib
import json
import os
import sys
import tempfile
from datetime import datetime, timedelta, timezone

from stand_in import StandIn

ACCOUNT = "123456789012"
AGE_DAYS = 180

deployment = json.loads(sys.stdin.readline())
release = deployment["release"]
aws = deployment.get("aws") or {}
region = aws.get("region") or "us-east-1"
role_tags = aws.get("role_tags") or {"edxapp": "edxapp", "worker": "worker"}
embedded = deployment["embedded"]
page = deployment["maintenance_page"]


def seconds(span):
    """Lengths of time are written as `300s`, or as milliseconds where they must be."""
    return int(span[:-2]) // 1000 if span.endswith("ms") else int(span[:-1])


def groups():
    """Every fleet's host groups, with their roles."""
    for fleet in deployment["fleet"]:
        for role in ["edxapp", "worker"]:
            if role in fleet:
                yield fleet, role, fleet[role]


def image_id(name):
    return "ami-" + hashlib.sha256(name.encode()).hexdigest()[:17]


def image(name, tags, days_ago):
    created = datetime.now(timezone.utc) - timedelta(days=days_ago)
    return {
        "ami_id": image_id(name),
        "name": name,
        "description": name,
        "owner_id": ACCOUNT,
        "public": False,
        "virtualization_type": "hvm",
        "architecture": "x86_64",
        "state": "available",
        "platform": None,
        "image_type": "machine",
        "hypervisor": "xen",
        "root_device_name": "/dev/sda1",
        "root_device_type": "ebs",
        "sriov": "simple",
        "creation_date": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "tags": tags,
    }


def old_images():
    """One image more of each role than is kept, and what is not the deployment's though it looks like it."""
    images, newest = [], {}
    count = release["keep_images"] + 1
    for role, services in deployment["role"].items():
        for number in range(1, count + 1):
            name = services["image"]["name"].replace("{deployment}", deployment["name"])
            name = name.replace("{codename}", release["current_codename"]).replace("{n}", str(number))
            ago = count - number
            version = release["current_version"]
            version = str(max(int(version) - ago, 0)) if version.isdigit() else version
            tags = {
                "environment": deployment["name"],
                "role": role_tags[role],
                "edx_codename": release["current_codename"],
                "release-version": version,
                "commit": hashlib.sha1(name.encode()).hexdigest(),
            }
            images.append(image(name, tags, AGE_DAYS + 1 + 30 * ago))
            newest[role] = image_id(name)
    strange = [
        image("of-another-deployment", {"environment": "another", "role": role_tags["edxapp"]}, 400),
        image("of-another-role", {"environment": deployment["name"], "role": "mongodb"}, 400),
    ]
    # moto writes them in its file's order, and whoever reads them must not lean on that.
    return images[::-1] + strange, newest, [one["ami_id"] for one in strange]


images, newest_image, foreign_images = old_images()
with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
    json.dump(images, file)
stand_in = StandIn(file.name, region)
client = stand_in.client
ec2, elb, elbv2 = client("ec2"), client("elb"), client("elbv2")


def network():
    """The subnets and security groups that the file names, under moto's own ids."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    named = sorted({name for _, _, group in groups() for name in group["subnets"]})
    subnets = {}
    # An ALB wants two subnets at least.
    for number, name in enumerate(named + ["for-balancers-1", "for-balancers-2"]):
        subnets[name] = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{4 * number}.0/22", AvailabilityZone=zones[number % len(zones)]
        )["Subnet"]["SubnetId"]
    security = {}
    for name in sorted({name for _, _, group in groups() for name in group["security_groups"]}):
        security[name] = ec2.create_security_group(GroupName=f"group {name}", Description=name, VpcId=vpc)["GroupId"]
    return vpc, zones, subnets, security


def launched_as():
    """The instance profiles, and the key pair, that hosts are launched with."""
    iam = client("iam")
    for profile in sorted({group["profile"] for _, _, group in groups()}):
        iam.create_instance_profile(InstanceProfileName=profile)
    if aws.get("key_pair"):
        ec2.create_key_pair(KeyName=aws["key_pair"])


def classic(balancer):
    """A classic ELB; its domain, and how instances are put into it."""
    name = balancer["name"]
    domain = elb.create_load_balancer(
        LoadBalancerName=name,
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 443, "InstancePort": 443}],
        AvailabilityZones=zones[:1],
    )["DNSName"]
    elb.configure_health_check(
        LoadBalancerName=name,
        HealthCheck={
            "Target": "HTTPS:443/heartbeat",
            "Interval": seconds(embedded["health_check_interval"]),
            "Timeout": 5,
            "HealthyThreshold": embedded["healthy_threshold"],
            "UnhealthyThreshold": embedded["unhealthy_threshold"],
        },
    )
    elb.modify_load_balancer_attributes(
        LoadBalancerName=name,
        LoadBalancerAttributes={
            "CrossZoneLoadBalancing": {"Enabled": True},
            "ConnectionDraining": {"Enabled": True, "Timeout": seconds(embedded["draining"])},
        },
    )
    instances = lambda ids: [{"InstanceId": id} for id in ids]  # noqa: E731
    register = elb.register_instances_with_load_balancer
    return domain, lambda ids: register(LoadBalancerName=name, Instances=instances(ids))


def target_group(balancer, alb, number):
    """A target group behind an ALB that picks by host name; its domain, and how instances are put into it."""
    name = balancer["name"]
    group = elbv2.create_target_group(
        Name=name,
        Protocol="HTTPS",
        Port=443,
        VpcId=vpc,
        HealthCheckPath="/heartbeat",
        HealthCheckIntervalSeconds=seconds(embedded["health_check_interval"]),
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=max(embedded["healthy_threshold"], 2),
        UnhealthyThresholdCount=max(embedded["unhealthy_threshold"], 2),
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds(embedded["draining"]))}
    elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    if "listener" not in alb:
        alb["listener"] = elbv2.create_listener(
            LoadBalancerArn=alb["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward
        )["Listeners"][0]["ListenerArn"]
    hosts = [site["host"] for site in deployment["site"] if site["balancer"] == name]
    if hosts:
        elbv2.create_rule(
            ListenerArn=alb["listener"],
            Priority=number + 1,
            Conditions=[{"Field": "host-header", "Values": hosts[:5]}],
            Actions=forward,
        )
    targets = lambda ids: [{"Id": id} for id in ids]  # noqa: E731
    return alb["DNSName"], lambda ids: elbv2.register_targets(TargetGroupArn=group, Targets=targets(ids))


def balancers():
    """All balancers: their domains, and how instances are put into each."""
    domains, register, albs = {}, {}, {}
    for number, balancer in enumerate(deployment["balancer"]):
        name = balancer["name"]
        if balancer["kind"] == "classic":
            domains[name], register[name] = classic(balancer)
            continue
        if balancer["domain"] not in albs:
            albs[balancer["domain"]] = elbv2.create_load_balancer(
                Name=f"alb-{len(albs) + 1}", Subnets=[subnets["for-balancers-1"], subnets["for-balancers-2"]]
            )["LoadBalancers"][0]
        domains[name], register[name] = target_group(balancer, albs[balancer["domain"]], number)
    return domains, register


def launch(tags, image, kind, subnet, security, profile):
    return ec2.run_instances(
        ImageId=image,
        InstanceType=kind,
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=security,
        IamInstanceProfile={"Name": profile},
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )["Instances"][0]["InstanceId"]


def current_hosts():
    """The current hosts, registered in their balancers; and instances that are not the deployment's."""
    members, foreign, hosts = {}, [], {}
    for fleet, role, group in groups():
        security = [security_groups[name] for name in group["security_groups"]]
        for number in range(group.get("current_count") or group["count"]):
            name = group["host_name"].replace("{deployment}", deployment["name"]).replace("{fleet}", fleet["name"])
            name = name.replace("{n}", str(number)).replace("{version}", release["current_version"])
            tags = {
                **group.get("tags", {}),
                "Name": name,
                "environment": deployment["name"],
                "purpose": fleet["name"],
                "role": role_tags[role],
                "edx_codename": release["current_codename"],
                "release-version": release["current_version"],
            }
            subnet = subnets[group["subnets"][number % len(group["subnets"])]]
            what = (newest_image[role], group["instance_type"], subnet, security, group["profile"])
            hosts[name] = launch(tags, *what)
            for balancer in group.get("balancers", []):
                members.setdefault(balancer, []).append(hosts[name])
    for strange in [{"environment": "another"}, {"role": "mongodb"}]:
        foreign.append(launch({**tags, "Name": "foreign", **strange}, *what))
    for balancer, ids in members.items():
        register[balancer](ids)
    return hosts, foreign


def records():
    """The zone, with a CNAME of each site to its balancer."""
    route53 = client("route53")
    made = route53.create_hosted_zone(Name=deployment["dns"]["zone"], CallerReference="zone")
    zone = made["HostedZone"]["Id"]
    change = lambda name, target: {  # noqa: E731
        "Action": "UPSERT",
        "ResourceRecordSet": {
            "Name": name,
            "Type": "CNAME",
            "TTL": seconds(deployment["dns"]["ttl"]),
            "ResourceRecords": [{"Value": target}],
        },
    }
    changes = [change(site["host"], domains[site["balancer"]]) for site in deployment["site"]]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return zone, made["DelegationSet"]["NameServers"]


def maintenance_page():
    """The bucket with the page of the upgrade before, and the distribution in front of it."""
    s3 = client("s3")
    s3.create_bucket(Bucket=page["bucket"])
    old = b"<p>The site is down for its last upgrade.</p>\n"
    s3.put_object(Bucket=page["bucket"], Key=page["key"], Body=old, ContentType="text/html; charset=utf-8")
    hosts = [site["host"] for site in deployment["site"]]
    origin = {
        "Id": "page",
        "DomainName": f"{page['bucket']}.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    errors = [
        {
            "ErrorCode": code,
            "ResponsePagePath": f"/{page['key']}",
            "ResponseCode": "503",
            "ErrorCachingMinTTL": 10,
        }
        for code in [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
    ]
    return client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "page",
            "Aliases": {"Quantity": len(hosts), "Items": hosts},
            "DefaultRootObject": page["key"],
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "page", "ViewerProtocolPolicy": "allow-all"},
            "CustomErrorResponses": {"Quantity": len(errors), "Items": errors},
            "ViewerCertificate": {
                "CloudFrontDefaultCertificate": False,
                "ACMCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/page",
                "SSLSupportMethod": "sni-only",
                "MinimumProtocolVersion": "TLSv1.2_2021",
            },
            "Comment": "maintenance page",
            "Enabled": True,
        }
    )["Distribution"]


def databases():
    """Database instances with one nightly snapshot each."""
    rds = client("rds")
    for database in deployment["database"]:
        rds.create_db_instance(
            DBInstanceIdentifier=database["name"],
            DBInstanceClass="db.m5.large",
            Engine="mysql",
            AllocatedStorage=20,
            MasterUsername="root",
            MasterUserPassword="password",
        )
        rds.create_db_snapshot(
            DBSnapshotIdentifier=f"nightly-{database['name']}", DBInstanceIdentifier=database["name"]
        )


vpc, zones, subnets, security_groups = network()
# Read when EC2 was first asked.
os.unlink(file.name)
launched_as()
domains, register = balancers()
current, foreign_instances = current_hosts()
distribution = maintenance_page()
zone, zone_servers = records()
databases()
stand_in.stay(
    subnets=subnets,
    security_groups=security_groups,
    domains=domains,
    distribution=distribution["Id"],
    distribution_domain=distribution["DomainName"],
    zone=zone,
    zone_servers=zone_servers,
    current_hosts=current,
    foreign_instances=foreign_instances,
    foreign_images=foreign_images,
)
