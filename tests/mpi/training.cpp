// A run that training.sh starts with different numbers of ranks and threads:
//   mpi_training OUT [KEY=NUMBER]...
// writes OUT/run (the run's directory), OUT/rank-N.safetensors (the weights that rank N has) and
// OUT/result.txt. Keys: threads, lanes, steps, resume, and the accidents below.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "hooked/io/file.hpp"
#include "hooked/io/model.hpp"
#include "hooked/train/train.hpp"
//
#include "hooked/testing/alloc_hooks.hpp"  // after Eigen: clang declares what it defines

using namespace hooked;

namespace {

// The heap calls of MPI's own code are not ours: what they add is taken back.
template <class Call>
int not_counted(Call call) {
  const long before = hooked::testing::heap_calls;
  const int code = call();
  hooked::testing::heap_calls = before;
  return code;
}

}  // namespace

extern "C" {

int MPI_Allgatherv(const void* from, int count, MPI_Datatype type, void* to, const int* counts,
                   const int* begins, MPI_Datatype to_type, MPI_Comm all) {
  return not_counted(
      [&] { return PMPI_Allgatherv(from, count, type, to, counts, begins, to_type, all); });
}
int MPI_Isend(const void* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm all,
              MPI_Request* request) {
  return not_counted([&] { return PMPI_Isend(data, count, type, to, tag, all, request); });
}
int MPI_Irecv(void* data, int count, MPI_Datatype type, int from, int tag, MPI_Comm all,
              MPI_Request* request) {
  return not_counted([&] { return PMPI_Irecv(data, count, type, from, tag, all, request); });
}
int MPI_Waitall(int count, MPI_Request* requests, MPI_Status* statuses) {
  return not_counted([&] { return PMPI_Waitall(count, requests, statuses); });
}

}  // extern "C"

namespace {

constexpr Token kNumbers = 11;

/// All "a b =" with a, b in 0..10 and "=" as token 11; the label is (a + b) mod 11.
Dataset sums() {
  Dataset data{
      Tensor<Token>({kNumbers * kNumbers, 3}), Tensor<Token>({kNumbers * kNumbers, 1}), {2}};
  for (Token i = 0; i < kNumbers * kNumbers; ++i) {
    data.tokens(i, 0) = i / kNumbers;
    data.tokens(i, 1) = i % kNumbers;
    data.tokens(i, 2) = kNumbers;
    data.labels(i, 0) = (i / kNumbers + i % kNumbers) % kNumbers;
  }
  return data;
}

/// The same over and over: 1,210 examples, three chunks of an evaluation.
Dataset many(const Dataset& data) {
  std::vector<Index> chosen(1210);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    chosen[i] = static_cast<Index>(i) * 7 % data.size();
  }
  return subset(data, chosen);
}

struct Settings {
  std::map<std::string, int> given;

  int operator()(const std::string& key, int otherwise = 0) const {
    const auto found = given.find(key);
    return found == given.end() ? otherwise : found->second;
  }
};

/// Accidents, each after the step of its number, on the last rank unless it says otherwise.
struct Accidents {
  const Settings& settings;
  const Ranks& ranks;
  Tensor<float>* weights;
  std::vector<long> heap = std::vector<long>(1000);
  testing::AllocGuard guard = {};

  bool on_step(const StepInfo& info) {
    const bool is_last = ranks.rank() == ranks.size() - 1;
    if (info.step == settings("nudge") && is_last) (*weights)(0) += 1.0f;
    heap[static_cast<std::size_t>(info.step)] = guard.calls();
    if (info.step == settings("kill") && is_last) raise(SIGKILL);
    if (info.step == settings("throw") && is_last) throw Error("a callback has had enough");
    if (info.step == settings("ignored_stop")) return !is_last || ranks.is_first();
    return info.step != settings("stop") || !ranks.is_first();
  }
};

void run(const Settings& settings, const std::filesystem::path& out, const Ranks& ranks) {
  const auto last = [&](const char* key) { return settings(key) && ranks.rank() > 0; };
  const Dataset data = sums(), validation = many(data);
  // So large that the sums of the gradients are several chunks.
  const TransformerConfig config{.n_layers = 1,
                                 .d_model = 64,
                                 .n_ctx = 3,
                                 .n_heads = 4,
                                 .d_head = 16,
                                 .d_mlp = 256,
                                 .d_vocab = kNumbers + 1};
  Transformer<float> model(config, Seed{last("other_seed") ? 2U : 1U});
  // Token 10 comes first in the last examples alone: the last lane's.
  if (settings("nan")) {
    model["embed.W_E"](10, 0) = std::nanf("");
    for_each_element(model["pos_embed.W_pos"], [](Index, float& x) { x = 0; });
  }
  int looked = 0;
  if (settings("hook")) {
    model.add_hook({"blocks.0.mlp.hook_post", [&](View<const float>, const HookPoint&) {
                      if (settings("hook_throws") && ++looked == 3) throw Error("a hook fails");
                    }});
  }
  if (settings("alone")) {
    ranks.together([&] {
      if (last("alone")) throw Error("nobody else knows of this");
      ranks.agree([] {});  // rank 0 waits here
    });
  }
  TrainOptions options{.optimizer = AdamW{.lr = last("other_lr") ? 1e-2 : 5e-3},
                       .steps = settings("steps", 12),
                       .batch_size = settings("nan") ? 0 : 50,
                       .max_grad_norm = 0.5,
                       .progress = false,
                       .lanes = settings("lanes", 5),
                       .threads = settings("threads", 1),
                       .ranks = &ranks};
  const bool counts_heap = settings("heap");
  if (!counts_heap) {
    options.validation = &validation;
    options.evaluate_every = 5;
    options.keep_best = true;
    options.directory = out / "run";
    options.checkpoint_every = 3;
    options.resume = settings("resume");
  }
  Dataset only_some = data;
  if (settings("nan")) {
    for (Index i = 0; i < data.size(); ++i) {
      if (data.tokens(i, 1) == 10) only_some.tokens(i, 1) = 0;
    }
  }
  Accidents accidents{settings, ranks, &model.parameters().slab()};
  const TrainResult result = train(model, only_some, options, accidents);
  for (std::size_t step = 2; counts_heap && step < static_cast<std::size_t>(result.steps); ++step) {
    const long calls = accidents.heap[step + 1] - accidents.heap[step];
    if (calls != 0) fail<Error>("step ", step + 1, " calls the heap ", calls, " times");
  }
  save_safetensors(model.parameters(), out / text("rank-", ranks.rank(), ".safetensors"));
  if (!ranks.is_first() || !result.evaluation) return;
  const Evaluation& e = *result.evaluation;
  std::array<char, 200> line;
  std::snprintf(line.data(), line.size(), "%td steps, loss %a, validation %a, %a\n", result.steps,
                result.loss, e.loss, e.accuracy);
  write_file(out / "result.txt", line.data());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Settings settings;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.find('=');
    settings.given[word.substr(0, equals)] = std::atoi(word.c_str() + equals + 1);
  }
  try {
    const auto ranks = Ranks::world();
    run(settings, argv[1], ranks);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mpi_training: %s\n", error.what());
    return 1;
  }
  return 0;
}
