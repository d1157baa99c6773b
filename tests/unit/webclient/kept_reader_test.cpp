// What a browser keeps of its reader's settings. PROTOCOL Z-006.
#include "webclient/kept_reader.hpp"

#include <gtest/gtest.h>

namespace webclient {
namespace {

Reader english() {
  Reader reader;
  reader.texts = &catalogue("en");
  reader.base = "/s/x";
  reader.static_pages = true;
  return reader;
}

TEST(KeptReader, ComesBackAsItWas) {
  Reader before = english();
  before.texts = &catalogue("de");
  before.zone_minutes = -210;
  before.reload_seconds = 30;
  const std::string kept = keep_reader(before);
  EXPECT_EQ(kept, "de.-210.30");
  Reader after = english();
  restore_reader(kept, after);
  EXPECT_EQ(after.texts, before.texts);
  EXPECT_EQ(after.zone_minutes, -210);
  EXPECT_EQ(after.reload_seconds, 30u);
  EXPECT_EQ(after.base, "/s/x");
  EXPECT_TRUE(after.static_pages);
}

TEST(KeptReader, TakesNothingThatSettingsDoNotOffer) {
  for (const auto* kept : {"", ".", "de", "de.0", "de.0.", "de.0.31", "de.1.30", "de.9000.30", "de.-9000.30", "xx.0.30",
                           "de.0.30.", "de.0.30x", "de.0x.30", " de.0.30", "de.99999999999999999999.30",
                           "de.0.99999999999999999999", "de.0.-30", "DE.0.30", "\xff\xfe.0.30"}) {
    Reader reader = english();
    reader.zone_minutes = 60;
    restore_reader(kept, reader);
    EXPECT_EQ(keep_reader(reader), "en.60.0") << kept;
  }
}

}  // namespace
}  // namespace webclient
