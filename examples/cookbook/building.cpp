// Recipes with parts of one's own. `./dev docs` copies what stands between marks to
// docs/cookbook.md.
#include <cmath>
#include <hooked/hooked.hpp>
#include <hooked/testing/gradcheck.hpp>
#include <iostream>
#include <span>

#include "cookbook.hpp"

namespace {

// [own_op]
// y = x^3. Backward: dx = 3 x^2 dy.
struct Cube {
  static constexpr std::string_view name = "cube";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;  // every row alike
  struct Args {};

  static hooked::Shape shape(const Args&, const hooked::Shape& x) { return x; }
  template <hooked::Scalar T>
  static void forward(const Args&, hooked::View<const T> x, hooked::View<T> y) {
    y.array() = x.array().cube();
  }
  template <hooked::Scalar T>
  static void backward(const Args&, hooked::View<const T> x, hooked::View<const T>,
                       hooked::View<const T> dy, hooked::Acc<T> dx) {
    dx.array() += T(3) * x.array().square() * dy.array();
  }
  static std::vector<hooked::Sample<Args>> samples() { return {{{}, {{3, 4}}}}; }
};
// [end]

void own_op() {
  // [own_op_used]
  hooked::testing::check_op<Cube>().check();  // against differences; throws what is wrong
  hooked::Tape<double> tape;
  const auto x = tape.input(hooked::Tensor<double>({2}, {1.0, 2.0}));
  tape.backward(hooked::sum(hooked::record<Cube>({}, x)));
  std::cout << tape.gradient(x) << "\n";
  // [end]
  check(tape.gradient(x)(0) == 3.0 && tape.gradient(x)(1) == 12.0, "3 x^2");
}

// [own_module]
// out = (x W_left * x W_right) W_out, with a hook point on the product.
struct Bilinear {
  hooked::ParameterId W_left, W_right, W_out;
  hooked::SiteId hook_product;
  Bilinear(const hooked::Builder& b, hooked::Index d_model, hooked::Index d_mlp)
      : W_left(b.parameter("W_left", {d_model, d_mlp})),
        W_right(b.parameter("W_right", {d_model, d_mlp})),
        W_out(b.parameter("W_out", {d_mlp, d_model})),
        hook_product(b.site("hook_product", {hooked::Axis::batch, hooked::Axis{"unit"}})) {}
  hooked::Variable<float> operator()(hooked::Pass<float>& pass, hooked::Variable<float> x) const {
    const auto left = hooked::matmul(x, pass[W_left]), right = hooked::matmul(x, pass[W_right]);
    return hooked::matmul(pass.at(hook_product, left * right), pass[W_out]);
  }
};
// [end]

void own_module() {
  // [own_module_used]
  const hooked::Model<Bilinear> model(hooked::Seed{0}, 8, 16);  // d_model, d_mlp
  const hooked::Tensor<float> x({5, 8}, 0.5f);
  const auto [y, cache] = model.run_with_cache(x);  // y [5, 8]
  const auto without = model.run_with_hooks(x, {hooked::zero("hook_product", {.neurons = {3}})});
  // [end]
  const auto by_hand =
      hooked::matmul(x, model["W_left"]) * hooked::matmul(x, model["W_right"]);  // [5, 16]
  check(hooked::max_norm(cache["hook_product"] - by_hand).item() < 1e-5f, "the product is seen");
  check(hooked::max_norm(y - without).item() > 1e-6f, "and edited");
}

// [superposition]
// The toy model of Elhage et al., "Toy models of superposition" (2022): five features, of which
// each counts 0.8 times as much as the one before, through two hidden dimensions.
struct ToyModel {
  hooked::ParameterId W, b;
  explicit ToyModel(const hooked::Builder& builder)
      : W(builder.parameter("W_features", {5, 2})), b(builder.parameter("b_out", {5})) {}
  // x' = relu(x W W^T + b); the rows of W are the features' directions.
  hooked::Variable<float> operator()(hooked::Pass<float>& pass, hooked::Variable<float> x) const {
    const auto hidden = hooked::matmul(x, pass[W]);
    return hooked::relu(hooked::matmul(hidden, pass[W].transpose()) + pass[b]);
  }
};

hooked::Tensor<float> learnt_directions(double sparsity, hooked::Index steps, hooked::Seed seed) {
  // A feature is 0 with probability `sparsity`, else uniform in [0, 1).
  const auto data = hooked::draw([=](hooked::Random& random, hooked::Index examples) {
    hooked::Tensor<float> x({examples, 5});
    for (float& feature : std::span(x.data(), static_cast<std::size_t>(x.numel()))) {
      if (random.uniform() >= sparsity) feature = static_cast<float>(random.uniform());
    }
    return x;
  });
  const hooked::Tensor<float> importance({5}, {1.0f, 0.8f, 0.64f, 0.512f, 0.4096f});
  const auto objective = [&](const auto& model, hooked::Pass<float>& pass,
                             const hooked::Tensor<float>& x) {
    const auto error = model.forward(pass, x) - x;
    return hooked::sum(importance * (error * error));
  };
  hooked::Model<ToyModel> model(seed);
  if (steps > 0) {
    hooked::train(model, data, objective,
                  {.optimizer = hooked::Adam{.lr = 1e-2},
                   .schedule = hooked::Schedule::cosine(steps),
                   .steps = steps,
                   .batch_size = 256});
  }
  return hooked::Tensor<float>(model["W_features"]);  // [feature, hidden]
}
// [end]

// Lengths [5] and angles [5, 5] in degrees between the directions.
struct Geometry {
  hooked::Tensor<float> length, angle;
  explicit Geometry(const hooked::Tensor<float>& W)
      : length(hooked::l2_norm(W, 1)), angle(hooked::angles_in_degrees(W, W)) {}
  bool near(hooked::Index i, hooked::Index j, float degrees) const {
    return std::abs(angle(i, j) - degrees) < 6;
  }
  bool is_there(hooked::Index i) const { return std::abs(length(i) - 1) < 0.25f; }
  bool is_gone(hooked::Index i) const { return length(i) < 0.15f; }

