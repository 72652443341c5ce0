"""The parts of :class:`~secure_backend.RequireMfaForDestructiveActions`."""
