"""Computations of what takes longer than a page: made once per model, dataset and formula version, and cached."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from service.analyses import analysis as analysis
    from service.analyses import cache as cache
    from service.analyses import comparison as comparison
    from service.analyses import feature_quality as feature_quality
    from service.analyses import features as features
    from service.analyses import matches as matches
    from service.analyses import probe as probe
    from service.analyses import remarks as remarks
    from service.analyses import selectivity as selectivity
    from service.analyses import sparsity as sparsity
    from service.analyses import subjects as subjects
    from service.analyses import truncation as truncation
else:
    __getattr__ = on_demand.importer(__name__)
