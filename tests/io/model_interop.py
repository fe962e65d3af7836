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
from transformer_lens import HookedTransformer, HookedTransformerConfig


def exchange(ours, theirs):
    state = load_file(ours / "model.safetensors")
    run = load_file(ours / "run.safetensors")
    dtype = state["embed.W_E"].dtype
    written = json.loads((ours / "config.json").read_text())
    config = HookedTransformerConfig.from_dict(written | {"dtype": dtype})
    understood = config.to_dict()
    assert all(understood[key] == value for key, value in written.items()), understood

    model = HookedTransformer(config)
    assert list(sorted(model.state_dict())) == list(sorted(state)), sorted(state)
    model.load_state_dict(state, strict=True)
    tokens = run["tokens"].long()
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(model(tokens), run["logits"], rtol=tolerance, atol=tolerance)

    torch.manual_seed(0)
    model = HookedTransformer(HookedTransformerConfig.from_dict(written | {"dtype": dtype}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        logits = model(tokens)
    theirs.mkdir(parents=True)
    save_file(model.state_dict(), theirs / "model.safetensors")
    plain = {key: value for key, value in model.cfg.to_dict().items() if key != "dtype"}
    (theirs / "config.json").write_text(json.dumps(plain))
    save_file({"tokens": run["tokens"], "logits": logits.contiguous()}, theirs / "run.safetensors")


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    for ours in sorted((directory / "ours").iterdir()):
        exchange(ours, directory / "theirs" / ours.name)
