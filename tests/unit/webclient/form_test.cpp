// application/x-www-form-urlencoded (WHATWG URL 5.1). PROTOCOL Z-005, Z-007.
#include "webclient/form.hpp"

#include <gtest/gtest.h>

namespace webclient {
namespace {

Form good(std::string_view body) {
  auto read = read_form(body);
  EXPECT_TRUE(std::holds_alternative<Form>(read)) << body;
  return std::holds_alternative<Form>(read) ? std::get<Form>(std::move(read)) : Form{};
}

TEST(Form, ReadsWhatABrowserWrites) {
  const Form form = good("user=alice%40example.org&password=p%26+%3D%2B&empty=&lines=a%0D%0Ab&%C3%A4=%F0%9F%98%80");
  EXPECT_EQ(form.size(), 5u);
  EXPECT_EQ(form.value("user"), "alice@example.org");
  EXPECT_EQ(form.value("password"), "p& =+");
  EXPECT_EQ(form.find("empty"), "");
  EXPECT_EQ(form.value("lines"), "a\r\nb");
  EXPECT_EQ(form.value("ä"), "😀");
  EXPECT_FALSE(form.find("absent"));
  EXPECT_EQ(form.value("absent"), "");
}

TEST(Form, ReadsNamesWithoutValuesAndEmptyPairs) {
  EXPECT_EQ(good("").size(), 0u);
  EXPECT_EQ(good("&&a&&b=1&").size(), 2u);
  EXPECT_EQ(good("a=b=c").value("a"), "b=c");
}

struct Bad {
  const char* body;
  FormFault fault;
};

TEST(Form, RefusesWhatNoBrowserWrites) {
  const Bad table[] = {
      {"a=%", FormFault::malformed},           {"a=%4", FormFault::malformed},
      {"a=%4g", FormFault::malformed},         {"%zz=1", FormFault::malformed},
      {"a=%ff", FormFault::not_utf8},          {"a=%c0%80", FormFault::not_utf8},  // overlong
      {"a=%ed%a0%80", FormFault::not_utf8},                                        // surrogate
      {"a=%f4%90%80%80", FormFault::not_utf8},                                     // above U+10FFFF
      {"a=%e2%82", FormFault::not_utf8},                                           // cut
      {"%c3=1", FormFault::not_utf8},          {"a=1&a=2", FormFault::repeated},
      {"a=1&%61=2", FormFault::repeated},
  };
  for (const auto& [body, fault] : table) {
    const auto read = read_form(body);
    ASSERT_TRUE(std::holds_alternative<FormFault>(read)) << body;
    EXPECT_EQ(std::get<FormFault>(read), fault) << body;
  }
}

TEST(Form, KeepsItsLimits) {
  const FormLimits limits{.max_fields = 2, .max_name_bytes = 3, .max_value_bytes = 4};
  EXPECT_TRUE(std::holds_alternative<Form>(read_form("abc=1234&d=%41%42%43%44", limits)));
  EXPECT_EQ(std::get<FormFault>(read_form("a=1&b=2&c=3", limits)), FormFault::too_many);
  EXPECT_EQ(std::get<FormFault>(read_form("abcd=1", limits)), FormFault::too_long);
  EXPECT_EQ(std::get<FormFault>(read_form("a=12345", limits)), FormFault::too_long);
  EXPECT_EQ(std::get<FormFault>(read_form("a=%41%42%43%44%45", limits)), FormFault::too_long);
}

TEST(Form, ForgetsItsValues) {
  Form form = good("password=hunter2");
  form.wipe();
  EXPECT_EQ(form.find("password"), "");
}

TEST(Component, DecodesAndEncodes) {
  EXPECT_EQ(decode_component("a%2Fb+c"), "a/b+c");
  EXPECT_FALSE(decode_component("%e4"));
  EXPECT_FALSE(decode_component("%"));
  EXPECT_EQ(encode_component("a/b c@ä~"), "a%2Fb%20c%40%C3%A4~");
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  EXPECT_EQ(decode_component(encode_component(all)), all);
}

}  // namespace
}  // namespace webclient
