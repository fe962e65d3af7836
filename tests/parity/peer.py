"""HookedTransformer's side: models, the files that hooked reads, and what is to come out.

Reference values are computed in float64, for both dtypes: the weights are numbers that float32 has.
The class is run in float32, too, to see how far rounding takes it from them.
Names of values are "QUANTITY|ITEM", as ours.cpp writes them. What is corrected of the class on the
way stands in corrections.py.
"""

import json
import logging
import os
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformer_lens import HookedTransformer, HookedTransformerConfig

import analyses
import corrections
import patches
import processing
from draw import Case

torch.set_num_threads(1)
OPTIONAL_SITES = {
    "use_attn_result": ["*.hook_result"],
    "use_split_qkv_input": ["*.hook_q_input", "*.hook_k_input", "*.hook_v_input"],
    "use_attn_in": ["*.hook_attn_in"],
    "use_hook_mlp_in": ["*.hook_mlp_in"],
    "use_hook_tokens": ["hook_tokens"],
}
Values = dict[str, np.ndarray]


def model_of(case: Case, dtype: str) -> HookedTransformer:
    config = HookedTransformerConfig(**case.config, dtype=getattr(torch, dtype), device="cpu")
    model = HookedTransformer(config)
    generator = torch.Generator().manual_seed(case.seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights(name, parameter.shape, generator))
    return corrections.attach(model)


