// Runs one case again and again on command, so that hooked and its peers can take turns.
//
//   steps --case NAME [--threads N] [--write DIR]
//
// prints {"values": [...]}: the losses of the first training steps, or what a probe found. Then
// "run N" on the standard input does the work N times and prints {"ms": [...]}, N times in
// milliseconds; the end of the input ends the program. The case "products" times the machine's own
// matrix products. --write DIR leaves the model, its batch.npz and a case.json there and ends.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cases.hpp"
#include "hooked/hooked.hpp"
#include "hooked/io/json.hpp"
#include "hooked/io/npz.hpp"
#include "hooked/nn/encoder_decoder.hpp"
#include "hooked/nn/generate.hpp"
#include "hooked/nn/key_value_cache.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/train/sparse_autoencoder_loss.hpp"

namespace {

using bench::Case;
using bench::PairsCase;
using bench::RowsCase;
using bench::Work;
using Clock = std::chrono::steady_clock;
using hooked::Index;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Waits for "run N"; false at the end of the input.
bool wait_for_command(Index& runs) {
  std::string word;
  return std::cin >> word >> runs && word == "run" && runs > 0;
}

void print(const char* key, const std::vector<double>& numbers) {
  std::cout << nlohmann::json{{key, numbers}}.dump() << std::endl;
}

/// Lives inside train(), which is what a user calls: a step ends when the next one begins.
class Stopwatch {
 public:
  bool on_step(const hooked::StepInfo& info) {
    const double now = milliseconds_since(start_);
    constexpr Index kFirst = 3;
    if (info.step <= kFirst) values_.push_back(info.loss);
    if (info.step < kFirst) return true;
    if (info.step == kFirst) {
      print("values", values_);
    } else {
      times_.push_back(now);
    }
    if (static_cast<Index>(times_.size()) == runs_) {
      if (info.step > kFirst) print("ms", times_);
      times_.clear();
      if (!wait_for_command(runs_)) return false;
    }
    start_ = Clock::now();
    return true;
  }

