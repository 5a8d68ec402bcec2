"""The API server: the only package that knows HTTP."""
