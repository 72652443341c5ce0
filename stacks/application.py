"""The four stacks of one profile."""

import aws_cdk as cdk

from profiles.settings import Settings
from secure_backend.vpc.zones import zone_context
from stacks.api import ApiStack
from stacks.audit import AuditStack
from stacks.data import DataStack
from stacks.network import NetworkStack


class Application:
    """Network, data, api and audit; each takes objects of the ones before it."""

    def __init__(self, app: cdk.App, settings: Settings) -> None:
        self.settings = settings
        for key, zones in zone_context(settings.account, settings.region, settings.zones).items():
            app.node.set_context(key, zones)
        self.network = NetworkStack(app, "network", settings=settings)
        self.data = DataStack(app, "data", settings=settings, network=self.network)
        self.api = ApiStack(app, "api", settings=settings, network=self.network, data=self.data)
        self.audit = AuditStack(app, "audit", settings=settings, network=self.network, data=self.data, api=self.api)

    @property
    def stacks(self) -> list[cdk.Stack]:
        """The stacks in the order in which they are deployed."""
        return [self.network, self.data, self.api, self.audit]
