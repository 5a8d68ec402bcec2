"""Training worker: the only package that handles time, signals and long work.

The supervisor has the database and no torch; the trainer has torch and no database; a pipe of JSON lines connects them.
"""
