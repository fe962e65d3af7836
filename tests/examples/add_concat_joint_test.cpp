// The items of the add_concat study, and the model that is trained with an autoencoder on them.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "examples/add_concat/setup.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/testing/bits.hpp"

using namespace add_concat;

namespace {

Config small_config(double alpha, double lambda) {
  return {.body = {.d_model = 8, .n_heads = 2, .d_vocab = kVocabulary, .n_ctx = kLength},
          .sae = {.d_in = 8, .d_sae = 16},
          .alpha = alpha,
          .lambda = lambda};
}

/// One piece and two of an answer, a carry, and numbers of one digit.
const Items kSome{{Task::add, 7, 8},           {Task::concatenate, 7, 8},
                  {Task::concatenate, 1, 23},  {Task::concatenate, 14, 23},
                  {Task::add, 99, 99},         {Task::concatenate, 0, 5},
                  {Task::concatenate, 99, 99}, {Task::add, 0, 0}};

/// Loss of a batch and the gradient of its sum.
struct Walked {
  double loss;
  Tensor<double> gradient;  // the slab
};
Walked walk(const hooked::Model<Network<double>>& model, const JointLoss& loss,
            const SequencePairs& pairs) {
  hooked::HookPlan<double> plan = model.plan();
  plan.keep(kSite, false);
  hooked::Pass<double> pass(model);
  pass.begin({.gradients = true}, &plan);
  const auto sum = loss(model, pass, pairs);
  pass.backward(sum);
  return {sum.value().item(), Tensor<double>(pass.gradients(model.parameters()))};
}

}  // namespace

TEST_CASE("There are 20,000 items, and 6,000 of them are learnt from", "[add_concat]") {
  const auto key = [](const Item& item) { return std::tuple(item.task, item.i, item.j); };
  const auto [train, validation] = split_items({0});
  REQUIRE(train.size() == 6000);
  REQUIRE(validation.size() == 14000);
  std::set<std::tuple<Task, Index, Index>> all;
  for (const Items* part : {&train, &validation}) {
    for (const Item& item : *part) {
      CHECK((item.i >= 0 && item.i < 100 && item.j >= 0 && item.j < 100));
      all.insert(key(item));
    }
  }
  CHECK(all.size() == 20000);
  // Neither task nor number decides: as many as chance has it (3,000 +- 46, and 60 +- 7 for an i).
  const auto count = [&](const auto& is) {
    return static_cast<double>(std::count_if(train.begin(), train.end(), is));
  };
  CHECK(count([](const Item& item) { return item.task == Task::add; }) == Approx(3000).margin(180));
  for (Index n = 0; n < 100; ++n) {
    CHECK(count([n](const Item& item) { return item.i == n; }) == Approx(60).margin(28));
  }
  CHECK(split_items({0}).train == train);
  const Items other = split_items({1}).train;
  CHECK(other != train);
  CHECK(std::is_permutation(other.begin(), other.begin() + 100, other.begin()));
  Index shared = 0;
  for (const Item& item : other) {
    shared += std::find(train.begin(), train.end(), item) == train.end() ? 0 : 1;
  }
  CHECK(static_cast<double>(shared) == Approx(1800).margin(150));  // 30% of 6,000
}

TEST_CASE("No answer needs more than two pieces, and items are read off their pairs",
          "[add_concat]") {
  const Items all = all_items();
  const SequencePairs pairs = pairs_of(all);
  CHECK(items_of(pairs) == all);
  Index two = 0;
  for (Index row = 0; row < pairs.size(); ++row) {
    const auto& [task, i, j] = all[static_cast<std::size_t>(row)];
    std::vector<Token> said;
    Token last = -1;
    for (Index p = 0; p < pairs.labels.size(1); ++p) {
      const Token label = pairs.labels(row, p);
      const bool counts = label != hooked::CrossEntropy::kIgnored;
      REQUIRE((pairs.target_mask(row, p) == 1) == counts);
      if (counts) said.push_back(last = label);
    }
    REQUIRE(last == kEnd);
    REQUIRE("B" + text_of(said) == answer(task, i, j));
    REQUIRE(pairs.target(row, 0) == kBegin);
    two += said.size() == 3 ? 1 : 0;
    const Token* const source = &pairs.source(row, 0);
    REQUIRE(text_of({source, source + kPromptTokens}) == prompt(task, i, j));
  }
  CHECK(two > 8000);
}

TEST_CASE("The parts of a joint model are the library's own", "[add_concat]") {
  const auto model = joint_model<double>(small_config(1, 0.1), {3});
  const auto body = body_of(model);
  const auto sae = autoencoder_of(model);
  const SequencePairs pairs = pairs_of(kSome);
  CHECK(hooked::testing::bit_difference(model(pairs.input()), body(pairs.input())) == "");
  CHECK(body.parameters().names().size() + sae.parameters().names().size() ==
        model.parameters().names().size());
  CHECK(max_norm(sae["W_enc"] - sae["W_dec"].transpose()).item() == 0.0);
  CHECK(max_norm(body["unembed.W_U"]).item() > 0.0);
}

