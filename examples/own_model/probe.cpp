// A linear probe: can one read off the residual stream where the largest digit stands?
#include <hooked/hooked.hpp>
#include <iostream>

#include "task.hpp"

using namespace hooked;

struct Probe {
  ParameterId W, b;
  explicit Probe(const Builder& builder)
      : W(builder.parameter("W_probe", {32, 3})), b(builder.parameter("b_probe", {3})) {}
  Variable<float> operator()(Pass<float>& pass, Variable<float> x) const {
    return record<Linear>({}, x, pass[W], pass[b]);
  }
};

// A batch of one's own: rows of activations and the class of each.
struct Classified {
  Tensor<float> x;
  Tensor<Token> label;
  static constexpr std::tuple parts{&Classified::x, &Classified::label};
};

int main(int argc, char** argv) {
  const auto ranks = Ranks::world();
  const TrainOptions options = options_of(argc, argv, ranks);
  const Dataset data = largest_digit();
  const Tensor<Token> place =
      map(argmax(data.tokens.slice(1, 0, 3), 1), [](Index i) { return static_cast<Token>(i); });
  Transformer<float> model(kSmallModel, Seed{0});
  const auto at_equals = [&] {
    const auto cache = collect_at(model, data.tokens, 3, {"blocks.0.hook_resid_mid"}).cache;
    return cache["resid_mid0"];
  };
  const auto read_off = [&](const std::string& name) {  // accuracy of a probe on held-out rows
    const auto [seen, held_out] = split(Classified{at_equals(), place}, 700, Seed{0});
    Model<Probe> probe(Seed{0});
    const auto objective = [](const auto& m, Pass<float>& pass, const Classified& batch) {
      return sum(record<CrossEntropy>({batch.label.data()}, m.forward(pass, batch.x)));
    };
    TrainOptions of_probe = options;
    of_probe.directory /= name;
    train(probe, seen, objective, of_probe);
    const Tensor<Index> guess = argmax(probe(held_out.x), -1);
    double right = 0;
    for (Index i = 0; i < 300; ++i) right += guess(i) == held_out.label(i) ? 1 : 0;
    return right / 300;
  };
  const double before = read_off("untrained");  // what any random embedding allows
  TrainOptions of_model = options;
  of_model.directory /= "model";
  train(model, data, of_model);
  const double after = read_off("trained");
  std::cout << "where the largest stands, read off before training " << before << ", after "
            << after << "\n";
  return after > before ? 0 : 1;
}
