"""Cases of the rules on networks, endpoints and flow logs."""

from typing import Any

from tests.compliance.rules.case import REMOVED, Case, allow, arn, document, key, ref, resource


def _entry(number: int, egress: bool, low: int, high: int, action: str = "allow") -> dict[str, Any]:
    return resource(
        "AWS::EC2::NetworkAclEntry",
        NetworkAclId=ref("Acl"),
        RuleNumber=number,
        Egress=egress,
        Protocol=6,
        RuleAction=action,
        CidrBlock="10.0.0.0/24",
        PortRange={"From": low, "To": high},
    )


NETWORK = {
    "Vpc": resource("AWS::EC2::VPC"),
    "Locked": resource("Custom::VpcRestrictDefaultSG", DefaultSecurityGroupId=arn("Vpc", "DefaultSecurityGroup")),
    "Gateway": resource("AWS::EC2::InternetGateway"),
    "Table": resource("AWS::EC2::RouteTable"),
    "PublicTable": resource("AWS::EC2::RouteTable"),
    "Route": resource(
        "AWS::EC2::Route",
        RouteTableId=ref("PublicTable"),
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=ref("Gateway"),
    ),
    "Subnet": resource("AWS::EC2::Subnet", AvailabilityZone="eu-central-1a"),
    "PublicSubnet": resource("AWS::EC2::Subnet", AvailabilityZone="eu-central-1a"),
    "Association": resource("AWS::EC2::SubnetRouteTableAssociation", RouteTableId=ref("Table"), SubnetId=ref("Subnet")),
    "PublicAssociation": resource(
        "AWS::EC2::SubnetRouteTableAssociation", RouteTableId=ref("PublicTable"), SubnetId=ref("PublicSubnet")
    ),
    "SubnetGroup": resource("AWS::RDS::DBSubnetGroup", SubnetIds=[ref("Subnet")]),
    "Proxy": resource("AWS::RDS::DBProxy", VpcSubnetIds=[ref("Subnet")]),
    "Function": resource(
        "AWS::Lambda::Function", VpcConfig={"SubnetIds": [ref("Subnet")], "SecurityGroupIds": [arn("Group", "GroupId")]}
    ),
    "Group": resource("AWS::EC2::SecurityGroup", SecurityGroupEgress=[{"CidrIp": "127.0.0.1/32", "IpProtocol": "-1"}]),
    "GroupRule": resource("AWS::EC2::SecurityGroupIngress", GroupId=arn("Group", "GroupId")),
    "Acl": resource("AWS::EC2::NetworkAcl"),
    "In": _entry(100, False, 5433, 5433),
    "Out": _entry(100, True, 1024, 65535),
    "Endpoint": resource(
        "AWS::EC2::VPCEndpoint",
        PolicyDocument=document(
            allow("*", "s3:*", Condition={"StringEquals": {"aws:ResourceAccount": ref("AWS::AccountId")}})
        ),
    ),
    "FlowLog": resource(
        "AWS::EC2::FlowLog",
        LogDestinationType="s3",
        LogDestination=arn("Bucket"),
        DestinationOptions={"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True},
        DependsOn=["BucketPolicy"],
    ),
    "Bucket": resource(
        "AWS::S3::Bucket",
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn("Key")}}
            ]
        },
    ),
    "BucketPolicy": resource("AWS::S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=document()),
    "Key": key(
        allow("delivery.logs", "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")
    ),
}

#: A function whose security group stands in the network's stack, and one that brings its own.
_ACROSS = {
    "network": {
        "Resources": {"Group": resource("AWS::EC2::SecurityGroup")},
        "Outputs": {"Out": {"Value": arn("Group", "GroupId"), "Export": {"Name": "network:group"}}},
    },
    "api": {
        "Resources": {
            "Own": resource("AWS::EC2::SecurityGroup"),
            "Function": resource(
                "AWS::Lambda::Function", VpcConfig={"SubnetIds": [], "SecurityGroupIds": [arn("Own", "GroupId")]}
            ),
        }
    },
}

CASES = [
    Case(
        "ZonesByFunction",
        NETWORK,
        {"Subnet/Properties/AvailabilityZone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}},
    ),
    Case("NetworkAclNumberTwice", NETWORK, {"Again": _entry(100, False, 443, 443)}, "Inbound rule 100"),
    Case("NetworkAclNumberOutOfRange", NETWORK, {"In/Properties/RuleNumber": 32767}, "32767"),
    Case("NetworkAclWithoutReturnPath", NETWORK, {"Out": REMOVED}, "no outbound answers"),
    Case("NetworkAclWithoutReturnPath", NETWORK, {"Out/Properties/PortRange/From": 49152}, "no outbound answers"),
    Case("NetworkAclClosed", NETWORK, {"In/Properties/RuleAction": "deny"}, "app/Acl inbound"),
    Case(
        "NetworkAclClosed",
        NETWORK,
        {
            "First": resource(
                "AWS::EC2::NetworkAclEntry",
                NetworkAclId=ref("Acl"),
                RuleNumber=1,
                Egress=True,
                Protocol=-1,
                RuleAction="deny",
                CidrBlock="0.0.0.0/0",
            )
        },
        "app/Acl outbound",
    ),
    Case("PrivateTierWithPublicRoute", NETWORK, {"SubnetGroup/Properties/SubnetIds/0": ref("PublicSubnet")}),
    Case("PrivateTierWithPublicRoute", NETWORK, {"Proxy/Properties/VpcSubnetIds/0": ref("PublicSubnet")}),
    Case("PrivateTierWithPublicRoute", NETWORK, {"Function/Properties/VpcConfig/SubnetIds/0": ref("PublicSubnet")}),
    Case("DefaultSecurityGroupOpen", NETWORK, {"Locked": REMOVED}),
    Case("DefaultSecurityGroupRule", NETWORK, {"GroupRule/Properties/GroupId": arn("Vpc", "DefaultSecurityGroup")}),
    Case(
        "FunctionSecurityGroupElsewhere",
        _ACROSS,
        {
            "api/Resources/Function/Properties/VpcConfig/SecurityGroupIds/0": {"Fn::ImportValue": "network:group"},
        },
        "network/Group",
    ),
    Case("SecurityGroupOpenByOmission", NETWORK, {"Group/Properties/SecurityGroupEgress": REMOVED}, "no egress rule"),
    Case("SecurityGroupOpenByOmission", NETWORK, {"Group/Properties/SecurityGroupEgress": []}, "no egress rule"),
    Case("EndpointWithoutPolicy", NETWORK, {"Endpoint/Properties/PolicyDocument": REMOVED}),
    Case("EndpointPolicyOpen", NETWORK, {"Endpoint/Properties/PolicyDocument": document(allow("*", "*"))}),
    Case("EndpointPolicyOpen", NETWORK, {"Endpoint/Properties/PolicyDocument/Statement/0/Condition": REMOVED}),
    Case("FlowLogBucketKey", NETWORK, {"Key/Properties/KeyPolicy/Statement/1": REMOVED}, "kms:GenerateDataKey"),
    Case(
        "FlowLogBucketKey",
        NETWORK,
        {
            "Bucket/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault": {
                "SSEAlgorithm": "aws:kms"
            }
        },
        "AWS managed key",
    ),
    Case(
        "FlowLogOptionsMisspelt",
        NETWORK,
        {"FlowLog/Properties/DestinationOptions": {"fileFormat": "parquet", "perHourPartition": True}},
        "fileFormat, perHourPartition",
    ),
    Case("LogDeliveryBeforeBucketPolicy", NETWORK, {"FlowLog/DependsOn": []}, "app/BucketPolicy"),
]
