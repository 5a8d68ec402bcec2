"""Imports what the API server and a worker need, for the process from which those of tests are forked."""

import gc

from service import analyses, app
from sparse_coding import on_demand
from worker.supervising import supervisor

on_demand.load(analyses)
gc.freeze()  # a collection in a forked process would write to every page that it shares

__all__ = ["app", "supervisor"]
