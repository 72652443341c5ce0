"""Small templates to ask the controls about, as CloudFormation spells them."""

from typing import Any

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.checks import CHECKS
from secure_backend.trail.cis_benchmark import CIS_ALARMS

BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {}}
BLOCKED = {
    "PublicAccessBlockConfiguration": dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
}
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {}}
GROUP = {"Type": "AWS::EC2::SecurityGroup", "Properties": {}}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {}}
ROLE_ARN = {"Fn::GetAtt": ["Role", "Arn"]}
ARN = {"Fn::GetAtt": ["Bucket", "Arn"]}
OBJECTS = {"Fn::Join": ["", [ARN, "/*"]]}


def resource(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{type_name}", "Properties": properties}


def bucket_policy(**statement: Any) -> dict[str, Any]:
    return resource("S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument={"Statement": [statement]})


def plain_http(*places: Any, action: str = "s3:*", principal: Any = "*") -> dict[str, Any]:
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    return bucket_policy(Effect="Deny", Principal=principal, Action=action, Resource=list(places), Condition=condition)


def allowing(**statement: Any) -> dict[str, Any]:
    return bucket_policy(Effect="Allow", Action="s3:PutBucketPolicy", Resource=ARN, **statement)


def permission(**properties: Any) -> dict[str, Any]:
    return resource("Lambda::Permission", FunctionName={"Ref": "Function"}, **properties)


def managed(**statement: Any) -> dict[str, Any]:
    return resource("IAM::ManagedPolicy", PolicyDocument={"Statement": {"Effect": "Allow", **statement}})


def ingress(**properties: Any) -> dict[str, Any]:
    return resource("EC2::SecurityGroupIngress", GroupId={"Ref": "Group"}, **properties)


def open_ports(low: int, high: int) -> dict[str, Any]:
    return ingress(IpProtocol="tcp", FromPort=low, ToPort=high, CidrIp="0.0.0.0/0")


def stage(*settings: Any) -> dict[str, Any]:
    return resource("ApiGateway::Stage", MethodSettings=list(settings))


def trail(**properties: Any) -> dict[str, Any]:
    return resource("CloudTrail::Trail", **{"IsLogging": True, "IsMultiRegionTrail": True, **properties})


def association(table: Any) -> dict[str, Any]:
    return resource("EC2::SubnetRouteTableAssociation", SubnetId={"Ref": "Subnet"}, RouteTableId=table)


def instance_in(gateway: Any) -> dict[str, Any]:
    return {
        "Instance": resource("RDS::DBInstance", DBSubnetGroupName={"Ref": "Subnets"}),
        "Subnets": resource("RDS::DBSubnetGroup", SubnetIds=[{"Ref": "Subnet"}]),
        "Subnet": resource("EC2::Subnet"),
        "Table": resource("EC2::RouteTable"),
        "Association": association({"Ref": "Table"}),
        "Route": resource("EC2::Route", RouteTableId={"Ref": "Table"}, GatewayId=gateway),
    }


EVERY = {"HttpMethod": "*", "ResourcePath": "/*", "LoggingLevel": "ERROR"}
OWN, OTHER = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}, "arn:aws:iam::999999999999:root"
NOTHING = {"Ref": "AWS::NoValue"}
PARAMETER = {"Ref": "Parameter"}
CONDITION = {"Condition": "Sometimes"}
ALL = "0.0.0.0/0"


def either(one: Any, other: Any = NOTHING) -> dict[str, Any]:
    return {"Fn::If": ["Sometimes", one, other]}


def sometimes(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, **CONDITION}


def group(*rules: Any) -> dict[str, Any]:
    return resource("EC2::SecurityGroup", SecurityGroupIngress=list(rules))


def attached(type_name: str, property_name: str, to: str, **properties: Any) -> dict[str, Any]:
    return resource(type_name, **{property_name: {"Ref": to}}, **properties)


def key_policy(statement: Any) -> dict[str, Any]:
    return resource("KMS::Key", KeyPolicy={"Statement": [statement]})


def to_everyone(**more: Any) -> dict[str, Any]:
    return {"PolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", **more}]}}


def role(policies: Any) -> dict[str, Any]:
    return resource("IAM::Role", Policies=policies)


def database(**properties: Any) -> dict[str, Any]:
    return resource("RDS::DBInstance", **properties)


def acl_entry(**properties: Any) -> dict[str, Any]:
    ports = {"From": 22, "To": 22}
    body = {"RuleAction": "allow", "CidrBlock": ALL, "PortRange": ports, **properties}
    return attached("EC2::NetworkAclEntry", "NetworkAclId", "Acl", **body)


def balancer(**properties: Any) -> dict[str, Any]:
    return resource("ElasticLoadBalancingV2::LoadBalancer", **properties)


def listener(**properties: Any) -> dict[str, Any]:
    return attached("ElasticLoadBalancingV2::Listener", "LoadBalancerArn", "Balancer", **properties)


def alarm_on_policy_changes(pattern: str | None = None, **alarm: Any) -> dict[str, Any]:
    row = next(each for each in CIS_ALARMS if each.number == "4.5")
    metric = {"MetricNamespace": "CIS", "MetricName": "Changes", "MetricValue": "1"}
    properties = {
        "Namespace": "CIS",
        "MetricName": "Changes",
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "AlarmActions": ["topic"],
        **alarm,
    }
    return {
        "Trail": trail(CloudWatchLogsLogGroupArn={"Fn::GetAtt": ["Logs", "Arn"]}),
        "Logs": resource("Logs::LogGroup"),
        "Filter": attached(
            "Logs::MetricFilter",
            "LogGroupName",
            "Logs",
            FilterPattern=pattern or row.pattern,
            MetricTransformations=[metric],
        ),
        "Alarm": resource("CloudWatch::Alarm", **properties),
    }


REDIRECT = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}
EVERY_PATTERN = "{ ($.eventName = CreateTrail) && ($.eventName = UpdateTrail) && ($.eventName = DeleteTrail) && "
NEVER = f"{EVERY_PATTERN}($.eventName = StartLogging) && ($.eventName = StopLogging) }}"
ORACLE_LOGS = ["alert", "audit", "listener", "trace"]
SELECTION = {"Resources": [{"Fn::GetAtt": ["Instance", "DBInstanceArn"]}]}
OBJECTS_OF = {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}


def recording(*fields: Any, **properties: Any) -> dict[str, Any]:
    return trail(AdvancedEventSelectors=[{"FieldSelectors": [OBJECTS_OF, *fields]}], **properties)


def beginning_with(path: str) -> dict[str, Any]:
    return {"Field": "resources.ARN", "StartsWith": [{"Fn::Join": ["", [ARN, path]]}]}


def problems(control: str, resources: dict[str, Any]) -> list[str | None]:
    template = {"Parameters": {"Parameter": {"Type": "String"}}, "Resources": resources}
    judged = list(CHECKS[control](Assembly.from_templates({"app": template}, region="eu-central-1")))
    assert judged
    assert all(each.exempt is None for each in judged)
    return [each.problem for each in judged]
