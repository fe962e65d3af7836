// Sparse autoencoders beside PyTorch's numbers, and on features that are known.
#include "hooked/train/sparse_autoencoder_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "catch.hpp"
#include "core/check.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/io/json.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/data.hpp"
#include "hooked/train/estimate_threshold.hpp"
#include "hooked/train/train.hpp"
#include "hooked/train/unit_norm_decoder.hpp"

using namespace hooked;
using ::error_of;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::map<std::string, SaeArchitecture> kArchitectures{
    {"standard", SaeArchitecture::standard},
    {"topk", SaeArchitecture::topk},
    {"batchtopk", SaeArchitecture::batchtopk},
    {"gated", SaeArchitecture::gated},
    {"jumprelu", SaeArchitecture::jumprelu}};

Tensor<double> tensor(const nlohmann::ordered_json& numbers, const Shape& shape) {
  return {shape, numbers.get<std::vector<double>>()};
}

/// The largest difference, relative to the largest number.
double relative_difference(View<const double> a, View<const double> b) {
  REQUIRE(a.shape() == b.shape());
  return max_norm(a - b).item() / std::max(1e-300, max_norm(b).item());
}

}  // namespace

TEST_CASE("Sparse autoencoders of every kind give PyTorch's features, losses and gradients") {
  const auto golden = load_json(HOOKED_TESTS_DIR "/golden/sparse_autoencoders.json");
  const Index d_in = golden["sizes"]["d_in"], d_sae = golden["sizes"]["d_sae"],
              rows = golden["sizes"]["rows"];
  for (const auto& [name, c] : golden["cases"].items()) {
    CAPTURE(name);
    const auto& settings = c["settings"];
    SparseAutoencoderOptions options{.d_in = d_in, .d_sae = d_sae};
    options.architecture = kArchitectures.at(settings["architecture"]);
    options.apply_b_dec_to_input = settings.value("apply_b_dec_to_input", false);
    if (settings.contains("k")) options.k = settings["k"].get<Index>();
    if (settings.contains("bandwidth")) options.bandwidth = settings["bandwidth"].get<double>();
    SparseAutoencoder<double> sae(options);
    CHECK(c["parameters"].size() + (name == "batchtopk" ? 1 : 0) ==
          sae.parameters().names().size());
    for (const auto& [parameter, numbers] : c["parameters"].items()) {
      sae.parameters().set(parameter, tensor(numbers, sae[parameter].shape()));
    }
    const SparseAutoencoderLoss loss{.mse = settings.value("mse", 1.0),
                                     .sparsity = settings.value("sparsity", 0.0),
                                     .dead = settings.value("dead", 0.0)};
    HookPlan<double> plan = sae.plan();
    for (const char* site : {"hook_sae_acts_pre", "hook_sae_acts_post", "hook_sae_recons"}) {
      plan.keep(site, false);
    }
    Pass<double> pass(sae);
    pass.begin({.gradients = true}, &plan);
    const auto x = pass.tape().input(tensor(c["x"], {rows, d_in}));
    const auto losses = loss.losses(sae, pass, x);
    const auto cotangent = pass.tape().constant(tensor(c["cotangent"], {rows}));
    pass.backward(sum(losses * cotangent));
    const auto close = [&](View<const double> actual, const nlohmann::ordered_json& numbers) {
      return relative_difference(actual, tensor(numbers, actual.shape())) < 1e-9;
    };
    CHECK(close(pass.activation("hook_sae_acts_pre").value(), c["out"]["pre"]));
    CHECK(close(pass.activation("hook_sae_acts_post").value(), c["out"]["acts"]));
    CHECK(close(pass.activation("hook_sae_recons").value(), c["out"]["recons"]));
    CHECK(close(losses.value(), c["out"]["losses"]));
    CHECK(close(pass.tape().gradient(x), c["gradient_of_x"]));
    for (const auto& [parameter, numbers] : c["gradients"].items()) {
      CAPTURE(parameter);
      CHECK(close(Tensor<double>(pass.gradient(parameter)), numbers));
    }
    // Where nobody looks, gradients of features that are off are left out, and nothing else.
    Pass<double> plain(sae);
    plain.begin({.gradients = true});
    const auto rows_of = plain.tape().input(tensor(c["x"], {rows, d_in}));
    plain.backward(sum(loss.losses(sae, plain, rows_of) *
                       plain.tape().constant(tensor(c["cotangent"], {rows}))));
    CHECK(close(plain.tape().gradient(rows_of), c["gradient_of_x"]));
    for (const auto& [parameter, numbers] : c["gradients"].items()) {
      CAPTURE(parameter);
      CHECK(close(Tensor<double>(plain.gradient(parameter)), numbers));
    }
    // Outside training: the same, but of batchtopk what is above its threshold.
    if (name == "batchtopk") {
      sae["threshold"].fill(0.4);
      const auto pre = tensor(c["out"]["pre"], {rows, d_sae});
      const auto acts = sae.encode(tensor(c["x"], {rows, d_in}));
      for (Index i = 0; i < pre.numel(); ++i) {
        CHECK(acts.data()[i] == Approx(pre.data()[i] > 0.4 ? pre.data()[i] : 0).margin(1e-12));
      }
    } else {
      CHECK(close(sae.encode(tensor(c["x"], {rows, d_in})), c["out"]["acts"]));
      CHECK(close(sae(tensor(c["x"], {rows, d_in})), c["out"]["recons"]));
    }
  }
}

