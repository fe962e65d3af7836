// train: the loop that makes models learn data.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>

#include "hooked/core/random.hpp"
#include "hooked/nn/network.hpp"
#include "hooked/nn/transformer.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/callbacks.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/evaluate.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/objective.hpp"
#include "hooked/train/options.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked {

namespace detail {

/// All of training that knows neither network nor data (loop.hpp).
template <Scalar T>
TrainResult train(const Together<T>& models, const MakeJob<T>& make_job,
                  const TrainOptions& options, bool has_epochs, Audience& audience);

/// `model` is what an objective of three arguments is handed.
template <Scalar T, class Model, class Data, class O>
TrainResult train(const Together<T>& models, const Model& model, const Data& data,
                  const O& objective, const TrainOptions& options, Audience& audience) {
  using Batches = decltype(batches_of(data, 0, Seed{}));
  using B = typename Batches::Type;
  const auto make_job = [&] {
    JobAndValidation<T> made;
    made.job = std::make_unique<JobOf<T, Model, Batches, O>>(
        model, batches_of(data, options.batch_size, options.seed), objective);
    if (options.validation) {
      made.validation = std::make_unique<EvaluatedOf<T, Model, B, O>>(
          model, options.validation.template get<B>(), objective, "train: the validation set");
    }
    return made;
  };
  return train<T>(models, MakeJob<T>(make_job), options, Batch<Data>, audience);
}

}  // namespace detail

/// Trains `model` on `data`, a finite set (any Batch) or draw(...), so that `objective` becomes
/// small (train/objective.hpp says what it may be). The same seed and lanes give the same bits, for
/// any number of threads and ranks and across kill and resume.
/// Throws ConfigError, ShapeError for options, data or an objective that do not fit; FormatError
/// when the directory cannot be written; NumericError, with the step and the first bad site or
/// parameter, when loss or gradient are not finite. The checkpoint that is there then is a good
/// one: a checkpoint is written once the next step has found loss and gradient finite (or at the
/// end).
///
/// With `options.ranks`, all ranks call this with the same model, data and options, and end with
/// the same weights and result. Each calls its callbacks, so that one which changes the model does
/// so on all; whether the run goes on is what those of rank 0 say. What fails on one rank throws on
/// all, Error where nothing else was wrong. Only rank 0 writes files, which all must see.
template <class Network, class Data, class O, TrainCallback... Callbacks>
requires(!std::same_as<std::remove_cvref_t<O>, TrainOptions>) TrainResult
    train(Model<Network>& model, const Data& data, const O& objective, const TrainOptions& options,
          Callbacks&&... callbacks) {
  const Together<typename Model<Network>::T> one({trained("model", model)});
  detail::AudienceOf<std::remove_reference_t<Callbacks>...> audience(callbacks...);
  return detail::train(one, model, data, objective, options, audience);
}

/// A token model on cross-entropy.
template <class Network, class Data, TrainCallback... Callbacks>
TrainResult train(Model<Network>& model, const Data& data, const TrainOptions& options,
                  Callbacks&&... callbacks) {
  return train(model, data, CrossEntropyLoss{}, options, callbacks...);
}

/// Several models, which the objective (of pass and batch) runs as it likes, some trained and some
/// frozen. The directory gets a folder for each, under its name.
template <Scalar T, class Data, class O, TrainCallback... Callbacks>
TrainResult train(const Together<T>& models, const Data& data, const O& objective,
                  const TrainOptions& options, Callbacks&&... callbacks) {
  detail::AudienceOf<std::remove_reference_t<Callbacks>...> audience(callbacks...);
  return detail::train(models, models, data, objective, options, audience);
}

#ifdef HOOKED_COMPILED
namespace detail {
extern template TrainResult train(const Together<float>&, const MakeJob<float>&,
                                  const TrainOptions&, bool, Audience&);
extern template TrainResult train(const Together<double>&, const MakeJob<double>&,
                                  const TrainOptions&, bool, Audience&);
extern template TrainResult train(const Together<float>&, const Model<TransformerNetwork<float>>&,
                                  const Dataset&, const CrossEntropyLoss&, const TrainOptions&,
                                  Audience&);
extern template TrainResult train(const Together<double>&, const Model<TransformerNetwork<double>>&,
                                  const Dataset&, const CrossEntropyLoss&, const TrainOptions&,
                                  Audience&);
}  // namespace detail
#endif

}  // namespace hooked

#ifndef HOOKED_COMPILED
#include "hooked/train/loop.hpp"
#endif