def weights(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Neither biases nor norms are what they start as."""
    x = torch.randn(shape, generator=generator)
    if name.endswith(".w"):
        return 1 + 0.3 * x
    if "W_" not in name:
        return 0.3 * x
    return x if name.startswith(("embed", "pos_embed")) else x / shape[-2] ** 0.5


def tokens_of(case: Case) -> tuple[torch.Tensor, torch.Tensor | None]:
    mask = None if case.mask is None else torch.tensor(case.mask)
    return torch.tensor(case.tokens), mask


def write(case: Case, dtype: str, folder: Path) -> None:
    """The config as it is: all of its keys, with dtypes as text."""
    model = model_of(case, dtype)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(model.cfg.to_dict(), default=str))
    save_file(model.state_dict(), folder / "model.safetensors")
    tokens, mask = tokens_of(case)
    inputs = {"tokens": tokens}
    if mask is not None:
        inputs["attention_mask"] = mask.to(torch.uint8)
    if case.prompt is not None:
        inputs["prompt"] = torch.tensor(case.prompt)
        inputs["prompt_mask"] = torch.tensor(case.prompt_mask, dtype=torch.uint8)
    save_file(inputs, folder / "inputs.safetensors")
    facts = {
        "dtype": dtype,
        "optional_sites": [
            s for key, sites in OPTIONAL_SITES.items() if case.config[key] for s in sites
        ],
        "new_tokens": case.new_tokens,
        "middle_layer": model.cfg.n_layers // 2,
        "middle_position": middle_position(tokens),
        "calls": analyses.calls(model, tokens.shape[1]),
    }
    (folder / "case.json").write_text(json.dumps(facts))


def middle_position(tokens: torch.Tensor) -> int:
    return tokens.shape[1] // 2


def read_back(case: Case, dtype: str, folder: Path) -> Values:
    """What the model computes that hooked has written: under the config that stands there, and
    without a tensor too many or too few."""
    kept = json.loads((folder / "saved/config.json").read_text())
    config = HookedTransformerConfig(**kept, dtype=getattr(torch, dtype), device="cpu")
    model = corrections.attach(HookedTransformer(config))
    model.load_state_dict(load_file(folder / "saved/model.safetensors"), strict=True)
    tokens, mask = tokens_of(case)
    with torch.no_grad(), corrections.padding(model, mask):
        return {"logits|saved": as_numpy(model(tokens, attention_mask=mask))}


def as_numpy(x: torch.Tensor) -> np.ndarray:
    return x.detach().to(torch.float64).numpy()


def expected(case: Case, dtype: str = "float64") -> tuple[Values, str | None]:
    """Also the step of weight processing, if any, that HookedTransformer does wrong."""
    model, (tokens, mask) = model_of(case, dtype), tokens_of(case)
    with torch.no_grad(), corrections.padding(model, mask):
        logits, cache = model.run_with_cache(tokens, attention_mask=mask)
        loss = model.loss_fn(logits, tokens, mask)
        per_token = model.loss_fn(logits, tokens, mask, per_token=True)
        stream = model(tokens, attention_mask=mask, stop_at_layer=model.cfg.n_layers // 2)
    with torch.no_grad():
        made = analyses.values(model, cache, tokens) | patches.values(model, tokens)
        made |= processing.circuits(model)
        processed, wrong = processing.values(model, tokens)
    values = {f"site|{name}": as_numpy(x) for name, x in cache.items()}
    for run in ("cached", "plain", "saved"):
        values[f"logits|{run}"] = as_numpy(logits)
    if model.cfg.attention_dir == "causal":
        middle = middle_position(tokens)
        values["logits|first part"] = as_numpy(logits[:, :middle])
        values["logits|second part"] = as_numpy(logits[:, middle:])
    values["loss|mean"], values["loss|per token"] = as_numpy(loss), as_numpy(per_token)
    values["layer range|stop"], values["layer range|start"] = as_numpy(stream), as_numpy(logits)
    values |= {name: as_numpy(x) for name, x in (made | processed).items()}
    return values | gradients(model, tokens, mask) | generation(case, model), wrong


def gradients(model: HookedTransformer, tokens: torch.Tensor, mask: torch.Tensor | None) -> Values:
    firings: dict[str, list[torch.Tensor]] = {}

    def keep(x: torch.Tensor, hook) -> None:
        if x.requires_grad:  # tokens do not
            x.retain_grad()
        firings.setdefault(hook.name, []).append(x)

    with corrections.padding(model, mask), model.hooks(fwd_hooks=[(lambda _: True, keep)]):
        model(tokens, return_type="loss", attention_mask=mask).backward()
    corrections.route_attn_in(model.cfg, firings)
    values = {}
    for name, calls in firings.items():
        values[f"site gradient|{name}"] = as_numpy(site_gradient(name, calls, model.cfg))
        if are_separate(name, model.cfg):
            values |= earlier_calls(name, calls)
    for name, parameter in model.named_parameters():
        unused = torch.zeros_like(parameter)
        values[f"parameter gradient|{name}"] = as_numpy(
            unused if parameter.grad is None else parameter.grad
        )
    return values


def are_separate(name: str, config) -> bool:
    """ln1 is called for q, k and v, which have inputs of their own."""
    return ".ln1." in name and config.use_split_qkv_input


def earlier_calls(name: str, calls: list[torch.Tensor]) -> Values:
    values = {}
    for number, call in enumerate(calls[:-1]):
        values[f"site call|{name}:{number}"] = as_numpy(call)
        values[f"site call gradient|{name}:{number}"] = as_numpy(call.grad)
    return values


def site_gradient(name: str, calls: list[torch.Tensor], config) -> torch.Tensor:
    """Where q, k and v read the same normalized input, its gradients add up; where each has its
    own, the last call is kept, as its value is."""
    of_calls = [torch.zeros_like(x) if x.grad is None else x.grad for x in calls]
    total = of_calls[-1] if are_separate(name, config) else sum(of_calls)
    # A query that sees no key has the pattern 0; its scores get no gradient (there: NaN).
    return torch.nan_to_num(total, nan=0.0) if name.endswith("hook_attn_scores") else total


def generation(case: Case, model: HookedTransformer) -> Values:
    """Every token from all before it. With a key-value cache it must be the same, where it can:
    upstream's is wrong without a tokenizer where positions are learned (D16)."""
    if case.prompt is None:
        return {}
    prompt = torch.tensor(case.prompt)
    options = {"stop_at_eos": False, "do_sample": False, "return_type": "tokens", "verbose": False}
    generated = model.generate(prompt, case.new_tokens, use_past_kv_cache=False, **options)
    if corrections.can_use_cache(model.cfg) and model.cfg.dtype == torch.float64:
        cached = model.generate(prompt, case.new_tokens, **options)
        assert torch.equal(generated, cached), f"{case.config}: the cache changes what is generated"
    padded = after_padding(case, model, prompt)
    found = {"prompt": generated, "padded prompt": padded}
    ways = ("", ", no cache")
    return {f"greedy|{name}{way}": x.numpy() for name, x in found.items() for way in ways}


def after_padding(case: Case, model: HookedTransformer, tokens: torch.Tensor) -> torch.Tensor:
    """Run by run, for generate wants a tokenizer to see padding."""
    mask = torch.tensor(case.prompt_mask)
    for _ in range(case.new_tokens):
        with torch.no_grad(), corrections.padding(model, mask):
            logits = model(tokens, attention_mask=mask)
        tokens = torch.cat([tokens, logits[:, -1:].argmax(-1)], dim=1)
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
    return tokens
