"""TransformerLens as its users use it: every position computed, PyTorch's AdamW as it comes."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched
os.environ["TQDM_DISABLE"] = "1"  # no bar is drawn while patching is timed

import torch
from torch.nn.functional import cross_entropy
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache

import common


def cache_for(model: HookedTransformer) -> TransformerLensKeyValueCache:
    return TransformerLensKeyValueCache.init_cache(model.cfg, "cpu", 1)


def after(
    model: HookedTransformer, cache: TransformerLensKeyValueCache, tokens: torch.Tensor
) -> torch.Tensor:
    """The logits of tokens that follow those in the cache."""
    mask = torch.ones_like(tokens)  # a model without a tokenizer wants it said
    return model(tokens, past_kv_cache=cache, attention_mask=mask)


def main() -> None:
    arguments = common.parser().parse_args()
    torch.set_num_threads(arguments.threads)
    case = common.load(arguments.data)
    if case.work in ("train_pairs", "train_rows"):
        common.unsupported()
    model = HookedTransformer(HookedTransformerConfig.from_dict({**case.config, "device": "cpu"}))
    model.load_state_dict({name: torch.from_numpy(w) for name, w in case.weights.items()})
    tokens = torch.from_numpy(case.tokens).long()
    labels = torch.from_numpy(case.labels).long()
    torch.set_grad_enabled(case.work == "train")

    def loss_of(logits: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits[:, case.positions].flatten(0, 1), labels.flatten())

    if case.work == "train":
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=case.lr,
            betas=case.betas,
            eps=case.eps,
            weight_decay=case.weight_decay,
        )

        def step() -> float:
            loss = loss_of(model(tokens))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss.item()

        common.serve([step() for _ in range(3)], step)
    elif case.work == "forward":
        common.serve([loss_of(model(tokens)).item()], lambda: model(tokens))
    elif case.work == "cache":
        logits, _ = model.run_with_cache(tokens)
        common.serve([loss_of(logits).item()], lambda: model.run_with_cache(tokens))
    elif case.work == "prefill":
        read = lambda: after(model, cache_for(model), tokens[:, :-1])[:, -1]
        common.serve([cross_entropy(read(), labels[:, -1]).item()], read)
    elif case.work == "generate":
        # generate() of a model without a tokenizer adds the wrong positions (W_pos[2L - 2]), so the
        # loop is written out.
        first = case.positions[0] + 1

        def generate() -> list[int]:
            cache, said = cache_for(model), tokens[:, :first]
            new = said
            while said.shape[1] < tokens.shape[1]:
                new = after(model, cache, new)[:, -1:].argmax(-1)
                said = torch.cat([said, new], dim=1)
            return said[0].tolist()

        common.serve(generate(), generate)
    else:
        clean, corrupted = tokens[:1], tokens[1:]
        right, wrong = labels[:, -1]

        def metric(logits: torch.Tensor) -> torch.Tensor:
            return logits[0, -1, right] - logits[0, -1, wrong]

        def patch() -> torch.Tensor:
            _, clean_cache = model.run_with_cache(clean)
            return patching.get_act_patch_resid_pre(model, corrupted, clean_cache, metric)

        common.serve(patch().flatten().tolist(), patch)


main()
