"""What may be asked of a run. Imports no torch and no numpy."""
