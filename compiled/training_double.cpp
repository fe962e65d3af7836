// Training and evaluation in double.
#include "hooked/train/evaluating.hpp"
#include "hooked/train/loop.hpp"
#include "hooked/train/train.hpp"

namespace hooked {

namespace detail {
template TrainResult train(const Together<double>&, const MakeJob<double>&, const TrainOptions&,
                           bool, Audience&);
template TrainResult train(const Together<double>&, const Model<TransformerNetwork<double>>&,
                           const Dataset&, const CrossEntropyLoss&, const TrainOptions&, Audience&);
template Evaluation evaluate(const Together<double>&, const Evaluated<double>&, ThreadPool&,
                             const std::vector<SiteSelector>&, const std::vector<Hook<double>>&,
                             const Ranks&);
}  // namespace detail

template Evaluation evaluate(const Model<TransformerNetwork<double>>&, const Dataset&,
                             const std::vector<Hook<double>>&, const EvaluateOptions&);

}  // namespace hooked
