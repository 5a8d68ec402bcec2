"""Dictionary learning, PCA and the comparison with a model."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from sparse_coding.dictionaries import atom_files as atom_files
    from sparse_coding.dictionaries import baselines as baselines
    from sparse_coding.dictionaries import ksvd as ksvd
    from sparse_coding.dictionaries import pursuit as pursuit
else:
    __getattr__ = on_demand.importer(__name__)
