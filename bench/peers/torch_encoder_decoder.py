"""An encoder-decoder in PyTorch as one would write it for speed: columns in which every sequence is
padding are cut off, keys are hidden only where there is still padding, projections of one input are
one product, attention is fused."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import common


def linear(weight: np.ndarray, bias: np.ndarray) -> nn.Linear:
    """x @ weight + bias, weight being [in, out]."""
    result = nn.Linear(*weight.shape)
    result.weight.data = torch.from_numpy(weight.T.copy())
    result.bias.data = torch.from_numpy(bias.copy())
    return result


class Attention(nn.Module):
    """Of x to itself, or to a memory."""

    def __init__(self, case: common.Case, place: str, across: bool) -> None:
        super().__init__()
        self.heads = case.config["n_heads"]

        def projection(names: str) -> nn.Linear:
            w = np.concatenate([case.weights[f"{place}.W_{n}"] for n in names])
            b = np.concatenate([case.weights[f"{place}.b_{n}"] for n in names])
            return linear(w.transpose(1, 0, 2).reshape(w.shape[1], -1), b.reshape(-1))

        if across:
            self.q, self.kv = projection("Q"), projection("KV")
        else:
            self.qkv = projection("QKV")
        W_O = case.weights[f"{place}.W_O"]
        self.out = linear(W_O.reshape(-1, W_O.shape[-1]), case.weights[f"{place}.b_O"])

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor | None, mask: torch.Tensor | None, causal: bool
    ) -> torch.Tensor:
        def split(y: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
            """[batch, pos, parts * head * d_head] to `parts` of [batch, head, pos, d_head]."""
            return y.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()

        if memory is None:
            q, k, v = split(self.qkv(x), 3)
        else:
            (q,), (k, v) = split(self.q(x), 1), split(self.kv(memory), 2)
        z = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
        return self.out(z.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """norm(x + f(x)) of each part f."""

    def __init__(self, case: common.Case, place: str) -> None:
        super().__init__()
        weights = case.weights

        def norm(name: str) -> nn.LayerNorm:
            w = weights[f"{place}.{name}.w"]
            result = nn.LayerNorm(len(w), eps=case.config["eps"])
            result.weight.data = torch.from_numpy(w)
            result.bias.data = torch.from_numpy(weights[f"{place}.{name}.b"])
            return result

        self.decodes = place.startswith("decoder")
        self.attn, self.ln1 = Attention(case, f"{place}.attn", False), norm("ln1")
        if self.decodes:
            self.cross, self.ln_cross = Attention(case, f"{place}.cross_attn", True), norm("ln_cross")
        self.mlp = nn.Sequential(
            linear(weights[f"{place}.mlp.W_in"], weights[f"{place}.mlp.b_in"]),
            nn.ReLU(),
            linear(weights[f"{place}.mlp.W_out"], weights[f"{place}.mlp.b_out"]),
        )
        self.ln2 = norm("ln2")

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None, memory: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`mask` is the source's: of x itself, or of the memory."""
        own = None if self.decodes else mask
        x = self.ln1(x + self.attn(x, None, own, self.decodes))
        if self.decodes:
            x = self.ln_cross(x + self.cross(x, memory, mask, False))
        return self.ln2(x + self.mlp(x))


class EncoderDecoder(nn.Module):
    """(source, target) to logits [batch, pos, d_vocab_target], without columns of padding."""

    def __init__(self, case: common.Case) -> None:
        super().__init__()

        def parameter(name: str) -> nn.Parameter:
            return nn.Parameter(torch.from_numpy(case.weights[name]))

        self.tokens, self.places = nn.ParameterDict(), nn.ParameterDict()
        for stack in ("encoder", "decoder"):
            self.tokens[stack] = parameter(f"{stack}.embed.W_E")
            self.places[stack] = parameter(f"{stack}.pos_embed.W_pos")
        self.encoder, self.decoder = Block(case, "encoder.0"), Block(case, "decoder.0")
        self.unembed = linear(case.weights["unembed.W_U"], case.weights["unembed.b_U"])

    def forward(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]) -> torch.Tensor:
        source, target, mask = batch
        memory = self.encoder(self.embed("encoder", source), mask)
        return self.unembed(self.decoder(self.embed("decoder", target), mask, memory))

    def embed(self, stack: str, tokens: torch.Tensor) -> torch.Tensor:
        return F.embedding(tokens, self.tokens[stack]) + self.places[stack][: tokens.shape[1]]


def batch_of(case: common.Case) -> tuple[tuple, torch.Tensor]:
    """What the model reads, and the labels."""
    seen, read = (case.batch[f"{side}_mask"].any(0).sum() for side in ("source", "target"))
    source, target, labels = (
        torch.from_numpy(case.batch[name][:, :length]).long()
        for name, length in (("source", seen), ("target", read), ("labels", read))
    )
    mask = torch.from_numpy(case.batch["source_mask"][:, :seen]).bool()[:, None, None]
    return (source, target, None if mask.all() else mask), labels
