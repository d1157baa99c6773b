// A reader's whole session: the server of client_fuzz, and a browser that opens windows, stalls, loses connections,
// loads static pages, sends forms twice and brings files. What must hold: no byte for a connection that is closed or
// full, no markup of a stranger; a file's connection goes on exactly once; a form counts once; one end, then one
// Forget; and of every letter that its text arrived in a conversation, on a stream or a page, or the server has it, or
// its author was told (PROTOCOL U-060, Z-004, Z-005, Z-009).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tests/fuzz/chat_server.hpp"
#include "tests/unit/webclient/sample.hpp"
#include "webclient/web_engine.hpp"

namespace {

using namespace webclient;

using tests::check;

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

// The letters of which `page` has the whole text.
void add_letters(std::string_view page, std::set<std::string>& to) {
  constexpr std::string_view begin = "letter-";
  for (auto at = page.find(begin); at != std::string_view::npos; at = page.find(begin, at + 1)) {
    const auto end = page.find_first_not_of("0123456789", at + begin.size());
    if (end != std::string_view::npos && page[end] == '.') to.emplace(page.substr(at, end - at));
  }
}

class Run {
 public:
  explicit Run(fuzz::Input input) : input_(input) {
    engine_.start(now(), out());
    settle();
    if (const auto how = input_.byte(); (how & 3U) != 0) server_.log_in((how & 12U) == 12U);
    settle();
  }

  void run() {
    while (input_.more() && !forgotten_) {
      step();
      settle();
    }
    if (!server_.over()) engine_.log_out(now(), out());
    settle();
    check(server_.over(), "a session that does not end");
    for (auto& [ref, window] : windows_) {
      if (!window.closed && !forgotten_) unsent(ref, 0);
    }
    settle();
    if (!forgotten_) server_.pass_time(std::chrono::minutes(5));
    check(forgotten_ && engine_.deadline() == xmpp::never, "a session that is not forgotten");
    for (const auto& [ref, window] : windows_) {
      check(window.closed || window.full, "a window that is not told of the end");
    }
    for (const auto& [ref, file] : files_) check(file.goes_on, "a file that waits for ever");
  }

 private:
  struct Window {
    bool conversation = false;  // or the list
    bool slow = false, full = false;
    bool closed = false, lost = false;  // by the engine; for the shell as well
    std::set<std::string> letters;      // in what it was given
  };
  struct File {
    UploadId id{};
    std::string once;
    bool goes_on = false;
  };

  [[nodiscard]] xmpp::Instant now() const { return server_.now(); }
  [[nodiscard]] xmpp::Actions& out() { return server_.actions(); }
  ConversationId row() { return ConversationId{input_.below(24)}; }
  std::string form() { return "form" + std::to_string(input_.below(8)); }

  static Pages& pages() {
    static Pages all;
    return all;
  }
  static WebSettings settings() {
    WebSettings settings;
    settings.reader = sample::reader();
    settings.linger = std::chrono::minutes(1);
    settings.token = [](std::string_view) { return std::string("t"); };
    return settings;
  }

  // ---- what the engine does

  void look(const xmpp::Action& action) {
    check(!forgotten_, "an action after Forget");
    if (const auto* push = std::get_if<xmpp::Push>(&action)) {
      Window* const window = find_open(push->connection);
      check(window != nullptr, "a push for no window");
      // Only its last words are given to a window that is full.
      if (window->full) last_words_.insert(push->connection);
      check(count(push->bytes, "<style nonce") == count(push->bytes, "</style>"), "half a style element");
      check(count(push->bytes, "<script") == 0, "a script");
      if (window->conversation) add_letters(push->bytes, window->letters);
      fuzz::trace("push", static_cast<std::uint64_t>(push->connection), std::to_string(window->letters.size()));
      given_.push_back(push->connection);
    } else if (const auto* close = std::get_if<xmpp::CloseConnection>(&action)) {
      Window* const window = find_open(close->connection);
      check(window != nullptr, "no window is closed");
      window->closed = true;
      last_words_.erase(close->connection);
    } else if (const auto* resume = std::get_if<xmpp::ResumeClient>(&action)) {
      const auto found = files_.find(resume->connection);
      check(found != files_.end(), "goes on without a file");
      check(!std::exchange(found->second.goes_on, true), "goes on twice");
    } else if (std::holds_alternative<xmpp::Forget>(action)) {
      check(server_.over(), "forgotten before its end");
      forgotten_ = true;
    }
  }

  Window* find_open(xmpp::ConnectionRef ref) {
    const auto found = windows_.find(ref);
    return found == windows_.end() || found->second.closed ? nullptr : &found->second;
  }

