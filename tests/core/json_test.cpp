#include "core/json.h"

#include <gtest/gtest.h>

namespace trecvit {
namespace {

TEST(Json, TextThatIsUtf8StaysAsItIs) {
  for (const char* word : {"", "plain", "caf\u00e9", "\u4e2d\u6587", "\U0001F600", "\u007f\u0080\u07ff\u0800\uffff"}) {
    EXPECT_EQ(utf8(word), word);
    EXPECT_EQ(nlohmann::json::parse(json_text(nlohmann::json(word))), word);
  }
}

TEST(Json, OtherBytesAreEscapedOneByOne) {
  EXPECT_EQ(utf8("caf\xe9.mp4"), R"(caf\xe9.mp4)");
  EXPECT_EQ(utf8("\xff\xfe"), R"(\xff\xfe)");
  EXPECT_EQ(utf8("cut \xe4\xb8"), R"(cut \xe4\xb8)");
  EXPECT_EQ(utf8("\xc0\xaf"), R"(\xc0\xaf)");                  // overlong
  EXPECT_EQ(utf8("\xed\xa0\x80"), R"(\xed\xa0\x80)");          // a surrogate
  EXPECT_EQ(utf8("\xf4\x90\x80\x80"), R"(\xf4\x90\x80\x80)");  // above U+10FFFF
  EXPECT_EQ(utf8("\xe4\xb8\xad\xe9"),
            "\xe4\xb8\xad"
            R"(\xe9)");
}

// A file that was written must be read by parsers that insist on UTF-8, whatever the names in it.
TEST(Json, EveryTextAndKeyOfADocumentIsWritten) {
  const nlohmann::ordered_json told{{"path", "/\xe9.mp4"}, {"k\xe9y", {1, "\xff", nullptr}}, {"in", {{"a", "\xfe"}}}};
  const auto read = nlohmann::ordered_json::parse(json_text(told));
  EXPECT_EQ(read["path"], R"(/\xe9.mp4)");
  EXPECT_EQ(read[R"(k\xe9y)"], (nlohmann::ordered_json{1, R"(\xff)", nullptr}));
  EXPECT_EQ(read["in"]["a"], R"(\xfe)");
  EXPECT_EQ(json_text(nlohmann::json{{"a", 1}}, 1), "{\n \"a\": 1\n}");
}

}  // namespace
}  // namespace trecvit
