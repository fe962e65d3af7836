// Models in double: their verbs, hooks and the transformer.
#include "hooked/nn/generate.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

template class ModelBase<double>;
template class Model<TransformerNetwork<double>>;
template class Transformer<double>;
template Tensor<Token> generate(const Transformer<double>&, View<const Token>,
                                const GenerateOptions&);

}  // namespace hooked
