#include "gateway/branch.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include "gateway/bosh_entry.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"
#include "gateway/step.hpp"

namespace gateway {

namespace {

constexpr auto look_interval = std::chrono::seconds(10);
constexpr std::size_t first_block = 1024;  // of what is mostly one stanza

// Its link is gone with it: what waits for the client is the client's.
constexpr xmpp::CloseStream broken{xmpp::EndReason::server_lost, "internal error"};

}  // namespace

// ---- the branch ----------------------------------------------------------------------------------------------------

struct Branch::Report {
  struct Congested {
    bool is;
  };
  xmpp::Arena arena{first_block};
  std::vector<std::variant<xmpp::StreamOpened, xmpp::Stanza, Congested, xmpp::CloseStream>> list;
};

Branch::Branch(Shard& shard, SessionId trunk, std::uint32_t stream, xmpp::Instant now)
    : shard_(&shard), trunk_(trunk), stream_(stream), look_at_(now + look_interval) {}
Branch::~Branch() = default;
Branch::Branch(Branch&&) noexcept = default;
Branch& Branch::operator=(Branch&&) noexcept = default;

Branch::Report& Branch::report() {
  if (!report_) report_ = std::make_unique<Report>();
  return *report_;
}

struct Branch::Delivery {
  Shard* shard;
  SessionId trunk;
  std::uint32_t stream;
  std::shared_ptr<const Report> report;
  bool in_its_place = false;  // not the branch's own

  void operator()() const {
    SessionHost* const host = shard->sessions().find(trunk);
    if (host == nullptr) return;
    const bool is_last = std::holds_alternative<xmpp::CloseStream>(report->list.back());
    Branches* const branches = host->branches();
    if (is_last && in_its_place && branches->hears_of(stream)) return;
    // What is on its way to a branch that is over comes back, and in front of this.
    if (is_last && branches->on_their_way() && attempt([this] { boost::asio::post(shard->io(), *this); })) {
      if (!in_its_place) branches->will_hear_of(stream);
      return;
    }
    host->enter<bosh::Engine>([&](bosh::Engine& engine, xmpp::Instant now, xmpp::Actions& out) {
      for (const auto& event : report->list) {
        std::visit(
            [&](const auto& what) {
              using What = std::decay_t<decltype(what)>;
              if constexpr (std::is_same_v<What, xmpp::StreamOpened>) {
                engine.opened(stream, what, now, out);
              } else if constexpr (std::is_same_v<What, xmpp::Stanza>) {
                engine.deliver(stream, what, now, out);
              } else if constexpr (std::is_same_v<What, Report::Congested>) {
                engine.congested(stream, what.is, now, out);
              } else {
                engine.closed(stream, what, now, out);
              }
            },
            event);
      }
      engine.delivered_all(stream, now, out);  // whatever it was that had the report sent
    });
    if (is_last) branches->forget(stream);
  }
};

void Branch::send() {
  boost::asio::post(shard_->io(), Delivery{shard_, trunk_, stream_, std::move(report_)});
}

void Branch::begin(xmpp::Actions& out) {
  if (!ended_) out.list.emplace_back(xmpp::OpenLink{});
}

void Branch::obey(const xmpp::StreamOrder& order, xmpp::Actions& out) {
  std::visit(
      [&](const auto& what) {
        if constexpr (std::is_same_v<std::decay_t<decltype(what)>, xmpp::CloseStream>) {
          end(what, out);
        } else {
          out.list.emplace_back(what);
        }
      },
      order);
}

void Branch::end(const xmpp::CloseStream& why, xmpp::Actions& out) {
  ended_ = true;
  out.list.emplace_back(
      xmpp::EndSession{.reason = why.reason, .condition = {}, .text = why.text, .all_received = why.all_received});
  out.list.emplace_back(xmpp::Forget{});
}

void Branch::opened(const xmpp::StreamOpened& stream, xmpp::Instant, xmpp::Actions&) {
  xmpp::Arena& arena = report().arena;
  report().list.emplace_back(xmpp::StreamOpened{arena.store(stream.id), arena.store(stream.from),
                                                arena.store(stream.version), arena.store(stream.lang)});
}

void Branch::deliver(const xmpp::Stanza& stanza, xmpp::Instant, xmpp::Actions&) {
  xmpp::Stanza kept = stanza;
  kept.bytes = report().arena.store(stanza.bytes);
  report().list.emplace_back(kept);
}

void Branch::delivered_all(xmpp::Instant, xmpp::Actions&) {
  if (report_) send();
}

void Branch::congested(bool is, xmpp::Instant, xmpp::Actions&) {
  report().list.emplace_back(Report::Congested{is});
  send();
}

void Branch::close(xmpp::EndReason reason, std::string_view text, xmpp::Instant, xmpp::Actions& out) {
  if (ended_) return;
  if (!std::exchange(reported_, true)) {
    report().list.emplace_back(xmpp::CloseStream{reason, text});
    send();
    // What the client has not had goes back by this link: the order to close comes behind that.
    if (!server_is_gone(reason) && shard_->sessions().find(trunk_) != nullptr) return;
  }
  end({reason, text}, out);
}

void Branch::on_time(xmpp::Instant now, xmpp::Actions& out) {
  if (deadline() > now) return;
  look_at_ = now + look_interval;
  if (reported_ || shard_->sessions().find(trunk_) == nullptr) {
    close(xmpp::EndReason::internal_error, "the session that it belongs to is gone", now, out);
  }
}

void Branch::fail() {
  if (std::exchange(ended_, true) || std::exchange(reported_, true)) return;
  report().list.emplace_back(broken);
  send();
}

// ---- its trunk -----------------------------------------------------------------------------------------------------

struct Branches::Orders {
  struct Order {
    std::uint32_t stream;
    xmpp::StreamOrder what;
  };
  xmpp::Arena arena{first_block};
  std::vector<Order> list;
};

Branches::Branches(Shard& shard, SessionId trunk, const SessionOrigin& origin, std::string_view sid)
    : shard_(shard), trunk_(trunk), origin_(origin), sid_(sid) {}

Branches::~Branches() = default;

std::variant<std::string_view, bosh::Condition> Branches::open(std::uint32_t stream, const bosh::Creation& wish,
                                                               xmpp::Instant now) {
  Admitted admitted = admit(shard_, wish, origin_.address);
  if (admitted.domain == nullptr) return admitted.condition;
  const Domain& domain = *admitted.domain;
  list_.reserve(list_.size() + 1);
  SessionHost& host =
      shard_.create_session(shard_.mint_sid().secret,
                            SessionStart{std::move(admitted.place), domain, std::string(sid_),
                                         Branch(shard_, trunk_, stream, now), stream_request(domain, wish), origin_});
  list_.push_back({stream, host.id()});
  const bool begins = attempt([&shard = shard_, id = host.id()] {
    boost::asio::post(shard.io(), [&shard, id] {
      SessionHost* const branch = shard.sessions().find(id);
      if (branch == nullptr) return;
      branch->enter<Branch>([](Branch& begun, xmpp::Instant, xmpp::Actions& out) { begun.begin(out); });
    });
  });
  if (!begins) {
    shard_.sessions().erase(list_.back().host);  // nothing would ever wake it
    list_.pop_back();
    return bosh::Condition::internal_server_error;
  }
  return std::string_view(domain.name);
}

void Branches::forget(std::uint32_t stream) {
  std::erase_if(list_, [stream](const One& one) { return one.stream == stream; });
}

bool Branches::hears_of(std::uint32_t stream) const {
  return std::any_of(list_.begin(), list_.end(), [stream](const One& one) { return one.stream == stream && one.ends; });
}

void Branches::will_hear_of(std::uint32_t stream) {
  for (One& one : list_)
    if (one.stream == stream) one.ends = true;
}

bool Branches::any_logged_in() const {
  return std::any_of(list_.begin(), list_.end(), [this](const One& one) {
    const SessionHost* const host = shard_.sessions().find(one.host);
    return host != nullptr && host->logged_in();
  });
}

void Branches::order(const xmpp::ToStream& what) {
  if (!orders_) orders_ = std::make_unique<Orders>();
  xmpp::StreamOrder kept = what.order;
  std::visit(
      [this](auto& order) {
        if constexpr (requires { order.bytes; }) {
          order.bytes = orders_->arena.store(order.bytes);
        } else if constexpr (requires { order.lang; }) {
          order.lang = orders_->arena.store(order.lang);
        } else if constexpr (requires { order.bounced; }) {
          order.bounced = orders_->arena.store(order.bounced);
        }
      },
      kept);
  orders_->list.push_back({what.stream, kept});
}

// Orders on their way to one branch.
struct Branches::Errand {
  Shard* shard;
  SessionId trunk;
  One one;
  std::shared_ptr<const Orders> orders;

