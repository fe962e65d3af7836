// large_model DIRECTORY LENGTH: loads a model from disk, runs it and keeps activations. Prints, a
// line each, what was done, its seconds, and in megabytes what it gives back, what the process
// holds then and the most that it held meanwhile. bench/large_model.py does the same with
// TransformerLens.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <string>

#include "hooked/io/hugging_face.hpp"

namespace {

/// A line of /proc/self/status, in MB; 0 where there is none.
double megabytes(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::atof(line.c_str() + key.size()) * 1024 / 1e6;
  }
  return 0;
}

/// What `work` took, the best of so many times, and that it gave back `kept` MB.
template <class Work>
void report(const char* name, int times, double kept, const Work& work) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the most is counted from now on
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  std::printf("%s %.3f %.0f %.0f %.0f\n", name, best, kept, megabytes("VmRSS:"),
              megabytes("VmHWM:"));
  std::fflush(stdout);
}

void run(const std::string& directory, hooked::Index length) {
  std::optional<hooked::Transformer<float>> model;
  report("load", 1, 0, [&] { model = hooked::load_any_model<float>(directory); });
  const double own = static_cast<double>(model->n_params_total()) * sizeof(float) / 1e6;
  std::printf("model 0 %.0f 0 0\n", own);
  hooked::Tensor<hooked::Token> tokens({1, length});
  for (hooked::Index i = 0; i < length; ++i) {
    tokens(0, i) = static_cast<hooked::Token>(i * 7919 % model->config().d_vocab);
  }
  const double logits = static_cast<double>(length * model->config().d_vocab_out) * 4 / 1e6;
  report("run", 3, logits, [&] { (void)(*model)(tokens); });
  report("loss", 3, 0, [&] { (void)model->loss(tokens); });
  const auto sites = model->run_with_cache(tokens).cache.bytes();
  report("cache", 3, logits + static_cast<double>(sites) / 1e6,
         [&] { (void)model->run_with_cache(tokens); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "large_model DIRECTORY LENGTH\n");
    return 1;
  }
  try {
    run(argv[1], std::atol(argv[2]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "large_model: %s\n", error.what());
    return 1;
  }
}
