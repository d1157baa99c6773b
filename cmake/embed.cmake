# cmake -DOUT=file.cpp -DROOT=dir -DFILES=a;b -P embed.cmake: the files as one table in a C++ source file, so that the
# binary needs nothing beside itself. Hexadecimal, because no literal can then end early.
set(table "")
set(bodies "")
set(number 0)
foreach(file IN LISTS FILES)
  file(READ "${ROOT}/${file}" hex HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(REGEX REPLACE "((....[^,]*,){24})" "\\1\n" bytes "${bytes}")
  string(APPEND bodies "constexpr char file_${number}[] = {\n${bytes}'\\0'};\n")
  string(APPEND table "    {\"${file}\", {file_${number}, sizeof file_${number} - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}" "// Made by cmake/embed.cmake.
#include \"webclient/embedded.hpp\"

namespace webclient {
namespace {
${bodies}
constexpr EmbeddedFile files[] = {
${table}};
}  // namespace

std::span<const EmbeddedFile> embedded_files() { return files; }
}  // namespace webclient
")
