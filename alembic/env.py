"""What alembic runs to apply the migrations, on the connection and in the transaction of registry/database/schema.py.

Opens nothing by itself, because a migration that is not run from there has neither its copy nor its checks.
"""

from alembic import context

from registry.database import tables

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations are run by `python -m registry migrate`, which copies and checks the database")
context.configure(connection=connection, target_metadata=tables.Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
