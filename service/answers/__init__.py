"""Answers as pydantic models: those of the analyses, the results of runs by kind, and fields that several share."""
