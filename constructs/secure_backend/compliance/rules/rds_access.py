"""Who signs in to a database, how a proxy reaches it, and what becomes of it at the end."""

from collections.abc import Iterator, Mapping

from secure_backend.analysis import Assembly, Resource
from secure_backend.analysis.template import Value, is_false, is_true, list_of, number_of, object_of
from secure_backend.analysis.text import could_match
from secure_backend.compliance.rules import access
from secure_backend.compliance.rules.rds import CLUSTER, INSTANCE
from secure_backend.compliance.rules.rule import SILENT, Finding, rule

_PROXY = "AWS::RDS::DBProxy"
_GROUP = "AWS::EC2::SecurityGroup"


@rule(
    aws=SILENT,
    reason="Whoever reads the template, the change set or the repository has the password.",
    fix="remove MasterUserPassword; sign in by IAM (MasterUserAuthenticationType: iam-db-auth), or let RDS manage a "
    "secret (ManageMasterUserPassword: true)",
    source="AWS Well-Architected, SEC02-BP03",
)
def database_password_in_template(assembly: Assembly) -> Iterator[Finding]:
    """Keep the master user's password out of the template."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        password = database.at("MasterUserPassword")
        if isinstance(password, str) and "{{resolve:" not in password:
            yield Finding(
                database, "Properties.MasterUserPassword", "The master user's password stands in the template"
            )


@rule(
    aws="You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled (or with IAM "
    "database authentication for the master user)",
    reason="The master user has one way to sign in; by IAM it needs IAM authentication to be on.",
    fix="remove MasterUserPassword; beside iam-db-auth remove ManageMasterUserPassword too and set "
    "EnableIAMDatabaseAuthentication to true",
    source="aws-cdk#27288; Amazon RDS API Reference, CreateDBInstance",
)
def master_user_signs_in_twice(assembly: Assembly) -> Iterator[Finding]:
    """Choose one way for the master user to sign in."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        managed = is_true(database.at("ManageMasterUserPassword"))
        by_iam = database.at("MasterUserAuthenticationType") == "iam-db-auth"
        if (managed or by_iam) and database.at("MasterUserPassword") is not None:
            yield Finding(database, "Properties.MasterUserPassword", "A password stands beside another way to sign in")
        if managed and by_iam:
            yield Finding(database, "Properties.ManageMasterUserPassword", "A secret stands beside iam-db-auth")
        if by_iam and is_false(database.at("EnableIAMDatabaseAuthentication")):
            problem = "The master user signs in by IAM, and IAM authentication is off"
            yield Finding(database, "Properties.EnableIAMDatabaseAuthentication", problem)


