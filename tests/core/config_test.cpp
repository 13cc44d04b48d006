#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/file.h"

namespace trecvit {
namespace {

struct Inner {
  double lr = 0.5;
  std::int64_t steps = 3;
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("lr", self.lr, "rate");
    v("steps", self.steps, "count");
  }
};
struct Outer {
  std::string name = "x";
  bool on = false;
  Inner train;
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("name", self.name, "");
    v("on", self.on, "");
    v("train", self.train, "");
  }
};

struct WithList {
  std::vector<std::string> words{"one"};
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("words", self.words, "");
  }
};

std::string failure(const std::vector<std::string>& settings, const std::string& yaml = "") {
  const auto path = std::filesystem::temp_directory_path() / text("config_test_", ::getpid(), ".yaml");
  write_file(path, yaml);
  std::string message;
  try {
    ConfigSource source;
    source.load(path);
    for (const auto& s : settings) source.set(s);
    Outer config;
    source.apply(config);
  } catch (const UsageError& error) {
    message = error.what();
  }
  std::filesystem::remove(path);
  return message;
}

TEST(Config, LaterSourcesWin) {
  ConfigSource source;
  source.set("train.lr=0.1");
  source.set("train.lr=2e-3");
  source.set("name='12'");
  source.set("on=true");
  Outer config;
  const auto origins = source.apply(config);
  EXPECT_EQ(config.train.lr, 2e-3);
  EXPECT_EQ(config.name, "12");
  EXPECT_TRUE(config.on);
  EXPECT_EQ(config.train.steps, 3);
  EXPECT_EQ(origins.at("train.lr"), "--set");
  EXPECT_EQ(origins.count("train.steps"), 0u);
}

TEST(Config, MistakesNameKeyPlaceAndCure) {
  EXPECT_THAT(failure({"train.lrr=1"}), testing::HasSubstr("did you mean 'train.lr'"));
  EXPECT_THAT(failure({"lr=1"}), testing::HasSubstr("did you mean 'train.lr'"));
  EXPECT_THAT(failure({"train.lr=fast"}), testing::HasSubstr("train.lr must be a number, not 'fast'"));
  EXPECT_THAT(failure({"train.steps=1.5"}), testing::HasSubstr("train.steps must be a whole number"));
  EXPECT_THAT(failure({"on=perhaps"}), testing::HasSubstr("on must be true or false"));
  EXPECT_THAT(failure({"train.lr"}), testing::HasSubstr("key=value"));
  EXPECT_THAT(failure({"train=3"}), testing::HasSubstr("section"));
  EXPECT_THAT(failure({}, "train:\n  lr: [1, 2]\n"), testing::HasSubstr(".yaml:2"));
  EXPECT_THAT(failure({}, "train: {lr: 1\n"), testing::HasSubstr("not valid YAML"));
  EXPECT_THAT(failure({}, "- a\n"), testing::HasSubstr("YAML map"));
  EXPECT_EQ(failure({}, "train: {lr: 1, steps: 4}\n"), "");
}

TEST(Config, AliasesCannotMakeAFileEndless) {
  EXPECT_THAT(failure({}, "train: &a\n  deeper: *a\n"), testing::HasSubstr("contain themselves by an alias"));
  std::string bomb = "l0: &l0 {a: 1, b: 2}\n";
  for (int i = 1; i < 15; ++i) {
    bomb += text("l", i, ": &l", i, " {");
    for (int k = 0; k < 9; ++k) bomb += text(k ? ", " : "", "k", k, ": *l", i - 1);
    bomb += "}\n";
  }
  EXPECT_THAT(failure({}, bomb), testing::HasSubstr("more than 10000 keys, counting what aliases repeat"));
  std::string deep = "x: 1";
  for (int i = 0; i < 40; ++i) deep = "{a: " + (i == 0 ? "{x: 1}" : deep) + "}";
  EXPECT_THAT(failure({}, deep), testing::HasSubstr("nested more than 16 deep"));
  EXPECT_THAT(failure({}, std::string(100000, '[')), testing::HasSubstr("not valid YAML"));
  EXPECT_THAT(failure({}, std::string(100000, '{')), testing::HasSubstr("not valid YAML"));
  EXPECT_EQ(failure({}, "name: &n hello\ntrain: {lr: 1, steps: 4}\n"), "");
}

