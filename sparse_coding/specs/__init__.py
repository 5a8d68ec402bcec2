"""Specs: the documents that describe runs. Imports no torch and no numpy."""