TEST_CASE("Who looks at the features sees gradients of those that are off, too") {
  const SparseAutoencoder<double> sae({.d_in = 4, .d_sae = 12}, Seed{1});
  Tensor<double> x({5, 4});
  Random random(Seed{2});
  for_each_element(x.view(), [&](Index, double& v) { v = random.normal(); });
  HookPlan<double> plan = sae.plan();
  plan.keep("hook_sae_acts_post", true);
  Pass<double> pass(sae);
  pass.begin({.gradients = true}, &plan);
  const auto recons = sae.network()(pass, pass.tape().input(x));
  pass.backward(sum(recons));
  const auto acts = pass.activation("hook_sae_acts_post");
  const Tensor<double> gradient(pass.tape().gradient(acts));
  Index off = 0;
  for_each_element(acts.value(), [&](Index i, const double& f) {
    off += f == 0 ? 1 : 0;
    // Of the sum over x' the slope is the sum of the feature's direction.
    CHECK(gradient.data()[i] == Approx(sum(sae["W_dec"].select(0, i % 12)).item()));
  });
  CHECK(off > 10);
}

TEST_CASE("Coefficients and rows that do not fit are refused") {
  const Tensor<double> rows({4, 3}, 1.0);
  const SparseAutoencoder<double> standard({.d_in = 3, .d_sae = 5}),
      topk({.d_in = 3, .d_sae = 5, .architecture = SaeArchitecture::topk, .k = 2});
  const auto refused = [&](const SparseAutoencoder<double>& sae, const SparseAutoencoderLoss& loss,
                           const Tensor<double>& x) {
    return error_of<Error>([&] {
      auto copy = sae;
      train(copy, x, loss, {.steps = 1, .progress = false});
    });
  };
  CHECK(refused(standard, {.sparsity = -1}, rows) ==
        "SparseAutoencoderLoss: sparsity is -1, it must be at least 0");
  CHECK(refused(standard, {.mse = std::nan("")}, rows) ==
        "SparseAutoencoderLoss: mse is nan, it must be at least 0");
  CHECK(refused(topk, {.sparsity = 0.5}, rows) ==
        "SparseAutoencoderLoss: sparsity is 0.5, but of topk and batchtopk k says how many "
        "features are on");
  CHECK(refused(standard, {.dead = 0.5}, rows) ==
        "SparseAutoencoderLoss: dead is 0.5, but only topk and batchtopk have that part");
  CHECK(refused(standard, {}, Tensor<double>({4, 5})) ==
        "train: the training set is [4, 5], the autoencoder takes rows of 3");
}

TEST_CASE("The decoder's directions stay 1 long where a listener sees to it") {
  SparseAutoencoder<double> sae({.d_in = 3, .d_sae = 5}, Seed{1});
  const auto length = [&](Index j) {
    return std::sqrt(sae["W_dec"].select(0, j).array().square().sum());
  };
  for (Index j = 0; j < 5; ++j) {
    CHECK(length(j) == Approx(1).epsilon(1e-14));
    for (Index i = 0; i < 3; ++i) CHECK(sae["W_enc"](i, j) == sae["W_dec"](j, i));
  }
  const Tensor<double> rows({2, 3}, {1, 2, 3, -1, 0, 2});
  const TrainOptions options{.optimizer = Adam{.lr = 0.1}, .steps = 3, .progress = false};
  SparseAutoencoder<double> free = sae;
  train(free, rows, SparseAutoencoderLoss{.sparsity = 0.1}, options);
  train(sae, rows, SparseAutoencoderLoss{.sparsity = 0.1}, options, UnitNormDecoder(sae));
  CHECK(std::abs(free["W_dec"].select(0, 0).array().square().sum() - 1) > 1e-3);
  for (Index j = 0; j < 5; ++j) CHECK(length(j) == Approx(1).epsilon(1e-14));
  sae["W_dec"].fill(0.0);
  normalize_decoder(sae);
  CHECK(max_norm(sae["W_dec"]).item() == 0.0);
}

