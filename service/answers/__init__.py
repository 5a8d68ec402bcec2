"""What several answers have in common, as pydantic models: shared fields, and the results of runs by kind."""
