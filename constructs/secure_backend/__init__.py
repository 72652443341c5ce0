"""AWS CDK constructs for a backend that is secure by default and can prove it."""
