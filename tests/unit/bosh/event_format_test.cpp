// V-010 ... V-013: what a push stream looks like to a browser.
#include "bosh/event_format.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace bosh {
namespace {

std::string script_text(std::string_view text) {
  std::string out;
  append_script_text(out, text);
  return out;
}

TEST(EventFormat, AnEventOfServerSentEvents) {
  std::string out;
  EventWriter(EventFormat::sse, "").event(out, 7, "<body><message/></body>");
  EXPECT_EQ(out, "id: 7\ndata: <body><message/></body>\n\n");
}

// A line end inside the data would end the event, or begin a field of whoever wrote the message.
TEST(EventFormat, EveryLineEndIsOneOfTheData) {
  std::string out;
  EventWriter(EventFormat::sse, "").event(out, 1, "a\n\nid: 9\rb\r\nc\r\rd\n");
  EXPECT_EQ(out, "id: 1\ndata: a\ndata: \ndata: id: 9\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n");
}

TEST(EventFormat, SignsHaveNoNumber) {
  std::string out;
  const EventWriter writer(EventFormat::sse, "");
  writer.sign(out, EventWriter::Sign::alive);
  writer.sign(out, EventWriter::Sign::moved);
  EXPECT_EQ(out, "event: alive\ndata: -\n\nevent: moved\ndata: -\n\n");
}

TEST(EventFormat, BeginsWithEnoughForBuffers) {
  for (const auto format : {EventFormat::sse, EventFormat::frame}) {
    std::string out;
    EventWriter(format, "n0nce").begin(out);
    EXPECT_GE(out.size(), 2048U);
    EXPECT_NE(out.find("ready"), std::string::npos);
  }
}

TEST(EventFormat, AFrameHasNoScriptWithoutTheNonce) {
  std::string out;
  const EventWriter writer(EventFormat::frame, "n0nce");
  writer.begin(out);
  writer.event(out, 3, "<body>x</body>");
  writer.sign(out, EventWriter::Sign::alive);
  EXPECT_NE(out.find("<script nonce=\"n0nce\">e(3,\"\\u003cbody\\u003ex\\u003c/body\\u003e\")</script>\n"),
            std::string::npos);
  EXPECT_NE(out.find("<script nonce=\"n0nce\">s(\"alive\")</script>\n"), std::string::npos);
  for (auto at = out.find("<script"); at != std::string::npos; at = out.find("<script", at + 1))
    EXPECT_EQ(out.substr(at, 22), "<script nonce=\"n0nce\">");
}

TEST(EventFormat, NothingInAMessageEndsTheStringOrTheElement) {
  EXPECT_EQ(script_text("</script><!--<script>"), "\\u003c/script\\u003e\\u003c!--\\u003cscript\\u003e");
  EXPECT_EQ(script_text("\");alert(1)//\\"), "\\u0022);alert(1)//\\u005c");
  EXPECT_EQ(script_text("a\nb\rc\td\x7f"), "a\\u000ab\\u000dc\\u0009d\\u007f");
  EXPECT_EQ(script_text("\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xaa|\xe2\x80"), "\\u2028|\\u2029|\xe2\x80\xaa|\xe2\x80");
  EXPECT_EQ(script_text("&lt;'\xc3\xa9"), "\\u0026lt;'\xc3\xa9");
}

}  // namespace
}  // namespace bosh
