"""The twenty tasks of coming_from_transformer_lens.cpp as TransformerLens 3.9.0 does them.

    coming_from_transformer_lens.py DIRECTORY

DIRECTORY is where the cookbook ran. The model that it trained is read from lens-model, and what each
task finds is compared with lens-numbers.npz. Where transformer_lens or safetensors is missing, or
transformer_lens is of another version, the exit status is 77.
"""

import copy
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.simplefilter("ignore")

try:
    from importlib.metadata import version

    import numpy as np
    import safetensors
    import torch
    import transformer_lens
except ImportError as error:
    print(f"{error}: nothing was compared")
    sys.exit(77)
if version("transformer-lens") != "3.9.0":
    print("transformer-lens is not 3.9.0: nothing was compared")
    sys.exit(77)

# [imports]
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens import SVDInterpreter, TransformerLensKeyValueCache, patching, utils
from transformer_lens.head_detector import (
    compute_head_attention_similarity_score,
    get_previous_token_head_detection_pattern,
)
# [end]
from transformer_lens_files import load, save

tokens = torch.tensor([[3, 1, 4, 15, 9, 2, 6, 5], [8, 9, 7, 9, 8, 9, 7, 9]])
corrupted = torch.tensor([[3, 1, 4, 15, 9, 2, 3, 5]])
ours = {}
compared = set()


def same(name, found, tolerance=2e-4):
    """What hooked found is what was found here."""
    found = torch.as_tensor(found).detach().numpy()
    expected = ours[name]
    assert found.shape == expected.shape, f"{name}: {found.shape} here, {expected.shape} there"
    inside = np.isfinite(found)  # masked scores are -inf on both sides
    assert (inside == np.isfinite(expected)).all(), name
    error = np.abs(found[inside] - expected[inside]).max() / max(1, np.abs(found[inside]).max())
    assert error < tolerance, f"{name}: {error}"
    compared.add(name)


def build():
    # [build]
    cfg = HookedTransformerConfig(
        n_layers=2, d_model=32, n_ctx=16, d_head=16, d_mlp=64, d_vocab=20, act_fn="gelu", seed=0
    )
    model = HookedTransformer(cfg)
    model.blocks[0].attn.W_Q  # [head, d_model, d_head]
    model.W_Q  # [layer, head, d_model, d_head]
    # [end]
    return model


