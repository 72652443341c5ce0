"""The parts of :class:`~secure_backend.hardened_load_balancer.HardenedLoadBalancer`."""
