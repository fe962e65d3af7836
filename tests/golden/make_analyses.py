#!/usr/bin/env python3
"""Writes analyses.json beside this script: what the methods of TransformerLens' ActivationCache
give in float64 for small models, by labels, shape, norm and probe (as in make_golden.py).

Needs transformer-lens 3.9.0.
"""

import pathlib
import warnings

import torch
from make_golden import SMALL, TOKENS, lay_out, made_with, model_of, summary

VARIANTS = {
    "LN": {},
    "LNPre": dict(normalization_type="LNPre"),
    "RMS": dict(normalization_type="RMS"),
    "none": dict(normalization_type=None),
    "attn_only": dict(attn_only=True, n_layers=3),
    "parallel": dict(parallel_attn_mlp=True),
}
ONE = torch.arange(1, 7, dtype=torch.float64).cos()
TWO = torch.arange(1, 13, dtype=torch.float64).sin().reshape(6, 2)


def analyses(model, cache):
    """Pairs of a name, which the test has too, and labels and values."""
    attn_only, mids = model.cfg.attn_only, not model.cfg.parallel_attn_mlp
    labelled = dict(return_labels=True)
    last = (4, 5)  # a slice, which keeps the axis
    yield "accumulated", cache.accumulated_resid(**labelled)
    yield "accumulated, norm", cache.accumulated_resid(apply_ln=True, **labelled)
    yield "accumulated to 1, norm", cache.accumulated_resid(layer=1, apply_ln=True, **labelled)
    if not attn_only and mids:
        yield "accumulated, mids, last", cache.accumulated_resid(
            incl_mid=True, pos_slice=last, **labelled
        )
        yield "accumulated to MLP 1, norm", cache.accumulated_resid(
            layer=1, mlp_input=True, apply_ln=True, **labelled
        )
    yield "decomposed", cache.decompose_resid(**labelled)
    yield "decomposed to 1, norm", cache.decompose_resid(layer=1, apply_ln=True, **labelled)
    yield "attention alone", cache.decompose_resid(mode="attn", incl_embeds=False, **labelled)
    yield "heads, norm", cache.stack_head_results(apply_ln=True, **labelled)
    yield "heads to 1, remainder, last", cache.stack_head_results(
        layer=1, incl_remainder=True, pos_slice=last, **labelled
    )
    if not attn_only:
        yield "MLPs alone, norm", cache.decompose_resid(mode="mlp", apply_ln=True, **labelled)
        if mids:
            yield "decomposed to MLP 1, norm", cache.decompose_resid(
                layer=1, mlp_input=True, apply_ln=True, **labelled
            )
        yield "neurons of 1", (cache.get_neuron_results(1, neuron_slice=[3, 1]), [])
        yield "neurons, remainder, norm", cache.stack_neuron_results(
            -1, incl_remainder=True, apply_ln=True, **labelled
        )
        if model.cfg.normalization_type is not None:  # else it looks for a scale
            yield "neurons, norm, projected", cache.stack_neuron_results(
                -1, apply_ln=True, project_output_onto=ONE, **labelled
            )
    kept = {} if not attn_only else dict(expand_neurons=False)  # its default does not run there
    full, labels = cache.get_full_resid_decomposition(**kept, **labelled)
    yield "full", (full, labels)
    yield "full to 1, norm, last", cache.get_full_resid_decomposition(
        layer=1, apply_ln=True, pos_slice=last, **kept, **labelled
    )
    yield "full, layers, projected", cache.get_full_resid_decomposition(
        expand_neurons=False, project_output_onto=TWO, **labelled
    )
    if not attn_only and mids:
        yield "full to MLP 1", cache.get_full_resid_decomposition(
            layer=1, mlp_input=True, **labelled
        )
    yield "logits", (cache.logit_attrs(full, tokens=3, incorrect_tokens=5), labels)
    yield "logits of places", (cache.logit_attrs(full, tokens=torch.tensor(TOKENS)), labels)
    yield "logits, one of a batch", (
        cache.logit_attrs(full[:, 1], tokens=2, batch_slice=1, has_batch_dim=False),
        labels,
    )
    yield "recomputed", (cache.apply_ln_to_stack(full, recompute_ln=True), labels)


def golden(changes):
    config = {**SMALL, **changes}
    model = model_of(config)
    with torch.no_grad():
        _, cache = model.run_with_cache(torch.tensor(TOKENS))
        return {
            "config": config,
            "analyses": {
                name: {"labels": list(labels), "shape": list(x.shape), "summary": summary(x)}
                for name, (x, labels) in analyses(model, cache)
            },
        }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)  # else biases are added up in float32
    everything = {"made_with": made_with(), "tokens": TOKENS}
    everything |= {"models": {name: golden(changes) for name, changes in VARIANTS.items()}}
    pathlib.Path(__file__).with_name("analyses.json").write_text(lay_out(everything) + "\n")