def train(model):
    # [train]
    half = torch.randint(0, 20, (2000, 8))
    sequences = torch.cat([half, half], dim=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(20):
        for batch in torch.utils.data.DataLoader(sequences, batch_size=50, shuffle=True):
            optimizer.zero_grad()
            model(batch, return_type="loss").backward()
            optimizer.step()
    # [end]
    assert model(sequences, return_type="loss", loss_per_token=True)[:, 8:].mean() < 1.5


def run(model):
    # [run]
    logits = model(tokens)
    loss = model(tokens, return_type="loss")
    losses = model(tokens, return_type="loss", loss_per_token=True)
    # [end]
    assert abs(losses.mean() - loss) < 1e-5
    same("logits", logits)
    same("losses", losses)


def caches(model):
    # [cache]
    logits, cache = model.run_with_cache(tokens)
    _, few = model.run_with_cache(tokens, names_filter=lambda name: name.endswith("hook_z"))
    cache["blocks.0.attn.hook_pattern"], cache["pattern0"], cache["pattern", 0]
    cache["scale", 0, "ln1"]
    utils.get_act_name("pattern", 0)
    z = cache.stack_activation("z")
    model.set_use_attn_result(True)
    result = model.run_with_cache(tokens)[1]["result", 0]
    model.set_use_attn_result(False)
    # [end]
    assert len(few) == 2
    same("pattern", cache["pattern", 0])
    same("scale", cache["scale", 0, "ln1"])
    same("z", z)
    same("result", result)


def hooks(model):
    # [hooks]
    seen = {}

    def read(resid, hook):
        seen[hook.name] = resid.clone()

    def twice(resid, hook):
        return 2 * resid

    site = "blocks.0.hook_resid_post"
    doubled = model.run_with_hooks(tokens, fwd_hooks=[(site, read), (site, twice)])

    def no_head(z, hook):
        z[:, :, 1] = 0
        return z

    def no_neurons(post, hook):
        post[:, :, [3, 5]] = 0
        return post

    model.add_hook("blocks.0.attn.hook_z", no_head)
    with model.hooks(fwd_hooks=[("blocks.1.mlp.hook_post", no_neurons)]):
        model(tokens)
    without_head = model(tokens)
    model.reset_hooks()
    # [end]
    same("seen", seen[site])
    same("doubled", doubled)
    same("without_head", without_head)
    post = "blocks.1.mlp.hook_post"
    same("without_neurons", model.run_with_hooks(tokens, fwd_hooks=[(post, no_neurons)]))


def gradients(model):
    # [gradient]
    def margin(logits):
        return logits[0, -1, 7] - logits[0, -1, 5]

    gradients = {}

    def keep(gradient, hook):
        gradients[hook.name] = gradient.clone()

    with model.hooks(bwd_hooks=[("blocks.1.hook_resid_pre", keep)]):
        margin(model(tokens)).backward()
    model.zero_grad()  # those of the parameters would add up
    gradient = gradients["blocks.1.hook_resid_pre"]
    # [end]
    same("gradient", gradient)


def layers(model):
    # [layers]
    before_1 = model(tokens, stop_at_layer=1)
    logits = model(before_1, start_at_layer=1)
    # [end]
    same("before_1", before_1)
    same("logits", logits)


def patch(model):
    clean = tokens[:1]

    # [patching]
    def metric(logits):
        return logits[0, -1, 7] - logits[0, -1, 5]

    _, clean_cache = model.run_with_cache(clean)
    by_position = patching.get_act_patch_resid_pre(model, corrupted, clean_cache, metric)
    by_head = patching.get_act_patch_attn_head_out_all_pos(model, corrupted, clean_cache, metric)

    def put_clean(mlp_out, hook):
        mlp_out[:, 6] = clean_cache[hook.name][:, 6]
        return mlp_out

    logits = model.run_with_hooks(corrupted, fwd_hooks=[("blocks.0.hook_mlp_out", put_clean)])
    # [end]
    same("by_position", by_position)
    same("by_head", by_head)
    same("patched", logits)


def logit_lens(model):
    # [logit_lens]
    _, cache = model.run_with_cache(tokens)
    resid, labels = cache.accumulated_resid(incl_mid=True, apply_ln=True, return_labels=True)
    lens = resid @ model.W_U + model.b_U
    # [end]
    assert labels == ["0_pre", "0_mid", "1_pre", "1_mid", "final_post"]
    same("lens", lens)


def attribution(model):
    # [attribution]
    _, cache = model.run_with_cache(tokens)
    layers, labels = cache.decompose_resid(return_labels=True)
    by_layer = cache.logit_attrs(layers, tokens=7, incorrect_tokens=5)
    heads, labels = cache.stack_head_results(pos_slice=-1, return_labels=True)
    by_head = cache.logit_attrs(heads, pos_slice=-1, tokens=7, incorrect_tokens=5)
    for label, value in zip(labels, by_head[:, 0]):
        print(label, value.item())
    # [end]
    same("by_layer", by_layer)
    same("by_head_at_last", by_head[:, :, None])


def decomposition(model):
    # [decomposition]
    _, cache = model.run_with_cache(tokens)
    parts, labels = cache.get_full_resid_decomposition(expand_neurons=True, return_labels=True)
    parts[labels.index("L1H0")]
    total = parts.sum(0)
    neurons = cache.get_neuron_results(0, neuron_slice=[3, 5])
    stack = cache.stack_neuron_results(layer=1)
    read = cache.apply_ln_to_stack(stack, layer=1, mlp_input=True)
    # [end]
    assert (total - cache["resid_post", 1]).abs().max() < 1e-4
    same("parts", parts)
    same("neurons", neurons)
    same("read", read)


def detectors(model):
    # [detectors]
    # With a tokenizer: detect_head(model, text, "previous_token_head", exclude_bos=True).
    _, cache = model.run_with_cache(tokens)
    scores = torch.zeros(2, 2)
    for row, sequence in enumerate(tokens):
        D = get_previous_token_head_detection_pattern(sequence[None])
        for layer in range(2):
            for head in range(2):
                scores[layer, head] += compute_head_attention_similarity_score(
                    cache["pattern", layer][row, head].clone(),
                    detection_pattern=D,
                    exclude_bos=True,
                    exclude_current_token=False,
                    error_measure="mul",
                ) / len(tokens)
    # [end]
    same("scores", scores)


def induction(model):
    twice = torch.as_tensor(ours["twice"]).long()
    # [induction]
    # twice: [50, 16], eight random tokens that come twice
    losses = model(twice, return_type="loss", loss_per_token=True)
    loss = losses[:, 8:].mean()
    _, cache = model.run_with_cache(twice)
    scores = torch.stack(
        [cache["pattern", layer].diagonal(-7, -2, -1)[..., 1:].mean((0, 2)) for layer in range(2)]
    )
    # [end]
    compared.add("twice")
    same("induction_loss", loss[None])
    same("induction_scores", scores)


def circuits(model):
    # [circuits]
    OV, QK = model.OV[1, 0], model.QK[1, 0]
    OV.AB, OV.norm(), OV.T, OV.get_corner(3), OV.make_even(), OV.collapse_l(), OV.collapse_r()
    U, S, V = OV.svd()
    eigenvalues = OV.eigenvalues
    from_token_to_logits = model.W_E @ OV @ model.W_U
    eigs = from_token_to_logits.eigenvalues
    copying = eigs.real.sum() / eigs.abs().sum()
    interpreter = SVDInterpreter(model)
    directions = interpreter.get_singular_vectors("OV", 1, 3, head_index=0)
    interpreter.get_singular_vectors("w_in", 0, 3), interpreter.get_singular_vectors("w_out", 0, 3)
    # [end]
    assert len(eigenvalues) == 16
    same("OV", OV.AB)
    same("QK", QK.AB)
    same("S", S)
    same("copying", copying[None])
    same("directions", directions[:, 0].abs())


def composition(model):
    # [composition]
    scores = model.all_composition_scores("K")
    scores[0, 1, 1, 0]
    # [end]
    same("composition", scores)


def processing(model):
    model = copy.deepcopy(model)
    # [processing]
    model.process_weights_()  # in place; the report is up to you
    # [end]
    same("processed_W_E", model.W_E)
    same("processed_W_in", model.blocks[0].mlp.W_in)
    same("processed_logits", model(tokens))


def generation(model):
    # [generation]
    # use_past_kv_cache=True reads wrong positions where there is no tokenizer.
    text = model.generate(
        tokens, max_new_tokens=4, do_sample=False, stop_at_eos=False, use_past_kv_cache=False
    )
    past = TransformerLensKeyValueCache.init_cache(model.cfg, "cpu", 2)
    ones = torch.ones(2, 8, dtype=torch.int)  # a mask: without one there must be a tokenizer
    with torch.no_grad():
        model(tokens, past_kv_cache=past, attention_mask=ones)
        next = model(text[:, 8:9], past_kv_cache=past, attention_mask=ones[:, :1])
    # [end]
    same("text", text)
    same("next", next)


def padding(model):
    # [padding]
    padded = torch.tensor([[0, 0, 3, 1, 4, 15], [8, 9, 7, 9, 8, 9]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    logits = model(padded, attention_mask=mask)
    loss = model(padded, attention_mask=mask, return_type="loss")
    # [end]
    same("masked_logits", logits[:, 2:])
    same("masked_loss", loss[None])


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    train(build())
    ours.update(np.load(directory / "lens-numbers.npz"))
    model = load(directory / "lens-model")
    save(model, directory / "their-lens-model")
    model = load(directory / "their-lens-model")
    for task in (
        run, caches, hooks, gradients, layers, patch, logit_lens, attribution, decomposition,
        detectors, induction, circuits, composition, processing, generation, padding,
    ):  # fmt: skip
        task(model)
    assert compared == set(ours), f"not compared: {set(ours) - compared}"
    print(f"{len(compared)} results are the same")
