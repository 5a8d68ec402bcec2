"""Registry: names, states and storage places of runs, datasets, models and the files that belong to them.

    queued -> running -> succeeded | failed | cancelled        (and paused)

It stores files without understanding them: it hashes and moves bytes. It imports neither torch nor an HTTP library.
"""
