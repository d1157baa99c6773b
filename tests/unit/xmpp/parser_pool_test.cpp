#include "xmpp/parser_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/xmpp/splitter_support.hpp"

namespace {

using test::Lines;
using xmpp::Limits;
using xmpp::ParserPool;
using xmpp::StreamEvents;
using xmpp::StreamSplitter;

const std::string header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>";
const std::string other_header = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";

struct Stream {
  Stream(ParserPool& pool, const Limits& limits) : splitter(pool, limits) {}
  void feed(std::string_view bytes) {
    splitter.feed(bytes, events);
    for (const auto& event : events.list) lines.push_back(test::describe(event));
    events.clear();
  }
  StreamSplitter splitter;
  StreamEvents events;
  Lines lines;
};

TEST(ParserPool, AnIdleSplitterIsSmall) {
  EXPECT_LT(sizeof(StreamSplitter), 200U - 120U);
}

TEST(ParserPool, LendsOneParserToAllWhoAreBetweenStanzas) {
  const Limits limits;
  ParserPool pool;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 100; ++i) {
    streams.push_back(std::make_unique<Stream>(pool, limits));
    streams.back()->feed(header);
  }
  for (auto& stream : streams) stream->feed("<iq/> ");
  EXPECT_EQ(pool.spare(), 1U);
  for (auto& stream : streams) stream->feed("<iq>");  // each is in the middle of a stanza
  EXPECT_EQ(pool.spare(), 0U);
  for (auto& stream : streams) stream->feed("</iq>");
  EXPECT_EQ(pool.spare(), 16U);
  for (auto& stream : streams) EXPECT_EQ(stream->lines.size(), 3U);
}

TEST(ParserPool, KeepsAParserForEachHeaderInUse) {
  const Limits limits;
  ParserPool pool(2);
  Stream a(pool, limits), b(pool, limits);
  a.feed(header);
  b.feed(other_header);  // read with the parser of a
  EXPECT_EQ(pool.spare(), 1U);
  for (int i = 0; i < 10; ++i) {
    a.feed("<iq/>");
    b.feed("<iq/>");
    EXPECT_EQ(pool.spare(), 2U);
  }
  Stream c(pool, limits);
  c.feed("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  a.feed("<iq/>");
  b.feed("<iq/>");
  c.feed("<iq/>");
  EXPECT_EQ(pool.spare(), 2U);
  EXPECT_EQ(a.lines.size(), 12U);
  EXPECT_EQ(b.lines.size(), 12U);
  EXPECT_EQ(c.lines.size(), 2U);
}

// Whatever the pool takes away in between, each stream goes on as if it were alone.
TEST(ParserPool, TakesParsersBackUnnoticed) {
  const Limits limits;
  const std::string bytes[] = {header + "<message><p:x/></message> <iq a='1'/><presence/></stream:stream>",
                               other_header + "<message>h&#xE4;</message><s:features><x/></s:features></s:stream>"};
  for (std::size_t max_spare : {0U, 1U, 3U, 256U}) {
    for (std::size_t size : {1U, 3U, 17U, 64U}) {
      ParserPool pool(max_spare);
      std::vector<std::unique_ptr<Stream>> streams;
      for (int i = 0; i < 8; ++i) streams.push_back(std::make_unique<Stream>(pool, limits));
      for (std::size_t at = 0; at < 200; at += size) {
        for (std::size_t i = 0; i < streams.size(); ++i) {
          const std::string& all = bytes[i % 2];
          if (at < all.size()) streams[i]->feed(std::string_view(all).substr(at, size));
        }
      }
      for (std::size_t i = 0; i < streams.size(); ++i) {
        EXPECT_EQ(streams[i]->lines, test::split_stream(bytes[i % 2])) << max_spare << " " << size << " " << i;
      }
      EXPECT_LE(pool.spare(), max_spare);
    }
  }
}

// A stream header is a fault where the stream goes on, and the header that a parser is given is not reported.
TEST(ParserPool, DoesNotShowItsOwnHeader) {
  const Limits limits;
  ParserPool pool(0);
  Stream a(pool, limits);
  a.feed(header);
  a.feed(header);
  EXPECT_EQ(a.lines, (Lines{"opened id= from= version= lang=", "fault bad_format"}));
}

// expat keeps every name it has ever seen; a long stream is moved to a fresh parser now and then.
TEST(ParserPool, MovesLongStreamsWithoutATrace) {
  const Limits limits;
  std::string bytes = header;
  Lines expected = {"opened id= from= version= lang="};
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "n" + std::to_string(i);
    bytes += "<message><p:" + name + "/></message>\n";
    expected.push_back("<message xmlns='jabber:client' xmlns:p='urn:p'><p:" + name + "/></message>");
  }
  bytes += "</stream:stream>x";
  expected.emplace_back("closed");
  EXPECT_EQ(test::split_stream(bytes), expected);
  ParserPool pool;
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += 1'000) {
    pieces.push_back(std::string_view(bytes).substr(at, 1'000));
  }
  EXPECT_EQ(test::split_stream(pieces, limits, pool), expected);
}

TEST(ParserPool, KeepsNothingOfAGiantStanza) {
  const Limits limits;
  ParserPool pool;
  Stream a(pool, limits);
  a.feed(header);
  EXPECT_EQ(pool.spare(), 1U);
  a.feed("<message>");
  a.feed(std::string(100'000, 'x'));
  a.feed("</message>");
  EXPECT_EQ(a.lines.size(), 2U);
  EXPECT_EQ(pool.spare(), 0U);
  a.feed("<iq/>");
  EXPECT_EQ(a.lines.back(), "<iq xmlns='jabber:client'/>");
  EXPECT_EQ(pool.spare(), 1U);
  a.feed("<message>" + std::string(limits.max_bytes, 'x'));
  EXPECT_EQ(a.lines.back(), "fault too_large");
  EXPECT_EQ(pool.spare(), 0U);
}

}  // namespace
