"""The visitor: the `sae` command line and the Python client, which know the service only through HTTP."""
