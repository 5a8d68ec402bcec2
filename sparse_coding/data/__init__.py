"""Datasets: files, uploads, built-in sources, preprocessing and batches."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from sparse_coding.data import batches as batches
    from sparse_coding.data import builtin_datasets as builtin_datasets
    from sparse_coding.data import datasets as datasets
    from sparse_coding.data import downloads as downloads
    from sparse_coding.data import preprocessing as preprocessing
    from sparse_coding.data import sampling as sampling
    from sparse_coding.data import tensor_files as tensor_files
    from sparse_coding.data import untrusted as untrusted
    from sparse_coding.data import uploads as uploads
    from sparse_coding.data import variation as variation
else:
    __getattr__ = on_demand.importer(__name__)
