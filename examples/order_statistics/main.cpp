// How does a one-layer transformer find the maximum or the median of five numbers, or sort them?
// Trains the study's model and measures what the study says of it.
#include "../common/program.hpp"
#include "order_statistics.hpp"

int main(int argc, char** argv) {
  return study::run(order_statistics::order_statistics(), argc, argv);
}
