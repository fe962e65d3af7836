"""HookedTransformer's analyses of cached activations, for the calls that analyses.hpp makes."""

import torch
from transformer_lens import ActivationCache, HookedTransformer
from transformer_lens.head_detector import detect_head

import corrections

KINDS = ("previous_token_head", "duplicate_token_head", "induction_head")


def named(function: str, **options) -> dict:
    """A call, and its name: the options that are not off."""
    said = [f"{key} {value}" for key, value in options.items() if value is not False]
    return {"name": ", ".join(said), "function": function, **options}


def ends(config) -> list[dict]:
    """Where a stream may end: at the end, before the last block, before its MLP."""
    last = config.n_layers - 1
    result = [{}, {"layer": last}]
    if not config.attn_only and not config.parallel_attn_mlp:
        result.append({"layer": last, "mlp_input": True})
    return result


def calls_of_streams(config) -> list[dict]:
    has_mid = not config.attn_only and not config.parallel_attn_mlp
    calls = []
    for end in ends(config):
        for apply_ln in (False, True):
            calls.append(named("accumulated_resid", incl_mid=has_mid, apply_ln=apply_ln, **end))
            for mode in ("all", "attn") if config.attn_only else ("all", "attn", "mlp"):
                options = {"mode": mode, "incl_embeds": mode != "attn", "apply_ln": apply_ln}
                # Parts there must be some.
                if options["incl_embeds"] or end.get("layer") != 0 or "mlp_input" in end:
                    calls.append(named("decompose_resid", **options, **end))
    calls.append(named("decompose_resid", mode="all", incl_embeds=True, positions=[0, 2]))
    return calls


def calls_of_units(config) -> list[dict]:
    """Heads and neurons."""
    calls = [
        named("stack_head_results", layer=layer, incl_remainder=True)
        for layer in range(config.n_layers)
    ]
    for apply_ln in (False, True):
        calls.append(named("stack_head_results", incl_remainder=True, apply_ln=apply_ln))
        for outputs in () if config.attn_only else (0, 1, 2):
            projected = {"project_output_onto": outputs} if outputs else {}
            options = {"incl_remainder": True, "apply_ln": apply_ln, "neurons": [1, 0]}
            calls.append(named("stack_neuron_results", **options, **projected))
    return calls


def calls_of_everything(config) -> list[dict]:
    calls = []
    for end in ends(config):
        for expand in (False, True):
            options = {"expand_neurons": expand, "apply_ln": expand, **end}
            calls.append(named("full_resid_decomposition", **options))
    options = {"expand_neurons": True, "apply_ln": True}
    calls.append(named("full_resid_decomposition", **options, project_output_onto=2))
    calls.append(named("full_resid_decomposition", **options, positions=[1]))
    calls.append(named("logit_attrs", tokens=1))
    calls.append(named("logit_attrs", tokens="inputs"))
    calls.append(named("logit_attrs", tokens="inputs", incorrect_tokens="inputs"))
    calls.append(named("logit_attrs", tokens=1, incorrect_tokens=0))
    return calls


def calls_of_detection(model: HookedTransformer, length: int) -> list[dict]:
    """Upstream wants a pattern that looks back, and room for another token."""
    if model.cfg.attention_dir != "causal" or length >= model.cfg.n_ctx:
        return []
    return [
        named(
            "detect_head",
            kind=kind,
            exclude_bos=bos,
            exclude_current_token=current,
            error_measure=m,
        )
        for kind in KINDS
        for bos, current in ((False, False), (True, False), (False, True))
        for m in ("mul", "abs")
    ]


def calls(model: HookedTransformer, length: int) -> list[dict]:
    return [
        *calls_of_streams(model.cfg),
        *calls_of_units(model.cfg),
        *calls_of_everything(model.cfg),
        *calls_of_detection(model, length),
    ]


def options_of(call: dict, model: HookedTransformer) -> dict:
    """As ActivationCache's methods have them."""
    options = {key: value for key, value in call.items() if key not in ("name", "function")}
    if "positions" in options:
        options["pos_slice"] = options.pop("positions")
    if "neurons" in options:
        options["neuron_slice"] = options.pop("neurons")
    if "project_output_onto" in options:
        count = options["project_output_onto"]
        options["project_output_onto"] = model.W_U[:, 0] if count == 1 else model.W_U[:, :2]
    return corrections.without_norms(options, model.cfg)


def stack(call: dict, cache: ActivationCache, model: HookedTransformer) -> dict[str, torch.Tensor]:
    """The parts by label."""
    function = call["function"].replace("full_resid", "get_full_resid")
    options = options_of(call, model)
    layer = options.setdefault("layer", model.cfg.n_layers)
    with corrections.norm_at(model, layer):
        parts, labels = getattr(cache, function)(**options, return_labels=True)
    parts = corrections.remainder(call, cache, parts)
    return {f"{call['function']}|{call['name']}: {label}": x for label, x in zip(labels, parts)}


def attribution(call: dict, cache: ActivationCache, model, tokens: torch.Tensor) -> torch.Tensor:
    options = {key: tokens if x == "inputs" else x for key, x in options_of(call, model).items()}
    with corrections.norm_at(model, model.cfg.n_layers):
        return cache.logit_attrs(cache.decompose_resid(), **options)


def detection(call: dict, model: HookedTransformer, tokens: torch.Tensor) -> torch.Tensor:
    """The mean over sequences; a head that looks nowhere else than where nothing counts has 0."""
    options = options_of(call, model)
    kind = options.pop("kind")
    model.to_tokens = lambda sequence: sequence  # there is no tokenizer
    _, cache = model.run_with_cache(tokens, names_filter=lambda name: name.endswith("pattern"))
    scores = []
    for number, row in enumerate(tokens):
        patterns = {
            ("pattern", layer, "attn"): cache["pattern", layer][number]
            for layer in range(model.cfg.n_layers)
        }
        scores.append(detect_head(model, row[None], kind, cache=patterns, **options))
    return torch.stack(scores).nan_to_num(0.0).mean(0)


def values(model: HookedTransformer, cache: ActivationCache, tokens: torch.Tensor) -> dict:
    found = {}
    cache = corrections.of_cache(cache)
    for call in calls(model, tokens.shape[1]):
        function, name = call["function"], call["name"]
        if function == "logit_attrs":
            found[f"{function}|{name}"] = attribution(call, cache, model, tokens)
        elif function == "detect_head":
            scores = detection(call, model, tokens)
            found[f"{function}, {call['error_measure']}|{name}"] = scores
        else:
            found |= stack(call, cache, model)
    return found