 private:
  Clock::time_point start_;
  Index runs_ = 0;
  std::vector<double> times_, values_;
};

template <class Case>
hooked::TrainOptions endless(const Case& c, int threads) {
  return {.optimizer = c.optimizer, .steps = 1'000'000'000, .progress = false, .threads = threads};
}

/// Mean cross-entropy of logits [batch, pos, d_vocab_out].
double loss_of(const hooked::Tensor<float>& logits, const hooked::Tensor<hooked::Token>& labels) {
  const auto log_p = hooked::log_softmax(logits);
  double sum = 0.0;
  hooked::for_each_element(labels.view(), [&](Index i, const hooked::Token& label) {
    sum -= log_p.data()[i * logits.size(2) + label];
  });
  return sum / static_cast<double>(labels.numel());
}

/// Times `work`; peers must agree with `values`.
template <class F>
void probe(const std::vector<double>& values, F work) {
  print("values", values);
  for (Index runs = 0; wait_for_command(runs);) {
    std::vector<double> times;
    for (Index i = 0; i < runs; ++i) {
      const auto start = Clock::now();
      work();
      times.push_back(milliseconds_since(start));
    }
    print("ms", times);
  }
}

void run(const Case& c, int threads) {
  hooked::Transformer<float> model(c.config, hooked::Seed{0});
  const auto& tokens = c.data.tokens;
  const auto& labels = c.data.labels;
  switch (c.work) {
    case Work::train:
      hooked::train(model, c.data, endless(c, threads), Stopwatch());
      return;
    case Work::forward:
      return probe({loss_of(model(tokens), labels)},
                   [&] { return model(tokens, {.threads = threads}); });
    case Work::cache:
      return probe({loss_of(model.run_with_cache(tokens).logits, labels)},
                   [&] { return model.run_with_cache(tokens, {.run = {.threads = threads}}); });
    case Work::prefill: {
      const auto read = [&] {
        hooked::KeyValueCache<float> past(1, tokens.size(1));
        return model.run_with_past(tokens.slice(1, 0, tokens.size(1) - 1), past, {},
                                   {.positions = c.data.positions});
      };
      return probe({loss_of(read(), labels)}, read);
    }
    case Work::generate: {
      const Index prompt = c.data.positions[0] + 1;
      const auto generated = [&] {
        return hooked::generate(model, tokens.slice(1, 0, prompt),
                                {.max_new_tokens = tokens.size(1) - prompt, .do_sample = false});
      };
      const auto said = hooked::cast<double>(generated());
      return probe({said.data(), said.data() + said.numel()}, generated);
    }
    case Work::patching: {
      const Index last = tokens.size(1) - 1;
      const auto difference = [&](hooked::Variable<float> logits) {
        return hooked::element(logits, {0, -1, labels(0, last)}) -
               hooked::element(logits, {0, -1, labels(1, last)});
      };
      const auto patched = [&] {
        return hooked::patch_resid_pre<float>(
            model, tokens.slice(0, 0, 1), tokens.slice(0, 1, 2), difference,
            {.positions = {static_cast<hooked::Token>(last)}, .threads = threads});
      };
      const auto result = patched();
      return probe({result.data(), result.data() + result.numel()}, patched);
    }
  }
}

void run(const PairsCase& c, int threads) {
  hooked::EncoderDecoder<float> model(c.config, hooked::Seed{0});
  hooked::train(model, c.data, endless(c, threads), Stopwatch());
}

void run(const RowsCase& c, int threads) {
  hooked::SparseAutoencoder<float> sae(c.sae, hooked::Seed{0});
  hooked::train(sae, c.rows, hooked::SparseAutoencoderLoss{.sparsity = c.sparsity},
                endless(c, threads), Stopwatch());
}

/// What the machine's own products reach: [1024, 512] by [512, 512], one on every thread.
constexpr Index kRows = 1024, kInner = 512;
void products(int threads) {
  hooked::ThreadPool pool(threads);
  const hooked::Tensor<float> a({kRows, kInner}, 1.0f), b({kInner, kInner}, 1.0f);
  std::vector<hooked::Tensor<float>> c(static_cast<std::size_t>(threads), a);
  probe({2.0 * threads * kRows * kInner * kInner}, [&] {
    pool.run(threads, [&](Index i) {
      c[static_cast<std::size_t>(i)].matrix().noalias() = a.matrix() * b.matrix();
    });
  });
}

/// case.json, with `more` of this kind of case.
template <class Case>
void write_facts(const Case& c, const char* work, const nlohmann::ordered_json& more,
                 const std::filesystem::path& folder) {
  nlohmann::ordered_json facts{{"name", c.name},
                               {"work", work},
                               {"lr", c.optimizer.lr},
                               {"weight_decay", c.optimizer.weight_decay},
                               {"betas", c.optimizer.betas},
                               {"eps", c.optimizer.eps},
                               {"flops", bench::flops(c)}};
  facts.update(more);
  hooked::save_json(folder / "case.json", facts);
}
void write(const Case& c, const std::filesystem::path& folder) {
  hooked::save_model(hooked::Transformer<float>(c.config, hooked::Seed{0}), folder);
  hooked::save_npz(folder / "batch.npz", {{"tokens", c.data.tokens}, {"labels", c.data.labels}});
  constexpr const char* kWork[] = {"train", "forward", "cache", "patching", "prefill", "generate"};
  write_facts(c, kWork[static_cast<int>(c.work)], {{"positions", c.data.positions}}, folder);
}
void write(const PairsCase& c, const std::filesystem::path& folder) {
  hooked::save_model(hooked::EncoderDecoder<float>(c.config, hooked::Seed{0}), folder);
  hooked::save_json(folder / "config.json",
                    nlohmann::ordered_json{{"n_heads", c.config.n_heads}, {"eps", c.config.eps}});
  hooked::save_npz(folder / "batch.npz", {{"source", c.data.source},
                                          {"target", c.data.target},
                                          {"labels", c.data.labels},
                                          {"source_mask", c.data.source_mask},
                                          {"target_mask", c.data.target_mask}});
  write_facts(c, "train_pairs", nlohmann::ordered_json::object(), folder);
}
void write(const RowsCase& c, const std::filesystem::path& folder) {
  hooked::save_model(hooked::SparseAutoencoder<float>(c.sae, hooked::Seed{0}), folder);
  hooked::save_npz(folder / "batch.npz", {{"rows", c.rows}});
  write_facts(c, "train_rows", {{"sparsity", c.sparsity}, {"k", c.sae.k.value_or(0)}}, folder);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto option = [&](std::string_view name, std::string_view otherwise) {
    for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
      if (arguments[i] == name) return std::string(arguments[i + 1]);
    }
    return std::string(otherwise);
  };
  const std::string name = option("--case", ""), folder = option("--write", "");
  const int threads = std::stoi(option("--threads", "1"));
  if (name == "products") return products(threads), 0;
  const auto did = [&](const auto& cases) {
    for (const auto& c : cases) {
      if (c.name != name) continue;
      folder.empty() ? run(c, threads) : write(c, folder);
      return true;
    }
    return false;
  };
  if (did(bench::cases()) || did(bench::pairs_cases()) || did(bench::rows_cases())) return 0;
  std::cerr << "steps: there is no case \"" << name << "\"\n";
  return 2;
}
