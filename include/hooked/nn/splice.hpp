// splice: a model of activations, such as an autoencoder, in place of what it models.
#pragma once

#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/subtract.hpp"

namespace hooked {

/// How a model is spliced in.
template <Scalar T>
struct SpliceOptions {
  /// Hooks inside the spliced model, after those that it has.
  std::vector<Hook<T>> hooks = {};
  /// Adds x - x', what the model without any hooks leaves of the activation x, as a constant: what
  /// its hooks change is then all that changes. Passes the model's hook_sae_error, if it has one.
  bool error_term = false;
};

/// At these sites, what `model` makes of the activation takes its place; gradients flow through it,
/// and its own parameters are constants. The model must outlive the hook; hooks that it has act.
/// Throws NameError for a hook at a site that the model does not have; the run throws what the
/// model throws.
template <class Network, class T = typename Model<Network>::T>
Hook<T> splice(SiteSelector where, const Model<Network>& model, SpliceOptions<T> options = {}) {
  (void)model.plan(options.hooks);  // wrong names now, not in the run
  return {std::move(where),
          [&model, options = std::move(options)](Variable<T> x, const HookPoint& point) {
            const Placed<T> here(x.tape(), point.name());
            Pass<T> pass(model.parameters(), x.tape());
            HookPlan<T> plan = model.plan(options.hooks);
            auto within = pass.within(model.parameters());
            Variable<T> error;
            if (options.error_term) {
              error = record<Subtract>({}, x.detach(), model.network()(pass, x.detach()));
            }
            within.use(plan);
            Variable<T> y = model.forward(pass, x);
            if (options.error_term) {
              if constexpr (requires { model.network().hook_sae_error; }) {
                error = pass.at(model.network().hook_sae_error, error);
              }
              y = record<Add>({}, y, error);
            }
            plan.check_all_fired();
            return y;
          }};
}

}  // namespace hooked
