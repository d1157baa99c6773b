// A form with one file in it (multipart/form-data, RFC 7578), read while it comes: the small fields first, then the
// file, whose bytes are passed on and never kept. The file has to be the last part, as it is in our page; so its size
// is known from the length of the body before its first byte is passed on, which is what XEP-0363 asks for.
// Deliberately not a general decoder: preambles, nested parts, a second file and anything behind it are faults.
// Pure; one instance a body. The same bytes give the same result, however they are cut.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace webclient {

struct MultipartLimits {
  std::size_t max_fields = 8;
  std::size_t max_head_bytes = 4096;        // of one part
  std::size_t max_value_bytes = 64 * 1024;  // of one field; a message may come with the file
};

class MultipartReader {
 public:
  enum class State : std::uint8_t {
    fields,    // what stands before the file
    file,      // its bytes
    complete,  // and the end of the form
    broken,    // for good
  };

  // The boundary of a Content-Type; nothing when that is no form of this kind.
  [[nodiscard]] static std::optional<std::string> boundary_of(std::string_view content_type);

  explicit MultipartReader(std::string_view boundary, const MultipartLimits& limits = {});

  // Takes what has come; bytes of the file are appended to `content`.
  State feed(std::string_view bytes, std::string& content);
  [[nodiscard]] State state() const { return state_; }

  [[nodiscard]] std::string_view value(std::string_view name) const;
  // Of the file, as the browser says: a name (perhaps with a path) and a type, both raw, both perhaps empty.
  [[nodiscard]] const std::string& file_name() const { return file_name_; }
  [[nodiscard]] const std::string& file_type() const { return file_type_; }
  // From state `file` on: how long the file is if the whole body has `length` bytes. Nothing: too short for any.
  [[nodiscard]] std::optional<std::uint64_t> file_size(std::uint64_t length) const;

 private:
  enum class Step : std::uint8_t { delimiter, head, value, file, after_file, end };

  bool advance(std::string& content);
  bool read_delimiter();
  bool read_head();
  bool read_value();
  bool read_file(std::string& content);
  bool read_end();
  bool take_head(std::string_view head);
  bool fail();
  void use(std::size_t bytes);

  const MultipartLimits limits_;
  const std::string delimiter_;  // with the line end before it
  Step step_ = Step::delimiter;
  State state_ = State::fields;
  std::string pending_;     // what is not used up
  std::size_t at_ = 0;      // of pending_
  std::uint64_t used_ = 0;  // bytes of the body
  std::uint64_t file_begin_ = 0;
  std::string name_, file_name_, file_type_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace webclient