TEST(Config, NothingInAFileIsLostWithoutAWord) {
  EXPECT_THAT(
      failure({}, "train:\n  lr: 1\n  steps: 2\n  lr: 3\n"),
      testing::AllOf(testing::HasSubstr(".yaml:4: the key 'train.lr' is there twice"), testing::HasSubstr(".yaml:2")));
  EXPECT_THAT(failure({}, "train: {lr: 1}\ntrain.lr: 2\n"), testing::HasSubstr("'train.lr' is there twice"));
  EXPECT_THAT(failure({}, "name: a\n---\nname: b\n"), testing::HasSubstr("2 documents"));
  EXPECT_THAT(failure({}, "? [a, b]\n: 1\n"), testing::HasSubstr("a key must be one word"));
  EXPECT_THAT(failure({}, "train: {lr: \"1\\0 2\"}\n"), testing::HasSubstr("train.lr must be a number"));
  EXPECT_THAT(failure({}, "name: \"a\\0b\"\n"), testing::HasSubstr("name must be text"));
  EXPECT_EQ(failure({}, "---\nname: a\n"), "");
  EXPECT_EQ(failure({}, ""), "");
  EXPECT_EQ(failure({}, "\xEF\xBB\xBFtrain: {lr: 1}\r\nname: b\r\n"), "");
}

TEST(Config, AnyTextThatIsShownReadsBackTheSame) {
  const auto path = std::filesystem::temp_directory_path() / text("config_texts_", ::getpid(), ".yaml");
  for (const char* word : {"",
                           "~",
                           "null",
                           "Null",
                           "NULL",
                           "true",
                           "no",
                           "12",
                           "1e3",
                           "-",
                           "?",
                           "? x",
                           "=",
                           "<<",
                           " a ",
                           "a\tb",
                           "a\nb",
                           "a\rb",
                           "\"",
                           "'",
                           "it's",
                           "a\\b",
                           "...",
                           "---",
                           "--- a",
                           "a: b",
                           "a #b",
                           "caf\xC3\xA9",
                           "\x01",
                           "\x7F",
                           "\xC2\x85",
                           "\xE2\x80\xA8",
                           "\xEF\xBB\xBFx",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "a\\",
                           "\t"}) {
    Outer config, back;
    config.name = word;
    write_file(path, to_yaml(config_rows(config)));
    ConfigSource source;
    source.load(path);
    source.apply(back);
    EXPECT_EQ(back.name, config.name);
  }
  std::filesystem::remove(path);
}

TEST(Config, WhatIsShownReadsBackTheSame) {
  Outer config;
  config.name = "a: b # c";
  config.train.lr = 0.1 + 0.2;
  const auto path = std::filesystem::temp_directory_path() / text("config_round_", ::getpid(), ".yaml");
  write_file(path, to_yaml(config_rows(config)));
  ConfigSource source;
  source.load(path);
  Outer back;
  source.apply(back);
  std::filesystem::remove(path);
  EXPECT_EQ(back.name, config.name);
  EXPECT_EQ(back.train.lr, config.train.lr);
}

// yaml-cpp's own loop over documents never ends on the first of these.
TEST(Config, AFileOfPunctuationIsRefused) {
  const auto path = std::filesystem::temp_directory_path() / text("config_punctuation_", ::getpid(), ".yaml");
  for (const char* content : {",", "]", "~", "- a", "word"}) {
    write_file(path, content);
    EXPECT_THROW(ConfigSource().load(path), UsageError) << content;
  }
  for (const char* content : {"", "# nothing\n", "---\n", "---\n# nothing\n...\n"}) {
    write_file(path, content);
    EXPECT_NO_THROW(ConfigSource().load(path)) << content;
  }
  std::filesystem::remove(path);
}

TEST(Config, ListsOfTexts) {
  const auto words = [](const std::string& setting) {
    ConfigSource source;
    source.set("words=" + setting);
    WithList config;
    source.apply(config);
    return config.words;
  };
  EXPECT_EQ(words("[a, b]"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(words("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(words("[]"), std::vector<std::string>{});
  for (const char* wrong : {"{a: b}", "[a, [b]]", "[a, '']", "''"}) EXPECT_THROW(words(wrong), UsageError) << wrong;
  EXPECT_EQ(config_text(std::vector<std::string>{"a", "b c"}), "[a, b c]");

  const auto path = std::filesystem::temp_directory_path() / text("config_list_", ::getpid(), ".yaml");
  write_file(path, "words: [x, y]\n");
  ConfigSource source;
  source.load(path);
  std::filesystem::remove(path);
  WithList config;
  EXPECT_EQ(source.apply(config).size(), 1u);
  EXPECT_EQ(config.words, (std::vector<std::string>{"x", "y"}));
}

}  // namespace
}  // namespace trecvit
