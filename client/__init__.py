"""Client: the `sae` command line and the Python client, which use the service through HTTP only."""
