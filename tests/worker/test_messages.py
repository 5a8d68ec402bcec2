"""The pipe's vocabularies: what is written on one end is read on the other, and nothing else is."""

import json
import typing
from pathlib import Path

import pytest
from pydantic import ValidationError

from sparse_coding.specs import catalogue
from worker import messages

FILE = {"path": "weights.safetensors", "sha256": "0f" * 32, "bytes": 12}
ORDERS: list[messages.Order] = [
    messages.Start(
        run_id="01a2",
        fence=3,
        spec={"dataset": {"name": "digits"}},
        inputs=messages.Inputs(dataset=Path("/data/digits"), checkpoint=Path("/data/checkpoint")),
        folder=Path("/data/work"),
        sources=Path("/data/sources"),
        device="cpu",
        threads=2,
        checkpoint_seconds=30,
        seconds_before=1.5,
    ),
    messages.Stop(request="release"),
    messages.CheckpointNow(),
]
REPORTS: list[messages.Report] = [
    messages.Hello(torch="2.15.0", device="cpu", device_name="x86_64", threads=2),
    messages.Dataset(name="digits", facts=catalogue.CATALOGUE["digits"].facts, classes=("0", "1"), **FILE),
    messages.Progress(phase="training", epoch=1, epochs=15, rows_per_second=1e5, eta_seconds=3.5),
    messages.Metrics(epoch=2, record={"loss": 0.5, "dead_latents": 3, "explained_variance": None}),
    messages.Checkpoint(epoch=2, **FILE),
    messages.Stopped(request="cancel"),
    messages.Result(outputs=(messages.Output(role="weights", **FILE),), summary={"mse": 0.1, "collapsed": False}),
    messages.Error(code="TRAINING_DIVERGED", detail="The loss was no longer finite.", may_pass=False),
    messages.Forked(pid=4711),
    messages.Exited(returncode=-9),
]
ALL = [*((order, messages.read_order) for order in ORDERS), *((report, messages.read_report) for report in REPORTS)]
NAMES = [message.type for message, _ in ALL]


def test_every_message_has_its_example_here() -> None:
    assert {type(order) for order in ORDERS} == set(typing.get_args(messages.Order))
    assert {type(report) for report in REPORTS} == set(typing.get_args(messages.Report))


@pytest.mark.parametrize(("message", "read"), ALL, ids=NAMES)
def test_a_message_arrives_as_it_was_sent_on_one_line(message: typing.Any, read: typing.Any) -> None:
    line = messages.line(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read(line) == message


@pytest.mark.parametrize(("message", "read"), ALL, ids=NAMES)
def test_an_unknown_field_is_refused(message: typing.Any, read: typing.Any) -> None:
    with pytest.raises(ValidationError):
        read(json.dumps({**json.loads(messages.line(message)), "more": 1}).encode())


def test_an_unknown_fact_of_a_dataset_is_refused() -> None:
    document = json.loads(messages.line(REPORTS[1]))
    document["facts"]["more"] = 1
    with pytest.raises(ValidationError):
        messages.read_report(json.dumps(document).encode())


def test_each_end_understands_only_what_is_meant_for_it() -> None:
    with pytest.raises(ValidationError):
        messages.read_report(messages.line(ORDERS[1]))
    with pytest.raises(ValidationError):
        messages.read_order(messages.line(REPORTS[0]))


@pytest.mark.parametrize("line", [b"", b"\n", b"noise\n", b"{}\n", b'{"type": "dance"}\n', b"\xff\n"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValidationError):
        messages.read_report(line)


@pytest.mark.parametrize("path", ["../weights", "/etc/passwd", "a/b", "", ".hidden", "a" * 101])
def test_a_file_lies_in_the_folder_of_its_run(path: str) -> None:
    with pytest.raises(ValidationError):
        messages.File(**{**FILE, "path": path})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_is_a_finite_number(value: float) -> None:
    with pytest.raises(ValidationError):
        messages.Metrics(epoch=1, record={"loss": value})


def test_counts_among_the_metrics_stay_integers() -> None:
    record = messages.Metrics(epoch=1, record={"dead_latents": 3, "loss": 3.0})
    arrived = messages.read_report(messages.line(record))
    assert isinstance(arrived, messages.Metrics)
    assert [type(value) for value in arrived.record.values()] == [int, float]


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ValidationError):
        messages.read_report(messages.line(REPORTS[0]).replace(b'"protocol":1', b'"protocol":2'))
