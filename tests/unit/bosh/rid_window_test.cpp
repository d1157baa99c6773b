// XEP-0124 14. PROTOCOL 0.2, B-088, B-099, B-121 ... B-123, B-141.
#include "bosh/rid_window.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

using Place = RidWindow::Place;

Exchange exchange(std::uint64_t id) {
  Exchange e;
  e.request = xmpp::RequestId{id};
  return e;
}

void answer(RidWindow& window, std::string text = {}, std::uint64_t delivered = 0) {
  window.oldest().answer = std::move(text);
  window.oldest().delivered = delivered;
  window.oldest_is_answered();
}

TEST(RidWindow, KnowsThePlaces) {
  RidWindow window(100, 2);
  EXPECT_EQ(window.place(99, false), Place::gone);
  EXPECT_EQ(window.place(100, false), Place::expected);
  EXPECT_EQ(window.place(101, false), Place::future);
  EXPECT_EQ(window.place(102, false), Place::above);
  EXPECT_EQ(window.place(102, true), Place::future);
  EXPECT_EQ(window.place(103, true), Place::above);
  window.push(exchange(1));
  window.push(exchange(2));
  answer(window);
  EXPECT_EQ(window.place(100, false), Place::answered);
  EXPECT_EQ(window.place(101, false), Place::held);
  EXPECT_EQ(window.place(102, false), Place::expected);
  EXPECT_EQ(window.place(103, false), Place::future);
  EXPECT_EQ(window.place(104, false), Place::above);
  EXPECT_EQ(window.expected(), 102U);
  EXPECT_EQ(window.first_held(), 101U);
}

TEST(RidWindow, EndsAtTheLargestRid) {
  RidWindow window(max_rid - 1, 4);
  EXPECT_EQ(window.place(max_rid, false), Place::future);
  EXPECT_EQ(window.place(max_rid + 1, true), Place::above);
  EXPECT_EQ(window.place(UINT64_MAX, true), Place::above);
  window.push(exchange(1));
  window.push(exchange(2));
  EXPECT_EQ(window.place(max_rid + 1, false), Place::above);
}

TEST(RidWindow, FindsByConnection) {
  RidWindow window(100, 4);
  for (std::uint64_t id = 1; id <= 3; ++id) window.push(exchange(id));
  answer(window);
  window.at(102).alive = false;
  Rid rid = 0;
  EXPECT_EQ(window.find_held(xmpp::RequestId{1}, rid), nullptr);
  EXPECT_NE(window.find_answered(xmpp::RequestId{1}, rid), nullptr);
  EXPECT_EQ(rid, 100U);
  EXPECT_NE(window.find_held(xmpp::RequestId{2}, rid), nullptr);
  EXPECT_EQ(rid, 101U);
  EXPECT_EQ(window.find_held(xmpp::RequestId{3}, rid), nullptr);
  EXPECT_EQ(window.held(), 2U);
  EXPECT_EQ(window.held_alive(), 1U);
}

TEST(RidWindow, KnowsTheEarliestArrival) {
  RidWindow window(100, 4);
  EXPECT_EQ(window.earliest_arrival(), xmpp::never);
  for (const int second : {9, 5, 7}) {
    Exchange e = exchange(1);
    e.at = xmpp::Instant(std::chrono::seconds(second));
    window.push(std::move(e));
  }
  EXPECT_EQ(window.earliest_arrival(), xmpp::Instant(std::chrono::seconds(5)));
  window.at(101).alive = false;
  EXPECT_EQ(window.earliest_arrival(), xmpp::Instant(std::chrono::seconds(7)));
}

// B-141, B-099.
TEST(RidWindow, KeepsAsManyAsRequestsAndPauses) {
  RidWindow window(100, 2);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    window.push(exchange(id)).pause = id == 4;
    answer(window, "a", id);
    window.trim(false, 0);
  }
  EXPECT_EQ(window.place(101, false), Place::gone);
  EXPECT_EQ(window.place(102, false), Place::answered);
  EXPECT_EQ(window.delivered_up_to(101), 2U);  // of the last that is gone it is still known
  EXPECT_EQ(window.delivered_up_to(100), 0U);
  EXPECT_EQ(window.delivered_up_to(104), 5U);
  EXPECT_EQ(window.delivered_up_to(105), 0U);
}

// B-088.
TEST(RidWindow, KeepsWhatIsNotAcknowledged) {
  RidWindow window(100, 2);
  for (std::uint64_t id = 1; id <= 20; ++id) {
    window.push(exchange(id));
    answer(window);
    window.trim(true, 99);
  }
  EXPECT_EQ(window.place(111, false), Place::gone);
  EXPECT_EQ(window.place(112, false), Place::answered);
  window.trim(true, 117);
  EXPECT_EQ(window.place(117, false), Place::gone);
  EXPECT_EQ(window.place(118, false), Place::answered);
}

