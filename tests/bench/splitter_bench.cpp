// What a stanza costs at its entry: on one stream (alone), on many in turn (shared), where each of many streams has a
// header of its own (stranger), many stanzas in one read (burst), and a <body/> of a browser.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "xmpp/fragment_splitter.hpp"
#include "xmpp/names.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace {

const std::string header =
    "<?xml version='1.0'?><stream:stream id='8a7c' from='example.org' version='1.0' xml:lang='en' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string message =
    "<message type='chat' to='alice@example.org/web' from='bob@example.org/desk' id='a1b2c3'>"
    "<body>The quick brown fox jumps over the lazy dog.</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
    "</message>";

void feed_in_turn(benchmark::State& state, std::size_t streams, bool strangers, const std::string& bytes, int stanzas) {
  const xmpp::Limits limits;
  xmpp::ParserPool pool;
  xmpp::StreamEvents events;
  std::vector<std::unique_ptr<xmpp::StreamSplitter>> splitters;
  for (std::size_t i = 0; i < streams; ++i) {
    splitters.push_back(std::make_unique<xmpp::StreamSplitter>(pool, limits));
    auto own = header;
    if (strangers) own.insert(own.size() - 1, " xmlns:s='urn:" + std::to_string(i) + "'");
    splitters.back()->feed(own, events);
  }
  events.clear();
  std::size_t next = 0;
  for (auto _ : state) {
    splitters[next]->feed(bytes, events);
    next = next + 1 == streams ? 0 : next + 1;
    benchmark::DoNotOptimize(events.list.data());
    events.clear();
  }
  state.SetItemsProcessed(state.iterations() * stanzas);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

void stream_alone(benchmark::State& state) {
  feed_in_turn(state, 1, false, message, 1);
}
void stream_shared(benchmark::State& state) {
  feed_in_turn(state, 1000, false, message, 1);
}
void stream_stranger(benchmark::State& state) {
  feed_in_turn(state, 1000, true, message, 1);
}
void stream_burst(benchmark::State& state) {
  std::string many;
  for (int i = 0; i < 50; ++i) many += message;
  feed_in_turn(state, 1, false, many, 50);
}

void stream_cut_in_two(benchmark::State& state) {
  const xmpp::Limits limits;
  xmpp::ParserPool pool;
  xmpp::StreamEvents events;
  xmpp::StreamSplitter splitter(pool, limits);
  splitter.feed(header, events);
  const std::string_view all = message;
  for (auto _ : state) {
    splitter.feed(all.substr(0, 100), events);
    splitter.feed(all.substr(100), events);
    benchmark::DoNotOptimize(events.list.data());
    events.clear();
  }
  state.SetItemsProcessed(state.iterations());
}

void split_fragments(benchmark::State& state, const std::string& document) {
  const xmpp::Limits limits;
  xmpp::FragmentSplitter splitter(limits);
  xmpp::Fragment fragment;
  for (auto _ : state) {
    const auto result = splitter.split(document, xmpp::ns::httpbind, fragment);
    benchmark::DoNotOptimize(&result);
    fragment.clear();
  }
  state.SetItemsProcessed(state.iterations());
}

const std::string body =
    "<body rid='2712345678' sid='0123456789abcdef0123456789abcdef' xmlns='http://jabber.org/protocol/httpbind'";
void fragment_empty(benchmark::State& state) {
  split_fragments(state, body + "/>");
}
void fragment_message(benchmark::State& state) {
  split_fragments(state, body + "><message xmlns='jabber:client' " + message.substr(9) + "</body>");
}
void fragment_adopted(benchmark::State& state) {
  split_fragments(state, body + ">" + message + "</body>");
}
void fragment_restart_without_declaration(benchmark::State& state) {
  split_fragments(state, body + " xmpp:restart='true'/>");
}

BENCHMARK(stream_alone);
BENCHMARK(stream_shared);
BENCHMARK(stream_stranger);
BENCHMARK(stream_burst);
BENCHMARK(stream_cut_in_two);
BENCHMARK(fragment_empty);
BENCHMARK(fragment_message);
BENCHMARK(fragment_adopted);
BENCHMARK(fragment_restart_without_declaration);

}  // namespace
