// The right-hand sides of the tables in docs/from_pytorch.md: what stands behind "// py: " goes to
// the left, and the code below it to the right.
#include <cmath>
#include <hooked/hooked.hpp>

#include "cookbook.hpp"

namespace {

void torch_tensors() {
  const hooked::Tensor<float> w({3, 4}, 0.5f);
  const hooked::Tensor<hooked::Index> i({2, 1}, {2, 0});
  // [torch_tensors]
  // py: x = torch.zeros(2, 3)
  auto x = hooked::zeros<float>({2, 3});
  // py: y = torch.full((2, 3), 1.5)
  const auto y = hooked::full<float>({2, 3}, 1.5);
  // py: a = torch.tensor([[1., 2.], [3., 4.]])
  const hooked::Tensor<float> a({2, 2}, {1, 2, 3, 4});
  // py: x.shape, x.numel()
  x.shape(), x.numel();
  // py: x[1, 2] = 5
  x(1, 2) = 5;
  // py: x[0] = x[1]
  x.select(0, 0) = x.select(0, 1);
  // py: x[:, 0:2]
  const auto part = x.slice(1, 0, 2);
  // py: x.T, x.permute(1, 0), x.reshape(3, 2)
  x.transpose(), x.permute({1, 0}), x.reshape({3, 2});
  // py: x.clone()
  hooked::Tensor<float> copy = x;
  // py: x * y + 1
  const auto sum = x * y + 1.0f;
  // py: x @ w
  const auto product = hooked::matmul(x, w);
  // py: torch.einsum("ij,jk->ik", x, w)
  const auto same_product = hooked::einsum("ij,jk->ik", x, w);
  // py: x.mean(-1, keepdim=True)
  const auto mean = hooked::mean(x, -1, hooked::Keep::yes);
  // py: x.softmax(-1), x.argmax(-1)
  hooked::softmax(x, -1), hooked::argmax(x, -1);
  // py: values, indices = x.topk(2)
  const auto [values, indices] = hooked::topk(x, 2);
  // py: x.gather(1, i)
  const auto picked = hooked::take_along_axis(x, i, 1);
  // py: torch.where(x > 1, x, 0)
  const auto large = hooked::where(x > 1, x, 0.0f);
  // py: torch.cat([x, y]), torch.stack([x, y])
  hooked::concat(std::vector{x, y}, 0), hooked::stack(std::vector{x, y}, 0);
  // py: x.norm().item(), x.abs().max().item()
  hooked::l2_norm(x).item(), hooked::max_norm(x).item();
  // [end]
  check(x(0, 2) == 5 && copy(0, 2) == 5 && part(0, 1) == 0 && a(1, 0) == 3, "tensors");
  check(sum(0, 2) == 8.5f && product(0, 3) == 2.5f && same_product(1, 1) == 2.5f, "products");
  check(std::abs(mean(1, 0) - 5.0f / 3) < 1e-6f && values(0, 0) == 5 && indices(0, 0) == 2,
        "reductions");
  check(picked(0, 0) == 5 && picked(1, 0) == 0 && large(0, 2) == 5 && large(0, 1) == 0, "picks");
}

void torch_autograd() {
  const hooked::Tensor<float> start({2, 3}, 0.5f), target({2, 3}, 1.0f), w({3, 4}, 0.25f),
      b({4}, 1.0f);
  const hooked::Tensor<hooked::Token> labels({2}, {1, 2});
  // [torch_autograd]
  // py: x.requires_grad_()
  hooked::Tape<float> tape;
  const auto x = tape.input(start);
  // py: F.linear(x, w.T, b), F.relu(x), F.layer_norm(x, (3,))
  hooked::linear(x, w, b), hooked::relu(x), hooked::layer_norm(x);
  // py: y = (x ** 2).sum()
  const auto y = hooked::sum(x * x);
  // py: F.cross_entropy(x, labels)
  const auto loss = hooked::cross_entropy(x, labels.view());
  // py: F.mse_loss(x, target), loss.item()
  hooked::mean(hooked::pow(x - target, 2.0)), loss.item();
  // py: y.backward()
  tape.backward(y);
  // py: x.grad
  const auto slope = tape.gradient(x);
  // py: x.detach()
  const auto fixed = x.detach();
  // py: x.detach().clone()
  const hooked::Tensor<float> numbers(x.value());
  // [end]
  check(slope(1, 2) == 1.0f && !fixed.wants_gradient() && numbers(0, 0) == 0.5f, "2 x");
  check(std::abs(loss.item() - std::log(3.0f)) < 1e-5f, "uniform over three");
}

void torch_training(const hooked::Transformer<float>& learnt, const hooked::Dataset& data) {
  hooked::Transformer<float> model = learnt;
  // [torch_training]
  // py: model.blocks[0].mlp.W_in.data
  model["blocks.0.mlp.W_in"];
  // py: model.state_dict().keys()
  model.parameters().names();
  // py: p.requires_grad = False
  model.parameters().freeze("blocks.0.mlp.*");
  // py: copy.deepcopy(model)
  hooked::Transformer<float> other = model;
  // py: torch.optim.AdamW(model.parameters(), lr=1e-3)
  hooked::Optimizer optimizer(hooked::AdamW{.lr = 1e-3}, model);
  // py: optimizer.zero_grad()
  hooked::Pass pass(model);
  pass.begin({.gradients = true, .positions = {3}});
  // py: logits = model(tokens)
  const auto logits = model.forward(pass, data.tokens);
  // py: loss = F.cross_entropy(logits, labels)
  const auto loss = hooked::cross_entropy(logits, data.labels);
  // py: loss.backward()
  pass.backward(loss);
  // py: model.blocks[1].mlp.W_in.grad
  pass.gradient("blocks.1.mlp.W_in");
  // py: clip_grad_norm_(model.parameters(), 1.0)
  pass.clip_gradient_norm(1.0);
  // py: optimizer.step()
  optimizer.step(model, pass);
  // py: the loop, with DataLoader(batch_size=100, shuffle=True), clip_grad_norm_, CosineAnnealingLR
  hooked::train(model, data,
                {.optimizer = hooked::AdamW{.lr = 1e-3},
                 .schedule = hooked::Schedule::cosine(10),
                 .steps = 10,
                 .batch_size = 100,
                 .max_grad_norm = 1.0});
  // py: torch.save(model.state_dict(), "mine.pt")
  hooked::save_safetensors(model, "mine.safetensors");
  // py: model.load_state_dict(torch.load("mine.pt"))
  hooked::load_safetensors(other, "mine.safetensors");
  // [end]
  const auto moved = [&](const std::string& name) {
    return hooked::max_norm(model[name] - learnt[name]).item() > 0;
  };
  check(!moved("blocks.0.mlp.W_in") && moved("blocks.1.mlp.W_in"), "what is not frozen moves");
  check(hooked::max_norm(model["unembed.W_U"] - other["unembed.W_U"]).item() == 0, "a copy");
}

}  // namespace

void guides() {
  torch_tensors();
  torch_autograd();
  torch_training(largest_digit(), digits());
}
