"""What patching.get_act_patch_* do, with all places of a block in one batch: their results are
float32 whatever the model is, and they take a run for each place."""

import torch
from transformer_lens import ActivationCache, HookedTransformer
from transformer_lens.utils import get_act_name

Index = tuple[slice | int, ...]  # of one sequence's activation


def positions(length: int) -> list[Index]:
    return [(position,) for position in range(length)]


def heads(count: int) -> list[Index]:
    return [(slice(None), head) for head in range(count)]


def patched(
    model: HookedTransformer,
    tokens: torch.Tensor,
    name: str,
    places: list[Index],
    value: torch.Tensor,
) -> torch.Tensor:
    """Runs of `tokens` [1, pos] with `value` at each place: the first logit against the second."""

    def put(x: torch.Tensor, hook) -> torch.Tensor:
        x = x.clone()
        for run, place in enumerate(places):
            x[(run, *place)] = value[(0, *place)]
        return x

    batch = tokens.expand(len(places), -1)
    logits = model.run_with_hooks(batch, fwd_hooks=[(name, put)])
    return logits[:, -1, 0] - logits[:, -1, 1]


def places_of(site: str, cache: ActivationCache) -> list[Index]:
    if site in ("resid_pre", "attn_out"):
        return positions(cache["resid_pre", 0].shape[1])
    if site == "pattern":
        return [(head,) for head in range(cache["pattern", 0].shape[1])]
    return heads(cache[site, 0].shape[2])


def values(model: HookedTransformer, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    clean, corrupted = tokens[:1], tokens[:1].flip(1)
    _, cache = model.run_with_cache(clean)
    found = {}
    for site in ("resid_pre", "attn_out", "z", "q", "pattern", "k", "v"):
        places = places_of(site, cache)
        of_blocks = []
        for layer in range(model.cfg.n_layers):
            name = get_act_name(site, layer)
            of_blocks.append(patched(model, corrupted, name, places, cache[name]))
        rows = torch.stack(of_blocks)
        whole = site == "resid_pre"  # a table in hooked, too
        found[f"patching|{'patch_resid_pre' if whole else site}"] = (
            rows if whole else rows.flatten()
        )
    return found
