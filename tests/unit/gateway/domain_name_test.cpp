#include "gateway/domain_name.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

using namespace std::string_literals;

TEST(DomainName, PreparedAndInALabels) {
  const struct {
    std::string name, prepared, ascii;  // empty: refused
  } table[] = {
      {"example.org", "example.org", "example.org"},
      {"EXAMPLE.Org", "example.org", "example.org"},
      {"example.org.", "example.org", "example.org"},
      {"localhost", "localhost", "localhost"},
      {"my_host.example", "my_host.example", "my_host.example"},
      {"bücher.example", "bücher.example", "xn--bcher-kva.example"},
      {"BÜCHER.example", "bücher.example", "xn--bcher-kva.example"},
      {"bu\u0308cher.example", "bücher.example", "xn--bcher-kva.example"},  // decomposed
      {"xn--bcher-kva.example", "bücher.example", "xn--bcher-kva.example"},
      {"XN--BCHER-KVA.Example", "bücher.example", "xn--bcher-kva.example"},
      {"例え。テスト", "例え.テスト", "xn--r8jz45g.xn--zckzah"},  // ideographic full stop
      {"ｅｘａｍｐｌｅ.org", "example.org", "example.org"},       // full width
      {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
      {"[::1]", "[::1]", "[::1]"},
      {"[0:0::1]", "[::1]", "[::1]"},
      {"", "", ""},
      {".", "", ""},
      {"..", "", ""},
      {"a..b", "", ""},
      {".example.org", "", ""},
      {"example.org:5222", "", ""},
      {"user@example.org", "", ""},
      {"example.org/x", "", ""},
      {"exam ple.org", "", ""},
      {"example.org\n", "", ""},
      {"example\0.org"s, "", ""},
      {"[::1", "", ""},
      {"[fe80::1%1]", "", ""},
      {"[127.0.0.1]", "", ""},
      {"\xff\xfe", "", ""},
      {"ex\xc3.org", "", ""},
      {"example．org：5222", "", ""},  // a colon after normalisation
      {std::string(64, 'a') + ".org", "", ""},
      {std::string(63, 'a') + ".org", std::string(63, 'a') + ".org", std::string(63, 'a') + ".org"},
      {std::string(2000, 'a'), "", ""},
  };
  for (const auto& row : table) {
    EXPECT_EQ(prepare_domain(row.name).value_or(""), row.prepared) << row.name;
    EXPECT_EQ(to_a_labels(row.name).value_or(""), row.ascii) << row.name;
  }
}

TEST(DomainName, PreparingTwiceChangesNothing) {
  for (const auto* name : {"example.org", "bücher.example", "例え.テスト", "xn--bcher-kva.example"}) {
    const auto once = prepare_domain(name);
    ASSERT_TRUE(once);
    EXPECT_EQ(prepare_domain(*once), once);
  }
}

}  // namespace
}  // namespace gateway
