// How does a two-layer transformer without MLPs tell by how much letters were rotated? Trains the
// study's model in one of three modes and measures what the study says of it.
#include "caesar.hpp"

int main(int argc, char** argv) { return study::run(caesar::caesar(), argc, argv); }
