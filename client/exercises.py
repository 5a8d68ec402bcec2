"""`sae exercise`: the tutorial's five exercises and its advanced challenge, each as a sequence of requests.

It starts a private service with the configured data folder, prints tables and writes pictures. The service does all
computation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from client import demo, local_service, tables
from client.api_client import Json
from client.errors import ClientError
from client.local_service import LocalService
from client.settings import ClientSettings

L1_WEIGHTS: Final = (0.0001, 0.001, 0.01, 0.1, 1.0)
KL_WEIGHTS: Final = (0.001, 0.01, 0.1, 1.0, 10.0)
WIDTHS: Final = (64, 128, 256, 512, 1024)
L1: Final = {"kind": "l1", "weight": 0.01}
KL: Final = {"kind": "kl", "weight": 0.1, "rho": 0.05}
"""The tutorial's weights in exercise 2."""
TUTORIAL_EPOCHS: Final = 15
STRIPS: Final = (0, 1, 2)
"""Test images whose truncated codes are drawn."""


@dataclass(frozen=True)
class Plan:
    """Options of an exercise."""

    folder: Path
    dataset: str = "digits"
    epochs: int | None = None

    @property
    def learning(self) -> Json:
        """The parts that all specs share: digits are enlarged to MNIST's size and need more epochs."""
        size = {"image_size": 28} if self.dataset == "digits" else {}
        epochs = self.epochs or (demo.EPOCHS if self.dataset == "digits" else TUTORIAL_EPOCHS)
        return {"dataset": {"name": self.dataset, **size}, "training": {"epochs": epochs}}


def run(settings: ClientSettings, name: str, plan: Plan) -> None:
    """Run one exercise. Raises `ClientError`; leaves no process behind."""
    with local_service.running(settings, plan.folder) as service:
        service.ensure_dataset(plan.dataset)
        EXERCISES[name](service, plan)


# --- specs -----------------------------------------------------------------------------------------------------------


def weights_spec(plan: Plan) -> Json:
    """Exercise 1: both penalties at five weights each, and the dense reference, as one sweep."""
    members = [{"sparsity": {"kind": "l1", "weight": weight}} for weight in L1_WEIGHTS]
    members += [{"sparsity": {"kind": "kl", "weight": weight}} for weight in KL_WEIGHTS]
    return _sweep(plan, "weights", {"members": members})


def penalties_spec(plan: Plan) -> Json:
    """Exercise 2: L1 against KL at the tutorial's weights."""
    return _sweep(plan, "l1-kl", {"members": [{"sparsity": L1}, {"sparsity": KL}]})


def widths_spec(plan: Plan) -> Json:
    """Exercise 3: codes narrower and wider than the input."""
    return _sweep(plan, "widths", {"grid": {"model.n_latents": list(WIDTHS)}})


def main_spec(plan: Plan) -> Json:
    """The tutorial's main run, as in the demo: exercises 4 and 5 and the challenge use its model."""
    return {"name": f"{plan.dataset}-kl", **plan.learning}


def baselines_spec(model: str) -> Json:
    """The advanced challenge."""
    return {"kind": "baselines", "model": model}


def _sweep(plan: Plan, name: str, varied: Mapping[str, Any]) -> Json:
    return {"kind": "sweep", "name": f"{plan.dataset}-{name}", "base": plan.learning, **varied, "reference": True}


# --- the exercises ---------------------------------------------------------------------------------------------------


def _weights(service: LocalService, plan: Plan) -> None:
    _swept(service, plan, weights_spec(plan))


def _widths(service: LocalService, plan: Plan) -> None:
    _swept(service, plan, widths_spec(plan))


def _swept(service: LocalService, plan: Plan, spec: Json) -> None:
    results = _results(service, _new(service, spec))
    tables.sweep(results)
    local_service.write_pictures(
        plan.folder, {"trade_off.png": service.api.picture("GET", f"runs/{results['run']}/results")}
    )


def _penalties(service: LocalService, plan: Plan) -> None:
    results = _results(service, _new(service, penalties_spec(plan)))
    tables.sweep(results)
    trade_off = _drawn(service, {"trade_off.png": f"runs/{results['run']}/results"})
    first, second = (member["model"] for member in results["members"] if not member["reference"])
    pictures = trade_off | _compared(service, (first, second), "")
    swept = _results(service, _done(service, weights_spec(plan)))
    pair = closest(swept["members"])
    if pair is None:
        local_service.report(
            "no two members of the sweep over weights can be compared: all members with one penalty collapsed"
        )
    else:
        local_service.report(f"most similar in sparsity: {pair[0]['model']} and {pair[1]['model']}")
        pictures |= _compared(service, (pair[0]["model"], pair[1]["model"]), "similar_")
    local_service.write_pictures(plan.folder, pictures)