  void operator()() const {
    bool arrived = false;
    SessionHost* const host = shard->sessions().find(one.host);
    if (host != nullptr) {
      host->enter<Branch>([&](Branch& branch, xmpp::Instant, xmpp::Actions& out) {
        arrived = !branch.ended();
        if (!arrived) return;
        for (const auto& order : orders->list)
          if (order.stream == one.stream) branch.obey(order.what, out);
      });
    }
    if (!arrived) give_back();
    if (host == nullptr) static_cast<void>(attempt([this] { report_its_end(); }));
  }

  // It has done so itself, unless there was no memory for that.
  void report_its_end() const {
    auto report = std::make_shared<Branch::Report>();
    report->list.emplace_back(broken);
    boost::asio::post(shard->io(), Branch::Delivery{shard, trunk, one.stream, std::move(report), true});
  }

  void give_back() const {
    SessionHost* const host = shard->sessions().find(trunk);
    std::string said;
    for (const auto& order : orders->list) {
      const auto* const to_server = std::get_if<xmpp::ToServer>(&order.what);
      if (order.stream == one.stream && to_server != nullptr) said += to_server->bytes;
    }
    if (host == nullptr || said.empty()) return;
    host->enter<bosh::Engine>([&](bosh::Engine& engine, xmpp::Instant now, xmpp::Actions& out) {
      engine.returned(one.stream, said, now, out);
    });
  }
};

void Branches::send() {
  if (!orders_) return;
  const std::shared_ptr<const Orders> orders(std::move(orders_));
  for (const One& one : list_) {
    const auto is_its = [&one](const Orders::Order& order) { return order.stream == one.stream; };
    if (std::none_of(orders->list.begin(), orders->list.end(), is_its)) continue;
    boost::asio::post(shard_.io(), Errand{&shard_, trunk_, one, orders});
    sent_ = orders;
  }
  // Who is closed gets no more orders.
  std::erase_if(list_, [&](const One& one) {
    return std::any_of(orders->list.begin(), orders->list.end(), [&one](const Orders::Order& order) {
      return order.stream == one.stream && std::holds_alternative<xmpp::CloseStream>(order.what);
    });
  });
}

}  // namespace gateway
