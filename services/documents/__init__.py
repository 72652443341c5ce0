"""The documents service: who may upload which document, kept in PostgreSQL, uploaded straight to the bucket.

It runs in Lambda as the package ``documents`` and imports no CDK. ``handler`` answers the API, ``uploads``
brings them to their end, ``migrate`` prepares the database.
"""
