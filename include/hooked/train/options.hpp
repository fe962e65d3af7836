// What train() is told, and what it tells.
#pragma once

#include <filesystem>
#include <optional>
#include <typeinfo>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/evaluation.hpp"
#include "hooked/train/optimizer.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/schedule.hpp"

namespace hooked {

/// The set that evaluations run on, of the same type as the batches of the run. It must outlive the
/// run.
class Validation {
 public:
  Validation() = default;
  template <Batch B>
  Validation(const B* set) : set_(set), type_(set == nullptr ? nullptr : &typeid(B)) {}

  explicit operator bool() const { return set_ != nullptr; }
  /// Throws ConfigError when it is of another type.
  template <Batch B>
  const B& get() const {
    if (*type_ != typeid(B)) {
      fail<ConfigError>(
          "train: the validation set is of another type than the batches of the data");
    }
    return *static_cast<const B*>(set_);
  }

 private:
  const void* set_ = nullptr;
  const std::type_info* type_ = nullptr;
};

/// One training run. Give `steps` or `epochs`.
struct TrainOptions {
  OptimizerSettings optimizer = AdamW{};    ///< and its settings
  Schedule schedule = {};                   // multiplies lr; empty: constant
  std::vector<ParameterGroup> groups = {};  // other settings for some parameters
  Index steps = 0;
  Index epochs = 0;
  Index batch_size = 0;                        // 0: the whole set in every step; a source needs one
  std::vector<SiteSelector> activations = {};  // what the objective reads by Pass::activation
  double max_grad_norm = 0.0;                  // clip the norm of the whole gradient; 0: never
  Validation validation = {};                  // what evaluations run on: `.validation = &test_set`
  Index evaluate_every = 0;              // steps; 0: only at the end, if there is a validation
  bool keep_best = false;                // end with the weights of the lowest validation loss
  std::filesystem::path directory = {};  // config, weights, checkpoint, metrics; empty: none
  Index checkpoint_every = 0;            // steps, and at the end; 0: no checkpoints
  bool resume = false;                   // go on from the directory's checkpoint, if it has one;
                                         // without it, an older checkpoint there is removed
  bool progress = true;                  // a line on the terminal, if there is one
  Seed seed = {};                        // of the order of examples
  int lanes = 0;                         // 0: Lanes::default_count; changes rounding
  int threads = 0;                       // 0: all processors; changes nothing but time
  const Ranks* ranks = nullptr;          // who trains together; null: this process alone
};

/// After a step.
struct StepInfo {
  Index step;         // steps done, this one included
  Index total_steps;  ///< of the run
  Index epoch;        // of this step, from 0
  double loss;        // of this step's batch, before the step
  double lr;
  double gradient_norm;  // before clipping
};

/// After an evaluation.
struct EvaluationInfo {
  StepInfo step;          ///< after which it was
  Evaluation evaluation;  ///< of the validation set
};

/// How a run ended.
struct TrainResult {
  Index steps = 0;                            ///< done
  double loss = 0.0;                          // of the last batch
  std::optional<Evaluation> evaluation = {};  // of the weights that the run leaves
  double seconds = 0.0;                       ///< of this call
  bool stopped_early = false;                 // a callback said so
};

}  // namespace hooked