TEST_CASE("The joint loss is what its formula says of the parts", "[add_concat]") {
  const double alpha = 0.7, lambda = 0.2;
  const auto model = joint_model<double>(small_config(alpha, lambda), {3});
  const SequencePairs pairs = pairs_of(kSome);
  const auto body = body_of(model);
  const auto sae = autoencoder_of(model);
  const auto run = body.run_with_cache(pairs.input(), {.names = {kSite, "unembed.hook_out"}});
  const Tensor<double> h = run.cache[kSite], logits = run.logits;
  const Tensor<double> f = sae.encode(h), recons = sae(h);
  double expected = 0.0, tokens = 0.0;
  for (Index i = 0; i < pairs.size(); ++i) {
    for (Index p = 0; p < pairs.labels.size(1); ++p) {
      const Token label = pairs.labels(i, p);
      if (label == hooked::CrossEntropy::kIgnored) continue;
      double z = 0.0;
      for (Index v = 0; v < kVocabulary; ++v) z += std::exp(logits(i, p, v));
      expected += std::log(z) - logits(i, p, label);
      for (Index d = 0; d < 8; ++d) {
        expected += alpha * std::pow(h(i, p, d) - recons(i, p, d), 2) / 8;
      }
      for (Index j = 0; j < 16; ++j) expected += lambda * f(i, p, j);
      tokens += 1.0;
    }
  }
  const JointLoss loss{alpha, lambda};
  CHECK(walk(model, loss, pairs).loss == Approx(expected).epsilon(1e-12));
  CHECK(loss.divisor(pairs) == tokens);
  CHECK(tokens == 8 * 2 + 3);
}

TEST_CASE("Gradients of the joint loss flow into the body and the autoencoder", "[add_concat]") {
  const SequencePairs pairs = pairs_of(kSome);
  const auto config = small_config(0.7, 0.2);
  for (const auto architecture :
       {hooked::SaeArchitecture::standard, hooked::SaeArchitecture::gated}) {
    Config of = config;
    of.sae.architecture = architecture;
    auto model = joint_model<double>(of, {3});
    const JointLoss loss = {of.alpha, of.lambda};
    const Walked at = walk(model, loss, pairs);
    const Tensor<double> start = model.parameters().slab();
    const hooked::ParameterLayout& layout = model.parameters().layout();
    // Along a random direction of each parameter alone.
    for (const std::string& name : model.parameters().names()) {
      if (architecture == hooked::SaeArchitecture::gated && name.starts_with("sae.")) {
        continue;  // of gated, constants stand in its loss, which differences see
      }
      CAPTURE(name);
      const hooked::View<double> own = model[name];
      Tensor<double> direction(own.shape());
      hooked::Random random({5}, name);
      for (Index n = 0; n < direction.numel(); ++n) direction.data()[n] = random.normal();
      const double slope = sum(hooked::View<const double>(direction) *
                               layout.view(at.gradient.data(), layout.find(name)))
                               .item();
      constexpr double kStep = 1e-6;
      const auto moved = [&](double step) {
        model.parameters().slab() = start;
        hooked::copy(own + step * direction, own);
        const double value = walk(model, loss, pairs).loss;
        model.parameters().slab() = start;
        return value;
      };
      CHECK((moved(kStep) - moved(-kStep)) / (2 * kStep) ==
            Approx(slope).epsilon(1e-5).margin(1e-6));
    }
    // What few features can say is learnt by the body, too.
    const Walked alone = walk(model, {0, 0}, pairs);
    CHECK(max_norm(layout.view(at.gradient.data(), layout.find("decoder.0.mlp.W_in")) -
                   layout.view(alone.gradient.data(), layout.find("decoder.0.mlp.W_in")))
              .item() > 1e-3);
  }
}

TEST_CASE("With alpha and lambda 0 the joint loss is cross-entropy", "[add_concat]") {
  const auto model = joint_model<double>(small_config(0, 0), {3});
  const SequencePairs pairs = pairs_of(kSome);
  const Walked joint = walk(model, {0, 0}, pairs);
  hooked::Pass<double> pass(model);
  pass.begin({.gradients = true});
  const auto sum = hooked::CrossEntropyLoss{}(model, pass, pairs);
  pass.backward(sum);
  CHECK(joint.loss == Approx(sum.value().item()).epsilon(1e-13));
  const Tensor<double> alone(pass.gradients(model.parameters()));
  CHECK(max_norm(joint.gradient - alone).item() < 1e-12);
  const hooked::ParameterLayout& layout = model.parameters().layout();
  for (const auto& entry : layout) {
    const auto gradient = layout.view(joint.gradient.data(), layout.find(entry.name));
    CAPTURE(entry.name);
    if (entry.name.starts_with("sae.")) CHECK(max_norm(gradient).item() == 0.0);
  }
}
