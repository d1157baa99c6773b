// Text on its way into markup: escaped for the place where it will stand (PROTOCOL Z-007). Nothing that comes from the
// network is put into a page by any other way than these functions or the templates, which escape as html() does.
// Pure; any thread.
#pragma once
#include <string>
#include <string_view>

namespace webclient {

// For element content and quoted attributes.
void append_html(std::string& out, std::string_view text);
[[nodiscard]] std::string html(std::string_view text);

// The same, with http and https URLs as links that open in a window of their own and tell nothing about this one.
void append_html_with_links(std::string& out, std::string_view text);

// A link to a file: the last part of its address as the name, and the host it comes from. `url` is one that web_url()
// has let through.
void append_file_link(std::string& out, std::string_view url);

// A complete CSS string with its quotes, for texts of the catalogue and, where no element can be changed any more, the
// nick of who comes into a room: nothing in it can end the string, the rule or the style element.
void append_css_string(std::string& out, std::string_view text);

}  // namespace webclient
