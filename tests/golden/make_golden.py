#!/usr/bin/env python3
"""Writes the golden files beside this script, all or those that are named: what HookedTransformer
computes in float64.

Needs transformer-lens 3.9.0, the last release that has the class. Each file holds a config, tokens,
logits, losses, and for every activation, gradient at a site and gradient of a parameter two numbers:
the norm and the probe, sum_i x_i / (i + 1) over the row-major elements (-inf counts as 0).
The parameters are not in the files: parameter_value() in tests/nn/golden_model.hpp has the rule.
"""

import importlib.metadata
import json
import pathlib
import sys
import warnings

import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

SMALL = dict(
    n_layers=2, d_model=6, n_ctx=7, n_heads=2, d_head=4, d_mlp=5, d_vocab=7, act_fn="gelu"
)
TOKENS = [[1, 2, 3, 1, 2], [6, 0, 4, 4, 5]]
VARIANTS = {
    "rms": dict(normalization_type="RMS", act_fn="silu"),
    "rms_pre": dict(normalization_type="RMSPre", d_vocab_out=9, use_attn_result=True),
    "ln_pre_final_rms": dict(normalization_type="LNPre", final_rms=True, use_hook_mlp_in=True),
    "parallel": dict(parallel_attn_mlp=True, act_fn="relu", use_attn_in=True),
    "inverse_layer_scale": dict(
        n_layers=3, scale_attn_by_inverse_layer_idx=True, attn_scale=1.5, attn_only=True
    ),
    "split_qkv": dict(use_split_qkv_input=True, use_attn_result=True),
    "left_padding": dict(mask=[[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]]),
    "right_padding": dict(mask=[[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]], act_fn="gelu_new"),
    "shortformer": dict(
        positional_embedding_type="shortformer",
        attn_only=True,
        normalization_type=None,
        mask=[[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]],
    ),
    "shortformer_split": dict(positional_embedding_type="shortformer", use_split_qkv_input=True),
    "rotary": dict(
        positional_embedding_type="rotary",
        d_head=6,
        rotary_dim=4,
        rotary_base=100,
        parallel_attn_mlp=True,
        mask=[[0, 0, 1, 1, 1], [1, 1, 0, 1, 0]],
    ),
    "rotary_grouped": dict(
        positional_embedding_type="rotary",
        rotary_adjacent_pairs=True,
        n_heads=4,
        d_head=2,
        n_key_value_heads=2,
        use_split_qkv_input=True,
        use_attn_result=True,
    ),
    "ungrouped": dict(
        positional_embedding_type="rotary",
        n_heads=4,
        d_head=2,
        n_key_value_heads=2,
        ungroup_grouped_query_attention=True,
        use_attn_in=True,
    ),
    "ungrouped_split": dict(
        n_heads=6,
        d_head=1,
        n_key_value_heads=2,
        ungroup_grouped_query_attention=True,
        use_split_qkv_input=True,
        use_attn_result=True,
        mask=[[0, 0, 1, 1, 1], [1, 1, 1, 1, 0]],
    ),
    "ungrouped_plain": dict(n_heads=4, d_head=2, n_key_value_heads=1, ungroup_grouped_query_attention=True),
    "alibi": dict(positional_embedding_type="alibi", n_heads=3, d_head=2, act_fn="gelu_fast"),
    "local": dict(use_local_attn=True, window_size=2, attn_types=["global", "local"], act_fn="solu"),
    "soft_caps": dict(
        positional_embedding_type="alibi",
        attn_scores_soft_cap=1.5,
        output_logits_soft_cap=2.0,
        n_heads=4,
        d_head=3,
        n_key_value_heads=1,
    ),
    "gated": dict(gated_mlp=True, act_fn="silu", normalization_type="RMS"),
    "solu_ln": dict(act_fn="solu_ln"),
    "solu_ln_rms": dict(act_fn="solu_ln", normalization_type="RMS", use_hook_mlp_in=True),
}


def parameter_value(name, p, i):
    h = (100003 * p + i + 1) % 2**32
    h = ((h ^ h >> 16) * 0x85EBCA6B) % 2**32
    h = ((h ^ h >> 13) * 0xC2B2AE35) % 2**32
    u = (h ^ h >> 16) / 2**32 - 0.5
    if "W_" in name:
        return 1.6 * u
    return 1 + 0.4 * u if name.endswith(".w") else 0.4 * u


def summary(x):
    x = torch.where(torch.isinf(x), 0.0, x).detach().flatten()
    return [x.norm().item(), (x / torch.arange(1, x.numel() + 1)).sum().item()]


def gradients_of(firings, split_ln1):
    """The gradient at a site. ln1 is called for q, k and v: where the three read the same input,
    its gradients add up; where each has its own, the last call is kept, as its value is."""
    all_of_them = [x.grad for x in firings]
    # A query that sees no key has the pattern 0; its scores get no gradient (here: NaN).
    return torch.nan_to_num(all_of_them[-1] if split_ln1 else sum(all_of_them), nan=0.0)


def model_of(config):
    model = HookedTransformer(HookedTransformerConfig(**config, dtype=torch.float64, device="cpu"))
    with torch.no_grad():
        for p, (name, parameter) in enumerate(sorted(model.named_parameters())):
            values = [parameter_value(name, p, i) for i in range(parameter.numel())]
            parameter.copy_(torch.tensor(values, dtype=torch.float64).reshape(parameter.shape))
    return model


def made_with():
    return (
        f"transformer-lens {importlib.metadata.version('transformer-lens')}, "
        f"torch {importlib.metadata.version('torch')}"
    )


def golden(mask=None, **changes):
    config = {**SMALL, **changes}
    model = model_of(config)

    firings = {}

    def keep(x, hook):
        x.retain_grad()
        firings.setdefault(hook.name, []).append(x)

    tokens = torch.tensor(TOKENS)
    attention_mask = None if mask is None else torch.tensor(mask)
    with model.hooks(fwd_hooks=[(lambda name: True, keep)]):
        logits, loss = model(tokens, return_type="both", attention_mask=attention_mask)
    loss.backward()
    split = config.get("use_split_qkv_input", False)
    return {
        "made_with": made_with(),
        "config": config,
        "tokens": TOKENS,
        "attention_mask": mask,
        "loss": loss.item(),
        "loss_per_token": model.loss_fn(logits, tokens, attention_mask, per_token=True).tolist(),
        "logits": logits.tolist(),
        "activations": {name: summary(x[-1]) for name, x in firings.items()},
        "gradients": {
            name: summary(gradients_of(x, split and ".ln1." in name))
            for name, x in firings.items()
        },
        "parameter_gradients": {
            name: summary(torch.zeros_like(x) if x.grad is None else x.grad)  # ALiBi's W_pos
            for name, x in model.named_parameters()
        },
    }


def lay_out(value, indent=0):
    """JSON with one entry of a dictionary on a line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    margin = " " * (indent + 2)
    entries = [f'{margin}"{key}": {lay_out(x, indent + 2)}' for key, x in value.items()]
    return "{\n" + ",\n".join(entries) + "\n" + " " * indent + "}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or VARIANTS:
        changes = VARIANTS[name]
        path = pathlib.Path(__file__).with_name(name + ".json")
        path.write_text(lay_out(golden(**changes)) + "\n")
