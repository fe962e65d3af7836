#!/usr/bin/env python3
"""Writes encoder_decoder/*.json beside this script: what PyTorch's own encoders and decoders compute
in float64.

Each file holds a config (EncoderDecoderConfig's fields), tokens and masks, the loss, logits, and
norm and probe of activations, gradients at them and gradients of parameters, as make_golden.py has
them. Parameters follow its rule, under hooked's names and in hooked's shapes.
"""

import pathlib
import sys
import warnings

import torch
from make_golden import lay_out, parameter_value, summary
from torch import nn
from torch.nn import functional as F

SMALL = dict(
    n_encoder_layers=1,
    n_decoder_layers=1,
    d_model=6,
    n_heads=2,
    d_mlp=5,
    d_vocab=7,
    d_vocab_target=8,
    n_ctx=5,
    n_ctx_target=4,
    act_fn="relu",
    norm_first=False,
    final_norm=False,
    positional_embedding="standard",
    shared_embeddings=False,
    tied_embeddings=False,
)
SOURCE = [[1, 2, 3, 4, 5], [6, 4, 4, 0, 0], [2, 5, 0, 0, 0]]
TARGET = [[1, 3, 4, 6], [1, 5, 2, 0], [1, 6, 0, 0]]
LABELS = [[3, 4, 6, 2], [5, 2, 7, -1], [6, 2, -1, -1]]
SOURCE_MASK = [[int(token != 0) for token in row] for row in SOURCE]
TARGET_MASK = [[int(label != -1) for label in row] for row in LABELS]
PADDED = dict(source_mask=SOURCE_MASK, target_mask=TARGET_MASK)
VARIANTS = {
    "post_norm": dict(),
    "post_norm_padded": dict(n_encoder_layers=2, n_decoder_layers=2, **PADDED),
    "post_norm_final": dict(n_encoder_layers=2, final_norm=True, act_fn="gelu", **PADDED),
    "norm_first": dict(n_decoder_layers=2, norm_first=True, source_mask=SOURCE_MASK),
    "norm_first_final": dict(
        n_encoder_layers=2,
        n_decoder_layers=2,
        norm_first=True,
        final_norm=True,
        positional_embedding="sinusoidal",
        d_vocab=8,
        shared_embeddings=True,
        tied_embeddings=True,
        **PADDED,
    ),
}


def shapes(c):
    """All parameters, under hooked's names and in hooked's shapes."""
    d, heads, mlp = c["d_model"], c["n_heads"], c["d_mlp"]
    d_head = d // heads
    result = {"encoder.embed.W_E": (c["d_vocab"], d), "unembed.b_U": (c["d_vocab_target"],)}
    if not c["shared_embeddings"]:
        result["decoder.embed.W_E"] = (c["d_vocab_target"], d)
    if not c["tied_embeddings"]:
        result["unembed.W_U"] = (d, c["d_vocab_target"])
    if c["positional_embedding"] == "standard":
        result["encoder.pos_embed.W_pos"] = (c["n_ctx"], d)
        result["decoder.pos_embed.W_pos"] = (c["n_ctx_target"], d)

    def add_norm(name):
        result.update({f"{name}.w": (d,), f"{name}.b": (d,)})

    for stack in ("encoder", "decoder"):
        if c["final_norm"]:
            add_norm(f"{stack}.ln_final")
        for layer in range(c[f"n_{stack}_layers"]):
            block = f"{stack}.{layer}"
            parts = {"attn": "ln1"} | ({"cross_attn": "ln_cross"} if stack == "decoder" else {})
            for part, norm in parts.items():
                for n in "QKV":
                    result[f"{block}.{part}.W_{n}"] = (heads, d, d_head)
                    result[f"{block}.{part}.b_{n}"] = (heads, d_head)
                result[f"{block}.{part}.W_O"] = (heads, d_head, d)
                result[f"{block}.{part}.b_O"] = (d,)
                add_norm(f"{block}.{norm}")
            result[f"{block}.mlp.W_in"], result[f"{block}.mlp.b_in"] = (d, mlp), (mlp,)
            result[f"{block}.mlp.W_out"], result[f"{block}.mlp.b_out"] = (mlp, d), (d,)
            add_norm(f"{block}.ln2")
    return result


def parameters_of(c):
    result = {}
    for p, (name, shape) in enumerate(sorted(shapes(c).items())):
        count = torch.Size(shape).numel()
        values = [parameter_value(name, p, i) for i in range(count)]
        result[name] = torch.tensor(values, dtype=torch.float64).reshape(shape).requires_grad_()
    return result


