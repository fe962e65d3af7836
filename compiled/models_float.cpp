// Models in float: their verbs, hooks and the transformer.
#include "hooked/nn/generate.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

template class ModelBase<float>;
template class Model<TransformerNetwork<float>>;
template class Transformer<float>;
template Tensor<Token> generate(const Transformer<float>&, View<const Token>,
                                const GenerateOptions&);

}  // namespace hooked
