"""The HTTP routes, one file per resource; routes never import each other."""
