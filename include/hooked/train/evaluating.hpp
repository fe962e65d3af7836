// How a set is evaluated: in chunks of a fixed size, by any number of threads and ranks.
#pragma once

#include <algorithm>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/train/evaluation.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/lane.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/shares.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked::detail {

template <Scalar T>
Evaluation evaluate(const Together<T>& models, const Evaluated<T>& set, ThreadPool& pool,
                    const std::vector<SiteSelector>& activations, const std::vector<Hook<T>>& hooks,
                    const Ranks& ranks) {
  const Cuts chunks = Cuts::of(set.examples(), 512);
  const Index width = set.width();
  const bool serial = !hooks.empty() || models.have_hooks();
  const Shares shares =
      ranks.share(chunks.parts() * 3 * width, (serial ? chunks.parts() : 1) * 3 * width);
  Tensor<double> sums({chunks.parts(), 3, width});  // losses, right ones, counted ones
  const auto work = [&](Index c, Bound<T>& bound, Share<T>& share) {
    share.load(chunks.begin(c), chunks.end(c));
    bound.begin({.gradients = false, .positions = share.positions()});
    share.measure(bound.pass(), sums.data() + c * 3 * width);
    for (std::size_t i = 0; i < bound.size(); ++i) bound.plan(i).check_all_fired();
  };
  ranks.agree([&] {
    const Index first = shares.begin() / (3 * width), count = shares.count() / (3 * width);
    // Each part has memory of its own and takes one chunk after the other.
    const Cuts parts = Cuts::into(count, serial ? 1 : std::min<Index>(count, 4 * pool.size()));
    pool.run(parts.parts(), [&](Index i) {
      Bound<T> bound(models, activations);
      for (const Hook<T>& hook : hooks) bound.plan(0).add(hook);
      const auto share = set.share();
      for (Index c = parts.begin(i); c < parts.end(i); ++c) work(first + c, bound, *share);
    });
  });
  ranks.gather(sums.data(), shares);

  const auto zeros = std::vector<double>(static_cast<std::size_t>(width), 0.0);
  Evaluation result{.loss_at = zeros, .accuracy_at = zeros};
  double counted = 0.0, all_right = 0.0;
  for (Index at = 0; at < width; ++at) {
    double loss = 0.0, right = 0.0, here = 0.0;
    for (Index c = 0; c < chunks.parts(); ++c) {
      loss += sums(c, 0, at), right += sums(c, 1, at), here += sums(c, 2, at);
    }
    result.loss += loss, all_right += right, counted += here;
    const auto i = static_cast<std::size_t>(at);
    result.loss_at[i] = here > 0 ? loss / here : 0.0;
    result.accuracy_at[i] = here > 0 ? right / here : 0.0;
  }
  if (counted > 0) result.loss /= counted, all_right /= counted;
  if (set.has_accuracy()) {
    result.accuracy = all_right;
  } else {
    result.loss_at = result.accuracy_at = {};
  }
  return result;
}

}  // namespace hooked::detail
