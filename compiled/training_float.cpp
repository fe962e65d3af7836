// Training and evaluation in float.
#include "hooked/train/evaluating.hpp"
#include "hooked/train/loop.hpp"
#include "hooked/train/train.hpp"

namespace hooked {

namespace detail {
template TrainResult train(const Together<float>&, const MakeJob<float>&, const TrainOptions&, bool,
                           Audience&);
template TrainResult train(const Together<float>&, const Model<TransformerNetwork<float>>&,
                           const Dataset&, const CrossEntropyLoss&, const TrainOptions&, Audience&);
template Evaluation evaluate(const Together<float>&, const Evaluated<float>&, ThreadPool&,
                             const std::vector<SiteSelector>&, const std::vector<Hook<float>>&,
                             const Ranks&);
}  // namespace detail

template Evaluation evaluate(const Model<TransformerNetwork<float>>&, const Dataset&,
                             const std::vector<Hook<float>>&, const EvaluateOptions&);

}  // namespace hooked
