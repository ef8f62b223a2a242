"""Starts moto's server on a free port, furnishes it, prints one line of JSON with what is where, and stays until its
standard input ends."""

import pathlib

from stand_in import StandIn

stand_in = StandIn(pathlib.Path(__file__).with_name("images.json"))
client = stand_in.client

ec2 = client("ec2")
subnet = ec2.describe_subnets()["Subnets"][0]
group = ec2.describe_security_groups()["SecurityGroups"][0]
for name in ["edx-live", "edx-draft", "edx-third"]:
    client("elb").create_load_balancer(
        LoadBalancerName=name,
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 443, "InstancePort": 443}],
        AvailabilityZones=[subnet["AvailabilityZone"]],
    )
target_group = client("elbv2").create_target_group(
    Name="edx", Protocol="HTTP", Port=80, VpcId=subnet["VpcId"], HealthCheckPath="/heartbeat"
)["TargetGroups"][0]
route53 = client("route53")
zone = route53.create_hosted_zone(Name="mitx.mit.edu", CallerReference="zone")["HostedZone"]
distribution = client("cloudfront").create_distribution(
    DistributionConfig={
        "CallerReference": "page",
        "Aliases": {"Quantity": 1, "Items": ["lms.mitx.mit.edu"]},
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "page",
                    "DomainName": "page.s3.amazonaws.com",
                    "S3OriginConfig": {"OriginAccessIdentity": ""},
                }
            ],
        },
        "DefaultCacheBehavior": {"TargetOriginId": "page", "ViewerProtocolPolicy": "allow-all"},
        "CustomErrorResponses": {
            "Quantity": 1,
            "Items": [
                {
                    "ErrorCode": 404,
                    "ResponsePagePath": "/index.html",
                    "ResponseCode": "503",
                    "ErrorCachingMinTTL": 10,
                }
            ],
        },
        "Comment": "maintenance page",
        "Enabled": True,
    }
)["Distribution"]
client("s3").create_bucket(Bucket="page")
client("rds").create_db_instance(
    DBInstanceIdentifier="mitx-rds",
    DBInstanceClass="db.m5.large",
    Engine="mysql",
    AllocatedStorage=20,
    MasterUsername="root",
    MasterUserPassword="password",
)
stand_in.stay(
    subnet=subnet["SubnetId"],
    group=group["GroupId"],
    target_group=target_group["TargetGroupArn"],
    zone=zone["Id"],
    distribution=distribution["Id"],
)
