"""Cases of the rules on roles."""

from typing import Any

from tests.compliance.rules.case import Case, Template, resource

ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}


def role(*statements: Template) -> Template:
    return resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": list(statements)})


def trust(principal: Any, **rest: Any) -> Template:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **rest}


ROLES = {
    "Service": role(trust({"Service": "lambda.amazonaws.com"})),
    "Organization": role(
        trust({"AWS": "*"}, Condition=ORGANIZATION),
        {**trust({"AWS": "*"}), "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ),
    "Account": role(
        trust({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}),
        trust({"AWS": ["*"]}, Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/ops-*"}}),
    ),
    "Elsewhere": role(
        trust({"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalOrgID": {"Ref": "Organization"}}}),
        trust({"AWS": "*"}, Condition={"StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}}),
        trust({"AWS": "*"}, Condition={"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}),
    ),
    "Identities": role(
        {
            "Effect": "Allow",
            "Principal": {"Federated": "cognito-identity.amazonaws.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
    ),
}

_SERVICE = "Service/Properties/AssumeRolePolicyDocument/Statement/0"
_ORGANIZATION = "Organization/Properties/AssumeRolePolicyDocument/Statement"
_CONDITION = f"{_ORGANIZATION}/0/Condition"


def _open(condition: Any, says: str = "binds nobody") -> Case:
    return Case("RoleOpenToEveryone", ROLES, {_CONDITION: condition}, says)


CASES = [
    Case("TrustPolicyWithBareStar", ROLES, {f"{_SERVICE}/Principal": "*"}, 'says Allow names "*"'),
    Case("TrustPolicyWithBareStar", ROLES, {f"{_ORGANIZATION}/0/Principal": "*"}, 'says Allow names "*"'),
    Case("TrustPolicyWithBareStar", ROLES, {f"{_ORGANIZATION}/1/Principal": "*"}, 'says Deny names "*"'),
    Case("RoleOpenToEveryone", ROLES, {f"{_SERVICE}/Principal": {"AWS": "*"}}, "may assume the role"),
    Case("RoleOpenToEveryone", ROLES, {f"{_SERVICE}/Principal": {"AWS": ["*"], "Service": "a"}}, "may assume"),
    Case("RoleOpenToEveryone", ROLES, {f"{_SERVICE}/Principal": {"AWS": "*"}, f"{_SERVICE}/Action": "sts:*"}, "Anyone"),
    _open({}, "Anyone of any AWS account"),
    _open({"StringEquals": {"sts:ExternalId": "orders"}}, "StringEquals on sts:externalid binds nobody"),
    _open({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
    _open({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
    _open({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}}),
    _open({"StringLike": {"aws:PrincipalOrgID": "*"}}),
    _open({"StringLike": {"aws:PrincipalOrgID": ["o-a1b2c3d4e5", "o-*"]}}),
    _open({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deployer"}}),
    _open({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/deployer"}}),
    _open({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
    _open({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    _open({"Null": {"aws:PrincipalOrgID": "false"}}),
]
