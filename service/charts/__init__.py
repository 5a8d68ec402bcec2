"""Numbers to charts: Altair definitions as Vega-Lite JSON, PNG or SVG."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from service.charts import baselines as baselines
    from service.charts import comparison as comparison
    from service.charts import drawing as drawing
    from service.charts import member_curves as member_curves
    from service.charts import point_labels as point_labels
    from service.charts import probe as probe
    from service.charts import selectivity as selectivity
    from service.charts import sparsity as sparsity
    from service.charts import style as style
    from service.charts import sweep as sweep
    from service.charts import training_curves as training_curves
    from service.charts import truncation as truncation
    from service.charts import width as width
else:
    __getattr__ = on_demand.importer(__name__)
