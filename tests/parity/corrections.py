"""Where HookedTransformer departs from its own contract, and what the reference values are made of
instead. The numbers D1-D21 are those of the contract's list of defects."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from transformer_lens import ActivationCache, HookedTransformer

WHAT = {
    "D7, D9": (
        "D7, D9: accumulated_bias adds up in float32, and wants MLPs: it is added up in the "
        "model's dtype, of the layers that there are"
    ),
    "D10": "D10: shortformer: decompositions have pos_embed, which is not in the stream: left out",
    "D11": (
        "D11: stack_head_results(layer=0, incl_remainder=True) has the final stream for a "
        "remainder: it is what was embedded"
    ),
    "D16": (
        "D16: generate with a key-value cache and no tokenizer takes wrong positions: it "
        "goes without, and ours goes both ways"
    ),
    "ungrouped cache": (
        "ungroup_grouped_query_attention: a key-value cache has no room for the keys of all heads: "
        "it goes without, and ours goes both ways"
    ),
    "D18": (
        "D18: use_split_qkv_input: the scale of ln1 has an axis of heads, and does not "
        "broadcast: it has none"
    ),
    "final norm": (
        "final_rms: apply_ln centres before the final norm, too, which does not: it does "
        "not"
    ),
    "no norms": (
        "normalization_type None: apply_ln of a projection looks for a scale: there is none "
        "to apply"
    ),
    "alibi table": (
        "ALiBi: a run that is shorter than an earlier one takes the wrong rows of the "
        "table: it is made anew for each run"
    ),
    "hook_tokens": "hook_tokens has no gradient: it is 0",
    "hook_attn_in": (
        "with use_split_qkv_input, q, k and v do not come from hook_attn_in: ours do, and "
        "its gradient is the sum of theirs"
    ),
    "padding, both directions": (
        "bidirectional attention does not hide padded keys: they are hidden"
    ),
}


def attach(model: HookedTransformer) -> HookedTransformer:
    model.accumulated_bias = lambda *options, **named: accumulated_bias(model, *options, **named)
    if model.cfg.positional_embedding_type == "alibi":
        for block in model.blocks:
            block.attn.register_forward_pre_hook(forget_alibi)
    return model


def accumulated_bias(model, layer: int, mlp_input=False, include_mlp_biases=True) -> torch.Tensor:
    biases = [block.attn.b_O for block in model.blocks[: layer + mlp_input]]
    if include_mlp_biases and not model.cfg.attn_only:
        biases += [block.mlp.b_out for block in model.blocks[:layer]]
    return sum(biases, torch.zeros_like(model.W_E[0]))


def forget_alibi(attention, _) -> None:
    attention.alibi = None


def can_use_cache(config) -> bool:
    """Where a key-value cache gives the same: no key sees what comes after it."""
    if config.ungroup_grouped_query_attention:
        return False
    return config.attention_dir == "causal" and config.positional_embedding_type in (
        "rotary",
        "alibi",
    )


def padding(model: HookedTransformer, mask: torch.Tensor | None) -> AbstractContextManager:
    """Where keys must be hidden by a hook, which acts before others look."""
    if mask is None or model.cfg.attention_dir == "causal":
        return nullcontext()

    def hide(scores: torch.Tensor, hook) -> torch.Tensor:
        return scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf)

    return model.hooks(fwd_hooks=[(lambda name: name.endswith("hook_attn_scores"), hide)])


def route_attn_in(config, firings: dict[str, list[torch.Tensor]]) -> None:
    """Writes the gradients at hook_attn_in."""
    if not (config.use_attn_in and config.use_split_qkv_input):
        return
    for name, calls in firings.items():
        if name.endswith("hook_attn_in"):
            inputs = [name.replace("attn_in", f"{x}_input") for x in "qkv"]
            calls[-1].grad = sum(firings[site][-1].grad for site in inputs)


def of_cache(cache: ActivationCache) -> ActivationCache:
    """One that decompositions can rely on."""
    values = dict(cache.cache_dict)
    for name, x in values.items():
        if name.endswith("ln1.hook_scale") and x.ndim == 4:
            values[name] = x[:, :, 0]
    corrected = ActivationCache(values, cache.model)
    if cache.model.cfg.positional_embedding_type == "shortformer":
        corrected.has_pos_embed = False
    return corrected


@contextmanager
def norm_at(model: HookedTransformer, layer: int) -> Iterator[None]:
    """While it lasts, the model's norms are called what the one before `layer` is."""
    config, kind = model.cfg, model.cfg.normalization_type
    if config.final_rms and layer == config.n_layers:
        config.normalization_type = "RMS"
    yield
    config.normalization_type = kind


def without_norms(options: dict, config) -> dict:
    apply_ln = options.get("apply_ln") and config.normalization_type is not None
    return {**options, "apply_ln": apply_ln} if "apply_ln" in options else options


def remainder(call: dict, cache: ActivationCache, parts: torch.Tensor) -> torch.Tensor:
    if call["function"] == "stack_head_results" and call.get("layer") == 0:
        return cache["resid_pre", 0][None]
    return parts


def of(case) -> list[str]:
    """What of WHAT concerns a case."""
    config, padded = case.config, case.mask is not None
    kind = config["positional_embedding_type"]
    concerned = {
        "D7, D9": True,
        "D10": kind == "shortformer",
        "D11": True,
        "D16": config["attention_dir"] == "causal" and kind in ("standard", "shortformer"),
        "ungrouped cache": config.get("ungroup_grouped_query_attention", False),
        "D18": config["use_split_qkv_input"] and config["normalization_type"] is not None,
        "final norm": config["final_rms"],
        "no norms": config["normalization_type"] is None and not config["attn_only"],
        "alibi table": kind == "alibi",
        "hook_tokens": config["use_hook_tokens"],
        "hook_attn_in": config["use_attn_in"] and config["use_split_qkv_input"],
        "padding, both directions": padded and config["attention_dir"] == "bidirectional",
    }
    return [name for name, is_so in concerned.items() if is_so]