@rule(
    aws=SILENT,
    reason="RDS encrypts the secret with the AWS managed key, which no policy of yours can share or restrict.",
    fix="set MasterUserSecret.KmsKeyId to a key of yours",
    source="aws-cdk PR#35734; aws-controllers-k8s/community#2674",
)
def managed_secret_without_key(assembly: Assembly) -> Iterator[Finding]:
    """Encrypt the secret that RDS manages by a key of one's own."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        managed = is_true(database.at("ManageMasterUserPassword"))
        if managed and database.at("MasterUserSecret.KmsKeyId") is None:
            yield Finding(database, "Properties.MasterUserSecret", "The managed secret has no key of its own")


@rule(
    severity="warning",
    aws="Cannot delete protected DB Instance, please disable deletion protection and try again",
    reason="When the first creation of the stack fails later on, CloudFormation tries to delete the database and stops "
    "in ROLLBACK_FAILED.",
    fix="set DeletionPolicy to Retain, or switch DeletionProtection on after the first deployment",
    source="aws-samples/cdk-keycloak#217; aws-cdk#37780",
)
def protected_database_rolls_back(assembly: Assembly) -> Iterator[Finding]:
    """Retain a database that is protected against deletion."""
    for database in assembly.resources(INSTANCE, CLUSTER):
        protected = is_true(database.at("DeletionProtection"))
        if protected and database.deletion_policy != "Retain":
            problem = f"The database is protected and its DeletionPolicy is {database.deletion_policy or 'left out'}"
            yield Finding(database, "DeletionPolicy", problem)


@rule(
    aws="Cannot delete the subnet group because at least one database instance is still using it",
    reason="The database stays when its stack goes, and needs the groups that it stands in.",
    fix="give the subnet group and the parameter group the DeletionPolicy of the database",
    source="aws-cdk#5282",
)
def retained_database_loses_its_groups(assembly: Assembly) -> Iterator[Finding]:
    """Retain the subnet group and the parameter group of a retained database."""
    paths = ("DBSubnetGroupName", "DBParameterGroupName", "DBClusterParameterGroupName")
    for database in assembly.resources(INSTANCE, CLUSTER):
        for path in paths if (database.deletion_policy or "").startswith("Retain") else ():
            group = assembly.follow(database.stack, database.at(path))
            if group is not None and not (group.deletion_policy or "").startswith("Retain"):
                problem = f"{database.address} is retained and this group is not"
                yield Finding(group, "DeletionPolicy", problem)


@rule(
    aws="Unsupported target type: AWS::RDS::DBProxy",
    reason="A secret is attached to an instance or a cluster.",
    fix="set TargetId and TargetType to the database behind the proxy",
    source="aws-cdk#14163",
)
def secret_attached_to_proxy(assembly: Assembly) -> Iterator[Finding]:
    """Attach a secret to the database, not to its proxy."""
    for attachment in assembly.resources("AWS::SecretsManager::SecretTargetAttachment"):
        target = assembly.follow(attachment.stack, attachment.at("TargetId"))
        if attachment.at("TargetType") == _PROXY or (target is not None and target.type == _PROXY):
            yield Finding(attachment, "Properties.TargetType", "The secret is attached to a proxy")


@rule(
    aws="Credentials couldn't be retrieved (of the proxy's target, which stays unavailable)",
    reason="The proxy reads the secret as its role, and the secret is encrypted by a key of yours.",
    fix="allow the proxy's role kms:Decrypt on the secret's key",
    source="aws-cdk#28850, PR#28858",
)
def proxy_without_secret_key(assembly: Assembly) -> Iterator[Finding]:
    """Let a proxy decrypt the secrets that it signs in with."""
    for proxy in assembly.resources(_PROXY):
        role = access.resource_at(assembly, proxy, "RoleArn", access.ROLE)
        for entry in list_of(proxy.at("Auth")):
            secret = assembly.follow(proxy.stack, object_of(entry).get("SecretArn"))
            key = None if secret is None else access.key_at(assembly, secret, _key_path(secret))
            if role is None or key is None:
                continue
            role_arn = assembly.render(role.stack, {"Fn::GetAtt": [role.logical_id, "Arn"]})
            by_role = access.statements_for(assembly, access.role_policies(assembly, role))
            by_key = [
                statement
                for statement in assembly.policy_statements(key)
                if any(kind == "AWS" and name == role_arn for kind, name in statement.principals)
            ]
            if not any(each.allows and each.covers("kms:Decrypt") for each in (*by_role, *by_key)):
                problem = f"The role of {proxy.address} may not kms:Decrypt with {key.address}"
                yield Finding(role, "Properties.Policies", problem)


@rule(
    aws="Timed out waiting for target group to become available",
    reason="The proxy signs in to its target while it is created, through the security groups of both.",
    fix="allow the proxy's security group into the database's on the database's port, both ways",
    source="aws-cdk#8919",
)
def proxy_cannot_reach_database(assembly: Assembly) -> Iterator[Finding]:
    """Let a proxy through the security groups to its database."""
    for target in assembly.resources("AWS::RDS::DBProxyTargetGroup"):
        proxy = assembly.follow(target.stack, target.at("DBProxyName"))
        for value in [*list_of(target.at("DBInstanceIdentifiers")), *list_of(target.at("DBClusterIdentifiers"))]:
            database = assembly.follow(target.stack, value)
            if proxy is None or database is None:
                continue
            near = _groups(assembly, proxy, "VpcSecurityGroupIds")
            far = _groups(assembly, database, "VPCSecurityGroups") or _groups(assembly, database, "VpcSecurityGroupIds")
            if not near or not far:
                continue
            if not _open(assembly, database, _rules(assembly, far, "Ingress"), "SourceSecurityGroupId", near):
                problem = f"{database.address} lets no security group of {proxy.address} in on its port"
                yield Finding(target, "Properties", problem)
            outbound = _rules(assembly, near, "Egress")
            if outbound and not _open(assembly, database, outbound, "DestinationSecurityGroupId", far):
                problem = f"{proxy.address} may not go out to {database.address} on its port"
                yield Finding(target, "Properties", problem)


def _key_path(secret: Resource) -> str:
    return "KmsKeyId" if secret.type == "AWS::SecretsManager::Secret" else "MasterUserSecret.KmsKeyId"


def _groups(assembly: Assembly, resource: Resource, path: str) -> list[Resource]:
    """Return the security groups of a resource; none when one of them is not in the templates."""
    found = [assembly.follow(resource.stack, value) for value in list_of(resource.at(path))]
    return [group for group in found if group is not None and group.type == _GROUP] if None not in found else []


def _rules(assembly: Assembly, groups: list[Resource], direction: str) -> list[tuple[Resource, Mapping[str, Value]]]:
    """Return the rules of some security groups in one direction, each with the resource that holds it."""
    inline = [(group, object_of(each)) for group in groups for each in list_of(group.at(f"SecurityGroup{direction}"))]
    return inline + [
        (each, each.properties)
        for each in assembly.resources(f"AWS::EC2::SecurityGroup{direction}")
        if assembly.follow(each.stack, each.at("GroupId")) in groups
    ]


def _open(
    assembly: Assembly,
    database: Resource,
    rules: list[tuple[Resource, Mapping[str, Value]]],
    peer: str,
    peers: list[Resource],
) -> bool:
    """Tell whether a rule may let the peers through on the database's port."""
    port = database.at("Port")
    wanted = assembly.render(database.stack, port) if port is not None else "5432"
    number = number_of(wanted)
    for owner, body in rules:
        low, high = number_of(body.get("FromPort")), number_of(body.get("ToPort"))
        if number_of(body.get("IpProtocol")) == -1:
            in_range = body.get("CidrIp") != "255.255.255.255/32"
        elif low is None or high is None or number is None:
            in_range = could_match(assembly.render(owner.stack, body.get("FromPort", "*")), wanted)
        else:
            in_range = low <= number <= high
        named = body.get(peer)
        if in_range and (assembly.follow(owner.stack, named) in peers if named is not None else "CidrIp" in body):
            return True
    return False
