"""Each nonlinearity and its written-out gradient, beside torch's own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sparse_coding.models import activations
from sparse_coding.models.activations import Activation, Relu, Sigmoid
from sparse_coding.specs.sparsity import L1, Kl, NoPenalty
from sparse_coding.specs.training import Mlp

PAIRS: list[tuple[Activation, Callable[[Tensor], Tensor]]] = [
    (Relu(), torch.relu),
    (Sigmoid(), torch.sigmoid),
    (Activation(), torch.clone),
]


@pytest.mark.parametrize(("activation", "oracle"), PAIRS)
def test_values_and_gradients_are_those_of_torch(activation: Activation, oracle: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([[-40.0, -1.5, 0.0, 0.3, 40.0]], requires_grad=True)
    upstream = torch.tensor([[1.0, -2.0, 3.0, 0.5, 7.0]])
    expected = oracle(x)
    expected.backward(upstream)
    output = activation(x.detach().clone())
    assert torch.equal(output, expected)
    assert x.grad is not None
    torch.testing.assert_close(activation.gradient(upstream, output), x.grad)


def test_a_silent_relu_passes_no_gradient() -> None:
    output = Relu()(torch.tensor([[0.0, -1.0, 2.0]]))
    assert Relu().gradient(torch.ones(1, 3), output).tolist() == [[0, 0, 1]]


def test_the_code_is_a_sigmoid_for_kl_and_a_relu_otherwise() -> None:
    kinds = [type(activations.of_code(sparsity)) for sparsity in (Kl(), L1(), NoPenalty())]
    assert kinds == [Sigmoid, Relu, Relu]


def test_the_output_is_what_the_spec_says() -> None:
    assert type(activations.of_output(Mlp(output="sigmoid"))) is Sigmoid
    assert type(activations.of_output(Mlp(output="identity"))) is Activation
