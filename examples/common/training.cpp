#include "training.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "hooked/io/hugging_face.hpp"
#include "hooked/io/model.hpp"
#include "hooked/train/train.hpp"

namespace study {

namespace {

namespace fs = std::filesystem;
using hooked::Transformer;
using json = nlohmann::ordered_json;

/// Whether `out` holds the finished run that is asked for.
bool is_finished(const json& wanted, const fs::path& out) {
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
  compare(wanted.at("choices"), there.value("choices", json::object()));
  return true;
}

fs::path snapshot_path(const fs::path& out, Index step) {
  char name[40];
  std::snprintf(name, sizeof name, "step-%08td.safetensors", step);
  return out / "snapshots" / name;
}

/// Listens to training: keeps snapshots, and the time of all legs.
class Keeper {
 public:
  Keeper(const Transformer<float>& model, const fs::path& out, Index steps, Index snapshots,
         bool resumes)
      : model_(model), out_(out), every_(snapshots > 0 ? (steps + snapshots - 1) / snapshots : 0) {
    if (!resumes) {
      fs::remove_all(out / "snapshots");
      fs::remove(legs_path());
    }
    if (fs::exists(legs_path())) before_ = hooked::load_json(legs_path()).value("seconds", 0.0);
    if (every_ == 0) return;
    hooked::make_directory(out / "snapshots");
    if (!fs::exists(snapshot_path(out, 0))) hooked::save_safetensors(model, snapshot_path(out, 0));
  }

  void on_step(const hooked::StepInfo& info) {
    if (every_ == 0 || (info.step % every_ != 0 && info.step != info.total_steps)) return;
    hooked::save_safetensors(model_, snapshot_path(out_, info.step));
  }
  void on_checkpoint(const fs::path&) {
    hooked::save_json(legs_path(), json{{"seconds", seconds()}});
  }

  /// Of training, in this leg and those before it up to the checkpoint that it went on from.
  double seconds() const {
    const std::chrono::duration<double> now = std::chrono::steady_clock::now() - start_;
    return before_ + now.count();
  }
  void forget_legs() const { fs::remove(legs_path()); }

 private:
  fs::path legs_path() const { return out_ / "legs.json"; }

  const Transformer<float>& model_;
  fs::path out_;
  Index every_;
  double before_ = 0.0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

json run_facts(const Study& study, const Options& options) {
  json facts{{"study", study.name}, {"preset", options.preset}, {"seed", options.seed}};
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

Index steps_per_epoch(const Setup& setup) {
  const Index examples = setup.part.train.size(), batch = setup.training.batch_size;
  return batch > 0 ? (examples + batch - 1) / batch : 1;
}

Transformer<float> train_or_load(const Study& study, const Options& options, const Setup& setup) {
  json facts = run_facts(study, options);
  if (is_finished(facts, options.out)) {
    std::printf("%s holds this run already: loading it\n", options.out.c_str());
    return hooked::load_model<float>(options.out);
  }
  const bool is_interrupted = fs::exists(options.out / "checkpoint.safetensors");
  if (is_interrupted && !options.resume) {
    hooked::fail<hooked::ConfigError>(options.out.string(),
                                      " holds a run that was interrupted: "
                                      "--resume goes on with it; or choose another --out");
  }
  Transformer<float> model(setup.model, seed_of(options));
  hooked::TrainOptions training = setup.training;
  const Index steps =
      training.steps > 0 ? training.steps : training.epochs * steps_per_epoch(setup);
  if (steps < 1) hooked::fail<hooked::ConfigError>("a run of ", steps, " steps: it must have one");
  training.validation = &setup.all;
  if (training.evaluate_every == 0) training.evaluate_every = std::max<Index>(1, steps / 25);
  training.directory = options.out;
  training.checkpoint_every = std::max<Index>(1, steps / 20);
  training.resume = options.resume;
  training.seed = seed_of(options);
  training.threads = options.threads;
  std::printf("training on %td of %td examples for %td steps\n", setup.part.train.size(),
              setup.all.size(), steps);
  Keeper keeper(model, options.out, steps, study.snapshots, is_interrupted);
  const hooked::TrainResult result = hooked::train(model, setup.part.train, training, keeper);
  facts["steps"] = result.steps;
  facts["seconds"] = keeper.seconds();
  hooked::save_json(options.out / "run.json", facts);
  keeper.forget_legs();
  std::printf("%td steps in %.1f s\n", result.steps, keeper.seconds());
  return model;
}

Transformer<float> given_model(const Options& options, const Setup& setup) {
  if (fs::exists(options.out / "run.json") || fs::exists(options.out / "checkpoint.safetensors")) {
    hooked::fail<hooked::ConfigError>(options.out.string(), " holds a run: what is measured of ",
                                      options.model.string(), " needs another --out");
  }
  Transformer<float> model = hooked::load_any_model<float>(options.model);
  const hooked::TransformerConfig wanted = setup.model.resolved(), &found = model.config();
  const auto check = [&](const char* name, Index is, Index should_be, bool fits) {
    if (fits) return;
    hooked::fail<hooked::ConfigError>(options.model.string(), ": ", name, " is ", is,
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
