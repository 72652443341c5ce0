"""The local AWS: PostgreSQL, an emulator and a token issuer, for whoever deploys to them."""
