"""`sae exercise`: the tutorial's five exercises and its advanced challenge, each as the requests that do it.

It starts a house of its own with the configured data folder, prints tables and writes pictures. The science is behind
the API: nothing is computed here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from client import demo, tables, visit
from client.api_client import Json
from client.errors import ClientError
from client.settings import ClientSettings
from client.visit import House

L1_WEIGHTS: Final = (0.0001, 0.001, 0.01, 0.1, 1.0)
KL_WEIGHTS: Final = (0.001, 0.01, 0.1, 1.0, 10.0)
WIDTHS: Final = (64, 128, 256, 512, 1024)
L1: Final = {"kind": "l1", "weight": 0.01}
KL: Final = {"kind": "kl", "weight": 0.1, "rho": 0.05}
"""The tutorial's two weights of exercise 2."""
TUTORIAL_EPOCHS: Final = 15
STRIPS: Final = (0, 1, 2)
"""Test images whose truncation is drawn."""


@dataclass(frozen=True)
class Plan:
    """What an exercise is done with, and where its pictures go."""

    folder: Path
    dataset: str = "digits"
    epochs: int | None = None

    @property
    def learning(self) -> Json:
        """The parts that every spec here shares: digits at the size of MNIST, and more epochs as they are few."""
        size = {"image_size": 28} if self.dataset == "digits" else {}
        epochs = self.epochs or (demo.EPOCHS if self.dataset == "digits" else TUTORIAL_EPOCHS)
        return {"dataset": {"name": self.dataset, **size}, "training": {"epochs": epochs}}


def run(settings: ClientSettings, name: str, plan: Plan) -> None:
    """Do one exercise. Raises `ClientError`; leaves no process."""
    with visit.house(settings, plan.folder) as house:
        house.have(plan.dataset)
        EXERCISES[name](house, plan)


# --- what is asked for -----------------------------------------------------------------------------------------------


def weights_spec(plan: Plan) -> Json:
    """Exercise 1: both penalties at five weights each, and the dense reference, in one request."""
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
    """The tutorial's main run, which is the demo's: exercises 4 and 5 and the challenge look at its model."""
    return {"name": f"{plan.dataset}-kl", **plan.learning}


def baselines_spec(model: str) -> Json:
    """The advanced challenge."""
    return {"kind": "baselines", "model": model}


def _sweep(plan: Plan, name: str, varied: Mapping[str, Any]) -> Json:
    return {"kind": "sweep", "name": f"{plan.dataset}-{name}", "base": plan.learning, **varied, "reference": True}


# --- the exercises ---------------------------------------------------------------------------------------------------


def _weights(house: House, plan: Plan) -> None:
    _swept(house, plan, weights_spec(plan))


def _widths(house: House, plan: Plan) -> None:
    _swept(house, plan, widths_spec(plan))


def _swept(house: House, plan: Plan, spec: Json) -> None:
    results = _results(house, _new(house, spec))
    tables.sweep(results)
    visit.keep(plan.folder, {"trade_off.png": house.api.picture("GET", f"runs/{results['run']}/results")})


def _penalties(house: House, plan: Plan) -> None:
    asked = _results(house, _new(house, penalties_spec(plan)))
    tables.sweep(asked)
    trade_off = _drawn(house, {"trade_off.png": f"runs/{asked['run']}/results"})
    first, second = (member["model"] for member in asked["members"] if not member["reference"])
    pictures = trade_off | _compared(house, (first, second), "")
    swept = _results(house, _done(house, weights_spec(plan)))
    pair = closest(swept["members"])
    if pair is None:
        visit.say("no two members of the sweep over weights can be compared: all of one penalty collapsed")
    else:
        visit.say(f"of similar sparsity are {pair[0]['model']} and {pair[1]['model']}")
        pictures |= _compared(house, (pair[0]["model"], pair[1]["model"]), "similar_")
    visit.keep(plan.folder, pictures)