  void unsent(xmpp::ConnectionRef ref, std::size_t bytes) {
    windows_.at(ref).full = bytes != 0;
    engine_.on_unsent(ref, bytes, now(), out());
    server_.collect();
  }

  // What the shell does after each entry.
  void settle() {
    server_.collect();
    for (int i = 0; !given_.empty(); ++i) {
      check(i < 1000, "pushes that do not cease");
      check(last_words_.empty(), "a window that is full is given more");
      const auto ref = given_.front();
      given_.erase(given_.begin());
      if (const Window* const window = find_open(ref)) unsent(ref, window->slow ? 1 : 0);
    }
  }

  // ---- what the browser does

  void step() {
    switch (input_.below(12)) {
      case 0:
        return visit();
      case 1:
        return server_.pass_time(std::chrono::seconds(input_.byte()));
      case 2:
        return server_.cut();
      case 3:
        return server_.come_up();
      case 4:
        return open_window();
      case 5:
      case 6:
        return a_window();
      default:
        return server_.say(input_.byte());
    }
  }

  // The reader's next request: the page before is proven.
  void use() {
    for (const auto& id : page_) server_.letters().on_a_screen(id);
    page_.clear();
  }

  void open_window() {
    use();
    StreamWish wish;
    wish.connection = xmpp::ConnectionRef{++last_};
    wish.page.nonce = "n";
    wish.page.path = "/stream/";
    wish.page.window = "w" + std::to_string(input_.below(6));
    wish.page.backlog = 1 + input_.below(4);
    wish.spare = "s" + std::to_string(last_);
    const auto shown = row();
    if (engine_.model().find(shown) != nullptr) wish.shown = shown;
    if (server_.over() || engine_.is_displaced(wish.page.window)) return;  // the shell answers by itself
    Window& window = windows_[wish.connection];
    window.conversation = wish.shown != ConversationId{};
    window.slow = input_.below(4) == 0;
    engine_.open_stream(std::move(wish), now(), out());
  }

  void a_window() {
    if (windows_.empty()) return;
    const auto at = std::next(windows_.begin(), static_cast<std::ptrdiff_t>(input_.byte() % windows_.size()));
    auto& [ref, window] = *at;
    if (window.lost) return;
    switch (input_.below(4)) {
      case 0:
        window.closed = window.lost = true;
        return engine_.on_lost(ref, now(), out());
      case 1:
        if (!window.closed) return unsent(ref, input_.below(2));
        window.full = false;
        return;
      case 2:
        window.slow = !window.slow;
        return;
      default:  // also of one that the engine has ended
        if (window.full) return;
        for (const auto& id : window.letters) server_.letters().on_a_screen(id);
        return engine_.on_arrived(ref, now(), out());
    }
  }

  void visit() {
    use();
    engine_.used(now(), out());
    settle();
    Client& client = engine_.client();
    switch (input_.below(16)) {
      case 0:
      case 1:
        return static_page(row());
      case 2:
        return begin_file();
      case 3:
        return a_file();
      case 4:
        return send_form();
      case 5:
        if (const auto id = row(); client.close_conversation(id) == Problem::none) server_.letters().dismissed(id);
        return engine_.show(now(), out());
      case 6:
        (void)client.join_room({fuzz::addresses[input_.below(std::size(fuzz::addresses))], "n", {}}, now(), out());
        return engine_.show(now(), out());
      case 7:
        (void)client.start_chat(fuzz::addresses[input_.below(std::size(fuzz::addresses))], now(), out());
        return engine_.show(now(), out());
      case 8:
        (void)client.load_older(row(), now(), out());
        return engine_.show(now(), out());
      case 9:
        return engine_.set_reader(sample::reader(input_.flag() ? "de" : "en"), now(), out());
      case 12:
        (void)client.send(row(), input_.text(), now(), out());
        return engine_.show(now(), out());
      case 13:
        (void)client.correct(row(), MessageId{input_.byte()}, input_.text(), now(), out());
        return engine_.show(now(), out());
      case 14:
        (void)client.add_buddy(fuzz::addresses[input_.below(std::size(fuzz::addresses))], {input_.text(), {}}, now(),
                               out());
        return engine_.show(now(), out());
      case 15:
        return other_page();
      case 10:
        engine_.arrived(std::chrono::minutes(1 + input_.below(3)), now());
        return engine_.prefer_static_pages(input_.flag());
      default:
        if (input_.below(8) == 0) engine_.log_out(now(), out());
    }
  }

