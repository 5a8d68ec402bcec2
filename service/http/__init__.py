"""What every route needs of HTTP: access, representations, problems, pages, files, metrics, logs. Knows no route."""
