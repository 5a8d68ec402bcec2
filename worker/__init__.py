"""The furnace: the only room that owns time, signals and long work.

The supervisor has the database and no torch; the trainer has torch and no database; a pipe of JSON lines joins them.
"""
