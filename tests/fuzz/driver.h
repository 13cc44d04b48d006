// The interface of a fuzz target; driver.cpp runs it. The entry point is libFuzzer's, but g++ has no libFuzzer: driver.cpp
// mutates seeds itself, guided by which code an input reaches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Gives the bytes to the code under test. Anything but a clean return is a finding: a crash, a sanitizer's report, an
// exception other than trecvit::Error (which the target catches), or more seconds or memory than such an input may
// take.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Well-formed inputs to start from, made by the program itself.
std::vector<std::string> fuzz_seeds();
