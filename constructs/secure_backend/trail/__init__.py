"""The parts of :class:`~secure_backend.AuditTrail`: what it records, what it may do, and the alarms on it."""
