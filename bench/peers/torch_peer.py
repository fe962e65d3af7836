"""PyTorch as one would write it for speed: nothing is computed for positions that nobody reads,
the projections to queries, keys and values are one product where they can be, attention and AdamW
are fused. With --compile, torch.compile has its turn at it too."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import common
from torch_encoder_decoder import EncoderDecoder, batch_of, linear


class Block(nn.Module):
    """Attention and MLP. The last block gives the residual stream at the wanted positions alone."""

    def __init__(self, case: common.Case, layer: int) -> None:
        super().__init__()
        config = case.config
        weights = {
            name.removeprefix(f"blocks.{layer}."): w
            for name, w in case.weights.items()
            if name.startswith(f"blocks.{layer}.")
        }
        self.heads, self.d_head = config["n_heads"], config["d_head"]
        self.scale = 1 / config["attn_scale"]
        self.wanted = None
        if layer == config["n_layers"] - 1 and not case.all_positions:
            self.wanted = case.wanted
            # [wanted, pos]; not needed where the last position alone is wanted, which sees all.
            mask = torch.ones(case.tokens.shape[1:] * 2, dtype=torch.bool).tril()[case.wanted]
            self.mask = None if mask.all() else mask

        def projection(names: str) -> nn.Linear:
            w = np.concatenate([weights[f"attn.W_{n}"] for n in names])  # [head, in, d_head]
            b = np.concatenate([weights[f"attn.b_{n}"] for n in names])
            return linear(w.transpose(1, 0, 2).reshape(config["d_model"], -1), b.reshape(-1))

        self.ln1 = norm(case, weights, "ln1")
        if self.wanted is None:
            self.qkv = projection("QKV")
        else:
            self.q, self.kv = projection("Q"), projection("KV")
        self.out = linear(weights["attn.W_O"].reshape(-1, config["d_model"]), weights["attn.b_O"])
        self.mlp = None
        if not config["attn_only"]:
            self.mlp = nn.Sequential(
                norm(case, weights, "ln2"),
                linear(weights["mlp.W_in"], weights["mlp.b_in"]),
                {"relu": nn.ReLU, "gelu": nn.GELU}[config["act_fn"]](),
                linear(weights["mlp.W_out"], weights["mlp.b_out"]),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def split(y: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
            """[batch, pos, parts * head * d_head] to `parts` of [batch, head, pos, d_head]."""
            return y.unflatten(-1, (parts, self.heads, self.d_head)).permute(2, 0, 3, 1, 4).unbind()

        if self.wanted is None:
            q, k, v = split(self.qkv(self.ln1(x)), 3)
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        else:
            k, v = split(self.kv(self.ln1(x)), 2)
            x = x[:, self.wanted]
            (q,) = split(self.q(self.ln1(x)), 1)
            z = F.scaled_dot_product_attention(q, k, v, self.mask, scale=self.scale)
        x = x + self.out(z.transpose(1, 2).flatten(2))
        return x if self.mlp is None else x + self.mlp(x)


def norm(case: common.Case, weights: dict[str, np.ndarray], name: str) -> nn.Module:
    if case.config["normalization_type"] is None:
        return nn.Identity()
    result = nn.LayerNorm(case.config["d_model"], eps=case.config["eps"])
    result.weight.data = torch.from_numpy(weights[f"{name}.w"])
    result.bias.data = torch.from_numpy(weights[f"{name}.b"])
    return result


class Transformer(nn.Module):
    """Tokens [batch, pos] to logits [batch, wanted, d_vocab_out]."""

    def __init__(self, case: common.Case) -> None:
        super().__init__()
        weights = case.weights
        self.embed = nn.Embedding.from_pretrained(
            torch.from_numpy(weights["embed.W_E"]), freeze=False
        )
        self.W_pos = nn.Parameter(torch.from_numpy(weights["pos_embed.W_pos"]))
        self.blocks = nn.Sequential(
            *(Block(case, layer) for layer in range(case.config["n_layers"]))
        )
        self.ln_final = norm(case, weights, "ln_final")
        self.unembed = linear(weights["unembed.W_U"], weights["unembed.b_U"])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens) + self.W_pos[: tokens.shape[1]]
        return self.unembed(self.ln_final(self.blocks(x)))


class SparseAutoencoder(nn.Module):
    """Rows [row, d_in] to the loss: mean squared error and L1 of the features, or TopK."""

    def __init__(self, case: common.Case) -> None:
        super().__init__()
        self.encode = linear(case.weights["W_enc"], case.weights["b_enc"])
        self.decode = linear(case.weights["W_dec"], case.weights["b_dec"])
        self.directions = nn.Parameter(torch.from_numpy(case.weights["W_dec"]))
        self.sparsity, self.k = case.sparsity, case.k
        (self.decode.weight if self.k else self.directions).requires_grad = False

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if self.k:  # a sum of k directions takes two thirds of the time of a product with zeros
            acts, which = self.encode(rows).topk(self.k, sorted=False)
            recons = F.embedding_bag(
                which, self.directions, per_sample_weights=F.relu(acts), mode="sum"
            )
            return F.mse_loss(recons + self.decode.bias, rows)
        features = F.relu(self.encode(rows))
        return F.mse_loss(self.decode(features), rows) + self.sparsity * features.sum() / len(rows)


def main() -> None:
    parser = common.parser()
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    # Before any thread starts, which inherits it: a gradient that fades away must not slow us down.
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    case = common.load(arguments.data)
    if case.work not in ("train", "forward", "train_pairs", "train_rows"):
        common.unsupported()
    compiled = torch.compile if arguments.compile else lambda f: f
    if case.work == "train_rows":
        model = SparseAutoencoder(case)
        rows = torch.from_numpy(case.batch["rows"])
    elif case.work == "train_pairs":
        model = EncoderDecoder(case)
        tokens, labels = batch_of(case)
    else:
        model = Transformer(case)
        tokens = torch.from_numpy(case.tokens).long()
        labels = torch.from_numpy(case.labels).long()

    def loss_of(logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)

    if case.work != "forward":
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=case.lr,
            betas=case.betas,
            eps=case.eps,
            weight_decay=case.weight_decay,
            fused=True,
        )
        forward = compiled(
            lambda: model(rows) if case.work == "train_rows" else loss_of(model(tokens))
        )

        def step() -> float:
            loss = forward()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss.item()

        common.serve([step() for _ in range(3)], step)
    else:
        forward = compiled(model)
        with torch.inference_mode():
            common.serve([loss_of(forward(tokens)).item()], lambda: forward(tokens))


main()
