"""Prints responses of the API as tables on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

Json = Mapping[str, Any]

SHOWN: Final = 5
"""Latents listed per line."""
WIDTH: Final = 140
"""Width of a table in columns if stdout is not a terminal."""


def share(fraction: float | None) -> str:
    """Format a share as a percentage, or a dash for None."""
    return "undefined" if fraction is None else f"{100 * fraction:.1f} %"


def number(value: float | None, form: str = ".4g") -> str:
    """Format a number, or a dash for None."""
    return "-" if value is None else format(value, form)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print a table: the first column is text, the others are numbers; notes follow below."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(table)
    for note in notes:
        console.print(f"[dim]{note}[/dim]", highlight=False)


def sweep(results: Json) -> None:
    """Print the members of a sweep."""
    columns = ("member", "mse", "expl. var.", "L0", "population", "inactive", "probe", "seconds", "")
    rows = [
        (
            f"{member['name']}: {_varied(member)}",
            number(member["mse"], ".5f"),
            share(member["explained_variance"]),
            number(member["l0"], ".1f"),
            share(member["population_sparsity"]),
            f"{member['inactive_latents']} of {member['n_latents']}",
            share(member["probe_accuracy"]) if member["probe_accuracy"] is not None else "-",
            number(member["seconds"], ".1f"),
            _marks(member),
        )
        for member in results["members"]
    ]
    chosen = results["suggested"]
    suggestion = f"suggested: {chosen}" if chosen is not None else f"none is suggested: {results['reason']}"
    show(
        f"sweep {results['name']} on the test rows of {results['dataset']}",
        columns,
        rows,
        [suggestion, results["rule"]],
    )


def baselines(results: Json) -> None:
    """Print a model and its baselines."""
    columns = (
        "method",
        "mse",
        "expl. var.",
        "L0",
        "coherence",
        "atoms",
        "left out",
        "matched |cos|",
        "probe",
        "seconds",
    )
    rows = [
        (
            entry["method"],
            number(entry["mse"], ".3g"),
            share(entry["explained_variance"]) if entry["explained_variance"] is not None else "-",
            number(entry["l0"], ".1f"),
            number(entry["mutual_coherence"], ".3f"),
            number(entry["atoms"], "d"),
            number(entry["left_out"], "d"),
            number(entry["matched_cosine"], ".3f"),
            share(entry["probe_accuracy"]) if entry["probe_accuracy"] is not None else "-",
            number(entry["seconds"], ".1f"),
        )
        for entry in results["entries"]
    ]
    notes = [
        f"k = {results['k']} coefficients per row; dictionaries learned from {results['fit_rows']} training rows; "
        f"the model's atoms: {results['dictionary']}"
    ]
    show(f"{results['model']} beside dictionary learning, on {results['num_samples']} test rows", columns, rows, notes)


def selectivity(answer: Json) -> None:
    """Print the most selective latents of every class."""
    preferred = answer["preferred_class"]
    rows = [
        (
            name,
            str(preferred.count(number)),
            ", ".join(str(latent) for latent in answer["per_class"][name][:SHOWN]) or "-",
            *_best(answer, number, answer["per_class"][name]),
        )
        for number, name in enumerate(answer["classes"])
    ]
    silent = answer["silent_latents"]["count"]
    notes = [
        f"mean selectivity {answer['mean_selectivity']:.3f} over {len(preferred)} latents, of which {silent} are silent"
    ]
    columns = ("class", "latents that prefer it", "most selective", "selectivity", "mean activation")
    title = f"selectivity of {answer['model']} on {answer['num_samples']} {answer['split']} rows"
    show(title, columns, rows, notes)


def truncation(answer: Json) -> None:
    """Print the error of codes with 0, 1, 2, 4 ... latents."""
    whole, mse = answer["latents_kept"][-1], answer["mse"]
    kept = sorted({0, answer["sufficient_latents"], whole, *(2**power for power in range(whole.bit_length()))})
    rows = [
        (str(m), *(number(mse[name][m], ".5f") for name in ("mean", "lower_quartile", "median", "upper_quartile")))
        for m in kept
        if m <= whole
    ]
    notes = [
        f"{answer['sufficient_latents']} of {whole} latents are enough: from there on the mean mse stays within "
        f"{100 * answer['tolerance']:.0f} % of the {answer['full_mse']:.5f} of the whole code",
        f"most important: {', '.join(str(latent) for latent in answer['most_important'][:SHOWN])}",
    ]
    title = f"truncated codes of {answer['model']} on {answer['num_samples']} {answer['split']} rows"
    show(title, ("latents kept", "mean mse", "lower quartile", "median", "upper quartile"), rows, notes)


def comparison(answer: Json) -> None:
    """Print models side by side, one line per figure."""
    models = answer["models"]
    results, quality = [model["result"] for model in models], [model["quality"] for model in models]
    rows = [
        ("penalty", *(_penalty(model["sparsity"]) for model in models)),
        ("mse", *(number(result["mse"], ".5f") for result in results)),
        ("explained variance", *(share(result["explained_variance"]) for result in results)),
        ("L0", *(number(result["l0"], ".1f") for result in results)),
        ("population sparsity", *(share(result["population_sparsity"]) for result in results)),
        ("inactive latents", *(number(result["inactive_latents"], "d") for result in results)),
        ("Hoyer sparsity of the features", *(number(each["hoyer"], ".3f") for each in quality)),
        ("mean class selectivity", *(number(each["selectivity"], ".3f") for each in quality)),
        ("accuracy of a linear probe", *(share(each["probe_accuracy"]) for each in quality)),
        *_noise(quality),
    ]
    notes = [*answer["remarks"], f"features matched one to one: mean |cosine| {number(answer['pw_mcc'][0][1], '.3f')}"]
    show("compared", ("figure", *(model["model"] for model in models)), rows, notes)


def _penalty(sparsity: Json) -> str:
    return " ".join(
        [sparsity["kind"], *(f"{name} {sparsity[name]:g}" for name in ("weight", "rho") if name in sparsity)]
    )


def _noise(quality: Sequence[Json]) -> Iterator[tuple[str, ...]]:
    """Stability of the codes: one line per strength of noise."""
    for level in zip(*(each["noise"] for each in quality), strict=True):
        figures = (f"{each['cosine']:.3f}, {each['mse']:.2g}" for each in level)
        yield f"cosine, mse of codes at noise {level[0]['sigma']:g}", *figures


def _best(answer: Json, number_of_class: int, latents: Sequence[int]) -> tuple[str, str]:
    """Selectivity and class mean of the first of these latents."""
    if not latents:
        return "-", "-"
    first = latents[0]
    return number(answer["selectivity"][first], ".3f"), number(answer["class_means"][number_of_class][first], ".3f")


def _varied(member: Json) -> str:
    if member["reference"]:
        return "dense reference"
    return ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in member["varied"].items())


def _marks(member: Json) -> str:
    flags = {"pareto": "front", "suggested": "suggested", "collapsed": "collapsed", "overcomplete": "overcomplete"}
    return ", ".join(word for flag, word in flags.items() if member[flag])
