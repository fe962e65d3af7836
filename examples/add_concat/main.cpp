// Can one of two abilities be taken from a model by its sparse features? Trains the study's model
// to add and to concatenate numbers, and measures what the study says of it.
#include "../common/harness.hpp"
#include "add_concat.hpp"

int main(int argc, char** argv) { return study::run(add_concat::add_concat(), argc, argv); }
