"""Typed building blocks of the tests: builders, waiting, processes, servers and databases. Not shipped in the wheel."""
