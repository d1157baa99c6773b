#include "gateway/static_files.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>
#include <variant>

#include "gateway/http_conditions.hpp"
#include "gateway/shard.hpp"
#include "gateway/static_path.hpp"

namespace gateway {

namespace {

// Up to here a file is read at once and goes the way of other answers, compression included.
constexpr std::uint64_t small_file = 64 * 1024;

constexpr std::string_view index_name = "index.html";
constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// What clients that are scripts need: their own files, pictures and sounds of anybody (contacts have avatars), and
// connections to this origin, by WebSocket too, which not every browser takes to be 'self'.
std::string policy_of(const StaticTree& tree) {
  std::string policy = "default-src 'self'; script-src 'self'";
  if (tree.inline_scripts) policy += " 'unsafe-inline' 'unsafe-eval'";
  policy +=
      "; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; media-src 'self' data: blob: https:; "
      "font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' wss:";
  for (const auto& source : tree.connect_sources) policy += ' ' + source;
  policy += "; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";
  return "Content-Security-Policy: " + policy + "\r\nReferrer-Policy: no-referrer\r\n";
}

std::string cache_control(const StaticTree& tree) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(tree.max_age).count();
  return age == 0 ? "no-cache" : "max-age=" + std::to_string(age);
}

void append_hex(std::string& out, std::uint64_t number) {
  std::array<char, 16> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr);
}

// Another content means another of these; the inode tells files apart that were swapped within one tick of the clock.
std::string etag_of(const struct stat& status, bool weak) {
  std::string tag = weak ? "W/\"" : "\"";
  append_hex(tag, static_cast<std::uint64_t>(status.st_ino));
  tag += '-';
  append_hex(tag, static_cast<std::uint64_t>(status.st_size));
  tag += '-';
  append_hex(tag, static_cast<std::uint64_t>(status.st_mtim.tv_sec));
  tag += '.';
  append_hex(tag, static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
  return tag + '"';
}

bool is_directory(const OpenFile& file) {
  return S_ISDIR(file.status.st_mode);
}

}  // namespace

// One request to one tree.
class StaticFiles::Serving {
 public:
  Serving(Shard& shard, HttpConnection& connection, const Request& request, const Tree& tree)
      : shard_(shard), connection_(connection), request_(request), tree_(tree) {}

  void serve(std::string_view path) {
    const auto name = file_name_of(path.substr(tree_.prefix.size()));
    auto file = name ? open(*name) : std::nullopt;
    if (!file) return no_file();
    if (!is_directory(*file)) return serve_file(std::move(*file), *name);
    if (!path.ends_with('/')) return add_slash(path);
    const std::string index = *name + std::string(index_name);
    file = open(index);
    if (!file || is_directory(*file)) return no_file();
    serve_file(std::move(*file), index);
  }

  // Relative links of an index page need the slash. The target begins with our own prefix, so the new place is here.
  void add_slash(std::string_view path) {
    const std::string_view target = request_.head.target;
    const auto question = target.find('?');
    const std::string_view query = question == target.npos ? std::string_view{} : target.substr(question);
    say(301, "The slash at the end is missing.\n",
        "Location: " + std::string(path) + "/" + std::string(query) + "\r\n" + tree_.policy);
  }

  void refuse_method() { say(405, "Only GET and HEAD.\n", "Allow: GET, HEAD\r\n"); }

 private:
  [[nodiscard]] std::optional<OpenFile> open(const std::string& name) {
    auto opened = open_below(tree_.root, name);
    if (auto* const file = std::get_if<OpenFile>(&opened)) return std::move(*file);
    unavailable_ = std::get<NoFile>(opened) == NoFile::unavailable;
    return {};
  }

  void no_file() {
    if (unavailable_) return say(503, "This cannot be read now. Try again later.\n", {});
    say(404, "There is nothing at this path.\n", {});
  }

  void say(std::uint16_t status, std::string_view text, std::string_view fields) {
    Answer answer = bare(status);
    answer.content_type = plain_text;
    answer.body = text;
    answer.fields = fields;
    connection_.answer(sequence_of(request_.id), answer);
  }

  [[nodiscard]] static Answer bare(std::uint16_t status) {
    Answer answer;
    answer.status = status;
    answer.cross_origin = CrossOrigin::none;
    return answer;
  }

  [[nodiscard]] bool may_compress(const OpenFile& file, const FileType& type) const {
    const auto size = static_cast<std::uint64_t>(file.status.st_size);
    const auto& compression = shard_.config().compression;
    return type.compressible && compression.enabled && size >= compression.min_bytes && size <= small_file;
  }

