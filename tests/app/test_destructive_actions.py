"""The MFA guard knows how to destroy each kind of resource that the application creates, or says why there is none."""

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from profiles.reading import load
from secure_backend import RequireMfaForDestructiveActions
from secure_backend.analysis import Assembly, Request, Statement, decision
from stacks.application import Application
from tests.app.conftest import Synthesized
from tests.app.test_options import COMMON, PROFILES
from tests.conftest import FLAGS, template_of
from tests.test_mfa_guard import ACCESS_KEY, ROLE, WITH_MFA, known_actions

# What takes a resource of the type away, or what protects it.
DESTROYED_BY: Mapping[str, tuple[str, ...]] = {
    "AWS::ApiGateway::Account": ("apigateway:PATCH",),
    "AWS::ApiGateway::ApiKey": ("apigateway:DELETE", "apigateway:PATCH"),
    "AWS::ApiGateway::Authorizer": ("apigateway:DELETE", "apigateway:PATCH"),
    "AWS::ApiGateway::Deployment": ("apigateway:DELETE",),
    "AWS::ApiGateway::GatewayResponse": ("apigateway:DELETE", "apigateway:PUT", "apigateway:PATCH"),
    "AWS::ApiGateway::Method": ("apigateway:DELETE", "apigateway:PUT", "apigateway:PATCH"),
    "AWS::ApiGateway::Model": ("apigateway:DELETE", "apigateway:PATCH"),
    "AWS::ApiGateway::RequestValidator": ("apigateway:DELETE", "apigateway:PATCH"),
    "AWS::ApiGateway::Resource": ("apigateway:DELETE",),
    "AWS::ApiGateway::RestApi": ("apigateway:DELETE", "apigateway:PUT", "apigateway:UpdateRestApiPolicy"),
    "AWS::ApiGateway::Stage": ("apigateway:DELETE", "apigateway:PATCH", "apigateway:SetWebACL"),
    "AWS::ApiGateway::UsagePlan": ("apigateway:DELETE", "apigateway:PATCH"),
    "AWS::ApiGateway::UsagePlanKey": ("apigateway:DELETE",),
    "AWS::ApiGateway::DomainName": ("apigateway:DELETE", "apigateway:RemoveCertificateFromDomain"),
    "AWS::ApiGateway::BasePathMapping": ("apigateway:DELETE",),
    "AWS::Backup::BackupPlan": ("backup:DeleteBackupPlan", "backup:UpdateBackupPlan"),
    "AWS::Backup::BackupSelection": ("backup:DeleteBackupSelection",),
    "AWS::Backup::BackupVault": (
        "backup:DeleteBackupVault",
        "backup:DeleteRecoveryPoint",
        "backup:UpdateRecoveryPointLifecycle",
        "backup:PutBackupVaultAccessPolicy",
        "backup:DeleteBackupVaultLockConfiguration",
    ),
    "AWS::Backup::RestoreTestingPlan": ("backup:DeleteRestoreTestingPlan", "backup:UpdateRestoreTestingPlan"),
    "AWS::Backup::RestoreTestingSelection": ("backup:DeleteRestoreTestingSelection",),
    "AWS::CertificateManager::Certificate": ("acm:DeleteCertificate", "acm:RevokeCertificate"),
    "AWS::CloudTrail::Trail": (
        "cloudtrail:StopLogging",
        "cloudtrail:DeleteTrail",
        "cloudtrail:UpdateTrail",
        "cloudtrail:PutEventSelectors",
    ),
    "AWS::CloudWatch::Alarm": (
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DisableAlarmActions",
        "cloudwatch:PutMetricAlarm",
    ),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch:DeleteAlarms", "cloudwatch:PutCompositeAlarm"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"),
    "AWS::Cognito::UserPool": (
        "cognito-idp:DeleteUserPool",
        "cognito-idp:UpdateUserPool",
        "cognito-idp:SetUserPoolMfaConfig",
        "cognito-idp:AdminDeleteUser",
        "cognito-idp:AdminSetUserPassword",
    ),
    "AWS::Cognito::UserPoolClient": ("cognito-idp:DeleteUserPoolClient", "cognito-idp:UpdateUserPoolClient"),
    "AWS::Cognito::UserPoolDomain": ("cognito-idp:DeleteUserPoolDomain", "cognito-idp:UpdateUserPoolDomain"),
    "AWS::Cognito::UserPoolResourceServer": ("cognito-idp:DeleteResourceServer", "cognito-idp:UpdateResourceServer"),
    "AWS::EC2::EIP": ("ec2:ReleaseAddress", "ec2:DisassociateAddress"),
    "AWS::EC2::FlowLog": ("ec2:DeleteFlowLogs",),
    "AWS::EC2::InstanceConnectEndpoint": ("ec2:DeleteInstanceConnectEndpoint",),
    "AWS::EC2::InternetGateway": ("ec2:DeleteInternetGateway", "ec2:DetachInternetGateway"),
    "AWS::EC2::NatGateway": ("ec2:DeleteNatGateway",),
    "AWS::EC2::NetworkAcl": ("ec2:DeleteNetworkAcl", "ec2:ReplaceNetworkAclAssociation"),
    "AWS::EC2::NetworkAclEntry": (
        "ec2:DeleteNetworkAclEntry",
        "ec2:ReplaceNetworkAclEntry",
        "ec2:CreateNetworkAclEntry",
    ),
    "AWS::EC2::Route": ("ec2:DeleteRoute", "ec2:ReplaceRoute", "ec2:CreateRoute"),
    "AWS::EC2::RouteTable": ("ec2:DeleteRouteTable", "ec2:CreateRoute"),
    "AWS::EC2::SecurityGroup": ("ec2:DeleteSecurityGroup", "ec2:ModifySecurityGroupRules"),
    "AWS::EC2::SecurityGroupEgress": ("ec2:RevokeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupEgress"),
    "AWS::EC2::SecurityGroupIngress": ("ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"),
    "AWS::EC2::Subnet": ("ec2:DeleteSubnet", "ec2:ModifySubnetAttribute"),
    "AWS::EC2::SubnetNetworkAclAssociation": ("ec2:ReplaceNetworkAclAssociation",),
    "AWS::EC2::SubnetRouteTableAssociation": ("ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"),
    "AWS::EC2::VPC": ("ec2:DeleteVpc", "ec2:ModifyVpcAttribute"),
    "AWS::EC2::VPCEndpoint": ("ec2:DeleteVpcEndpoints", "ec2:ModifyVpcEndpoint"),
    "AWS::EC2::VPCGatewayAttachment": ("ec2:DetachInternetGateway",),
    "AWS::ElasticLoadBalancingV2::Listener": (
        "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:CreateRule",
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (
        "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:SetRulePriorities",
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:CreateListener",
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:DeregisterTargets",
    ),
    "AWS::ElasticLoadBalancingV2::TrustStore": ("elasticloadbalancing:DeleteTrustStore",),
    "AWS::Events::Rule": ("events:DeleteRule", "events:DisableRule", "events:RemoveTargets", "events:PutRule"),
    "AWS::GuardDuty::MalwareProtectionPlan": (
        "guardduty:DeleteMalwareProtectionPlan",
        "guardduty:UpdateMalwareProtectionPlan",
    ),
    "AWS::IAM::Group": ("iam:DeleteGroup", "iam:RemoveUserFromGroup"),
    "AWS::IAM::ManagedPolicy": ("iam:DeletePolicy", "iam:CreatePolicyVersion", "iam:DetachGroupPolicy"),
    "AWS::IAM::Policy": ("iam:DeleteRolePolicy", "iam:PutRolePolicy"),
    "AWS::IAM::Role": ("iam:DeleteRole", "iam:UpdateAssumeRolePolicy", "iam:DetachRolePolicy", "sts:AssumeRole"),
    "AWS::KMS::Alias": ("kms:DeleteAlias", "kms:UpdateAlias"),
    "AWS::KMS::Key": ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DisableKeyRotation", "kms:PutKeyPolicy"),
    "AWS::Lambda::EventInvokeConfig": (
        "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:UpdateFunctionEventInvokeConfig",
    ),
    "AWS::Lambda::Function": (
        "lambda:DeleteFunction",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "lambda:PutFunctionConcurrency",
    ),
    "AWS::Lambda::Permission": ("lambda:RemovePermission", "lambda:AddPermission"),
    "AWS::Logs::LogGroup": (
        "logs:DeleteLogGroup",
        "logs:DeleteLogStream",
        "logs:PutRetentionPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:DisassociateKmsKey",
    ),
    "AWS::Logs::MetricFilter": ("logs:DeleteMetricFilter", "logs:PutMetricFilter"),
    "AWS::Logs::QueryDefinition": ("logs:DeleteQueryDefinition",),
    "AWS::Logs::ResourcePolicy": ("logs:DeleteResourcePolicy", "logs:PutResourcePolicy"),
    "AWS::RDS::DBInstance": (
        "rds:DeleteDBInstance",
        "rds:ModifyDBInstance",
        "rds:StopDBInstance",
        "rds:RebootDBInstance",
        "rds:DeleteDBInstanceAutomatedBackup",
        "rds:DeleteDBSnapshot",
        "rds:ModifyDBSnapshotAttribute",
    ),
    "AWS::RDS::DBParameterGroup": (
        "rds:DeleteDBParameterGroup",
        "rds:ModifyDBParameterGroup",
        "rds:ResetDBParameterGroup",
    ),
    "AWS::RDS::DBProxy": ("rds:DeleteDBProxy", "rds:ModifyDBProxy"),
    "AWS::RDS::DBProxyTargetGroup": ("rds:ModifyDBProxyTargetGroup", "rds:DeregisterDBProxyTargets"),
    "AWS::RDS::DBSubnetGroup": ("rds:DeleteDBSubnetGroup", "rds:ModifyDBSubnetGroup"),
    "AWS::Route53::RecordSet": ("route53:ChangeResourceRecordSets",),
    "AWS::Route53Resolver::ResolverQueryLoggingConfig": ("route53resolver:DeleteResolverQueryLogConfig",),
    "AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation": (
        "route53resolver:DisassociateResolverQueryLogConfig",
    ),
    "AWS::S3::Bucket": (
        "s3:DeleteBucket",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:PutLifecycleConfiguration",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketObjectLockConfiguration",
        "s3:BypassGovernanceRetention",
    ),
    "AWS::S3::BucketPolicy": ("s3:DeleteBucketPolicy", "s3:PutBucketPolicy"),
    "AWS::SNS::Subscription": ("sns:Unsubscribe", "sns:SetSubscriptionAttributes"),
    "AWS::SNS::Topic": ("sns:DeleteTopic", "sns:SetTopicAttributes"),
    "AWS::SNS::TopicPolicy": ("sns:SetTopicAttributes", "sns:AddPermission", "sns:RemovePermission"),
    "AWS::SQS::Queue": ("sqs:DeleteQueue", "sqs:PurgeQueue", "sqs:DeleteMessage", "sqs:SetQueueAttributes"),
    "AWS::SQS::QueuePolicy": ("sqs:SetQueueAttributes", "sqs:AddPermission", "sqs:RemovePermission"),
    "AWS::WAFv2::LoggingConfiguration": ("wafv2:DeleteLoggingConfiguration", "wafv2:PutLoggingConfiguration"),
    "AWS::WAFv2::IPSet": ("wafv2:DeleteIPSet", "wafv2:UpdateIPSet"),
    "AWS::WAFv2::WebACL": ("wafv2:DeleteWebACL", "wafv2:UpdateWebACL"),
    "AWS::WAFv2::WebACLAssociation": ("wafv2:DisassociateWebACL", "wafv2:AssociateWebACL"),
}
NOTHING_TO_DESTROY = {
    "AWS::CDK::Metadata": "a note in the template, no resource of AWS",
    "Custom::DatabaseMigrations": "a run of the migrator; deleting it does nothing, and the function is covered as one",
    "Custom::VpcRestrictDefaultSG": "rules taken from a security group; to put them back is covered as ec2:Authorize*",
}


