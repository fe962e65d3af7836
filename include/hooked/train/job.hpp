// Job: data and objective of a run behind one narrow interface, so that everything else about
// training knows neither and is compiled once.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/data.hpp"
#include "hooked/train/objective.hpp"

namespace hooked {

/// Examples on their way through one thread: a copy of some of them, in memory of its own.
template <Scalar T>
class Share {
 public:
  virtual ~Share() = default;
  /// Takes the examples [first, last) of what is at hand. Takes nothing from the heap where it has
  /// held as many before.
  virtual void load(Index first, Index last) = 0;
  /// The positions at which logits are wanted; empty: all.
  virtual const std::vector<Token>& positions() const = 0;
  /// The objective's sum over these examples.
  virtual Variable<T> sum(Pass<T>& pass) const = 0;
  /// Adds what an evaluation counts to sums [3, Evaluated::width()]: losses, what was right, and
  /// what counts.
  virtual void measure(Pass<T>& pass, double* sums) const = 0;
};

/// A set that is evaluated.
template <Scalar T>
class Evaluated {
 public:
  virtual ~Evaluated() = default;
  /// How many there are.
  virtual Index examples() const = 0;
  /// How many kinds of labels are told apart: the label positions of a Dataset.
  virtual Index width() const = 0;
  /// Whether a label can be right or wrong.
  virtual bool has_accuracy() const = 0;
  /// Changes with the numbers of the set.
  virtual std::string fingerprint() const = 0;
  /// A lane's way to the examples.
  virtual std::unique_ptr<Share<T>> share() const = 0;
};

/// What a run learns: the batches of its data, and the objective of each.
template <Scalar T>
class Job {
 public:
  virtual ~Job() = default;

  /// Examples of a full batch.
  virtual Index largest_batch() const = 0;
  virtual Index steps_per_epoch() const = 0;  // 0: the data has no epochs
  /// Of a step, both from 0.
  virtual Index epoch(Index step) const = 0;
  /// Rows of the widest part of an example.
  virtual Index rows_per_example() const = 0;
  /// About as many numbers as the tape keeps for an example; empty: run one and count.
  virtual std::optional<Index> numbers_per_example() const = 0;
  /// Size of the data, as checkpoints note it.
  virtual std::string size_text() const = 0;
  /// Changes with the numbers of the data.
  virtual std::string fingerprint() = 0;
  /// The positions at which logits are wanted; empty: all.
  virtual const std::vector<Token>& positions() const = 0;

  /// From now on shares and `divisor` are about the batch of this step.
  virtual void prepare(Index step) = 0;
  /// Of the prepared batch.
  virtual Index examples() const = 0;
  /// What the objective's sum over the prepared batch is divided by.
  virtual double divisor() const = 0;
  /// A lane's way to the examples.
  virtual std::unique_ptr<Share<T>> share() const = 0;
};

namespace detail {

/// An objective bound to the model that it is about, if any.
template <Scalar T, class Model, Batch B, class O>
struct BoundObjective {
  static constexpr bool takes_model = std::invocable<const O&, const Model&, Pass<T>&, const B&>;
  static_assert(
      takes_model || std::invocable<const O&, Pass<T>&, const B&>,
      "an objective is called as objective(pass, batch) or objective(model, pass, batch)");
  static constexpr bool measures =
      requires(const O& o, const Model& m, Pass<T>& pass, const B& batch, double* sums) {
    o.measure(m, pass, batch, sums);
  };

  const Model& model;
  const O& objective;

  Variable<T> sum(Pass<T>& pass, const B& batch) const {
    const Variable<T> y = [&]() -> Variable<T> {
      if constexpr (takes_model) {
        return objective(model, pass, batch);
      } else {
        return objective(pass, batch);
      }
    }();
    if (!y || y.value().numel() != 1) {
      fail<ShapeError>("the objective gave ", y ? text(y.shape()) : "an empty Variable",
                       ", it must give a scalar: the sum over the examples of its batch");
    }
    return y;
  }
  double divisor(const B& batch) const {
    if constexpr (requires { objective.divisor(batch); }) {
      return objective.divisor(batch);
    } else {
      return static_cast<double>(examples_in(batch));
    }
  }
  void measure(Pass<T>& pass, const B& batch, double* sums) const {
    if constexpr (measures) {
      objective.measure(model, pass, batch, sums);
    } else {
      sums[0] += static_cast<double>(sum(pass, batch).value().item());
      sums[2] += divisor(batch);
    }
  }
  void check(const B& set, const std::string& what) const {
    (void)examples_in(set, what);
    if constexpr (requires { objective.check(model, set, what); })
      objective.check(model, set, what);
  }
};

template <Batch B>
const std::vector<Token>& positions_of(const B& batch) {
  static const std::vector<Token> kAll;
  if constexpr (requires {
                  { batch.positions } -> std::convertible_to<const std::vector<Token>&>;
                }) {
    return batch.positions;
  } else {
    return kAll;
  }
}

/// `copy(first, last, batch)` fills the share's batch.
template <Scalar T, class Bound, Batch B, class Copy>
class ShareOf : public Share<T> {
 public:
  ShareOf(Bound bound, Copy copy) : bound_(bound), copy_(std::move(copy)) {}

