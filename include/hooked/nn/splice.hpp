// splice: a model of activations, such as an autoencoder, in place of what it models.
#pragma once

#include <utility>

#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/pass.hpp"

namespace hooked {

/// At these sites, what `model` makes of the activation takes its place; gradients flow through it,
/// and its own parameters are constants. The model must outlive the hook; its hooks do not act.
template <class Network>
Hook<typename Model<Network>::T> splice(SiteSelector where, const Model<Network>& model) {
  using T = typename Model<Network>::T;
  return {std::move(where), [&model](Variable<T> x, const HookPoint&) {
            Pass<T> pass(model.parameters(), x.tape());
            return model.forward(pass, x);
          }};
}

}  // namespace hooked
