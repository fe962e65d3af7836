"""Random cases: a config of HookedTransformer's, and what is run of it."""

import random
from dataclasses import dataclass

ACTIVATIONS = "relu gelu gelu_new gelu_fast gelu_pytorch_tanh silu solu solu_ln".split()
NORMALIZATIONS = ["LN", "LNPre", "RMS", "RMSPre", None]
SWITCHES = "use_attn_result use_split_qkv_input use_attn_in use_hook_mlp_in use_hook_tokens".split()
# What stands for the options of a part that is not drawn.
PLAIN = {
    "act_fn": "gelu",
    "normalization_type": "LN",
    "final_rms": False,
    "attn_only": False,
    "parallel_attn_mlp": False,
    "gated_mlp": False,
    "tie_word_embeddings": False,
    "attention_dir": "causal",
    "use_attn_scale": True,
    "attn_scale": -1.0,
    "scale_attn_by_inverse_layer_idx": False,
    "use_local_attn": False,
    "window_size": None,
    "attn_types": None,
    "n_key_value_heads": None,
    "attn_scores_soft_cap": -1.0,
    "output_logits_soft_cap": -1.0,
    "positional_embedding_type": "standard",
    **dict.fromkeys(SWITCHES, False),
}


@dataclass
class Case:
    """`config` is what HookedTransformerConfig takes, less the dtype."""

    seed: int  # of the weights
    config: dict
    tokens: list[list[int]]
    mask: list[list[int]] | None  # 0 is padding
    prompt: list[list[int]] | None  # what is gone on with; None where the output is no input
    prompt_mask: list[list[int]]  # padding on the left
    new_tokens: int


def sizes(r: random.Random) -> dict:
    """Small, and often equal where they need not be. (Three numbers less their mean lie on a
    circle: there a norm is all rounding too often.)"""
    d_model = r.choice([4, 5, 6, 8, 9, 12])
    d_vocab = r.choice([d_model, r.randint(5, 11)])
    return {
        "n_layers": r.choice([1, 2, 2, 3]),
        "d_model": d_model,
        "n_heads": r.choice([1, 2, 2, 3, 4]),
        "d_head": r.choice([1, 2, 3, 4, 4, 5, 6, 8]),
        "d_mlp": r.choice([d_model, d_model, 4 * d_model, r.randint(2, 13)]),
        "d_vocab": max(d_vocab, 5),
        "d_vocab_out": r.choice([-1, -1, max(d_model, 4), r.randint(4, 13)]),
        "n_ctx": r.randint(8, 12),
        "eps": r.choice([1e-5, 1e-5, 1e-3]),
    }


def blocks(r: random.Random, config: dict) -> dict:
    normalization = r.choice(NORMALIZATIONS)
    attn_only = r.random() < 0.2
    return {
        "act_fn": r.choice(ACTIVATIONS),
        "normalization_type": normalization,
        "final_rms": normalization in ("LN", "LNPre") and r.random() < 0.25,
        "attn_only": attn_only,
        "parallel_attn_mlp": not attn_only and r.random() < 0.25,
        "gated_mlp": r.random() < 0.25,
        "tie_word_embeddings": r.random() < 0.05,
    }


def attention(r: random.Random, config: dict) -> dict:
    local = r.random() < 0.25
    types = [r.choice(["global", "local"]) for _ in range(config["n_layers"])]
    return {
        "attention_dir": "bidirectional" if r.random() < 0.2 else "causal",
        "use_attn_scale": r.random() < 0.8,
        "attn_scale": r.choice([-1.0, -1.0, r.uniform(0.5, 3)]),
        "scale_attn_by_inverse_layer_idx": r.random() < 0.2,
        "use_local_attn": local,
        "window_size": r.randint(1, 6) if local else None,
        "attn_types": types if local else None,
        "n_key_value_heads": key_value_heads(r, config["n_heads"]),
        "attn_scores_soft_cap": r.uniform(0.5, 5) if r.random() < 0.2 else -1.0,
        "output_logits_soft_cap": r.uniform(0.5, 5) if r.random() < 0.2 else -1.0,
    }


def key_value_heads(r: random.Random, n_heads: int) -> int | None:
    if r.random() < 0.75:
        return None
    return r.choice([n for n in range(1, n_heads + 1) if n_heads % n == 0])


def positions(r: random.Random, config: dict) -> dict:
    kind = r.choice(["standard", "standard", "shortformer", "rotary", "rotary", "alibi"])
    if kind == "rotary" and config["d_head"] < 2:
        kind = "standard"
    if kind != "rotary":
        return {"positional_embedding_type": kind}
    even = [n for n in range(2, config["d_head"] + 1) if n % 2 == 0]
    return {
        "positional_embedding_type": kind,
        "rotary_dim": r.choice([even[-1], r.choice(even)]),
        "rotary_base": r.choice([10000, 100, 10]),
        "rotary_adjacent_pairs": r.random() < 0.4,
    }


def hook_points(r: random.Random, config: dict) -> dict:
    """Less what upstream cannot do: heads that share keys have no input in common."""
    switches = {name: r.random() < 0.2 for name in SWITCHES}
    if config["attn_only"]:
        switches["use_hook_mlp_in"] = False
    if config["n_key_value_heads"] not in (None, config["n_heads"]):
        switches["use_attn_in"] = False
        if config["positional_embedding_type"] == "shortformer":
            switches["use_split_qkv_input"] = False
    return switches


def padding(r: random.Random, batch: int, length: int) -> list[list[int]] | None:
    """Left or right, at least two tokens left; None: no mask."""
    side = r.choice(["none", "none", "left", "right"])
    if side == "none":
        return None
    hidden = [r.randint(0, length - 2) for _ in range(batch)]
    rows = [[0] * n + [1] * (length - n) for n in hidden]
    return rows if side == "left" else [row[::-1] for row in rows]


def options(r: random.Random) -> dict:
    """In half of the cases any of them, in the other half a few, beside which the rest is plain."""
    config = sizes(r)
    kept = r.choice([1.0, 0.25])
    for part in (blocks, attention, positions, hook_points):
        drawn = part(r, config)
        plain = {key: value for key, value in PLAIN.items() if key in drawn}
        config.update(drawn if r.random() < kept else plain)
    if config["n_key_value_heads"] not in (None, config["n_heads"]):
        config["ungroup_grouped_query_attention"] = r.random() < 0.3
    return config


def draw(seed: int) -> Case:
    r = random.Random(seed)
    config = options(r)
    batch, length = r.randint(1, 3), r.randint(3, config["n_ctx"])
    n_outputs = config["d_vocab"] if config["d_vocab_out"] == -1 else config["d_vocab_out"]
    highest = min(config["d_vocab"], n_outputs) - 1

    def tokens(length: int) -> list[list[int]]:
        return [[r.randint(0, highest) for _ in range(length)] for _ in range(batch)]

    prompt_length = r.randint(1, 4)
    hidden = [r.randint(0, prompt_length - 1) for _ in range(batch)]
    return Case(
        seed=seed,
        config=config,
        tokens=tokens(length),
        mask=padding(r, batch, length),
        prompt=tokens(prompt_length) if n_outputs <= config["d_vocab"] else None,
        prompt_mask=[[0] * n + [1] * (prompt_length - n) for n in hidden],
        new_tokens=config["n_ctx"] - prompt_length,
    )
