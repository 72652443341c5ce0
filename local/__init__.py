"""The local AWS: PostgreSQL, an emulator, a token issuer, and the loop that deploys to them and calls the API."""
