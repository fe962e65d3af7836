// Hugging Face checkpoints as models: directories with config.json and safetensors.
#pragma once

#include <filesystem>
#include <string>

#include "hooked/io/hugging_face_config.hpp"
#include "hooked/io/hugging_face_weights.hpp"
#include "hooked/io/json.hpp"
#include "hooked/io/model.hpp"
#include "hooked/io/safetensors_shards.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// The GPT-2 or GPT-NeoX (Pythia) of a directory as save_pretrained() and the hub have it:
/// `config.json` beside `model.safetensors`, or beside `model.safetensors.index.json` and what that
/// names. Names may have the prefix `transformer.` (`gpt_neox.`) or not; masks and other constants
/// are passed over; float16, bfloat16, float32 and float64 are read as T. Numbers go straight to
/// their place, so that a model takes its own size in memory and a few megabytes while it loads. A
/// GPT-2 whose output layer is its embedding has `tied_embeddings` and no `unembed.W_U`; weights
/// are not processed (process_weights does that). The angles of rotary positions are computed in
/// double, where transformers has them in float32.
/// Throws FormatError for files that cannot be read and for a tensor that is missing, left over or
/// of another shape than the config says; ConfigError as hugging_face_config.
template <Scalar T>
Transformer<T> load_hugging_face(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "config.json";
  const nlohmann::ordered_json json = load_json(path);
  const TransformerConfig config = hugging_face_config(json, path.string());
  const SafetensorsShards shards(directory);
  auto model = Transformer<T>::blank(config);
  const HuggingFaceFamily family = hugging_face_family(json, path.string());
  detail::read_their_weights(model, family, shards, directory.string());
  return model;
}

/// The model of a directory of any kind: load_hugging_face where config.json names a model_type or
/// architectures, else load_model. Throws as they do.
template <Scalar T>
Transformer<T> load_any_model(const std::filesystem::path& directory) {
  const bool is_theirs = is_hugging_face_config(load_json(directory / "config.json"));
  return is_theirs ? load_hugging_face<T>(directory) : load_model<T>(directory);
}

}  // namespace hooked
