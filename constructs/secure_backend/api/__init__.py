"""The parts of :class:`~secure_backend.HardenedApi`, and the JWT authorizer's function in front of it."""
