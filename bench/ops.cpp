// Times forward and backward of every sample of every op, in float.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hooked/ops/ops.hpp"
#include "hooked/testing/op_run.hpp"

namespace {

using namespace hooked::testing;
using hooked::Acc;
using hooked::Tensor;

/// One sample of one op, with all the memory that it needs.
class TimedSample {
 public:
  TimedSample(AnyOp<float> op, std::size_t sample)
      : op_(std::move(op)),
        sample_(sample),
        run_(op_, sample),
        x_(run_.x().begin(), run_.x().end()),
        y_(run_.y()),
        saved_(run_.forward().saved),
        gradients_(run_.gradients()),
        touched_(std::make_unique<bool[]>(gradients_.size())) {
    for (std::size_t i = 0; i < gradients_.size(); ++i) {
      accs_.emplace_back(gradients_[i].view(), &touched_[i]);
    }
  }
  TimedSample(const TimedSample&) = delete;
  TimedSample& operator=(const TimedSample&) = delete;

  /// "linear/2 [64, 128] [128, 512] [512]": the op, which sample, and its inputs.
  std::string name() const {
    std::string name = hooked::text(op_.name, "/", sample_);
    for (const auto& x : x_) name += hooked::text(" ", x.shape());
    return name;
  }
  void forward() { op_.forward(sample_, x_, y_, saved_); }
  /// Every gradient is wanted, and this op is the first to reach it.
  void backward() {
    std::fill_n(touched_.get(), gradients_.size(), false);
    op_.backward(sample_, x_, y_, saved_, run_.dy(), accs_);
  }

 private:
  AnyOp<float> op_;
  std::size_t sample_;
  OpRun<float> run_;
  AnyOp<float>::Views x_;
  Tensor<float> y_, saved_;
  std::vector<Tensor<float>> gradients_;
  std::unique_ptr<bool[]> touched_;
  std::vector<Acc<float>> accs_;
};

void time_samples(const AnyOp<float>& op) {
  const auto repeat = [](const std::string& name, auto work) {
    benchmark::RegisterBenchmark(name.c_str(), [work](benchmark::State& state) {
      for (auto _ : state) {
        work();
        benchmark::ClobberMemory();
      }
    });
  };
  for (std::size_t i = 0; i < op.cases.size(); ++i) {
    const auto sample = std::make_shared<TimedSample>(op, i);
    repeat(sample->name() + " forward", [sample] { sample->forward(); });
    repeat(sample->name() + " backward", [sample] { sample->backward(); });
  }
}

template <hooked::Op... O>
void time_all(const std::tuple<O...>*) {
  (time_samples(any_op<O, float>()), ...);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  time_all(static_cast<const hooked::AllOps*>(nullptr));
  benchmark::RunSpecifiedBenchmarks();
}