  // A large file is not compressed anew for everybody; a copy beside it that is not older than it is as good.
  [[nodiscard]] std::optional<OpenFile> compressed_copy(const OpenFile& file, const std::string& name) {
    auto copy = open(name + ".gz");
    if (!copy || is_directory(*copy) || copy->status.st_mtime < file.status.st_mtime) return {};
    return copy;
  }

  void serve_file(OpenFile file, const std::string& name) {
    const FileType type = file_type_of(name);
    const Coding accepted = choose_coding(request_.head.accept_encoding);
    std::string fields = tree_.policy;
    bool compress = may_compress(file, type);
    if (type.compressible && !compress && static_cast<std::uint64_t>(file.status.st_size) > small_file) {
      fields += "Vary: Accept-Encoding\r\n";
      auto copy = accepted == Coding::gzip ? compressed_copy(file, name) : std::nullopt;
      if (copy) {
        file = std::move(*copy);
        fields += "Content-Encoding: gzip\r\n";
      }
    }
    const bool changed = compress && accepted != Coding::identity;
    const std::string etag = etag_of(file.status, changed);
    fields += "ETag: " + etag + "\r\nLast-Modified: " + http_date(file.status.st_mtime) + "\r\n";
    const Version version{etag, file.status.st_mtime, static_cast<std::uint64_t>(file.status.st_size)};
    const Wanted wanted = wanted_of(request_.head.conditions, version);
    if (std::holds_alternative<NotModified>(wanted)) {
      Answer answer = bare(304);
      answer.cache_control = tree_.cache_control;
      answer.fields = fields;
      return connection_.answer(sequence_of(request_.id), answer);
    }
    if (std::holds_alternative<UnsatisfiableRange>(wanted)) {
      return say(416, "The file is not so long.\n", "Content-Range: bytes */" + std::to_string(version.size) + "\r\n");
    }
    Answer answer = bare(200);
    answer.content_type = type.media_type;
    answer.cache_control = tree_.cache_control;
    PartOfFile part{0, version.size};
    if (const auto* const range = std::get_if<PartOfFile>(&wanted)) {
      part = *range;
      compress = false;
      answer.status = 206;
      fields += "Content-Range: bytes " + std::to_string(part.first) + '-' +
                std::to_string(part.first + part.length - 1) + '/' + std::to_string(version.size) + "\r\n";
    }
    fields += "Accept-Ranges: bytes\r\n";
    answer.fields = fields;
    answer.compress = compress;
    send(answer, FileBody(std::move(file.descriptor), part.first, part.length));
  }

  void send(Answer& answer, FileBody body) {
    if (body.left() > small_file) return connection_.answer(sequence_of(request_.id), answer, std::move(body));
    std::string content(static_cast<std::size_t>(body.left()), '\0');
    if (!body.read(content)) return say(503, "The file cannot be read.\n", {});
    answer.body = content;
    connection_.answer(sequence_of(request_.id), answer);
  }

  Shard& shard_;
  HttpConnection& connection_;
  const Request& request_;
  const Tree& tree_;
  bool unavailable_ = false;  // the last that was opened
};

StaticFiles::StaticFiles(const std::vector<StaticTree>& trees) {
  for (const StaticTree& tree : trees) {
    Descriptor root = open_directory(tree.root);
    if (!root.is_open()) throw std::runtime_error("cannot open the directory " + tree.root);
    const std::string prefix = tree.path == "/" ? tree.path : tree.path + '/';
    trees_.push_back(Tree{prefix, std::move(root), cache_control(tree), policy_of(tree)});
  }
  std::sort(trees_.begin(), trees_.end(),
            [](const Tree& a, const Tree& b) { return a.prefix.size() > b.prefix.size(); });
}

bool StaticFiles::serve(Shard& shard, HttpConnection& connection, const Request& request, std::string_view path) const {
  for (const Tree& tree : trees_) {
    const bool is_root = path == std::string_view(tree.prefix).substr(0, tree.prefix.size() - 1);
    if (!is_root && !path.starts_with(tree.prefix)) continue;
    Serving serving(shard, connection, request, tree);
    if (request.head.method != Method::get && request.head.method != Method::head) {
      serving.refuse_method();
    } else if (is_root) {
      serving.add_slash(path);
    } else {
      serving.serve(path);
    }
    return true;
  }
  return false;
}

}  // namespace gateway
