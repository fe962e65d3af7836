// A study: a small model that is trained on a task, and an analysis that measures what somebody
// says about such models. The program around it is the same for all studies: program.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "hooked/io/json.hpp"
#include "hooked/nn/transformer.hpp"
#include "hooked/report/report.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/objective.hpp"
#include "hooked/train/options.hpp"

namespace study {

using hooked::Index;

/// The value of a choice: a number, or one of a few words.
class Value {
 public:
  template <class Number>
  requires std::is_arithmetic_v<Number> Value(Number number)
      : value_(static_cast<double>(number)) {}
  Value(const char* word) : value_(std::string(word)) {}
  Value(std::string word) : value_(std::move(word)) {}

  bool is_word() const { return std::holds_alternative<std::string>(value_); }
  double number() const { return std::get<double>(value_); }
  const std::string& word() const { return std::get<std::string>(value_); }
  nlohmann::ordered_json to_json() const;

 private:
  std::variant<double, std::string> value_;
};
using Chosen = std::vector<std::pair<std::string, Value>>;  // values by the names of choices

/// What somebody is free to choose about a run, by name: each is an option of the command line
/// (weight_decay: --weight-decay), is kept in run.json, and can be swept.
struct Choice {
  std::string name;
  Value value;
  std::string help = "";
  std::vector<std::string> words = {};  // of which the value is one; none: any number, or any text
};
class Choices {
 public:
  Choices(std::initializer_list<Choice> choices) : all_(choices) {}

  /// A choice that is a number. Throws NameError, naming the nearest, for one that there is not,
  /// ConfigError for a word.
  double operator[](const std::string& name) const;
  /// A choice that is a word or a text. Throws NameError for one that there is not, ConfigError for
  /// a number.
  const std::string& word(const std::string& name) const;
  /// A choice that must be a whole number.
  /// Throws ConfigError where it is not.
  Index count(const std::string& name) const;
  /// A choice that is 0 or 1. Throws ConfigError where it is not.
  bool yes(const std::string& name) const;
  /// The same choices with some values replaced. Throws NameError for a name or a word that there
  /// is not, ConfigError for a word in place of a number, or the other way round.
  Choices with(const Chosen& values) const;

  std::vector<Choice>::const_iterator begin() const { return all_.begin(); }
  std::vector<Choice>::const_iterator end() const { return all_.end(); }

 private:
  const Choice& find(const std::string& name) const;
  const Choice& find_as(const std::string& name, bool is_word) const;
  std::vector<Choice> all_;
};

/// A named set of values for the choices.
struct Preset {
  std::string name, help;
  Chosen values = {};
  std::string warning = "";  // what its results do not show; stands above the table
};

/// What most studies train: a transformer, by cross-entropy. A study of other models has a `Kind`
/// like this one, and its program is in harness.hpp.
struct Transformers {
  using Model = hooked::Transformer<float>;
  using Config = hooked::TransformerConfig;
  using Data = hooked::Dataset;

  static Model build(const Config& config, hooked::Seed seed) { return Model(config, seed); }
  static hooked::CrossEntropyLoss objective(const Config&) { return {}; }
  /// The model of a folder, in any format that load_any_model reads. Throws ConfigError when its
  /// sizes are not those that are wanted.
  static Model load(const std::filesystem::path& folder, const Config& wanted);
  /// The examples with the labels of others; a kind without it has no such null model.
  static Data deal_labels(const Data& data, hooked::Seed seed);
};

/// What a run trains, and on what.
template <class Kind>
struct SetupOf {
  typename Kind::Config model;
  typename Kind::Data all;                  // what analyses run on: every example, or a test set
  hooked::Split<typename Kind::Data> part;  // what is trained on, and what is not
  hooked::TrainOptions training;            // all that decides the weights, but the seed
};
using Setup = SetupOf<Transformers>;

/// A model to look at.
template <class Kind>
struct SubjectOf {
  const typename Kind::Model& model;
  const SetupOf<Kind>& setup;
  const Choices& choices;
  int threads = 0;  // as in hooked::RunOptions
};
using Subject = SubjectOf<Transformers>;

/// A model that knows nothing of what claims are about: what they must not hold for.
template <class Kind>
struct NullModelOf {
  std::string name;
  typename Kind::Model model;
};
using NullModel = NullModelOf<Transformers>;

/// Numbers by name, in the order of their columns.
using Numbers = std::vector<std::pair<std::string, double>>;

struct Moment;
using Trajectory = std::vector<Moment>;  // trajectory.hpp

template <class Kind>
struct StudyOf {
  std::string name;             // of the program and in run.json
  std::string question;         // what --help begins with
  Choices choices;              // with the values of the first preset
  std::vector<Preset> presets;  // the first is the default
  /// What a run with these choices trains. Throws ConfigError for choices that cannot be.
  SetupOf<Kind> (*setup)(const Choices&, hooked::Seed);
  /// Everything that is measured. It is also done with models that know nothing, so it must hold
  /// for any weights.
  hooked::Report (*analyse)(const SubjectOf<Kind>&);
  /// A few numbers, measured at every snapshot along training and for every run of a sweep. `end`
  /// is the trained model: a study may follow what that one has, such as its frequencies.
  Numbers (*track)(const SubjectOf<Kind>& at, const SubjectOf<Kind>& end);
  /// What is measured of the run as a whole, from the numbers of `track`; none: nothing. Null
  /// models have no run, so that nothing stands beside these claims.
  void (*along)(const Trajectory&, hooked::Report&) = nullptr;
  /// Which of the labels the claims are about, if not all: a run that knows its training examples
  /// and not the others by these is a null model.
  std::vector<std::size_t> about = {};
  /// Null models of the study's own, made from the trained one; none: nothing.
  std::vector<NullModelOf<Kind>> (*nulls)(const SubjectOf<Kind>& trained) = nullptr;
  /// After so many epochs at most, a null model knows by heart what training examples with labels
  /// dealt anew say; 0: there is no such null model.
  Index memorising_epochs = 0;
  /// So many snapshots along training, beside the one before it; 0: none at all.
  Index snapshots = 25;
};
using Study = StudyOf<Transformers>;

/// What the command line asks for.
struct Options {
  std::string preset;
  Choices choices;
  std::int64_t seed = 0;
  std::filesystem::path out = {};
  int threads = 0;
  bool resume = false;
  std::filesystem::path model = {};  // a model to analyse in place of a trained one; empty: none
};

/// The choices of a preset of the study `name`, with some values replaced; "" is the first.
/// Throws NameError for a preset or a choice that there is not.
Choices choices_of(const std::string& name, const Choices& choices,
                   const std::vector<Preset>& presets, const std::string& preset,
                   const Chosen& values);
template <class Kind>
Choices choices_of(const StudyOf<Kind>& study, const std::string& preset, const Chosen& values) {
  return choices_of(study.name, study.choices, study.presets, preset, values);
}

}  // namespace study
