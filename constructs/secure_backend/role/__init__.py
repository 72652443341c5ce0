"""The parts of :class:`~secure_backend.RestrictedRole`."""
