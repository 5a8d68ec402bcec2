"""How sparse a model's codes are on one split: the statistics of `sparse_coding.analysis.sparsity`, cached."""

from service.analyses.analysis import Analysis, JsonForm
from service.analyses.subjects import Subject
from service.answers.sparsity import SampleName, SparsityStatistics
from service.answers.split import SplitName
from sparse_coding.analysis import sparsity
from sparse_coding.data import sampling


def analysis(
    subject: Subject, split: SplitName, num_samples: int, sample: SampleName, threshold: float
) -> Analysis[SparsityStatistics]:
    """The statistics of `num_samples` rows of a split, or of as many as fit: the first ones, or drawn."""
    rows = subject.fitting(num_samples)

    def measure() -> SparsityStatistics:
        of = subject.dataset.split(split)
        chosen = sampling.first(len(of.rows), rows) if sample == "first" else sampling.of_split(of, rows)
        report = sparsity.analyse(subject.model, of.rows, threshold=threshold, chosen=chosen)
        return SparsityStatistics(**report.document(), rows_chosen=chosen.rule)

    inputs = {**subject.identity, "split": split, "num_samples": rows, "sample": sample, "threshold": threshold}
    return Analysis("sparsity", inputs, sparsity.VERSIONS, JsonForm(SparsityStatistics), measure)
