"""HookedTransformer's processing of weights, step by step, and its circuits.

What a step must keep is checked against the model before it: hooked's logits after every step are
compared with these. Weights are compared where HookedTransformer's own step keeps them, too; where
it does not, defect_of says which of its defects that is.
"""

import copy

import torch
from transformer_lens import FactoredMatrix, HookedTransformer
from transformer_lens.weight_processing import ProcessWeights

import corrections

State = dict[str, torch.Tensor]
STEPS = (
    "fold_layer_norm",
    "center_writing_weights",
    "center_unembed",
    "fold_value_biases",
    "refactor_factored_attn_matrices",
)
INSTEAD = "processing that changes the model: ours is compared with the model before it"
KEPT = 1e-3  # a step whose logits are further off, even in float32, has a defect


def is_layer_norm(config) -> bool:
    return config.normalization_type in ("LN", "LNPre")


def refuses(step: str, config) -> bool:
    """Whether hooked must say no: the step would change what the model computes."""
    gated = config.normalization_type == "LN" and config.gated_mlp and not config.attn_only
    shortformer = config.positional_embedding_type == "shortformer"
    return {
        "fold_layer_norm": gated or (shortformer and config.normalization_type in ("LN", "RMS")),
        "center_writing_weights": not is_layer_norm(config) or config.final_rms,
        "center_unembed": config.output_logits_soft_cap > 0,
        "fold_value_biases": False,
        "refactor_factored_attn_matrices": config.n_key_value_heads is not None
        or config.positional_embedding_type == "rotary",
    }[step]


def take(step: str, state: State, config) -> State:
    """One step, in the dtype that the weights have (D7 is in what calls the steps)."""
    if step == "fold_layer_norm":
        centers = config.normalization_type == "LN"
        if config.normalization_type not in ("LN", "RMS"):
            return state
        return ProcessWeights.fold_layer_norm(state, config, centers, centers)
    if step == "center_unembed":
        return ProcessWeights.center_unembed(state, config)
    return getattr(ProcessWeights, step)(state, config)


def defect_of(step: str, config) -> str | None:
    """Of a step that changed what the model computes, or failed."""
    mlp, d_model = not config.attn_only, config.d_model
    takes_output_for_input = config.d_vocab == d_model != config.d_vocab_out
    folds = step == "fold_layer_norm"
    known = {
        "D1": folds and mlp and config.d_mlp == d_model,
        "D2": folds and config.d_vocab_out == d_model,
        "D2, also where d_vocab is d_model": folds and takes_output_for_input,
        "folding centres W_U where the final norm does not (final_rms)": folds and config.final_rms,
        "D4": step == "center_writing_weights"
        and config.positional_embedding_type == "shortformer",
        "D6": folds and mlp and config.act_fn == "solu",
        "D6, also solu_ln with RMS": folds
        and mlp
        and config.act_fn == "solu_ln"
        and config.normalization_type == "RMS",
        "center_unembed takes the wrong axis where d_vocab is d_model": step == "center_unembed"
        and takes_output_for_input,
        "refactoring fails where d_head is above d_model": step.startswith("refactor")
        and config.d_head > d_model,
    }
    return next((name for name, is_so in known.items() if is_so), None)


def with_weights(model: HookedTransformer, state: State, folded: bool) -> HookedTransformer:
    config = copy.deepcopy(model.cfg)
    if folded and config.normalization_type in ("LN", "RMS"):
        config.normalization_type += "Pre"
    result = HookedTransformer(config)
    result.load_state_dict(state, strict=False)
    return corrections.attach(result)


def kept_logits(step: str, before: torch.Tensor) -> torch.Tensor:
    centers = step == "center_unembed"
    return before - before.mean(-1, keepdim=True) if centers else before


def is_sign_free(step: str, name: str) -> bool:
    """Columns of singular vectors, each known but for its sign."""
    return (
        step.startswith("refactor") and name.rpartition(".")[2] in "W_Q b_Q W_K b_K W_V W_O".split()
    )


def weights_of(step: str, model: HookedTransformer) -> State:
    """What is compared; nothing where singular vectors of vanishing values may be anything."""
    if step.startswith("refactor") and model.cfg.d_head > model.cfg.d_model:
        return {}
    found = {}
    for name, x in model.named_parameters():
        found[f"processed weights|{step} {name}"] = x.abs() if is_sign_free(step, name) else x
    return found


def taken(
    step: str, state: State, model: HookedTransformer, folded: bool
) -> HookedTransformer | None:
    """The model after a step; None where upstream fails."""
    try:
        return with_weights(model, take(step, state, model.cfg), folded)
    except (AssertionError, KeyError, RuntimeError, ValueError):
        return None


def values(model: HookedTransformer, tokens: torch.Tensor) -> tuple[State, str | None]:
    """Also the step, if any, from which on HookedTransformer is wrong."""
    found, folded = {}, False
    now, logits, wrong = model, model(tokens), None
    for step in STEPS:
        if refuses(step, model.cfg):
            found[f"processing refused|{step}"] = torch.tensor(1.0)
            continue
        logits = kept_logits(step, logits)
        found[f"processed logits|{step}"] = logits
        folded = folded or step == "fold_layer_norm"
        if wrong:
            continue
        now = taken(step, now.state_dict(), model, folded)
        if now is not None and (now(tokens) - logits).abs().max() < KEPT:
            found |= weights_of(step, now)
        else:
            wrong = step
    return found, wrong


def factored(name: str, matrix: FactoredMatrix) -> State:
    AB = matrix.AB
    values = matrix.S[..., : min(matrix.ldim, matrix.mdim, matrix.rdim)]
    found = {"AB": AB, "S": values, "U S V^T": AB, "norm": matrix.norm(), "make_even": AB}
    found["collapse_l"], found["collapse_r"] = AB.mT @ AB, AB @ AB.mT
    return {f"factored matrix|{name} {what}": x for what, x in found.items()}


def circuits(model: HookedTransformer) -> State:
    OV, QK = model.OV, model.QK
    found = factored("OV", OV) | factored("QK", QK)
    found |= factored("full OV", model.W_E @ OV @ model.W_U)
    found |= factored("full QK", model.W_E @ QK @ model.W_E.mT)
    for name, matrix in (("OV", OV), ("QK", QK)):
        found[f"eigenvalues|{name}"] = torch.view_as_real(matrix.eigenvalues)
    for mode in "QKV":
        found[f"composition|{mode}"] = model.all_composition_scores(mode)
    return found