def closest(members: Iterable[Json]) -> tuple[Json, Json] | None:
    """The L1 and the KL member with the closest population sparsities; collapsed ones are ignored."""
    usable = [member for member in members if member["model"] and not member["collapsed"] and not member["reference"]]
    kinds = [[member for member in usable if member["varied"]["sparsity.kind"] == kind] for kind in ("l1", "kl")]
    pairs = product(*kinds)
    return min(
        ((first, second) for first, second in pairs),
        key=lambda pair: abs(pair[0]["population_sparsity"] - pair[1]["population_sparsity"]),
        default=None,
    )


def _selectivity(service: LocalService, plan: Plan) -> None:
    model = _main_model(service, plan)
    path = f"models/{model}/selectivity"
    tables.selectivity(service.api.get(path))
    pictures = {f"{which}.png": f"{path}/features?which={which}" for which in ("most", "least", "classes")}
    local_service.write_pictures(plan.folder, _drawn(service, {"heat_map.png": path, **pictures}))


def _truncation(service: LocalService, plan: Plan) -> None:
    model = _main_model(service, plan)
    path = f"models/{model}/truncation"
    tables.truncation(service.api.get(path))
    strips = {f"strip_{index}.png": f"{path}/strip?split=test&index={index}" for index in STRIPS}
    local_service.write_pictures(plan.folder, _drawn(service, {"curve.png": path, **strips}))


def _dictionary(service: LocalService, plan: Plan) -> None:
    results = _results(service, _new(service, baselines_spec(_main_model(service, plan))))
    tables.baselines(results)
    path = f"runs/{results['run']}/results"
    methods = [entry["method"] for entry in results["entries"] if entry["method"] in ("ksvd", "minibatch", "pca")]
    pictures = {f"atoms_{method}.png": f"{path}/atoms?method={method}" for method in ("model", *methods)}
    pictures |= {f"matches_{method}.png": f"{path}/matches?method={method}" for method in methods}
    local_service.write_pictures(plan.folder, _drawn(service, {"comparison.png": path, **pictures}))


EXERCISES: Final[Mapping[str, Callable[[LocalService, Plan], None]]] = {
    "1": _weights,
    "2": _penalties,
    "3": _widths,
    "4": _selectivity,
    "5": _truncation,
    "dictionary": _dictionary,
}


# --- runs and responses ----------------------------------------------------------------------------------------------


def _new(service: LocalService, spec: Json) -> Json:
    """Create a run of this spec and wait until it has succeeded."""
    local_service.show_request(spec)
    return service.run(spec)


def _done(service: LocalService, spec: Json) -> Json:
    """A succeeded run of this spec: an earlier one whose models all exist, or a new one."""
    for run in service.api.succeeded_runs(spec.get("kind", "train")):
        if covers(run["spec"], spec) and _is_whole(service, run):
            local_service.report(f"using the models of the run {run['id']}")
            return run
    if "kind" in spec:
        return _new(service, spec)
    local_service.show_request(spec)
    return service.train(spec)


def covers(stored: Any, requested: Any) -> bool:
    """Whether a stored spec, which has all defaults filled in, contains everything in the requested one."""
    if isinstance(requested, Mapping):
        return isinstance(stored, Mapping) and all(covers(stored.get(name), part) for name, part in requested.items())
    if isinstance(requested, list | tuple):
        return isinstance(stored, list) and len(stored) == len(requested) and all(map(covers, stored, requested))
    return bool(stored == requested)


def _is_whole(service: LocalService, run: Json) -> bool:
    if run["kind"] == "train":
        return run["model"] is not None
    return all(member["model"] for member in _results(service, run)["members"])


def _results(service: LocalService, run: Json) -> Json:
    return service.api.get(f"runs/{run['id']}/results")


def _main_model(service: LocalService, plan: Plan) -> str:
    model = _done(service, main_spec(plan))["model"]
    if model is None:
        raise ClientError("the model was deleted in the meantime")
    return str(model)


def _compared(service: LocalService, models: tuple[str, str], prefix: str) -> dict[str, bytes]:
    query = f"models={models[0]},{models[1]}"
    tables.comparison(service.api.get(f"comparisons?{query}"))
    paths = {f"{prefix}comparison.png": f"comparisons?{query}", f"{prefix}matches.png": f"comparisons/matches?{query}"}
    return _drawn(service, paths)


def _drawn(service: LocalService, paths: Mapping[str, str]) -> dict[str, bytes]:
    return {name: service.api.picture("GET", path) for name, path in paths.items()}
