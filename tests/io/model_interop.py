"""Models that hooked wrote for HookedTransformer to load, and the other way round.

    model_interop.py DIRECTORY

DIRECTORY/ours/NAME holds a model as hooked saves it, and run.safetensors with tokens and logits. Each
is loaded strictly and must give the same logits. Then a fresh model of the same config is saved, as
safetensors.torch does it, into DIRECTORY/theirs/NAME, with its own run.safetensors.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.simplefilter("ignore")

import torch
from safetensors.torch import load_file, save_file
from transformer_lens import HookedTransformer

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples/cookbook"))
from transformer_lens_files import load, save


def exchange(ours, theirs):
    state = load_file(ours / "model.safetensors")
    run = load_file(ours / "run.safetensors")
    dtype = state["embed.W_E"].dtype
    written = json.loads((ours / "config.json").read_text())
    model = load(ours)
    understood = model.cfg.to_dict()
    assert all(understood[key] == value for key, value in written.items()), understood
    assert list(sorted(model.state_dict())) == list(sorted(state)), sorted(state)
    tokens = run["tokens"].long()
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(model(tokens), run["logits"], rtol=tolerance, atol=tolerance)

    torch.manual_seed(0)
    model = HookedTransformer(model.cfg)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        logits = model(tokens)
    save(model, theirs)
    save_file({"tokens": run["tokens"], "logits": logits.contiguous()}, theirs / "run.safetensors")


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    for ours in sorted((directory / "ours").iterdir()):
        exchange(ours, directory / "theirs" / ours.name)
