"""Measurements of a trained model: errors, sparsity, features, probes, matching."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from sparse_coding.analysis import assignment as assignment
    from sparse_coding.analysis import evaluation as evaluation
    from sparse_coding.analysis import feature_images as feature_images
    from sparse_coding.analysis import feature_quality as feature_quality
    from sparse_coding.analysis import linear_models as linear_models
    from sparse_coding.analysis import matching as matching
    from sparse_coding.analysis import probe as probe
    from sparse_coding.analysis import selectivity as selectivity
    from sparse_coding.analysis import sparsity as sparsity
    from sparse_coding.analysis import tradeoff as tradeoff
    from sparse_coding.analysis import truncation as truncation
else:
    __getattr__ = on_demand.importer(__name__)