  // The two most important features as axes, and no others.
  bool two_axes() const {
    return is_there(0) && is_there(1) && near(0, 1, 90) && is_gone(2) && is_gone(3) && is_gone(4);
  }
  // Four of the features in two pairs that point away from each other, at right angles.
  bool two_pairs() const {
    int there = 0, opposite = 0, square = 0;
    for (hooked::Index i = 0; i < 5; ++i) {
      there += is_there(i) ? 1 : 0;
      if (!is_there(i) && !is_gone(i)) return false;
      for (hooked::Index j = 0; j < i; ++j) {
        if (!is_there(i) || !is_there(j)) continue;
        opposite += near(i, j, 180) ? 1 : 0;
        square += near(i, j, 90) ? 1 : 0;
      }
    }
    return there == 4 && opposite == 2 && square == 4;
  }
  // All five, 72 degrees from one to the next.
  bool pentagon() const {
    for (hooked::Index i = 0; i < 5; ++i) {
      int next = 0, far = 0;
      for (hooked::Index j = 0; j < 5; ++j) {
        next += j != i && near(i, j, 72) ? 1 : 0;
        far += j != i && near(i, j, 144) ? 1 : 0;
      }
      if (!is_there(i) || next != 2 || far != 2) return false;
    }
    return true;
  }
};

void superposition() {
  for (const hooked::Seed seed : {hooked::Seed{0}, hooked::Seed{1}, hooked::Seed{2}}) {
    const auto geometry = [&](double sparsity, hooked::Index steps) {
      return Geometry(learnt_directions(sparsity, steps, seed));
    };
    check(geometry(0.0, 3000).two_axes(), "no sparsity: two axes");
    check(geometry(0.8, 3000).two_pairs(), "sparsity 0.8: two pairs");
    check(geometry(0.99, 3000).pentagon(), "sparsity 0.99: a pentagon");
    const Geometry untrained = geometry(0.99, 0);
    check(!untrained.two_axes() && !untrained.two_pairs() && !untrained.pentagon(),
          "an untrained model has none of these");
  }
}

}  // namespace

void build_things() {
  own_op();
  own_module();
  superposition();
}
