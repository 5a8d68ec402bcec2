"""The trainer: carries out one run with torch. Knows no registry and no database."""
