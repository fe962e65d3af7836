"""Models of TransformerLens as files that hooked reads, and the other way round. docs and
tests/io/model_interop.py take the lines from here."""

# [imports]
import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformer_lens import HookedTransformer, HookedTransformerConfig
# [end]


def save(model, directory):
    """What hooked::load_model reads."""
    # [save]
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), directory / "model.safetensors")
    config = {key: value for key, value in model.cfg.to_dict().items() if key != "dtype"}
    (directory / "config.json").write_text(json.dumps(config))
    # [end]


def load(directory):
    """What hooked::save_model wrote."""
    # [load]
    directory = Path(directory)
    state = load_file(directory / "model.safetensors")
    config = json.loads((directory / "config.json").read_text())
    config["dtype"] = state["embed.W_E"].dtype
    model = HookedTransformer(HookedTransformerConfig.from_dict(config))
    model.load_state_dict(state, strict=True)
    # [end]
    return model