@pytest.fixture(scope="module")
def guard() -> list[Statement]:
    """What a guard says."""
    stack = cdk.Stack(cdk.App(context=FLAGS, builtin_cloud_formation_validation=False, analytics_reporting=False))
    group = iam.Group.from_group_name(stack, "Operators", "operators")
    RequireMfaForDestructiveActions(stack, "Guard", groups=[group])
    assembly = Assembly.from_templates({"stack": template_of(stack)})
    return assembly.policy_statements(assembly.resources("AWS::IAM::ManagedPolicy")[0])


@pytest.fixture(scope="module", params=list(PROFILES.values()), ids=list(PROFILES))
def options(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """An app with options of a profile."""
    folder = tmp_path_factory.mktemp("options")
    (folder / "options.toml").write_text(f"{COMMON}\n{request.param}")
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, outdir=str(folder / "cdk.out"), builtin_cloud_formation_validation=False)
    Application(app, load(str(folder / "options.toml")))
    app.synth()
    return Assembly.from_directory(folder / "cdk.out")


def test_each_type_of_a_profile_can_be_destroyed_with_mfa_only_or_says_why_it_cannot(
    profile: Synthesized, guard: list[Statement]
) -> None:
    types = {resource.type for resource in profile.assembly.resources()}
    assert len(types) > 40
    assert types - {*DESTROYED_BY, *NOTHING_TO_DESTROY} == set()
    for action in sorted({action for type_name in types for action in DESTROYED_BY.get(type_name, ())}):
        said = {
            name: decision(guard, Request(action=action, context=context))
            for name, context in (("access key", ACCESS_KEY), ("with MFA", WITH_MFA), ("role", ROLE))
        }
        assert said == {"access key": "Deny", "with MFA": None, "role": None}, action


