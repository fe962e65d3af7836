"""Where HookedTransformer departs from its own contract, and what the reference values are made of
instead. The numbers D1-D21 are those of the contract's list of defects."""

from contextlib import AbstractContextManager, nullcontext

import torch
from transformer_lens import HookedTransformer

WHAT = {
    "alibi table": "ALiBi's table is built in float32, and a run that is shorter than an earlier one "
    "takes the wrong rows of it: both are put right",
    "hook_attn_in": "with use_split_qkv_input, q, k and v do not come from hook_attn_in: ours do, and "
    "its gradient is the sum of theirs",
    "padding, both directions": "bidirectional attention does not hide padded keys: they are hidden",
}


def attach(model: HookedTransformer) -> HookedTransformer:
    if model.cfg.positional_embedding_type == "alibi":
        for block in model.blocks:
            block.attn.register_forward_pre_hook(set_alibi, with_kwargs=True)
    return model


def set_alibi(attention, _, inputs: dict) -> None:
    """m_h min(0, key - query), as exact as the model's dtype."""
    past = inputs["past_kv_cache_entry"]
    length = inputs["query_input"].shape[1] + (0 if past is None else past.past_keys.shape[1])
    heads = torch.arange(1, attention.cfg.n_heads + 1, dtype=torch.float64)
    slopes = 2 ** (-8 * heads / attention.cfg.n_heads)
    place = torch.arange(length, dtype=torch.float64)
    distance = (place[None, :] - place[:, None]).clamp(max=0)
    attention.alibi = slopes[:, None, None] * distance


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


def of(case) -> list[str]:
    """What of WHAT concerns a case."""
    both = case.mask is not None and case.config["attention_dir"] == "bidirectional"
    concerned = {
        "alibi table": case.config["positional_embedding_type"] == "alibi",
        "hook_attn_in": case.config["use_attn_in"] and case.config["use_split_qkv_input"],
        "padding, both directions": both,
    }
    return [name for name, is_so in concerned.items() if is_so]
