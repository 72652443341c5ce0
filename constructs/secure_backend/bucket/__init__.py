"""The parts of :class:`~secure_backend.EncryptedBucket`, and the bucket that its access logs go to."""
