"""moto's server on a free port, with a deployment in it as it stands before an upgrade: network, balancers, records,
maintenance page, database, images of both releases, and current hosts in service. The deployment is the first line of
standard input, as JSON (crates/e2e/src/account/moto.rs). Prints one line of JSON with what is where, and stays until
standard input ends."""

import hashlib
import json
import os
import sys
import tempfile
from datetime import datetime, timedelta, timezone

from stand_in import StandIn

ACCOUNT = "123456789012"
wanted = json.loads(sys.stdin.readline())


def image_id(role, codename):
    return "ami-" + hashlib.sha256(f"{role} {codename}".encode()).hexdigest()[:17]


def image(role, codename, version, days_ago):
    name = wanted["image_names"].get(role, "").replace("{codename}", codename)
    created = datetime.now(timezone.utc) - timedelta(days=days_ago)
    return {
        "ami_id": image_id(role, codename),
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
        "tags": {
            "environment": wanted["name"],
            "role": role,
            "edx_codename": codename,
            "release-version": version,
            "commit": hashlib.sha1(name.encode()).hexdigest(),
        },
    }


def base_image():
    """Debian's own, from which images are built."""
    name, debian = "debian-12-amd64-20261101-2284", "136693071363"
    return {**image("", "", "", 30), "ami_id": image_id("debian", "12"), "name": name, "owner_id": debian, "tags": {}}


images = [
    image(role, release["codename"], release["version"], days_ago)
    for role in sorted(wanted["image_names"])
    for release, days_ago in [(wanted["current"], 180), (wanted["next"], 1)]
    if release
] + [base_image()]
with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
    json.dump(images, file)
stand_in = StandIn(file.name)
client = stand_in.client
ec2, elb, elbv2 = client("ec2"), client("elb"), client("elbv2")


def network():
    """The subnet of hosts, two more for balancers, and the security group."""
    first, second = wanted["network"].split(".")[:2]
    vpc = ec2.create_vpc(CidrBlock=f"{first}.{second}.0.0/16")["Vpc"]["VpcId"]
    # An ALB wants two subnets at least, in two zones.
    blocks = [(wanted["network"], "a"), (f"{first}.{second}.254.0/24", "a"), (f"{first}.{second}.255.0/24", "b")]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for block, zone in blocks
    ]
    group = ec2.create_security_group(GroupName="hosts", Description="hosts", VpcId=vpc)["GroupId"]
    return vpc, subnets, group


def classic(balancer):
    """A classic ELB; its domain, and how instances are put into it."""
    name = balancer["name"]
    domain = elb.create_load_balancer(
        LoadBalancerName=name,
        Listeners=[{"Protocol": "https", "LoadBalancerPort": 443, "InstanceProtocol": "http", "InstancePort": 80}],
        Subnets=subnets[1:2],
        SecurityGroups=[group],
    )["DNSName"]
    elb.configure_health_check(
        LoadBalancerName=name,
        HealthCheck={
            "Target": "HTTP:80/heartbeat",
            "Interval": balancer["interval"],
            "Timeout": 2,
            "HealthyThreshold": balancer["healthy"],
            "UnhealthyThreshold": balancer["unhealthy"],
        },
    )
    draining = {"Enabled": True, "Timeout": balancer["draining"]}
    elb.modify_load_balancer_attributes(
        LoadBalancerName=name,
        LoadBalancerAttributes={"CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionDraining": draining},
    )
    instances = lambda ids: [{"InstanceId": id} for id in ids]  # noqa: E731
    register = elb.register_instances_with_load_balancer
    return domain, lambda ids: register(LoadBalancerName=name, Instances=instances(ids))


