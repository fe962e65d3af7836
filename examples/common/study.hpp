// A study: a small model that is trained on a task, and an analysis that measures what somebody
// says about such models. The program around it is the same for all studies: program.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "hooked/nn/transformer.hpp"
#include "hooked/report/report.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/options.hpp"

namespace study {

using hooked::Index;

/// What somebody is free to choose about a run, by name: each is an option of the command line
/// (weight_decay: --weight-decay), is kept in run.json, and can be swept.
struct Choice {
  std::string name;
  double value;
  std::string help = "";
};
class Choices {
 public:
  Choices(std::initializer_list<Choice> choices) : all_(choices) {}

  /// Throws NameError, naming the nearest, for a choice that there is not.
  double operator[](const std::string& name) const { return find(name).value; }
  /// A choice that must be a whole number.
  /// Throws ConfigError where it is not.
  Index count(const std::string& name) const;
  /// The same choices with some values replaced. Throws NameError for a name that there is not.
  Choices with(const std::vector<std::pair<std::string, double>>& values) const;

  std::vector<Choice>::const_iterator begin() const { return all_.begin(); }
  std::vector<Choice>::const_iterator end() const { return all_.end(); }

 private:
  const Choice& find(const std::string& name) const;
  std::vector<Choice> all_;
};

/// A named set of values for the choices.
struct Preset {
  std::string name, help;
  std::vector<std::pair<std::string, double>> values = {};
  std::string warning = "";  // what its results do not show; stands above the table
};

/// What a run trains, and on what.
struct Setup {
  hooked::TransformerConfig model;
  hooked::Dataset all;                  // every example there is: what analyses run on
  hooked::Split<hooked::Dataset> part;  // of them: what is trained on, and the rest
  hooked::TrainOptions training;        // all that decides the weights, but the seed
};

/// A model to look at.
struct Subject {
  const hooked::Transformer<float>& model;
  const Setup& setup;
};

/// Numbers by name, in the order of their columns.
using Numbers = std::vector<std::pair<std::string, double>>;

struct Study {
  std::string name;             // of the program and in run.json
  std::string question;         // what --help begins with
  Choices choices;              // with the values of the first preset
  std::vector<Preset> presets;  // the first is the default
  /// What a run with these choices trains. Throws ConfigError for choices that cannot be.
  Setup (*setup)(const Choices&, hooked::Seed);
  /// Everything that is measured. It is also done with models that know nothing, so it must hold
  /// for any weights.
  hooked::Report (*analyse)(const Subject&);
  /// A few numbers, measured at every snapshot along training and for every run of a sweep.
  Numbers (*track)(const Subject&);
  /// Which of the labels the claims are about, if not all: a run that knows its training examples
  /// and not the others by these is a null model.
  std::vector<std::size_t> about = {};
  /// After so many epochs at most, a null model knows by heart what training examples with labels
  /// dealt anew say; 0: there is no such null model.
  Index memorising_epochs = 0;
  /// So many snapshots along training, beside the one before it; 0: none at all.
  Index snapshots = 25;
};

/// What the command line asks for.
struct Options {
  std::string preset;
  Choices choices;
  std::int64_t seed = 0;
  std::filesystem::path out = {};
  int threads = 0;
  bool resume = false;
};

/// The choices of a preset, which may be "" for the first, with some values replaced.
/// Throws NameError for a preset or a choice that there is not.
Choices choices_of(const Study& study, const std::string& preset,
                   const std::vector<std::pair<std::string, double>>& values);

}  // namespace study