def closest(members: Iterable[Json]) -> tuple[Json, Json] | None:
    """The L1 and the KL member whose population sparsities are closest; collapsed ones say nothing."""
    sound = [member for member in members if member["model"] and not member["collapsed"] and not member["reference"]]
    kinds = [[member for member in sound if member["varied"]["sparsity.kind"] == kind] for kind in ("l1", "kl")]
    pairs = product(*kinds)
    return min(
        ((first, second) for first, second in pairs),
        key=lambda pair: abs(pair[0]["population_sparsity"] - pair[1]["population_sparsity"]),
        default=None,
    )


def _selectivity(house: House, plan: Plan) -> None:
    model = _main_model(house, plan)
    path = f"models/{model}/selectivity"
    tables.selectivity(house.api.get(path))
    pictures = {f"{which}.png": f"{path}/features?which={which}" for which in ("most", "least", "classes")}
    visit.keep(plan.folder, _drawn(house, {"heat_map.png": path, **pictures}))


def _truncation(house: House, plan: Plan) -> None:
    model = _main_model(house, plan)
    path = f"models/{model}/truncation"
    tables.truncation(house.api.get(path))
    strips = {f"strip_{index}.png": f"{path}/strip?split=test&index={index}" for index in STRIPS}
    visit.keep(plan.folder, _drawn(house, {"curve.png": path, **strips}))


def _dictionary(house: House, plan: Plan) -> None:
    results = _results(house, _new(house, baselines_spec(_main_model(house, plan))))
    tables.baselines(results)
    path = f"runs/{results['run']}/results"
    methods = [entry["method"] for entry in results["entries"] if entry["method"] in ("ksvd", "minibatch", "pca")]
    pictures = {f"atoms_{method}.png": f"{path}/atoms?method={method}" for method in ("model", *methods)}
    pictures |= {f"matches_{method}.png": f"{path}/matches?method={method}" for method in methods}
    visit.keep(plan.folder, _drawn(house, {"contest.png": path, **pictures}))


EXERCISES: Final[Mapping[str, Callable[[House, Plan], None]]] = {
    "1": _weights,
    "2": _penalties,
    "3": _widths,
    "4": _selectivity,
    "5": _truncation,
    "dictionary": _dictionary,
}


# --- runs and answers ------------------------------------------------------------------------------------------------


def _new(house: House, spec: Json) -> Json:
    """A new run of this spec, done."""
    visit.asked(spec)
    return house.do(spec)


def _done(house: House, spec: Json) -> Json:
    """A run of this spec: an earlier one whose models are all still there, or a new one."""
    for run in house.api.succeeded_runs(spec.get("kind", "train")):
        if covers(run["spec"], spec) and _is_whole(house, run):
            visit.say(f"taking what the run {run['id']} learned")
            return run
    if "kind" in spec:
        return _new(house, spec)
    visit.asked(spec)
    return house.train(spec)


def covers(stored: Any, asked: Any) -> bool:
    """Whether a stored spec, which has every default filled in, says all that is asked for."""
    if isinstance(asked, Mapping):
        return isinstance(stored, Mapping) and all(covers(stored.get(name), part) for name, part in asked.items())
    if isinstance(asked, list | tuple):
        return isinstance(stored, list) and len(stored) == len(asked) and all(map(covers, stored, asked))
    return bool(stored == asked)


def _is_whole(house: House, run: Json) -> bool:
    if run["kind"] == "train":
        return run["model"] is not None
    return all(member["model"] for member in _results(house, run)["members"])


def _results(house: House, run: Json) -> Json:
    return house.api.get(f"runs/{run['id']}/results")


def _main_model(house: House, plan: Plan) -> str:
    model = _done(house, main_spec(plan))["model"]
    if model is None:
        raise ClientError("the model was deleted while it was being looked at")
    return str(model)


def _compared(house: House, models: tuple[str, str], prefix: str) -> dict[str, bytes]:
    query = f"models={models[0]},{models[1]}"
    tables.comparison(house.api.get(f"comparisons?{query}"))
    paths = {f"{prefix}comparison.png": f"comparisons?{query}", f"{prefix}matches.png": f"comparisons/matches?{query}"}
    return _drawn(house, paths)


def _drawn(house: House, paths: Mapping[str, str]) -> dict[str, bytes]:
    return {name: house.api.picture("GET", path) for name, path in paths.items()}