def target_group(balancer):
    """A target group behind an ALB of its own; its domain, and how instances are put into it."""
    name = balancer["name"]
    alb = elbv2.create_load_balancer(Name=f"alb-{name}", Subnets=subnets[1:])["LoadBalancers"][0]
    made = elbv2.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=80,
        VpcId=vpc,
        HealthCheckPath="/heartbeat",
        HealthCheckIntervalSeconds=balancer["interval"],
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=balancer["healthy"],
        UnhealthyThresholdCount=balancer["unhealthy"],
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(balancer["draining"])}
    elbv2.modify_target_group_attributes(TargetGroupArn=made, Attributes=[delay])
    forward = [{"Type": "forward", "TargetGroupArn": made}]
    elbv2.create_listener(LoadBalancerArn=alb["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward)
    targets = lambda ids: [{"Id": id} for id in ids]  # noqa: E731
    return alb["DNSName"], lambda ids: elbv2.register_targets(TargetGroupArn=made, Targets=targets(ids))


def current_hosts():
    """The current hosts, registered in their balancers."""
    members, hosts = {}, {}
    for host in wanted["hosts"]:
        tags = {
            "Name": host["name"],
            "environment": wanted["name"],
            "purpose": host["fleet"],
            "role": host["role"],
            "edx_codename": wanted["current"]["codename"],
            "release-version": wanted["current"]["version"],
        }
        tagged = {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        instance = ec2.run_instances(
            ImageId=image_id(host["role"], wanted["current"]["codename"]),
            InstanceType="t3.large",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnets[0],
            SecurityGroupIds=[group],
            IamInstanceProfile={"Name": wanted["profile"]},
            TagSpecifications=[tagged],
        )["Instances"][0]
        hosts[host["name"]] = {"id": instance["InstanceId"], "address": instance["PrivateIpAddress"]}
        for balancer in host["balancers"]:
            members.setdefault(balancer, []).append(instance["InstanceId"])
    for balancer, ids in members.items():
        register[balancer](ids)
    return hosts


def records():
    """The zone, with a CNAME of each site to its balancer."""
    route53 = client("route53")
    made = route53.create_hosted_zone(Name=wanted["zone"], CallerReference="zone")
    change = lambda name, target: {  # noqa: E731
        "Action": "CREATE",
        "ResourceRecordSet": {
            "Name": f"{name}.",
            "Type": "CNAME",
            "TTL": wanted["ttl"],
            "ResourceRecords": [{"Value": f"{target}."}],
        },
    }
    changes = [change(site["host"], domains[site["balancer"]]) for site in wanted["sites"]]
    route53.change_resource_record_sets(HostedZoneId=made["HostedZone"]["Id"], ChangeBatch={"Changes": changes})
    return made["HostedZone"]["Id"], made["DelegationSet"]["NameServers"]


def maintenance_page():
    """The bucket with the page of the upgrade before, and the distribution in front of it."""
    s3, bucket = client("s3"), wanted["bucket"]
    s3.create_bucket(Bucket=bucket)
    old = b"<p>The site is down for its last upgrade.</p>\n"
    s3.put_object(Bucket=bucket, Key="index.html", Body=old, ContentType="text/html; charset=utf-8")
    hosts = [site["host"] for site in wanted["sites"]]
    origin = {
        "Id": "page",
        "DomainName": f"{bucket}.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    response = {"ResponsePagePath": "/index.html", "ResponseCode": "503", "ErrorCachingMinTTL": 10}
    errors = [{"ErrorCode": code, **response} for code in [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]]
    return client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "page",
            "Aliases": {"Quantity": len(hosts), "Items": hosts},
            "DefaultRootObject": "index.html",
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


def database():
    """The database instance, with a nightly snapshot."""
    rds, name = client("rds"), wanted["database"]
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m5.large",
        Engine="mysql",
        AllocatedStorage=20,
        MasterUsername="root",
        MasterUserPassword="password",
    )
    rds.create_db_snapshot(DBSnapshotIdentifier=f"nightly-{name}", DBInstanceIdentifier=name)


client("iam").create_instance_profile(InstanceProfileName=wanted["profile"])
vpc, subnets, group = network()
# Read when EC2 was first asked.
os.unlink(file.name)
domains, register = {}, {}
for balancer in wanted["balancers"]:
    make = classic if balancer["kind"] == "classic" else target_group
    domains[balancer["name"]], register[balancer["name"]] = make(balancer)
hosts = current_hosts()
zone, zone_servers = records()
distribution = maintenance_page()
database()
stand_in.stay(
    subnet=subnets[0],
    security_group=group,
    domains=domains,
    hosts=hosts,
    zone=zone,
    zone_servers=zone_servers,
    distribution=distribution["Id"],
    distribution_domain=distribution["DomainName"],
)
