"""JAX with jit: one compiled training step on donated buffers, nothing computed for positions that
nobody reads, the projections to queries, keys and values in one product where they can be, and
optax's AdamW."""

import os
from functools import partial

import common

arguments = common.parser().parse_args()
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["NPROC"] = str(arguments.threads)  # the size of XLA's thread pool

import jax
import numpy as np
import optax
from jax import numpy as jnp

Parameters = dict[str, jax.Array]


def projections_of(case: common.Case, layer: int) -> tuple[str, ...]:
    """Which of queries, keys and values come from one product: the last block's queries are for
    the wanted positions alone."""
    last = layer == case.config["n_layers"] - 1
    return ("Q", "KV") if last and not case.all_positions else ("QKV",)


def parameters_of(case: common.Case) -> Parameters:
    """Matrices [in, out], under HookedTransformer's names."""
    result = {n: w for n, w in case.weights.items() if not n.endswith((".mask", ".IGNORE"))}
    d_model = case.config["d_model"]
    for layer in range(case.config["n_layers"]):
        attn = f"blocks.{layer}.attn."
        for names in projections_of(case, layer):
            w = np.concatenate([result.pop(f"{attn}W_{n}") for n in names])  # [head, in, d_head]
            b = np.concatenate([result.pop(f"{attn}b_{n}") for n in names])
            result[f"{attn}W_{names}"] = w.transpose(1, 0, 2).reshape(d_model, -1)
            result[f"{attn}b_{names}"] = b.reshape(-1)
        result[f"{attn}W_O"] = result[f"{attn}W_O"].reshape(-1, d_model)
    return {name: jnp.asarray(w) for name, w in result.items()}


def logits_of(case: common.Case, parameters: Parameters, tokens: jax.Array) -> jax.Array:
    """Tokens [batch, pos] to logits [batch, wanted, d_vocab_out]."""
    config = case.config
    act = {"relu": jax.nn.relu, "gelu": partial(jax.nn.gelu, approximate=False)}
    causal = jnp.tril(jnp.ones((tokens.shape[1], tokens.shape[1]), bool))

    def norm(x: jax.Array, name: str) -> jax.Array:
        if config["normalization_type"] is None:
            return x
        centred = x - x.mean(-1, keepdims=True)
        scale = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + config["eps"])
        return centred * scale * parameters[f"{name}.w"] + parameters[f"{name}.b"]

    def linear(x: jax.Array, name: str, which: str) -> jax.Array:
        return x @ parameters[f"{name}.W_{which}"] + parameters[f"{name}.b_{which}"]

    x = parameters["embed.W_E"][tokens] + parameters["pos_embed.W_pos"][: tokens.shape[1]]
    for layer in range(config["n_layers"]):
        block, attn = f"blocks.{layer}", f"blocks.{layer}.attn"
        mask = causal
        normed = norm(x, f"{block}.ln1")
        if projections_of(case, layer) == ("QKV",):
            q, k, v = jnp.split(linear(normed, attn, "QKV"), 3, axis=-1)
        else:
            x, mask = x[:, case.wanted], causal[case.wanted]
            q = linear(normed[:, case.wanted], attn, "Q")
            k, v = jnp.split(linear(normed, attn, "KV"), 2, axis=-1)
        q, k, v = (y.reshape(*y.shape[:2], config["n_heads"], -1) for y in (q, k, v))
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / config["attn_scale"]
        pattern = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
        z = jnp.einsum("bhqk,bkhd->bqhd", pattern, v)
        x = x + linear(z.reshape(*z.shape[:2], -1), attn, "O")
        if not config["attn_only"]:
            hidden = act[config["act_fn"]](linear(norm(x, f"{block}.ln2"), f"{block}.mlp", "in"))
            x = x + linear(hidden, f"{block}.mlp", "out")
    return linear(norm(x, "ln_final"), "unembed", "U")


def main() -> None:
    case = common.load(arguments.data)
    if case.work not in ("train", "forward"):
        common.unsupported()
    parameters = parameters_of(case)
    tokens, labels = jnp.asarray(case.tokens), jnp.asarray(case.labels)

    def loss_of(logits: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    if case.work == "train":
        optimizer = optax.adamw(case.lr, *case.betas, case.eps, weight_decay=case.weight_decay)
        state = parameters, optimizer.init(parameters)

        @partial(jax.jit, donate_argnums=0)
        def update(state: tuple, tokens: jax.Array) -> tuple:
            parameters, moments = state
            loss, gradients = jax.value_and_grad(lambda p: loss_of(logits_of(case, p, tokens)))(
                parameters
            )
            updates, moments = optimizer.update(gradients, moments, parameters)
            return loss, (optax.apply_updates(parameters, updates), moments)

        def step() -> float:
            nonlocal state
            loss, state = jax.block_until_ready(update(state, tokens))
            return float(loss)

        common.serve([step() for _ in range(3)], step)
    else:
        forward = jax.jit(partial(logits_of, case))
        loss = float(loss_of(forward(parameters, tokens)))
        common.serve([loss], lambda: forward(parameters, tokens).block_until_ready())


main()