def as_torch(c, ours):
    """The same parameters under PyTorch's names, as functions of ours."""
    result = {}

    def attention(there, here):
        for kind, to in (("W", "in_proj_weight"), ("b", "in_proj_bias")):
            each = [ours[f"{here}.{kind}_{n}"] for n in "QKV"]
            folded = [x.transpose(1, 2).flatten(0, 1) if kind == "W" else x.flatten() for x in each]
            result[f"{there}.{to}"] = torch.cat(folded)
        result[f"{there}.out_proj.weight"] = ours[f"{here}.W_O"].flatten(0, 1).T
        result[f"{there}.out_proj.bias"] = ours[f"{here}.b_O"]

    def linear(there, here, to):
        result[f"{there}.weight"] = ours[f"{here}.W_{to}"].T
        result[f"{there}.bias"] = ours[f"{here}.b_{to}"]

    def norm(there, here):
        result[f"{there}.weight"], result[f"{there}.bias"] = ours[f"{here}.w"], ours[f"{here}.b"]

    for stack in ("encoder", "decoder"):
        if c["final_norm"]:
            norm(f"{stack}.norm", f"{stack}.ln_final")
        for layer in range(c[f"n_{stack}_layers"]):
            there, here = f"{stack}.layers.{layer}", f"{stack}.{layer}"
            attention(f"{there}.self_attn", f"{here}.attn")
            norm(f"{there}.norm1", f"{here}.ln1")
            if stack == "decoder":
                attention(f"{there}.multihead_attn", f"{here}.cross_attn")
                norm(f"{there}.norm2", f"{here}.ln_cross")
            linear(f"{there}.linear1", f"{here}.mlp", "in")
            linear(f"{there}.linear2", f"{here}.mlp", "out")
            norm(f"{there}.norm{2 if stack == 'encoder' else 3}", f"{here}.ln2")
    return result


def sinusoids(length, width):
    exponents = torch.arange(0, width, 2, dtype=torch.float64) / width
    angles = torch.arange(length)[:, None] / 10000**exponents
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :width]


def sequence_to_sequence(c):
    """nn.Transformer where both stacks end in a norm, else its encoder and decoder without."""
    options = dict(
        d_model=c["d_model"],
        nhead=c["n_heads"],
        dim_feedforward=c["d_mlp"],
        dropout=0.0,
        activation=c["act_fn"],
        batch_first=True,
        norm_first=c["norm_first"],
        dtype=torch.float64,
    )
    layers = c["n_encoder_layers"], c["n_decoder_layers"]
    if c["final_norm"]:
        return nn.Transformer(num_encoder_layers=layers[0], num_decoder_layers=layers[1], **options)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**options), layers[0])
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), layers[1])
    ends = dict(custom_encoder=encoder, custom_decoder=decoder)
    return nn.Transformer(c["d_model"], c["n_heads"], batch_first=True, **ends)


def golden(source_mask=None, target_mask=None, **changes):
    c = {**SMALL, **changes}
    ours = parameters_of(c)
    model = sequence_to_sequence(c)
    kept = {}

    def keep(name, x):
        x.retain_grad()
        kept[name] = x

    def wants_pattern(module, arguments, named):
        return arguments, {**named, "need_weights": True, "average_attn_weights": False}

    for stack in ("encoder", "decoder"):
        for layer, module in enumerate(getattr(model, stack).layers):
            for part, name in (("self_attn", "attn"), ("multihead_attn", "cross_attn")):
                if not hasattr(module, part):
                    continue
                attention, site = getattr(module, part), f"{stack}.{layer}.{name}.hook_pattern"
                attention.register_forward_pre_hook(wants_pattern, with_kwargs=True)
                attention.register_forward_hook(lambda m, i, out, site=site: keep(site, out[1]))
            site = f"{stack}.{layer}.hook_resid_post"
            module.register_forward_hook(lambda m, i, out, site=site: keep(site, out))
    model.encoder.register_forward_hook(lambda m, i, out: keep("hook_memory", out))

    def embedded(stack, tokens, W_E):
        length = tokens.shape[1]
        if c["positional_embedding"] == "sinusoidal":
            return W_E[tokens] + sinusoids(length, c["d_model"])
        return W_E[tokens] + ours[f"{stack}.pos_embed.W_pos"][:length]

    source, target, labels = map(torch.tensor, (SOURCE, TARGET, LABELS))
    W_E = ours["encoder.embed.W_E"]
    target_W_E = W_E if c["shared_embeddings"] else ours["decoder.embed.W_E"]
    W_U = target_W_E.T if c["tied_embeddings"] else ours["unembed.W_U"]
    hidden = {
        key: None if mask is None else torch.tensor(mask) == 0
        for key, mask in (
            ("src_key_padding_mask", source_mask),
            ("memory_key_padding_mask", source_mask),
            ("tgt_key_padding_mask", target_mask),
        )
    }
    length = target.shape[1]
    inputs = embedded("encoder", source, W_E), embedded("decoder", target, target_W_E)
    causal = torch.ones(length, length, dtype=torch.bool).triu(1)
    hidden["tgt_mask"] = causal
    end = torch.func.functional_call(model, as_torch(c, ours), inputs, hidden)
    keep("unembed.hook_in", end)
    logits = end @ W_U + ours["unembed.b_U"]
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)
    loss.backward()
    return {
        "made_with": f"torch {torch.__version__}",
        "config": c,
        "source": SOURCE,
        "target": TARGET,
        "labels": LABELS,
        "source_mask": source_mask,
        "target_mask": target_mask,
        "loss": loss.item(),
        "logits": logits.tolist(),
        "activations": {name: summary(x) for name, x in kept.items()},
        # The patterns that PyTorch gives out are copies, through which nothing flows.
        "gradients": {n: summary(x.grad) for n, x in kept.items() if "pattern" not in n},
        "parameter_gradients": {name: summary(x.grad) for name, x in ours.items()},
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or VARIANTS:
        path = pathlib.Path(__file__).parent / "encoder_decoder" / (name + ".json")
        path.write_text(lay_out(golden(**VARIANTS[name])) + "\n")
