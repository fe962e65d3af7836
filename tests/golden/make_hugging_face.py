#!/usr/bin/env python3
"""Writes tests/golden/hugging_face/: small random models as transformers saves them, and what they
compute in float64.

Needs transformers and torch; makes all models anew, or those that are named. Each directory is a
checkpoint; its expected.json has tokens, logits and the hidden states before every block (and,
last, behind the final norm), row-major. transformers has angles of rotary positions and NeoX's
softmax in float32, whatever the model is in; here both are in float64 (in_double), so that formulas
are compared and not roundings.
"""

import importlib.metadata
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM
from transformers.models.gpt_neox import modeling_gpt_neox

HERE = pathlib.Path(__file__).resolve().parent / "hugging_face"
GPT2 = dict(vocab_size=11, n_positions=7, n_embd=8, n_layer=2, n_head=2)
NEOX = dict(
    vocab_size=11,
    max_position_embeddings=7,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=12,
)
TOKENS = [[1, 2, 3, 1, 2, 10], [6, 0, 4, 4, 5, 9]]
MODELS = {
    "gpt2": dict(config=GPT2Config(**GPT2), prefix="transformer."),
    "gpt2_untied": dict(
        config=GPT2Config(
            **GPT2,
            n_inner=12,
            activation_function="relu",
            layer_norm_epsilon=1e-3,
            scale_attn_by_inverse_layer_idx=True,
            tie_word_embeddings=False,
        ),
        shards=2,
    ),
    "gpt2_unscaled": dict(
        config=GPT2Config(**GPT2, scale_attn_weights=False, activation_function="silu"),
        prefix="",
        buffers=True,
    ),
    "neox": dict(config=GPTNeoXConfig(**NEOX, rotary_pct=0.25), buffers=True),
    "neox_serial": dict(
        config=GPTNeoXConfig(
            **NEOX, rotary_pct=1.0, rotary_emb_base=100, use_parallel_residual=False, hidden_act="gelu_new"
        ),
        old_keys=True,
        shards=3,
    ),
    "neox_tied": dict(
        config=GPTNeoXConfig(**NEOX, rotary_pct=0.5, tie_word_embeddings=True, layer_norm_eps=1e-2),
        prefix="",
        repeats_embedding=True,
    ),
    "neox_half": dict(config=GPTNeoXConfig(**NEOX), dtype=torch.bfloat16),
    "gpt2_half": dict(config=GPT2Config(**GPT2), dtype=torch.float16),
}


def in_double(module, x, position_ids):
    """GPTNeoXRotaryEmbedding.forward in float64."""
    rope = module.config.rope_parameters
    dim = 2 * module.inv_freq.numel()
    frequency = rope["rope_theta"] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = position_ids[:, :, None].double() * frequency
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


modeling_gpt_neox.GPTNeoXRotaryEmbedding.forward = in_double


def randomize(model):
    """Numbers with eight bits of mantissa, which bfloat16 holds, and biases and norms that matter."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape) * (0.3 if p.dim() > 1 else 0.2))
            if p.dim() == 1 and name.endswith("weight"):
                p.add_(1)
            p.copy_(p.to(torch.bfloat16))


def rewrite(directory, change):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file({name: x.contiguous() for name, x in tensors.items()}, path, {"format": "pt"})


def make(name, config, prefix=None, buffers=False, repeats_embedding=False, shards=1, old_keys=False,
         dtype=torch.float32):
    family = GPT2LMHeadModel if isinstance(config, GPT2Config) else GPTNeoXForCausalLM
    config._attn_implementation = "sdpa"  # the softmax stays in the type of the scores
    model = family(config).eval()
    randomize(model)
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    model.to(dtype).save_pretrained(directory, max_shard_size="2GB")
    (directory / "generation_config.json").unlink(missing_ok=True)
    path = directory / "model.safetensors"

    def change(tensors):
        own = "transformer." if family is GPT2LMHeadModel else "gpt_neox."
        if repeats_embedding:
            tensors["embed_out.weight"] = tensors[own + "embed_in.weight"].clone()
        if prefix == "":
            for key in [key for key in tensors if key.startswith(own)]:
                tensors[key.removeprefix(own)] = tensors.pop(key)
        for layer in range(2 if buffers else 0):
            mask = torch.ones(7, 7, dtype=torch.bool).tril()[None, None]
            if family is GPT2LMHeadModel:
                tensors[f"h.{layer}.attn.bias"] = mask.float()
                tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
            else:
                at = f"gpt_neox.layers.{layer}.attention."
                tensors[at + "bias"] = mask.clone()
                tensors[at + "masked_bias"] = torch.tensor(-1e9)
                tensors[at + "rotary_emb.inv_freq"] = torch.ones(1)

    rewrite(directory, change)
    if shards > 1:
        tensors = load_file(path)
        path.unlink()
        names, weight_map = sorted(tensors), {}
        for s in range(shards):
            file = f"model-{s + 1:05}-of-{shards:05}.safetensors"
            weight_map.update({key: file for key in names[s::shards]})
            save_file({key: tensors[key] for key in names[s::shards]}, directory / file, {"format": "pt"})
        index = {"metadata": {"total_size": sum(x.nbytes for x in tensors.values())}, "weight_map": weight_map}
        (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    if old_keys:  # as transformers wrote configs before version 5
        file = directory / "config.json"
        saved = json.loads(file.read_text())
        rope = saved.pop("rope_parameters")
        saved.update(rotary_pct=rope["partial_rotary_factor"], rotary_emb_base=rope["rope_theta"], rope_scaling=None)
        file.write_text(json.dumps(saved, indent=2) + "\n")

    with torch.no_grad():
        out = model.double()(torch.tensor(TOKENS), output_hidden_states=True)
    expected = {
        "made_with": f"transformers {importlib.metadata.version('transformers')}, "
        f"torch {importlib.metadata.version('torch')}",
        "tokens": TOKENS,
        "logits": out.logits.flatten().tolist(),
        "hidden_states": [x.flatten().tolist() for x in out.hidden_states],
    }
    (directory / "expected.json").write_text(json.dumps(expected) + "\n")
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters")


for name in sys.argv[1:] or MODELS:
    make(name, **MODELS[name])