TEST_CASE("A batchtopk's threshold is the mean of the smallest features that batches keep") {
  SparseAutoencoder<double> sae(
      {.d_in = 1, .d_sae = 2, .architecture = SaeArchitecture::batchtopk, .k = 1});
  sae.parameters().set("W_enc", Tensor<double>({1, 2}, {1, 2}));  // pre = (x, 2x)
  const Tensor<double> rows({5, 1}, {1, 3, 2, -1, 4});
  CHECK_THAT(error_of<ConfigError>([&] { (void)sae(rows); }),
             ContainsSubstring("call estimate_threshold(sae, rows) first"));
  // {1, 3}: of 1, 2, 3, 6 the two largest are 6 and 3. {2, -1}: 4 and 2. {4}: 8.
  CHECK(estimate_threshold<double>(sae, rows, 2) == Approx((3.0 + 2.0 + 8.0) / 3));
  CHECK(sae["threshold"](0) == Approx(13.0 / 3));
  const auto acts = sae.encode(rows);
  CHECK(acts(1, 0) == 0.0);
  CHECK(acts(1, 1) == 6.0);
  CHECK(acts(2, 1) == 0.0);
  // Whatever rows stand beside.
  CHECK(testing::bit_difference(sae.encode(rows.slice(0, 1, 2)), acts.slice(0, 1, 2)) == "");
  CHECK(error_of<ConfigError>([&] { (void)estimate_threshold<double>(sae, rows, 0); }) ==
        "estimate_threshold: batch_size is 0, it must be at least 1");
  CHECK(error_of<NumericError>([&] {
          (void)estimate_threshold<double>(sae, Tensor<double>({2, 1}, {-1, -2}));
        }) == "estimate_threshold: no feature is above 0 in any of 2 rows");
  SparseAutoencoder<double> standard({.d_in = 1, .d_sae = 2});
  CHECK(error_of<ConfigError>([&] { (void)estimate_threshold<double>(standard, rows); }) ==
        "estimate_threshold: only a batchtopk autoencoder has a threshold to find");
}

namespace {

/// 64 directions of length 1 in 32 dimensions, three of which add up to a row, each 1 to 2 times.
struct Superposition {
  static constexpr Index kFeatures = 64, kDim = 32, kOn = 3;
  Tensor<float> directions{{kFeatures, kDim}};

  Superposition() {
    Random random(Seed{0}, "directions");
    for (Index j = 0; j < kFeatures; ++j) {
      auto row = directions.select(0, j).array();
      for (Index i = 0; i < kDim; ++i) directions(j, i) = static_cast<float>(random.normal());
      row /= std::sqrt(row.square().sum());
    }
  }
  Tensor<float> operator()(Random& random, Index rows) const {
    Tensor<float> x({rows, kDim});
    for (Index r = 0; r < rows; ++r) {
      for (Index i = 0; i < kOn; ++i) {
        const auto size = static_cast<float>(1 + random.uniform());
        x.select(0, r).array() += size * directions.select(0, random.below(kFeatures)).array();
      }
    }
    return x;
  }
  /// The share of directions that some row of W_dec has a cosine above 0.95 with.
  double recovered(const SparseAutoencoder<float>& sae) const {
    auto unit = sae;
    normalize_decoder(unit);
    const auto cosines = matmul(directions, Tensor<float>(unit["W_dec"].transpose()));
    const auto best = max(cosines, 1);
    return static_cast<double>((best.array() > 0.95f).count()) / kFeatures;
  }
};

}  // namespace

TEST_CASE("Every kind of sparse autoencoder finds the features that are in the data") {
  const Superposition data;
#ifdef NDEBUG
  constexpr Index kSteps = 1500;
  constexpr double kAtLeast = 0.95;
#else  // slow: there it only has to get on
  constexpr Index kSteps = 90;
  constexpr double kAtLeast = 0.0;
#endif
  struct Case {
    SparseAutoencoderOptions options;
    SparseAutoencoderLoss loss;
  };
  const auto options = [](SaeArchitecture architecture) {
    return SparseAutoencoderOptions{
        .d_in = 32, .d_sae = 96, .architecture = architecture, .apply_b_dec_to_input = true};
  };
  std::vector<Case> cases{{options(SaeArchitecture::standard), {.mse = 32, .sparsity = 0.7}},
                          {options(SaeArchitecture::topk), {.mse = 32}},
                          {options(SaeArchitecture::batchtopk), {.mse = 32, .dead = 1}},
                          {options(SaeArchitecture::gated), {.mse = 32, .sparsity = 3}},
                          {options(SaeArchitecture::jumprelu), {.mse = 32, .sparsity = 0.2}}};
  cases[1].options.k = cases[2].options.k = Superposition::kOn;
  cases[4].options.threshold = 0.3;
  cases[4].options.bandwidth = 0.3;
  for (const Case& c : cases) {
    CAPTURE(static_cast<int>(c.options.architecture));
    SparseAutoencoder<float> sae(c.options);
    CHECK(data.recovered(sae) < 0.05);
    double first = 0.0, last = 0.0;
    struct Watch {
      double &first, &last;
      void on_step(const StepInfo& info) const { (info.step == 1 ? first : last) = info.loss; }
    };
    train(sae, draw([&](Random& random, Index rows) { return data(random, rows); }), c.loss,
          {.optimizer = Adam{.lr = 3e-3},
           .schedule = Schedule::constant(kSteps * 2 / 3).then(Schedule::linear(kSteps / 3, 0.0)),
           .steps = kSteps,
           .batch_size = 256,
           .progress = false},
          UnitNormDecoder(sae), Watch{first, last});
    CHECK(last < 0.9 * first);
    const double found = data.recovered(sae);
    CHECK(found >= kAtLeast);
  }
}