  void static_page(ConversationId id) {
    if (engine_.model().find(id) == nullptr) id = {};  // the list
    const std::size_t backlog = engine_.backlog(id, 1 + input_.below(4));
    if (id != ConversationId{}) (void)engine_.client().open_conversation(id, now(), out());
    engine_.show(now(), out());
    settle();
    const auto* const shown = engine_.model().find(id);
    const auto page =
        shown == nullptr ? pages().plain_list(engine_.view()) : pages().plain({}, backlog, engine_.view(), *shown);
    if (shown != nullptr) add_letters(page, page_);
    check_page(page);
    fuzz::trace("page", static_cast<std::uint64_t>(id), std::to_string(page_.size()));
    engine_.page_written(id);
  }

  // Pages that are nobody's proof.
  void other_page() {
    const auto view = engine_.view();
    const auto* const shown = engine_.model().find(row());
    const std::string typed(input_.text());
    switch (input_.below(8)) {
      case 0:
        return check_page(pages().settings(view, typed, {}));
      case 1:
        return check_page(pages().contact_add(view, typed, typed, typed, typed));
      case 2:
        return check_page(pages().room_join(view, typed, typed, typed));
      case 3:
        return check_page(pages().app(shown, "c1", "w", engine_.model().unread(), view.reader));
      default:
        break;
    }
    if (shown == nullptr) return;
    ComposePage compose;
    compose.message = compose.text = typed;
    compose.lines = input_.flag();
    check_page(pages().compose(compose, view, *shown));
    check_page(pages().contact(view, *shown, typed));
    check_page(pages().file({typed, "once", input_.byte(), typed, input_.flag()}, view, *shown));
    if (shown->room) check_page(pages().room(view, *shown, typed, {"once", typed, typed}));
  }

  static void check_page(std::string_view page) {
    check(page.starts_with("<!DOCTYPE html>") && page.find("</html>") != std::string_view::npos, "half a page");
    check(count(page, "<script") == 0, "a script");
  }

  void send_form() {
    const auto once = form();
    check(engine_.take_once(once) == taken_.insert(once).second, "a form that does not count once");
    if (!input_.flag()) return;
    engine_.release_once(once);
    taken_.erase(once);
  }

  void begin_file() {
    const xmpp::ConnectionRef ref{++last_};
    const auto once = form();
    const bool on_its_way =
        std::any_of(files_.begin(), files_.end(), [&](const auto& file) { return file.second.once == once; });
    const bool sent = taken_.contains(once);
    files_[ref].once = once;
    const auto name = std::string(input_.text());
    const auto start = engine_.begin_file({row(), {name, "text/plain", input_.byte()}, once, ref}, now(), out());
    server_.collect();
    fuzz::trace("file", static_cast<std::uint64_t>(start.id), std::to_string(static_cast<int>(start.problem)));
    const bool comes = start.problem == Problem::none && start.id != UploadId{};
    if (on_its_way) check(start.problem == Problem::busy, "the same file twice");
    if (!on_its_way && sent) check(start.problem == Problem::none && !comes, "a file that is sent again");
    if (!on_its_way && !sent) check(start.problem != Problem::none || comes, "a file that passes for sent");
    if (!comes) return void(files_.erase(ref));
    files_[ref].id = start.id;
    taken_.insert(once);
  }

  void a_file() {
    if (files_.empty()) return;
    const auto at = std::next(files_.begin(), static_cast<std::ptrdiff_t>(input_.byte() % files_.size()));
    const File file = at->second;
    const auto ref = at->first;
    const bool lost = input_.flag() || !file.goes_on;
    bool arrived = false;
    if (lost) {
      engine_.on_lost(ref, now(), out());
    } else {
      arrived = engine_.end_file(file.id, input_.flag() ? Problem::none : Problem::busy, now(), out()) == Problem::none;
    }
    server_.collect();
    if (!arrived) taken_.erase(file.once);
    files_.erase(ref);
  }

  fuzz::Input input_;
  WebEngine engine_{std::make_unique<Client>(fuzz::chat_settings(), fuzz::chat_identity(),
                                             fuzz::ChatServer<WebEngine>::begin_of_time, WallTime{}),
                    PushPolicy{}, pages(), settings(), fuzz::ChatServer<WebEngine>::begin_of_time};
  fuzz::ChatServer<WebEngine> server_{engine_, input_, [this](const xmpp::Action& action) { look(action); }};
  std::map<xmpp::ConnectionRef, Window> windows_;
  std::map<xmpp::ConnectionRef, File> files_;
  std::vector<xmpp::ConnectionRef> given_;
  std::set<xmpp::ConnectionRef> last_words_;
  std::set<std::string> taken_;  // forms
  std::set<std::string> page_;   // letters on the static page that was written last
  std::uint64_t last_ = 0;
  bool forgotten_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(fuzz::Input(data, std::min<std::size_t>(size, 4096))).run();
  return 0;
}
