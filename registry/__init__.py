"""The archive: names, states and places of runs, datasets, models and the files that belong to them.

    queued -> running -> succeeded | failed | cancelled        (and paused)

It keeps files without understanding them: it hashes and moves bytes. It never imports torch and never speaks HTTP.
"""
