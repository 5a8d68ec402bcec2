"""Applies the migrations on the connection and in the transaction of registry/database/schema.py.

It never opens a database itself, because that module copies and checks the database.
"""

from alembic import context

from registry.database import tables

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with `python -m registry migrate`, which copies and checks the database")
context.configure(connection=connection, target_metadata=tables.Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