@pytest.mark.parametrize("type_name", DESTROYED_BY)
def test_what_destroys_a_type_is_an_action_of_aws_that_needs_mfa(guard: list[Statement], type_name: str) -> None:
    for action in DESTROYED_BY[type_name]:
        service, name = action.split(":")
        assert name.lower() in known_actions()[service], action
        assert decision(guard, Request(action=action, context=ACCESS_KEY)) == "Deny", action


def test_a_reason_is_a_sentence_and_stands_for_a_type_that_no_action_destroys() -> None:
    assert not set(NOTHING_TO_DESTROY) & set(DESTROYED_BY)
    assert all(len(reason) > 30 for reason in NOTHING_TO_DESTROY.values())


def test_each_type_that_any_option_creates_is_covered_too(options: Assembly) -> None:
    assert {resource.type for resource in options.resources()} - {*DESTROYED_BY, *NOTHING_TO_DESTROY} == set()


def test_a_profile_names_the_groups_whose_users_need_mfa(tmp_path: Path, dev: Synthesized) -> None:
    (tmp_path / "guarded.toml").write_text(
        f'{COMMON}\n[api]\nissuer = "cognito"\n[access]\nmfa_groups = ["developers"]'
    )
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, builtin_cloud_formation_validation=False)
    audit = template_of(Application(app, load(str(tmp_path / "guarded.toml"))).audit)
    assembly = Assembly.from_templates({"audit": audit})
    (policy,) = (one for one in assembly.resources("AWS::IAM::ManagedPolicy") if one.logical_id.startswith("MfaGuard"))
    assert policy.at("Groups") == ["developers"]
    statements = assembly.policy_statements(policy)
    for action in ("cloudtrail:StopLogging", "s3:DeleteBucketPolicy", "rds:DeleteDBInstance", "iam:DetachGroupPolicy"):
        said = [decision(statements, Request(action=action, context=who)) for who in (ACCESS_KEY, WITH_MFA, ROLE)]
        assert said == ["Deny", None, None], action
    assert not [one for one in dev.assembly.resources() if one.logical_id.startswith("MfaGuard")]
