"""The supervisor: leases, attempts and outcomes in the registry. Imports no torch."""