// B-020: nothing acknowledged yet, in a session that began at 0.
TEST(RidWindow, KeepsTheAnswerToRidZero) {
  RidWindow window(0, 2);
  window.push(exchange(1));
  answer(window);
  window.trim(true, Rid{0} - 1);
  EXPECT_EQ(window.place(0, false), Place::answered);
  window.trim(true, 0);
  EXPECT_EQ(window.place(0, false), Place::gone);
}

TEST(RidWindow, DropsTheTextOfTheOldest) {
  RidWindow window(100, 4);
  for (std::uint64_t id = 1; id <= 4; ++id) {
    window.push(exchange(id));
    answer(window, std::string(100, 'x'));
  }
  window.drop_text_above(250);
  EXPECT_TRUE(window.at(100).dropped && window.at(101).dropped);
  EXPECT_FALSE(window.at(102).dropped || window.at(103).dropped);
  window.drop_text_above(0);
  EXPECT_TRUE(window.at(102).dropped);
  EXPECT_FALSE(window.at(103).dropped);
  EXPECT_EQ(window.at(103).answer.size(), 100U);
}

TEST(RidWindow, HandsOutFuturesInOrder) {
  RidWindow window(100, 4);
  std::vector<xmpp::Stanza> none;
  Body body;
  body.payloads = &none;
  for (const Rid rid : {103U, 101U, 102U})
    window.store({rid, xmpp::RequestId{rid}, {}, 0, std::make_unique<StoredBody>(body)});
  Future next;
  EXPECT_FALSE(window.take_next(next));
  EXPECT_NE(window.future(102), nullptr);
  EXPECT_EQ(window.future(104), nullptr);
  for (const Rid rid : {101U, 102U, 103U}) {
    window.push(exchange(rid));
    ASSERT_TRUE(window.take_next(next));
    EXPECT_EQ(next.rid, rid);
  }
  EXPECT_TRUE(window.futures().empty());
}

// What a stored body points to is its own.
TEST(RidWindow, StoredBodiesOwnTheirText) {
  std::string key = "key", newkey = "newkey", lang = "de", to = "example.net", stream = "2", message = "<message/>",
              iq = "<iq/>";
  std::vector<xmpp::Stanza> payloads = {{message, xmpp::StanzaKind::message}, {iq, xmpp::StanzaKind::iq}};
  Body body;
  body.payloads = &payloads;
  body.raw = message;
  body.sid = body.ver = "gone";
  body.to = body.from = body.route = body.content = to;
  body.stream = stream;
  body.key = key;
  body.newkey = newkey;
  body.lang = lang;
  body.restart = true;
  const StoredBody stored(body);
  for (std::string* text : {&key, &newkey, &lang, &to, &stream, &message, &iq})
    std::fill(text->begin(), text->end(), '?');
  payloads.clear();
  const Body& kept = stored.body();
  EXPECT_EQ(kept.key, "key");
  EXPECT_EQ(kept.newkey, "newkey");
  EXPECT_EQ(kept.lang, "de");
  for (const auto& text : {kept.to, kept.from, kept.route, kept.content}) EXPECT_EQ(text, "example.net");
  EXPECT_EQ(kept.stream, "2");
  EXPECT_FALSE(kept.sid || kept.ver);
  EXPECT_TRUE(kept.restart);
  ASSERT_EQ(kept.payloads->size(), 2U);
  EXPECT_EQ((*kept.payloads)[0].bytes, "<message/>");
  EXPECT_EQ((*kept.payloads)[1].kind, xmpp::StanzaKind::iq);
}

TEST(RidWindow, ForgetsAnswers) {
  RidWindow window(100, 2);
  window.push(exchange(1));
  answer(window, "a");
  window.forget_answers();
  EXPECT_EQ(window.place(100, false), Place::gone);
  EXPECT_EQ(window.expected(), 101U);
}

// Who does nothing but pause keeps no more of them than of other answers.
TEST(RidWindow, ForgetsPausesAsWell) {
  RidWindow window(100, 2);
  for (Rid rid = 100; rid < 200; ++rid) {
    window.push(exchange(rid));
    window.at(rid).pause = true;
    answer(window);
    window.trim(false, 0);
  }
  EXPECT_EQ(window.place(197, false), Place::gone);
  EXPECT_EQ(window.place(198, false), Place::answered);
}

}  // namespace
}  // namespace bosh
