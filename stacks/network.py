"""Addresses, routes and the topic that alarms go to."""

from constructs import Construct

from profiles.settings import Settings
from secure_backend import AlarmTopic, SavedQueries, SecureVpc
from stacks.profile_stack import ProfileStack


class NetworkStack(ProfileStack):
    """The VPC in tiers, its flow logs and endpoints, and the alarm topic of all stacks."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:  # noqa: A002 - the CDK's own word
        super().__init__(scope, id, settings=settings, description="VPC in tiers, flow logs, alarm topic")
        network = settings.network
        self.vpc = SecureVpc(
            self,
            "Vpc",
            cidr=network.cidr,
            zones=settings.zones,
            egress=network.egress,
            nat_gateways=network.nat_gateways,
            public_subnets=network.public_subnets,
            flow_logs=network.flow_logs,
            flow_log_retention=self.log_retention,
            interface_endpoints=network.interface_endpoints,
            instance_connect=network.instance_connect,
            organization_id=network.organization_id,
            database_port=settings.database.port,
            s3_prefix_list=network.s3_prefix_list,
        )
        self.alarms = AlarmTopic(self, "Alarms", email=settings.alarms.email or None)
        if self.vpc.flow_log_group is not None:
            SavedQueries(self, "Queries", folder=settings.name, vpc=self.vpc)
