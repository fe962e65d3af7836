#!/usr/bin/env bash
# inspect.sh PROGRAM GOLDEN: what the program says of the small checkpoints in GOLDEN, what it
# writes, and what it says to bad input: one line on standard error, exit status 1, no file.
set -uo pipefail
program=$1 golden=$2
. "$(dirname "$0")/refuses.sh"

complain() {
  printf '%s\n' "$*"
  failed=1
}
shows() { # shows TEXT ARGUMENT...: TEXT is a line, or a part of one, of what it prints
  local expected=$1 output
  shift
  output=$("$program" "$@" 2>&1) || complain "inspect $*: status $?"
  [[ $output == *"$expected"* ]] || complain "expected \"$expected\", got" "$output"
}

gpt2=$golden/gpt2 neox=$golden/neox
shows "model   Hugging Face gpt2: 2 layers, d_model 8, 2 heads of 4, d_mlp 32" "$gpt2" --tokens 1,2,3
shows "gelu_new, norm LN, positions standard, W_U is W_E^T" "$gpt2" --tokens 1,2,3
shows "positions rotary, attention and MLP side by side" "$neox" --tokens 1,2,3
shows "tokens  1 x 3 [batch, pos]" "$neox" --tokens "1 2 3"
shows "by chance 2.3979" "$neox" --tokens 1,2,3
shows "final_post" "$neox" --tokens 1
shows "previous token" "$golden/neox_serial" --tokens 1,2,1,2
shows "detectors on 4 random sequences of 3 tokens that come twice" "$golden/gpt2_untied" --tokens 1,2 --detect

# The likeliest token and its logit, as transformers has them in float64.
python3 - "$gpt2/expected.json" >"$folder/expected" <<'END'
import json, sys
expected = json.load(open(sys.argv[1]))
print(",".join(map(str, expected["tokens"][0])))
row = expected["logits"][:11]
print(f"{row.index(max(row)):6} {max(row):8.3f}")
END
shows "$(sed -n 2p "$folder/expected")" "$gpt2" --tokens "$(sed -n 1p "$folder/expected")" --top 1

# A batch of two, from text and from .npy, and activations for Python.
printf '1 2 3\n\n4,5,6\n' >"$folder/tokens.txt"
shows "tokens  2 x 3 [batch, pos]" "$gpt2" --tokens-file "$folder/tokens.txt"
shows "sequence 1" "$gpt2" --tokens-file "$folder/tokens.txt"
shows "3 activations and the tokens are in $folder/acts.npz" "$gpt2" --tokens-file "$folder/tokens.txt" \
  --save "pattern0, *.hook_resid_post" --out "$folder/acts.npz"
python3 - "$folder" <<'END' || failed=1
import struct, sys, zipfile
folder = sys.argv[1]
archive = zipfile.ZipFile(folder + "/acts.npz")
assert archive.testzip() is None
names = ["tokens", "blocks.0.attn.hook_pattern", "blocks.0.hook_resid_post", "blocks.1.hook_resid_post"]
assert archive.namelist() == [name + ".npy" for name in names], archive.namelist()
tokens = archive.read("tokens.npy")
assert b"'shape': (2, 3)" in tokens and struct.unpack("<6i", tokens[-24:]) == (1, 2, 3, 4, 5, 6)
pattern = archive.read("blocks.0.attn.hook_pattern.npy")
assert b"'shape': (2, 2, 3, 3)" in pattern and struct.unpack("<3f", pattern[-36:-24]) == (1, 0, 0)
open(folder + "/tokens.npy", "wb").write(tokens)
END
shows "tokens  2 x 3 [batch, pos]" "$gpt2" --tokens-file "$folder/tokens.npy"

# A directory with HookedTransformer's keys and names, as TransformerLens writes them.
python3 - "$folder/lens" <<'END' || failed=1
import json, os, struct, sys
os.mkdir(sys.argv[1])
config = dict(n_layers=0, d_model=2, n_ctx=4, n_heads=1, d_head=2, d_vocab=3, act_fn="gelu",
              normalization_type=None, dtype="torch.float32", device="cpu", use_hook_tokens=False)
json.dump(config, open(sys.argv[1] + "/config.json", "w"))
shapes = {"embed.W_E": [3, 2], "pos_embed.W_pos": [4, 2], "unembed.W_U": [2, 3], "unembed.b_U": [3]}
numbers = [1, 0, 0, 1, 1, 1] + [0] * 8 + [2, 0, 0, 0, 3, 0] + [0, 0, 0.5]
header, at = {}, 0
for name, shape in shapes.items():
    end = at + 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name], at = {"dtype": "F32", "shape": shape, "data_offsets": [at, end]}, end
text = json.dumps(header).encode()
with open(sys.argv[1] + "/model.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + struct.pack(f"<{len(numbers)}f", *numbers))
END
shows "model   HookedTransformer: 0 layers, d_model 2" "$folder/lens" --tokens 0,1,2
shows "gelu, norm none, positions standard" "$folder/lens" --tokens 0,1,2
shows "     1    3.000 0." "$folder/lens" --tokens 0,1,2 --top 1

refuses "$folder/none/config.json: cannot be read: No such file or directory" "$folder/none" --tokens 1
mkdir "$folder/empty" "$folder/llama" "$folder/bare"
refuses "$folder/empty/config.json: cannot be read" "$folder/empty" --tokens 1
echo '{"model_type": "llama"}' >"$folder/llama/config.json"
refuses "\"model_type\": \"llama\" is not one of: gpt2, gpt_neox" "$folder/llama" --tokens 1
cp "$gpt2/config.json" "$folder/bare"
refuses "$folder/bare: holds neither model.safetensors nor model.safetensors.index.json" "$folder/bare" --tokens 1
refuses "token 11 at [0, 1] is outside the vocabulary 0..10" "$gpt2" --tokens 1,11
refuses "token -1 at [0, 0] is outside the vocabulary 0..10" "$gpt2" --tokens=-1
refuses "--tokens: there are no tokens" "$gpt2" --tokens ","
refuses "--tokens: \"two\" is not a token" "$gpt2" --tokens 1,two,3
refuses "sequences of 8 are longer than n_ctx 7" "$gpt2" --tokens 1,2,3,4,5,6,7,8
printf '1 2\n3\n' >"$folder/ragged.txt"
refuses "sequence 1 has 1 tokens, those before it have 2" "$gpt2" --tokens-file "$folder/ragged.txt"
refuses "--tokens or --tokens-file is required" "$gpt2"
refuses "no hook point is named \"hook_patern\"" "$gpt2" --tokens 1 --save hook_patern --out "$folder/no.npz"
refuses "--save and --out go together" "$gpt2" --tokens 1 --save pattern0
refuses "--out: $folder/none is not a directory" "$gpt2" --tokens 1 --save pattern0 --out "$folder/none/no.npz"
refuses "it must end in .npz" "$gpt2" --tokens 1 --save pattern0 --out "$folder/no.npy"
refuses "not in range 1 to 100" "$gpt2" --tokens 1 --top 0
for file in "$folder"/no.*; do
  if [ -e "$file" ]; then complain "a refused run made $file"; fi
done
exit $failed
