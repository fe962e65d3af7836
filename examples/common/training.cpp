#include "training.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "hooked/io/hugging_face.hpp"

namespace study {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

bool is_finished(const json& wanted, const Choices& defaults, const fs::path& out) {
  if (!fs::exists(out / "run.json")) return false;
  const json there = hooked::load_json(out / "run.json");
  const auto compare = [&](const json& asked, const json& found) {
    for (const auto& [key, value] : asked.items()) {
      if (key == "preset" || value.is_object()) continue;  // the choices decide
      const auto it = found.find(key);
      if (it != found.end() && it->dump() == value.dump()) continue;
      hooked::fail<hooked::ConfigError>(out.string(), " holds another run: its ", key, " is ",
                                        it == found.end() ? "missing" : it->dump(),
                                        ", asked for is ", value.dump(),
                                        "; choose another --out, or remove it");
    }
  };
  compare(wanted, there);
  json choices;
  for (const Choice& choice : defaults) choices[choice.name] = choice.value.to_json();
  choices.update(there.value("choices", json::object()));
  compare(wanted.at("choices"), choices);
  return true;
}

fs::path snapshot_path(const fs::path& out, Index step) {
  char name[40];
  std::snprintf(name, sizeof name, "step-%08td.safetensors", step);
  return out / "snapshots" / name;
}

json run_facts(const std::string& study, const Options& options) {
  json facts{{"study", study}, {"preset", options.preset}, {"seed", options.seed}};
  for (const Choice& choice : options.choices)
    facts["choices"][choice.name] = choice.value.to_json();
  return facts;
}

std::vector<Snapshot> snapshots_in(const fs::path& out) {
  std::vector<Snapshot> snapshots;
  if (!fs::exists(out / "snapshots")) return snapshots;
  for (const auto& file : fs::directory_iterator(out / "snapshots")) {
    Index step = 0;
    // A run that was killed may have left one half written, under another ending.
    if (file.path().extension() != ".safetensors") continue;
    if (std::sscanf(file.path().filename().string().c_str(), "step-%td.safetensors", &step) == 1) {
      snapshots.push_back({step, file.path()});
    }
  }
  std::sort(snapshots.begin(), snapshots.end(),
            [](const Snapshot& a, const Snapshot& b) { return a.step < b.step; });
  return snapshots;
}

Transformers::Data Transformers::deal_labels(const Data& data, hooked::Seed seed) {
  std::vector<Index> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), Index{0});
  hooked::Random(seed, "dealt labels").permutation(order);
  Data dealt = data;
  for (Index i = 0; i < data.size(); ++i) {
    hooked::copy(data.labels.select(0, order[static_cast<std::size_t>(i)]),
                 dealt.labels.select(0, i));
  }
  return dealt;
}

Transformers::Model Transformers::load(const fs::path& folder, const Config& wanted_config) {
  Model model = hooked::load_any_model<float>(folder);
  const Config wanted = wanted_config.resolved(), &found = model.config();
  const auto check = [&](const char* name, Index is, Index should_be, bool fits) {
    if (fits) return;
    hooked::fail<hooked::ConfigError>(folder.string(), ": ", name, " is ", is,
                                      ", the study's model has ", should_be);
  };
  const auto same = [&](const char* name, Index is, Index should_be) {
    check(name, is, should_be, is == should_be);
  };
  same("d_vocab", found.d_vocab, wanted.d_vocab);
  same("d_vocab_out", found.d_vocab_out, wanted.d_vocab_out);
  same("n_layers", found.n_layers, wanted.n_layers);
  same("n_heads", found.n_heads, wanted.n_heads);
  same("attn_only", found.attn_only, wanted.attn_only);
  check("n_ctx", found.n_ctx, wanted.n_ctx, found.n_ctx >= wanted.n_ctx);
  return model;
}

}  // namespace study
