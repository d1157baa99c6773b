#include "gateway/toml_text.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

// tests/issues: config_fuzz.
TEST(TomlText, IsEscapedInCommentsAndDoubleQuotes) {
  const struct {
    std::string_view text, ascii;
  } table[] = {
      {"", ""},
      {"\xEF\xBB\xBF[server]\n", "[server]\n"},
      {"a = \"ü\"", "a = \"\\U000000FC\""},
      {"a = \"😀\"", "a = \"\\U0001F600\""},
      {"# \"\"\" ' ü\na = 1 # ü", "# \"\"\" ' \\U000000FC\na = 1 # \\U000000FC"},
      {R"(a = "# \" ü")", R"(a = "# \" \U000000FC")"},
      {R"(a = "\\" # ü)", R"(a = "\\" # \U000000FC)"},
      {R"(a = '\' # ü)", R"(a = '\' # \U000000FC)"},
      {R"(a = "" # ü)", R"(a = "" # \U000000FC)"},
      {R"(a = ''''b''''' # ü)", R"(a = ''''b''''' # \U000000FC)"},
      {"a = \"\"\"\n\"ü\\\n ü\"\"\"\"\" # ü", "a = \"\"\"\n\"\\U000000FC\\\n \\U000000FC\"\"\"\"\" # \\U000000FC"},
  };
  for (const auto& row : table) {
    const AsciiToml ascii = ascii_toml(row.text);
    EXPECT_EQ(ascii.text, row.ascii);
    EXPECT_EQ(ascii.fault_line, 0u) << row.text;
    EXPECT_TRUE(ascii.fault.empty()) << row.text;
  }
}

TEST(TomlText, NamesTheLineOfACharacterThatMustNotBeThere) {
  for (const std::string_view text :
       {"\n\nü = 1\n", "\n\na = 1 ü\n", "\n\na = \"b\" ü", "\n\na = \"b\\\\\" ü", "\n\na = \"\" ü", "\n\na = 'ü'",
        "\na = '''\nü'''", "\n\na = '''''' ü", "\na = \"b\nü", "\n\na = \"\\ü\"", "\na = \"\"\"\nb\"\"\"\"\" ü",
        "\n\n\xEF\xBB\xBF"}) {
    const AsciiToml ascii = ascii_toml(text);
    EXPECT_EQ(ascii.fault_line, 3u) << text;
    EXPECT_TRUE(ascii.fault.starts_with("a character beyond ASCII, ")) << text << ": " << ascii.fault;
  }
  EXPECT_EQ(ascii_toml("# a\n# \xFF\n").fault_line, 2u);
  EXPECT_TRUE(ascii_toml("# a\n# \xFF\n").fault.starts_with("a byte that is not UTF-8; "));
  EXPECT_TRUE(ascii_toml("a = \"\xED\xA0\x80\"").fault.starts_with("a byte that is not UTF-8; "));
}

}  // namespace
}  // namespace gateway
