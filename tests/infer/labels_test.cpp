#include "infer/labels.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace trecvit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(const std::vector<std::string>& of_data, const std::vector<std::string>& of_model) {
  try {
    map_labels(of_data, of_model, true);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Labels, MatchInAnySpelling) {
  EXPECT_THAT(map_labels({"Moving_something_up", "petting cat"}, {"Petting cat", "Moving something up"}, true),
              ElementsAre(1, 0));
  EXPECT_THAT(map_labels({"a b", "a_b"}, {"a_b", "a b"}, true), ElementsAre(1, 0)) << "exact names win";
}

TEST(Labels, NeverGuess) {
  EXPECT_THAT(refusal({"A B"}, {"a_b", "a-b"}), HasSubstr("does not know the data set's class 'A B'"));
  EXPECT_THAT(refusal({"C", "C++"}, {"C", "D"}), HasSubstr("'C' and 'C++' are both the model's class 'C'"));
  EXPECT_THAT(refusal({"+"}, {"-"}), HasSubstr("does not know"));
  EXPECT_THAT(refusal({"\xE8\xB7\x91"}, {"\xE8\xB7\xB3"}), HasSubstr("does not know")) << "names in other scripts";
  EXPECT_THAT(refusal({"fly"}, {"run"}), HasSubstr("--match index"));
}

}  // namespace
}  // namespace trecvit
