"""The peer LitServe of `benchmarks/serving.py`: the encoder in a weights file, in batches of up to 64 without waiting.

Runs in an environment of its own, with one worker that computes in one thread.
"""

import sys
from typing import Any

import litserve
import torch
from safetensors.torch import load_file


class Encoder(litserve.LitAPI):
    """JSON rows in, JSON codes out."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe passes it
        torch.set_num_threads(1)
        tensors = load_file(sys.argv[2])
        names = sorted({name.rsplit(".", 1)[0] for name in tensors if name.startswith("encoder.")})
        self.layers = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names]

    def decode_request(self, request, **_: Any) -> Any:  # LitServe reads the annotation as that of a parameter
        return torch.tensor(request["inputs"])

    def batch(self, inputs: Any) -> Any:
        self.counts = [len(rows) for rows in inputs]
        return torch.cat(inputs)

    def unbatch(self, output: Any) -> Any:
        return torch.split(output, self.counts)

    @torch.inference_mode()
    def predict(self, x: Any, **_: Any) -> Any:
        for place, (weight, bias) in enumerate(self.layers):
            x = torch.nn.functional.linear(x, weight, bias)
            x = torch.relu(x) if place < len(self.layers) - 1 else torch.sigmoid(x)
        return x

    def encode_response(self, output: Any, **_: Any) -> Any:
        return {"codes": output.tolist()}


if __name__ == "__main__":
    api = Encoder(max_batch_size=64, batch_timeout=0.0)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
