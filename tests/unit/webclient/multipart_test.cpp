// multipart/form-data with a file (RFC 7578, RFC 2046 5.1). PROTOCOL Z-005; XEP-0363.
#include "webclient/multipart.hpp"

#include <gtest/gtest.h>

namespace webclient {
namespace {

using State = MultipartReader::State;

const std::string form =
    "--XX\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n"
    "--XX\r\nContent-Disposition: form-data; name=\"once\"\r\n\r\n\r\n";
const std::string head =
    "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\n";
const std::string end = "\r\n--XX--\r\n";

struct Read {
  State state{};
  std::string content;
  std::optional<std::uint64_t> size;  // as it was said before the first byte of the file was passed on
};

Read read(const std::string& body, std::size_t cut = std::string::npos, std::size_t step = std::string::npos) {
  MultipartReader reader("XX");
  Read out;
  std::size_t at = 0;
  while (at < body.size()) {
    const std::size_t bytes = at < cut && cut < body.size() ? cut - at : std::min(step, body.size() - at);
    out.state = reader.feed(std::string_view(body).substr(at, bytes), out.content);
    if (out.state == State::file && !out.size) out.size = reader.file_size(body.size());
    at += bytes;
  }
  if (!out.size && out.state == State::complete) out.size = reader.file_size(body.size());
  return out;
}

TEST(Multipart, ReadsFieldsAndFile) {
  MultipartReader reader("XX");
  std::string content;
  const std::string body = form + head + "hello\r\n--X\r\nworld" + end;
  EXPECT_EQ(reader.feed(body, content), State::complete);
  EXPECT_EQ(reader.value("token"), "abc");
  EXPECT_EQ(reader.value("once"), "");
  EXPECT_EQ(reader.value("absent"), "");
  EXPECT_EQ(reader.file_name(), "a b.txt");
  EXPECT_EQ(reader.file_type(), "text/plain");
  EXPECT_EQ(content, "hello\r\n--X\r\nworld");
  EXPECT_EQ(reader.file_size(body.size()), content.size());
}

TEST(Multipart, GivesTheSameHoweverItIsCut) {
  for (const std::string file : {"", "x", "\r\n", "\r\n--", "\r\n--X", "a\r\n--XY\r\n\r\n--X-\r", "\r\r\n\r\n--\r\n"}) {
    const std::string body = form + head + file + end;
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
      const Read one = read(body, cut);
      EXPECT_EQ(one.state, State::complete) << cut;
      EXPECT_EQ(one.content, file) << cut;
      EXPECT_EQ(one.size, file.size()) << cut;
    }
    for (const std::size_t step : {1u, 2u, 3u, 7u}) {
      const Read pieces = read(body, std::string::npos, step);
      EXPECT_EQ(pieces.state, State::complete) << step;
      EXPECT_EQ(pieces.content, file) << step;
      EXPECT_EQ(pieces.size, file.size()) << step;
    }
  }
}

TEST(Multipart, PassesTheFileOnWhileItComes) {
  MultipartReader reader("XX");
  std::string content;
  EXPECT_EQ(reader.feed(form, content), State::fields);
  EXPECT_EQ(reader.feed(head, content), State::file);
  for (int i = 0; i < 100; ++i) {
    content.clear();
    EXPECT_EQ(reader.feed(std::string(1000, 'x'), content), State::file);
    EXPECT_EQ(content.size(), 1000u);
  }
}

TEST(Multipart, KnowsHowFilesAreNamed) {
  const std::pair<const char*, const char*> table[] = {
      {"filename=\"\"", ""},
      {"filename=plain.txt", "plain.txt"},
      {"filename=\"say %22hi%22.txt\"", "say \"hi\".txt"},
      {"filename=\"say \\\"hi\\\".txt\"", "say \"hi\".txt"},
      {"filename=\"C:\\dir\\a.txt\"", "C:\\dir\\a.txt"},
      {"FileName=\"a;b=c.txt\"", "a;b=c.txt"},
      {"filename=\"\xc3\xa4.txt\"", "\xc3\xa4.txt"},
  };
  for (const auto& [parameter, name] : table) {
    MultipartReader reader("XX");
    std::string content;
    const std::string body =
        "--XX\r\ncontent-disposition:form-data ;name=file; " + std::string(parameter) + "\r\n\r\nx" + end;
    EXPECT_EQ(reader.feed(body, content), State::complete) << parameter;
    EXPECT_EQ(reader.file_name(), name);
    EXPECT_EQ(reader.file_type(), "");
  }
}

TEST(Multipart, RefusesWhatNoBrowserWrites) {
  const std::string field = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
  const std::string table[] = {
      "preamble\r\n" + form + head + "x" + end,
      "--XY\r\n",
      "--XX--\r\n",
      "--XX \r\n",
      form + "--XX--\r\n",                                                                  // no file
      form + form,                                                                          // a field twice
      form + head + "x" + end + "x",                                                        // something behind it
      form + head + "x\r\n--XX\r\n",                                                        // another part
      form + head + "x\r\n--XX-x",                                                          //
      "--XX\r\n\r\nx" + end,                                                                // no head
      "--XX\r\nContent-Type: text/plain\r\n\r\nx" + end,                                    // no name
      "--XX\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\nx" + end,              //
      "--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx" + end,                 //
      "--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx" + end,                    // a quote that is open
      "--XX\r\nContent-Disposition: form-data; name=\"a\" b\r\n\r\nx" + end,                //
      "--XX\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx" + end,              //
      "--XX\r\nno colon\r\n\r\nx" + end,                                                    //
      "--XX\r\nContent-Disposition: form-data; name=\"" + std::string(5000, 'a'),           // too long a head
      field + std::string(66'000, 'x'),                                                     // or value
      form + "--XX\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nd\r\n" + head,  //
  };
  for (const auto& body : table) {
    EXPECT_EQ(read(body).state, State::broken) << body;
    EXPECT_EQ(read(body, std::string::npos, 1).state, State::broken) << body;
  }
  std::string many;
  for (char c = 'a'; c < 'k'; ++c) {
    many += "--XX\r\nContent-Disposition: form-data; name=\"" + std::string(1, c) + "\"\r\n\r\nx\r\n";
  }
  EXPECT_EQ(read(many).state, State::broken);
}

TEST(Multipart, SaysWhenTheBodyIsTooShortForAnyFile) {
  MultipartReader reader("XX");
  std::string content;
  const std::string begin = form + head;
  ASSERT_EQ(reader.feed(begin, content), State::file);
  EXPECT_FALSE(reader.file_size(begin.size()));
  EXPECT_FALSE(reader.file_size(begin.size() + end.size() - 1));
  EXPECT_EQ(reader.file_size(begin.size() + end.size()), 0u);
}

TEST(Multipart, TakesTheBoundaryOfTheType) {
  EXPECT_EQ(MultipartReader::boundary_of("multipart/form-data; boundary=XX"), "XX");
  EXPECT_EQ(MultipartReader::boundary_of("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\""), "a b");
  for (const char* bad : {"", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=XX",
                          "multipart/form-data; boundary=\"X", "multipart/form-data; boundary=\"X \"",
                          "multipart/form-data; boundary=\"X\x01\"", "multipart/form-data; boundary=a; boundary=b"}) {
    EXPECT_FALSE(MultipartReader::boundary_of(bad)) << bad;
  }
  EXPECT_FALSE(MultipartReader::boundary_of("multipart/form-data; boundary=" + std::string(71, 'x')));
}

}  // namespace
}  // namespace webclient
