// What the study leaves open, asked of a model.
#pragma once

#include "complement.hpp"
#include "equivariance.hpp"
#include "frequency.hpp"
#include "gap.hpp"
#include "ngrams.hpp"
#include "score_terms.hpp"
#include "spaces.hpp"

namespace caesar {

inline void open_questions(const study::Subject& subject, const Reading& at, const Roles& roles,
                           Report& report) {
  if (at.has_words()) {
    gap(at, report);
    // With an MLP in layer 0, keys hold more than these terms.
    if (at.model.config().attn_only) score_terms(at, roles, report);
    frequency(at, roles, report);
    equivariance(at, roles, report);
  } else {
    const std::vector<Ngrams> models = ngrams_of(subject.choices);
    ngrams(at, models, report);
    spaces(at, models, report);
  }
  complement(at, roles, report);
}

}  // namespace caesar
