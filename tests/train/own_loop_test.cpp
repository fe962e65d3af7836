// A loop of one's own: pass, loss, backward, clipping, step; and what is refused in it.

#include "catch.hpp"
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/functions.hpp"
#include "hooked/autograd/normalize.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/train.hpp"
#include "io/scratch.hpp"
#include "train/sums.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using scratch::error_of;
using testing::bit_difference;

double norm_of(const Pass<double>& pass) { return pass.gradients().matrix().norm(); }

TEST_CASE("A loop of one's own gives the bits of train()") {
  const Dataset data = sums::data();
  Transformer<double> trained(sums::config(), Seed{1}), own(sums::config(), Seed{1});
  const auto schedule = Schedule::warmup(5).then(Schedule::cosine(15));
  train(trained, draw([&](Random&, Index) { return data; }),
        {.optimizer = AdamW{.lr = 1e-2},
         .schedule = schedule,
         .steps = 20,
         .batch_size = data.size(),
         .progress = false,
         .lanes = 1});

  Pass pass(own);
  Optimizer optimizer(AdamW{.lr = 1e-2}, own);
  for (Index step = 0; step < 20; ++step) {
    pass.begin({.gradients = true, .positions = {2}});
    const auto loss = cross_entropy(own.forward(pass, data.tokens), data.labels);
    pass.backward(loss);
    optimizer.step(own, pass, schedule(step));
  }
  CHECK(bit_difference(own.parameters().slab(), trained.parameters().slab()) == "");
  CHECK(optimizer.steps() == 20);
}

TEST_CASE("A loop of one's own makes no heap call from its second step on") {
  if (!testing::AllocGuard::counting()) return;
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1});
  Pass pass(model);
  Optimizer optimizer(AdamW{}, model);
  const Pass<double>::Options options{.gradients = true, .positions = {2}};
  long calls = -1;
  for (Index step = 0; step < 3; ++step) {
    const testing::AllocGuard guard;
    pass.begin(options);
    pass.backward(cross_entropy(model.forward(pass, data.tokens), data.labels));
    pass.clip_gradient_norm(1e-3);
    optimizer.step(model, pass);
    calls = guard.calls();
  }
  CHECK(calls == 0);
}

TEST_CASE("Clipping scales the whole gradient to the norm and says what it was") {
  const Dataset data = sums::data();
  const Transformer<double> model(sums::config(), Seed{1});
  Pass pass(model);
  const auto walk = [&] {
    pass.begin({.gradients = true, .positions = {2}});
    pass.backward(cross_entropy(model.forward(pass, data.tokens), data.labels));
  };
  walk();
  const double norm = norm_of(pass);
  const Tensor<double> before = pass.gradients();
  CHECK(pass.clip_gradient_norm(2 * norm) == Approx(norm));
  CHECK(bit_difference(pass.gradients(), before) == "");
  CHECK(pass.clip_gradient_norm(norm / 4) == Approx(norm));
  CHECK(norm_of(pass) == Approx(norm / 4));
  CHECK((4.0 * pass.gradients().array() - before.array()).abs().maxCoeff() < 1e-12);
  CHECK_THAT(error_of<ConfigError>([&] { pass.clip_gradient_norm(0.0); }),
             ContainsSubstring("max_norm is 0"));
  walk();
  CHECK(norm_of(pass) == Approx(norm));
}

TEST_CASE("A step without gradients of the model is refused") {
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1}), other(sums::config(), Seed{2});
  const Tensor<double> weights = model.parameters().slab();
  Pass pass(model);
  Optimizer optimizer(Sgd{}, model);
  CHECK_THAT(error_of<Error>([&] { optimizer.step(model, pass); }),
             ContainsSubstring("call backward first"));
  pass.begin({.gradients = true});
  (void)model.forward(pass, data.tokens);
  CHECK_THAT(error_of<Error>([&] { optimizer.step(model, pass); }),
             ContainsSubstring("call backward first"));
  CHECK_THAT(error_of<Error>([&] { pass.clip_gradient_norm(1.0); }),
             ContainsSubstring("call backward first"));

  pass.use(model.parameters(), true);
  pass.bind(other.parameters(), nullptr, false);
  pass.begin({.gradients = true});
  pass.backward(mean(other.forward(pass, data.tokens)));
  CHECK_THAT(error_of<Error>([&] { optimizer.step(model, pass); }), ContainsSubstring("frozen"));
  const Transformer<double> third(sums::config(), Seed{3});
  CHECK_THAT(error_of<Error>([&] { (void)pass.gradients(third.parameters()); }),
             ContainsSubstring("other parameters than this model's"));
  CHECK(optimizer.steps() == 0);
  CHECK(bit_difference(model.parameters().slab(), weights) == "");
  const Tensor<double> others = other.parameters().slab();
  Optimizer second(Sgd{}, other);
  second.step(other, pass);
  CHECK(bit_difference(other.parameters().slab(), others) != "");
}

TEST_CASE("Hooks of the model act in a pass of one's own, as they do in a run") {
  Transformer<double> model(sums::config(), Seed{1});
  const auto tokens = sums::data().tokens;
  const Hook<double> ablate = zero("blocks.0.hook_attn_out");
  const Tensor<double> plain = model(tokens), ablated = model.run_with_hooks(tokens, {ablate});
  REQUIRE(bit_difference(plain, ablated) != "");
  Pass pass(model);
  pass.begin({.gradients = true});
  const auto clean = model.forward(pass, tokens);
  Variable<double> changed;
  {
    const auto scope = model.hooks({ablate});
    changed = model.forward(pass, tokens);
  }
  const auto again = model.forward(pass, tokens);
  CHECK(bit_difference(Tensor<double>(dense(clean).value()), plain) == "");
  CHECK(bit_difference(Tensor<double>(dense(changed).value()), ablated) == "");
  CHECK(bit_difference(Tensor<double>(dense(again).value()), plain) == "");
  // A plan that is given replaces them; what cannot fire is an error.
  model.add_hook(ablate);
  HookPlan<double> nothing(model.sites());
  pass.begin({}, &nothing);
  CHECK(bit_difference(Tensor<double>(dense(model.forward(pass, tokens)).value()), plain) == "");
  pass.begin({});
  CHECK(bit_difference(Tensor<double>(dense(model.forward(pass, tokens)).value()), ablated) == "");
  CHECK_THROWS_WITH(model.forward(pass, tokens, {.stop_at_layer = 0}),
                    ContainsSubstring("never fired"));
}

TEST_CASE("A divergence between a clean and an ablated run has gradients through both") {
  Transformer<double> model(sums::config(), Seed{1});
  const auto tokens = sums::data().tokens;
  const auto divergence = [&](Pass<double>& pass) {
    const auto p = log_softmax(dense(model.forward(pass, tokens)));
    const auto scope = model.hooks({zero("blocks.0.hook_attn_out")});
    const auto q = log_softmax(dense(model.forward(pass, tokens)));
    return sum(exp(p) * (p - q));
  };
  Pass pass(model);
  pass.begin({.gradients = true});
  const auto y = divergence(pass);
  CHECK(y.value().item() > 0);
  pass.backward(y);
  const double slope = pass.gradient("unembed.W_U")(0, 1), step = 1e-5;
  const auto at = [&](double change) {
    model["unembed.W_U"](0, 1) += change;
    Pass moved(model);
    moved.begin({});
    const double value = divergence(moved).value().item();
    model["unembed.W_U"](0, 1) -= change;
    return value;
  };
  CHECK(slope == Approx((at(step) - at(-step)) / (2 * step)).epsilon(1e-6));
}

}  // namespace
}  // namespace hooked