  void load(Index first, Index last) override { copy_(first, last, batch_); }
  const std::vector<Token>& positions() const override { return positions_of(batch_); }
  Variable<T> sum(Pass<T>& pass) const override { return bound_.sum(pass, batch_); }
  void measure(Pass<T>& pass, double* sums) const override { bound_.measure(pass, batch_, sums); }

 private:
  Bound bound_;
  Copy copy_;
  B batch_;
};
template <Scalar T, class B, class Bound, class Copy>
std::unique_ptr<Share<T>> share_of(Bound bound, Copy copy) {
  return std::make_unique<ShareOf<T, Bound, B, Copy>>(bound, std::move(copy));
}

template <Scalar T, class Model, Batch B, class O>
class EvaluatedOf : public Evaluated<T> {
 public:
  /// All must outlive it. Throws what objective.check throws.
  EvaluatedOf(const Model& model, const B& set, const O& objective, const std::string& what)
      : bound_{model, objective}, set_(set) {
    bound_.check(set, what);
  }

  Index examples() const override { return examples_in(set_); }
  Index width() const override {
    if constexpr (Bound::measures) return set_.labels.size(1);
    return 1;
  }
  bool has_accuracy() const override { return Bound::measures; }
  std::string fingerprint() const override { return hooked::fingerprint(set_); }
  std::unique_ptr<Share<T>> share() const override {
    return share_of<T, B>(bound_, [this](Index first, Index last, B& to) {
      copy_examples(
          set_, last - first, [first](Index i) { return first + i; }, to);
    });
  }

 private:
  using Bound = BoundObjective<T, Model, B, O>;
  Bound bound_;
  const B& set_;
};

template <Scalar T, class Model, class Batches, class O>
class JobOf : public Job<T> {
  using B = typename Batches::Type;
  using Bound = BoundObjective<T, Model, B, O>;

 public:
  /// Model and objective must outlive it. Throws what objective.check throws.
  JobOf(const Model& model, Batches batches, const O& objective)
      : bound_{model, objective}, batches_(std::move(batches)) {
    bound_.check(batches_.example_of_kind(), "train: the training set");
  }

  Index largest_batch() const override { return batches_.largest(); }
  Index steps_per_epoch() const override { return batches_.steps_per_epoch(); }
  Index epoch(Index step) const override { return batches_.epoch(step); }
  Index rows_per_example() const override {
    const B& kind = batches_.example_of_kind();
    if constexpr (requires { kind.labels; }) return kind.labels.size(1);
    return hooked::rows_per_example(kind);
  }
  std::optional<Index> numbers_per_example() const override {
    if constexpr (std::same_as<O, CrossEntropyLoss> &&
                  requires(const Model& m) { m.network().numbers_per_example(1, 1); }) {
      const B& kind = batches_.example_of_kind();
      return bound_.model.network().numbers_per_example(kind.tokens.size(1), kind.labels.size(1));
    }
    return {};
  }
  std::string size_text() const override { return batches_.size_text(); }
  std::string fingerprint() override { return batches_.fingerprint(); }
  const std::vector<Token>& positions() const override {
    return positions_of(batches_.example_of_kind());
  }

  void prepare(Index step) override { batches_.prepare(step); }
  Index examples() const override { return batches_.examples(); }
  double divisor() const override {
    if constexpr (requires(const O& o, const B& b) { o.divisor(b); }) {
      batches_.copy(0, batches_.examples(), whole_);
      return bound_.divisor(whole_);
    } else {
      return static_cast<double>(batches_.examples());
    }
  }
  std::unique_ptr<Share<T>> share() const override {
    return share_of<T, B>(
        bound_, [this](Index first, Index last, B& to) { batches_.copy(first, last, to); });
  }

 private:
  Bound bound_;
  Batches batches_;
  mutable B whole_;
};

/// What a run is made of, besides its models; made where errors of one rank become those of all.
template <Scalar T>
struct JobAndValidation {
  std::unique_ptr<Job<T>> job;
  std::unique_ptr<Evaluated<T>> validation;
};
template <Scalar T>
using MakeJob = std::function<JobAndValidation<T>()>;

}  // namespace detail

}  // namespace hooked
