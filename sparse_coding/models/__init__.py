"""Networks: layers, objectives, weights files, devices."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from sparse_coding.models import activations as activations
    from sparse_coding.models import autoencoder as autoencoder
    from sparse_coding.models import devices as devices
    from sparse_coding.models import matrix_products as matrix_products
    from sparse_coding.models import objectives as objectives
    from sparse_coding.models import weights as weights
else:
    __getattr__ = on_demand.importer(__name__)
